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

// closeWhenStalled closes an HTTP/2 connection, with all its streams, once its
// client has taken no byte for stallTime, unless stop is closed before that:
// the reset of one stream waits in line behind what the client does not take.
//
// The time counts from the last byte that the client has acknowledged, where
// the system says so, and otherwise from when this is called. A client that
// takes a byte now and then is slow, and is waited for.
func (c *connection) closeWhenStalled(stop <-chan struct{}, r *http.Request) {
	tick := time.NewTicker(min(stallPoll, c.stallTime))
	defer tick.Stop()
	last := time.Now()
	acked, since, known := progress(c.Conn)
	if known {
		last = last.Add(-since)
	}
	for {
		select {
		case <-stop:
			return
		case now := <-tick.C:
			if a, _, ok := progress(c.Conn); ok && a != acked {
				acked, last = a, now
				continue
			}
			if now.Sub(last) < c.stallTime {
				continue
			}
		}
		select {
		case <-stop: // It has just been taken.
			return
		default:
		}
		stalledConnections.Inc()
		klog.InfoS("Closing a connection whose client has taken nothing for so long that requests on it cannot be ended",
			"client", r.RemoteAddr, "userAgent", r.UserAgent(), "stalled", time.Since(last).Round(time.Millisecond))
		reset(c.Conn)
		return
	}
}
