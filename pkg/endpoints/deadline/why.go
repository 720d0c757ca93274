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
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

// why tells what the end of the request's context means. By itself that says no
// more than that it has ended: net/http cancels the context when the client goes,
// but also when a read times out, and an outer filter may do so for reasons of
// its own. It is called by the serve goroutine, without mu, and may take
// goneTime, twice if a read or write is under way.
func (g *guard) why() ending {
	switch {
	case errors.Is(g.ctx.Err(), context.DeadlineExceeded), errors.Is(context.Cause(g.ctx), context.DeadlineExceeded):
		return byDeadline
	case g.server == nil:
		return byDeadline // There is nobody who could go.
	case g.endsItself(), g.timedOutItself():
		return notOver
	case g.clientWent():
		return byClient
	}
	return byDeadline
}

// endsWithHeader reports whether the response ends its stream when its header is
// sent, by a Flush or by a Write that net/http does not hold back: over HTTP/2 one
// to a HEAD. The handler may write on.
func (g *guard) endsWithHeader() bool { return !g.http1 && g.outer.Method == http.MethodHead }

// endsItself reports whether the context may have ended because the response has.
func (g *guard) endsItself() (ends bool) {
	if !g.endsWithHeader() {
		return false
	}
	g.await(func() bool {
		ends = g.failed == notOver && (g.flushed || g.written > streamBuffer)
		return ends || !g.writing // What sends the header ends the context before it has left.
	})
	return ends
}

// timedOutItself reports whether the context has ended because a deadline has
// passed that the handler had set for its reads or writes: over HTTP/1 any error
// of a read or write ends it, and over HTTP/2 a write deadline resets the stream.
// A read also fails under a deadline of the server's, when a body that was left
// unread is given up, and when the boundary of a request before has ended all
// reading. The handler goes on, but if its response cannot be
// sent any more, that was aborted.
func (g *guard) timedOutItself() (own bool) {
	g.await(func() bool {
		g.lapse()
		own = g.failed == byDeadline || g.failed == notOver && g.http1 && (g.readFailed || passed(g.readBy) || passed(g.writeBy) || g.conn.readsOver())
		// A read or write that is under way may be what has failed, and ended the
		// context. Its error is known when it has left.
		return own || !g.http1 || g.reading == 0 && !g.writing
	})
	return own
}

