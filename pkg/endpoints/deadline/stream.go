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
	"bufio"
	"context"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// struck is what a stream's busy is once the sweeper has ended its write,
	// which has not left net/http yet,
	struck = -1
	// and cut is what it is once that write has left.
	cut = -2
)

// piece is how large the parts are in which a large Write goes over HTTP/2:
// each of them is to be taken in time, because net/http tells nothing of a
// stream before a Write is through. The last part may be almost twice as large:
// net/http keeps the rest of a Write back if that is smaller than its buffer,
// and nothing of a larger one. Over HTTP/1 the kernel tells of progress, where
// it is asked, and a Write goes as it is.
const piece = 16 << 10

// stream is the ResponseWriter of a long-running request.
//
// The handler's goroutine alone calls net/http's writer, with one exception:
// the sweeper sets a deadline to end a write. It does so under control, when it
// has found that a call is under way, and has changed busy from what that call
// had noted to struck; and not any more once finished is set. The return of the
// handler and its Hijack take control to set that: net/http's writer is none of
// ours then.
type stream struct {
	// Immutable.
	l     *LongRunning
	w     http.ResponseWriter // net/http's, or an outer filter's
	outer *http.Request       // the request as it came, but for its header, which is the handler's
	conn  *connection         // as ConnContext has noted it, or nil
	http1 bool
	able  bool // a write can be ended
	// header is the writer's, which is not asked for it again: others compare with
	// it when the writer may be none of ours.
	header http.Header

	userAgent string

	// Guarded by l.mu.
	next, prev *stream

	// busy is 0 while no call that may block is under way, and otherwise the
	// tick at which it began or the sweeper has last seen progress; or struck, and
	// then cut, for good.
	busy    atomic.Int64
	status  atomic.Int32
	written atomic.Int64

	// The handler's goroutine's own.
	flushed bool // what was written has been sent, once
	pending bool // and some has been written since

	control sync.Mutex
	// Guarded by control.
	finished bool            // net/http's writer is not to be touched
	endsAt   time.Time       // the request's own timeout, or zero
	shutdown <-chan struct{} // closed when the server's shutdown has ended it, or nil
	writeBy  time.Time       // the handler's own write deadline, or zero
	looked   int64           // what busy was when acked was noted
	acked    uint64          // what the client had acknowledged of an HTTP/1 connection
	idle     time.Duration   // for how long it had taken nothing, at least, when it was struck
	slow     bool            // or too little
	stall    *stall          // of the connection, from then on, over HTTP/2
	overAt   int64           // the tick at which it was first found to be over by itself, or 0
	stays    int64           // how many times the sweeper has seen the struck write stay

	seat
}

var (
	_ http.Flusher       = &stream{}
	_ http.CloseNotifier = &stream{} //nolint:staticcheck // SA1019: handlers still use it
	_ http.Hijacker      = hijackableStream{}
)

func newStream(l *LongRunning, w http.ResponseWriter, r *http.Request) *stream {
	s := &stream{l: l, w: w, outer: r, http1: r.ProtoMajor < 2, header: w.Header(), userAgent: r.UserAgent()}
	if ownerFrom(r.Context()) == nil && r.RequestURI != "" {
		s.conn = connFrom(r.Context())
	}
	s.able = s.http1 && s.conn != nil || controllable(w)
	return s
}

func (s *stream) rc() *http.ResponseController { return http.NewResponseController(s.w) }

func (s *stream) leads(w http.ResponseWriter) bool { return sameHeader(w, s.header) }

// errStalled is what a write that was ended gets, and each one after it.
var errStalled error = &stalledError{}

type stalledError struct{}

func (*stalledError) Error() string {
	return "the client of this request has taken nothing for too long: its response was cut off"
}
func (*stalledError) Timeout() bool   { return true }
func (*stalledError) Temporary() bool { return false }
func (*stalledError) Unwrap() error   { return os.ErrDeadlineExceeded }

// begin notes that a call into net/http that may block begins. It returns the
// tick at which it does, or 0 if a call of another goroutine is under way: the
// sweeper looks after that one.
func (s *stream) begin() (at int64, err error) {
	at = s.l.tick.Load()
	switch {
	case s.busy.CompareAndSwap(0, at):
		return at, nil
	case s.busy.Load() < 0:
		return 0, errStalled
	}
	return 0, nil
}

// end notes that the call that began then has ended. It returns the call's
// error, or errStalled if the sweeper has ended it.
func (s *stream) end(at int64, err error) error {
	for at != 0 && !s.busy.CompareAndSwap(at, 0) {
		if at = s.busy.Load(); at < 0 {
			s.busy.Store(cut)
			return errStalled
		}
	}
	return err
}

func (s *stream) commit(status int) {
	if s.status.Load() == 0 {
		s.status.Store(int32(status))
	}
}

func (s *stream) Header() http.Header { return s.w.Header() }

func (s *stream) WriteHeader(status int) {
	if status >= 200 || status == http.StatusSwitchingProtocols && s.http1 {
		s.commit(status)
		s.w.WriteHeader(status)
		return
	}
	at, err := s.begin() // It is sent at once.
	if err != nil {
		return
	}
	defer s.end(at, nil)
	s.w.WriteHeader(status)
}

