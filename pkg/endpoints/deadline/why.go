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
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"time"
)

// why tells what the end of the request's context means, which is no more than
// that: net/http cancels it when the client goes, but also when a read times
// out, and an outer filter may do so for reasons of its own. It is called by
// the serve goroutine, without mu, and may take goneTime.
func (g *guard) why() ending {
	switch {
	case errors.Is(g.ctx.Err(), context.DeadlineExceeded), errors.Is(context.Cause(g.ctx), context.DeadlineExceeded):
		return byDeadline
	case g.server == nil:
		return byDeadline // There is nobody who could go.
	case g.timedOutItself():
		return notOver
	case g.clientWent():
		return byClient
	}
	return byDeadline
}

// timedOutItself reports whether the context has ended because a deadline has
// passed that the handler had set for its reads or writes: over HTTP/1 a read
// or write that fails ends it, whatever with, and over HTTP/2 a write deadline
// resets the stream. A read fails as well under a deadline of the server's, and
// when a body that was left unread is given up.
func (g *guard) timedOutItself() bool {
	late := time.AfterFunc(goneTime, g.idle.Broadcast)
	defer late.Stop()
	g.mu.Lock()
	defer g.mu.Unlock()
	for start := time.Now(); ; {
		own := g.writeLate || passed(g.writeBy) || g.http1 && (g.readFailed || passed(g.readBy))
		// A read or write that is under way may be what has failed, and ended the
		// context. What with is known when it has left.
		if own || !g.http1 || g.reading == 0 && !g.writing || time.Since(start) >= goneTime {
			return own
		}
		g.idle.Wait()
	}
}

// passed reports whether a deadline was set, and has passed.
func passed(t time.Time) bool { return !t.IsZero() && !time.Now().Before(t) }

// noteRead notes how a read of the body has ended. The caller holds mu.
func (g *guard) noteRead(err error) {
	if g.http1 && errors.Is(err, os.ErrDeadlineExceeded) {
		g.readFailed = true
	}
}

// noteWrite notes how a call of the writer has ended. That one has failed is
// all that net/http tells of a client that goes while it is written to. The
// caller holds mu.
func (g *guard) noteWrite(err error) {
	if err == nil {
		return
	}
	var ne net.Error
	if errors.As(err, &ne) {
		g.writeFailed = g.writeFailed || !ne.Timeout()
		return
	}
	// The only words that there are over HTTP/2, for a stream and for all of a
	// connection, whose contexts end a little later
	// (golang.org/x/net/http2/server.go).
	switch err.Error() {
	case "http2: stream closed", "client disconnected":
		g.writeFailed = true
	}
}

// clientWent reports whether the server says that the client has gone, or
// cannot say. It is asked when the context has ended, and says so just after.
func (g *guard) clientWent() bool {
	g.mu.Lock()
	failed := g.writeFailed
	g.mu.Unlock()
	if failed {
		return true
	}
	notifier, ok := g.closeNotifier()
	if !ok {
		return true
	}
	timer := time.NewTimer(goneTime)
	defer timer.Stop()
	select {
	case <-notifier.CloseNotify():
		return true
	case <-timer.C:
		return false
	}
}

func (g *guard) closeNotifier() (n http.CloseNotifier, ok bool) { //nolint:staticcheck // SA1019: it says more than the context
	for w := g.w; ; {
		if n, ok = w.(http.CloseNotifier); ok { //nolint:staticcheck // SA1019
			return n, true
		}
		outer, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return nil, false
		}
		w = outer.Unwrap()
	}
}

// controllable reports whether deadlines can be set through w, as far as its
// methods tell: what the connection or stream of the request is to do is then
// ours to say.
func controllable(w http.ResponseWriter) bool {
	for {
		switch t := w.(type) {
		case interface{ SetReadDeadline(time.Time) error }:
			return true
		case interface{ Unwrap() http.ResponseWriter }:
			w = t.Unwrap()
		default:
			return false
		}
	}
}