// await calls known, with mu, whenever a call of the handler's may have left,
// until it knows, and for goneTime at most.
func (g *guard) await(known func() bool) {
	waited := false
	late := time.AfterFunc(goneTime, func() {
		g.mu.Lock()
		waited = true
		g.mu.Unlock()
		g.idle.Broadcast()
	})
	defer late.Stop()
	g.mu.Lock()
	defer g.mu.Unlock()
	for !known() && !waited {
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

// noteWrite notes how a call of the writer has ended. After one that has failed,
// net/http sends no more of the response, and over HTTP/1 no more on that
// connection. A call fails for a deadline, the handler's own or the server's, or
// because the client has gone, of which its error may be the only sign. Calls
// that fail because the response is at its end by itself do not count, nor those
// that did not come so far as to send anything. The caller holds mu.
func (g *guard) noteWrite(err error) {
	if err == nil || g.failed != notOver || g.sealed() {
		return
	}
	var ne net.Error
	switch broken := errors.As(err, &ne); {
	case !broken && (g.http1 || !streamEnded(err)):
	case broken && ne.Timeout(), passed(g.writeBy):
		// To net/http, a connection on which a write has timed out is closed.
		g.failed = byDeadline
	default:
		g.failed = byClient
	}
}

const (
	// streamClosed is the error of a call on an HTTP/2 stream that is closed,
	// whoever has closed it.
	streamClosed = "http2: stream closed"
	// streamComplete is the error of a call on a stream that is closed because
	// the response is complete.
	streamComplete = "http2: request body closed due to handler exiting"
)

// alive reports whether the request's context is still open, if the response is
// one whose own end would end it; of any other it is true. It is asked before a
// call, by whoever has the writer.
func (g *guard) alive() bool { return !g.endsWithHeader() || g.ctx.Err() == nil }

// atEnd reports whether the error of a call of the writer says no more than that
// the response is at its end, as one is that ends with its header, when that has
// been sent. net/http may answer the call that sends the header by saying that the
// stream is closed: that header has closed it, unless the client or a deadline has.
// alive is from before the call, because the end of the response ends the context
// too.
func (g *guard) atEnd(err error, alive bool) bool {
	if err == nil || g.http1 {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case err.Error() == streamComplete:
		return true
	case errors.Is(err, io.ErrShortWrite):
		// It had something of the body to send, and has sent the header of a
		// response that has none.
		return g.endsWithHeader()
	case err.Error() == streamClosed:
		return g.endsWithHeader() && !g.sealed() && !passed(g.writeBy) && alive
	}
	return false
}

// streamEnded reports whether err says that an HTTP/2 stream, or its connection,
// was ended by anything but its response: the request's context ends a little
// later. There are only words to go by (server.go and errors.go of
// golang.org/x/net/http2, of which net/http has its own copy as of Go 1.27);
// NO_ERROR is the reset of a stream whose response is complete before its
// request.
func streamEnded(err error) bool {
	switch text := err.Error(); text {
	case streamClosed, "client disconnected":
		return true
	default:
		return strings.HasPrefix(text, "stream error: ") && !strings.HasSuffix(text, "; NO_ERROR")
	}
}

// lapse notes that a write deadline of the handler's has passed where that ends
// the response, whether anybody writes or not: over HTTP/2, it resets the
// stream. The caller holds mu.
func (g *guard) lapse() {
	if !g.http1 && g.failed == notOver && passed(g.writeBy) {
		g.failed = byDeadline
	}
}

// sendLate has net/http try, when a handler returns whose own write deadline has
// passed, what it would try after the boundary has returned: to send the rest of
// the response. What comes of that is noted before anything is said. The end of
// a response without a length is a part of that rest.
func (g *guard) sendLate() {
	_ = g.FlushError()
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.sealed() && g.failed == notOver && !g.complete() {
		g.failed = byDeadline
	}
}

// clientWent reports whether the server says that the client has gone, or cannot
// say; a write that has failed says so too. It is asked when the context has
// ended, and the server says so just after that.
func (g *guard) clientWent() bool {
	g.mu.Lock()
	failed := g.failed == byClient
	g.mu.Unlock()
	if failed {
		return true
	}
	gone := g.closeNotify()
	if gone == nil {
		return true
	}
	timer := time.NewTimer(goneTime)
	defer timer.Stop()
	select {
	case <-gone:
		return true
	case <-timer.C:
		return false
	}
}

// closeNotify receives when net/http finds that the client has gone. It is nil
// if there is no way to ask.
func (g *guard) closeNotify() <-chan bool {
	n, ok := reach[http.CloseNotifier](g.w) //nolint:staticcheck // SA1019: it says more than the context
	if !ok {
		return nil
	}
	return n.CloseNotify()
}

// controllable reports whether deadlines can be set through w, as far as its
// methods tell: what the connection or stream of the request is to do is then
// ours to say.
func controllable(w http.ResponseWriter) bool {
	_, ok := reach[interface{ SetReadDeadline(time.Time) error }](w)
	return ok
}

// reach returns the first writer that is a T, of w and those that it leads to, as
// http.ResponseController looks for one.
func reach[T any](w http.ResponseWriter) (t T, ok bool) {
	for {
		if t, ok = w.(T); ok {
			return t, true
		}
		outer, leads := w.(interface{ Unwrap() http.ResponseWriter })
		if !leads {
			return t, false
		}
		w = outer.Unwrap()
	}
}