func (s *stream) Write(p []byte) (n int, err error) {
	for !s.http1 && len(p) >= 2*piece && s.w.Header()["Content-Length"] == nil {
		// With a Content-Length it goes as it is: of a Write that exceeds that,
		// net/http takes nothing, but would take the first parts.
		m, err := s.write(p[:piece])
		if n += m; err != nil {
			return n, err
		}
		p = p[piece:]
	}
	m, err := s.write(p)
	return n + m, err
}

func (s *stream) write(p []byte) (n int, err error) {
	at, err := s.begin()
	if err != nil {
		return 0, err
	}
	defer func() { err = s.end(at, err) }()
	s.commit(http.StatusOK)
	n, err = s.w.Write(p)
	s.written.Add(int64(n))
	s.pending = true
	return n, err
}

func (s *stream) Flush() { _ = s.FlushError() }

func (s *stream) FlushError() (err error) {
	if !flushable(s.w) {
		return s.rc().Flush() // It is refused, and sends nothing.
	}
	at, err := s.begin()
	if err != nil {
		return err
	}
	defer func() { err = s.end(at, err) }()
	s.commit(http.StatusOK)
	err = s.rc().Flush()
	s.flushed, s.pending = true, false
	return err
}

// sendRest is called when the handler has returned, and sends what that has
// left for net/http to send. Over HTTP/2 nobody could end that once it is with
// net/http, which waits for the client. A response of which nothing has left
// yet is net/http's to send, with its length.
func (s *stream) sendRest() {
	if begun := s.flushed || s.written.Load() > heldBack; !s.http1 && begun && s.pending {
		_ = s.FlushError()
	}
}

// CloseNotify is as net/http's, and, over a writer that has none, a channel that
// receives when the request's context ends.
func (s *stream) CloseNotify() <-chan bool {
	if w, ok := s.w.(http.CloseNotifier); ok { //nolint:staticcheck // SA1019: handlers still use it
		return w.CloseNotify()
	}
	gone := make(chan bool, 1)
	context.AfterFunc(s.outer.Context(), func() { gone <- true })
	return gone
}

func (s *stream) SetReadDeadline(t time.Time) error {
	s.conn.boundReads()
	return s.rc().SetReadDeadline(t)
}

func (s *stream) SetWriteDeadline(t time.Time) error {
	s.control.Lock()
	defer s.control.Unlock()
	if s.busy.Load() < 0 {
		return errStalled
	}
	err := s.rc().SetWriteDeadline(t)
	if err == nil {
		s.writeBy = t
	}
	return err
}

func (s *stream) EnableFullDuplex() error { return s.rc().EnableFullDuplex() }

// reachableStream is a stream over a writer that cannot be hijacked by itself, but
// perhaps by an http.ResponseController.
type reachableStream struct{ *stream }

func (s reachableStream) Unwrap() http.ResponseWriter { return hijackableStream(s) }

// hijackableStream is a stream over a writer that can be hijacked.
type hijackableStream struct{ *stream }

// Hijack hands the connection over, with its deadlines.
func (s hijackableStream) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := s.rc().Hijack()
	if err == nil {
		s.letGo()
	}
	return conn, rw, err
}

// finish is called when the handler has returned. Over HTTP/1 it bounds
// net/http's own flush of the rest, unless the server has a bound or the
// handler's own is nearer; net/http lifts that before the next request.
func (s *stream) finish() {
	limit, own := s.letGo()
	server, ok := s.outer.Context().Value(http.ServerContextKey).(*http.Server)
	if limit <= 0 || !s.http1 || !ok || server.WriteTimeout > 0 {
		return
	}
	if by := time.Now().Add(limit); own.IsZero() || own.After(by) {
		if s.conn != nil {
			_ = s.conn.SetWriteDeadline(by) // Whatever stands between.
		} else {
			_ = s.rc().SetWriteDeadline(by)
		}
	}
}

// letGo has the sweeper touch nothing of net/http's any more. It returns how
// long a write may make no progress, and the handler's own write deadline; zero
// for both if there is nothing left to bound, because the connection was
// hijacked or a write was ended.
func (s *stream) letGo() (limit time.Duration, own time.Time) {
	s.l.remove(s)
	s.control.Lock()
	defer s.control.Unlock()
	if !s.finished && s.busy.Load() >= 0 {
		limit, _ = s.limit()
		own = s.writeBy
	}
	s.finished = true
	return limit, own
}

func (s *stream) decided() (Outcome, bool) {
	if s.busy.Load() >= 0 {
		return Outcome{}, false
	}
	return s.outcome(), true
}

// outcome is that of a stream that was struck.
func (s *stream) outcome() Outcome {
	s.control.Lock()
	defer s.control.Unlock()
	return Outcome{
		Kind:    Stalled,
		Status:  int(s.status.Load()),
		Bytes:   s.written.Load(),
		Running: !s.finished,
		idle:    s.idle,
		slow:    s.slow,
	}
}
