/*
Copyright The Kubernetes Authors.

Licensed under the Apache License, Version 2.0 (the "License");
you may not use this file except in compliance with the License.
You may obtain a copy of the License at

    http://www.apache.org/licenses/LICENSE-2.0

Unless required by applicable law or agreed to in writing, software
distributed under the License is distributed on an "AS IS" BASIS,
WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
See the License for the specific language governing permissions and
limitations under the License.
*/

package deadline

import (
	"net/http"
	"time"

	"k8s.io/klog/v2"
)

// stallPoll is how often a connection is looked at that may have stalled.
const stallPoll = 250 * time.Millisecond

// slowTimes is how many stall times, or how many times overTime, a client that
// takes a byte now and then is waited for. In that time it has to have taken what
// was in line already, which is no more than the kernel's send buffer.
const slowTimes = 10

// closeWhenStalled closes an HTTP/2 connection, with all its streams, once its
// client has taken no byte for stallTime, or has taken some for slowTimes as
// long, unless stop is closed before that: the reset of one stream waits in line
// behind what the client does not take.
func (c *connection) closeWhenStalled(stop <-chan struct{}, r *http.Request) {
	tick := time.NewTicker(min(stallPoll, c.stallTime))
	defer tick.Stop()
	stall := c.watchStall()
	for {
		select {
		case <-stop:
			return
		case now := <-tick.C:
			if !stall.passed(now) {
				continue
			}
		}
		select {
		case <-stop: // It has just been taken.
			return
		default:
		}
		c.closeStalled(stall, r.RemoteAddr, r.UserAgent())
		return
	}
}

// stall is for how long a connection has taken no byte: since the last one that
// the client has acknowledged, where the system says so, and otherwise since the
// connection has been watched. A client that takes a byte now and then is slow,
// and is waited for, but not for ever. It must not be used by two goroutines at a
// time.
type stall struct {
	c     *connection
	acked uint64
	last  time.Time // when it has taken one
	begun time.Time // when it began to be watched
}

func (c *connection) watchStall() *stall {
	now := time.Now()
	s := &stall{c: c, last: now, begun: now}
	acked, _, since, known := progress(c.Conn)
	if known {
		s.acked, s.last = acked, s.last.Add(-since)
	}
	return s
}

// passed reports whether that has been stallTime, or slowTimes stallTime since
// the connection has been watched. A client that has taken all that it was sent
// has not stalled: the machine is busy, and may take long to send what it is
// about to.
func (s *stall) passed(now time.Time) bool {
	acked, waiting, _, known := progress(s.c.Conn)
	switch {
	case known && !waiting:
		s.acked, s.last = acked, now
		return false
	case now.Sub(s.begun) >= slowTimes*s.c.stallTime:
		return true
	case known && acked != s.acked:
		s.acked, s.last = acked, now
		return false
	}
	return now.Sub(s.last) >= s.c.stallTime
}

// closeStalled closes a connection that has stalled, once.
func (c *connection) closeStalled(s *stall, client, userAgent string) {
	if c.closing.Swap(true) {
		return
	}
	stalledConnections.Inc()
	klog.InfoS("Closing a connection whose client has taken nothing, or next to nothing, for so long that requests on it cannot be ended",
		"client", client, "userAgent", userAgent, "stalled", time.Since(s.last).Round(time.Millisecond),
		"waited", time.Since(s.begun).Round(time.Millisecond))
	reset(c.Conn)
}
