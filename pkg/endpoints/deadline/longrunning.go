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
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// DefaultWriteTimeout is how long a client may take nothing of a long-running
// response, such as a watch, by default. kube-apiserver has etcd compacted every
// five minutes, up to what was five minutes before. So what a client has been
// sent and has not taken for ten minutes is gone, and a client that comes back to
// it has to list anew, whether its watch stands or not. Nobody loses anything by
// this timeout that was not lost before.
const DefaultWriteTimeout = 10 * time.Minute

// LongRunning serves requests that have no deadline, such as watches, and lets
// go of those whose client takes nothing of what it is sent: a Write or Flush of
// the handler that makes no progress for WriteTimeout is ended, and with it that
// stream alone, which is reset (over HTTP/1.x the connection, which is all that
// request's). How long a Write takes does not matter as long as it progresses.
//
// An HTTP/2 stream cannot be reset on a connection of which nothing is taken at
// all. That one is closed, with all its streams, when WriteTimeout and what
// ConnContext was told have both passed.
//
// Nothing is armed: a write notes that it has begun and that it has ended, in
// two atomic operations, and one sweeper for all looks for those that stay.
//
// Its exported fields are set before its first use and not changed after that;
// it is then ready for use by any number of goroutines. It must not be copied.
type LongRunning struct {
	// WriteTimeout is how long a write may make no progress. Zero or less means
	// for ever, or until the request is over: see EndWrites.
	WriteTimeout time.Duration

	// Stalled, if not nil, is called by a goroutine of its own when a request has
	// been let go of, with the request as it came and how far it had got. The
	// request's header must not be touched: filters within may be changing it.
	Stalled func(r *http.Request, o Outcome)

	// Describe, if not nil, names a request in the list of those of which the
	// client takes nothing, in keys and values, as a Boundary's does. The request's
	// header must not be touched.
	Describe func(r *http.Request) (keysAndValues []any)

	// tick counts how many times the sweeper was started and has looked: it is
	// the time that a write notes.
	tick atomic.Int64

	mu sync.Mutex
	// Guarded by mu.
	streams *stream     // those that are being served, each linked to the next
	timer   *time.Timer // runs the sweeper; nil while there are none
	looking []*stream   // the sweeper's, kept for its room
}

// Serve runs the handler on the caller's goroutine. The handler's ResponseWriter
// has the methods that http.ResponseController and apiserver's filters know of,
// and can be hijacked if w can; a connection that has been is the hijacker's, with
// its deadlines. After a write that has been ended each one fails, with an error
// that is an os.ErrDeadlineExceeded and a timeout (net.Error). Like net/http's,
// the ResponseWriter is for one goroutine at a time.
//
// Where w leads to no deadline of net/http's (no Unwrap), and ConnContext is not
// used or the request came over HTTP/2, nothing can be ended. What a handler has
// left of a short response, of which nothing was sent, is with net/http when it has
// returned, as without a LongRunning: over HTTP/2 it stays for as long as the client
// gives it no window.
//
// Within a Boundary or another Serve, if w is its ResponseWriter, it does no
// more than call the handler. What serves only a part of the request before it
// returns, and the rest later, has to stand within.
func (l *LongRunning) Serve(w http.ResponseWriter, r *http.Request, handler http.Handler) {
	if o := ownerFrom(r.Context()); o != nil && o.leads(w) {
		handler.ServeHTTP(w, r)
		return
	}
	r = For(w, r)
	s := newStream(l, w, r)
	l.add(s)
	defer s.finish()
	w = reachableStream{s}
	if _, ok := s.w.(http.Hijacker); ok {
		w = hijackableStream{s}
	}
	inner := r.WithContext(context.WithValue(r.Context(), guardKey{}, s))
	defer removeFiles(inner, r)
	handler.ServeHTTP(w, inner)
	s.sendRest()
}

// Sent returns what has been sent so far of the long-running response whose
// request has the context: its status, 0 for none yet, and how many bytes of its
// body. It is not ok outside of Serve.
func Sent(ctx context.Context) (o Outcome, ok bool) {
	s, ok := ctx.Value(guardKey{}).(*stream)
	if !ok {
		return Outcome{}, false
	}
	return Outcome{Kind: Answered, Status: int(s.status.Load()), Bytes: s.written.Load(), Running: true}, true
}

// SendRest sends what the handler of the long-running request has left for
// net/http to send, so that what is said of the request next is true: until then,
// that can still be ended, as a write of the handler's. It is called when the
// handler has returned, by a filter that records the request. It does nothing
// outside of Serve.
func SendRest(ctx context.Context) {
	if s, ok := ctx.Value(guardKey{}).(*stream); ok {
		s.sendRest()
	}
}

// EndWrites tells what ends the long-running request that has the context, other
// than its client: a timeout of its own, counted from now, unless that is 0, and
// the server's shutdown. When either has come, a write of which the client takes
// nothing is ended as after WriteTimeout, but within seconds, and one of which
// the client takes some now and then within ten times that. It does nothing
// outside of Serve. It is called by the handler, before it writes.
func EndWrites(ctx context.Context, timeout time.Duration, shutdown <-chan struct{}) {
	s, ok := ctx.Value(guardKey{}).(*stream)
	if !ok {
		return
	}
	s.control.Lock()
	defer s.control.Unlock()
	s.shutdown = shutdown
	if timeout > 0 {
		s.endsAt = time.Now().Add(timeout)
	}
}
