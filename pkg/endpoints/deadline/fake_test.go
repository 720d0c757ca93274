//go:build go1.25

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
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var errReset = errors.New("fake: the stream was reset, or the connection closed")

// fake is net/http's side of one request: its writer and, with fakeBody, its
// request body, of a client that may stop reading and sending.
//
// Its plain fields are not guarded on purpose: the guard has to see to it that
// nobody touches them at the same time, or after Serve has returned. The race
// detector checks the one, and closed the other.
type fake struct {
	t     *testing.T
	http1 bool
	slow  time.Duration // how long an interrupted call takes to leave

	closed        bool // Serve has returned
	header        http.Header
	sent          http.Header // the header as it was at the commit
	status        int
	informational []int
	body          strings.Builder
	flushed       time.Time // when it was first asked to send what it had, if it was
	taken         bool
	broken        error         // if not nil, what a call that sends fails with
	hijacking     chan struct{} // if not nil, Hijack waits for it
	client        net.Conn      // the hijacked connection's other end

	mu       sync.Mutex
	cond     sync.Cond
	stalled  bool // the client does not read
	deaf     bool // and so no deadline is seen: what it sets is stuck as well
	reset    bool
	read     time.Time // the deadlines as last set
	write    time.Time
	setting  chan struct{} // if not nil, the first SetReadDeadline says that it is here and waits
	unsent   int           // bytes that the client sends
	endless  bool          // after which it stalls
	readDone bool
	reads    int
	reading  int  // reads of the body that are under way
	over     bool // Serve has returned, and over HTTP/1 none may begin
}

func newFake(t *testing.T, http1 bool) *fake {
	f := &fake{t: t, http1: http1, header: http.Header{"X-Outer": {"kept"}, "X-Gone": {"deleted"}}}
	f.cond.L = &f.mu
	return f
}

// touch flags a call after Serve has returned.
func (f *fake) touch() {
	if f.closed {
		buf := make([]byte, 8<<10)
		f.t.Errorf("touched after Serve has returned:\n%s", buf[:runtime.Stack(buf, false)])
	}
}

// wait blocks while the client does, and no deadline has passed. The caller holds mu.
func (f *fake) wait(blocked func() bool, deadline *time.Time) error {
	for {
		switch {
		case f.reset:
			return errReset
		case !f.deaf && !deadline.IsZero() && !time.Now().Before(*deadline):
			if f.slow > 0 {
				f.mu.Unlock()
				time.Sleep(f.slow)
				f.mu.Lock()
			}
			return os.ErrDeadlineExceeded
		case !blocked():
			return nil
		}
		f.cond.Wait()
	}
}

func (f *fake) Header() http.Header { f.touch(); return f.header }

func (f *fake) WriteHeader(status int) {
	f.touch()
	if f.taken || f.status != 0 {
		return
	}
	if status < 200 && (status != http.StatusSwitchingProtocols || !f.http1) {
		f.informational = append(f.informational, status)
		_ = f.send(nil)
		return
	}
	f.status, f.sent = status, f.header.Clone()
}

func (f *fake) Write(p []byte) (int, error) {
	f.touch()
	if f.taken {
		return 0, http.ErrHijacked
	}
	if f.status == 0 {
		f.WriteHeader(http.StatusOK)
	}
	if len(p) > 0 && !bodyAllowed(f.status) {
		return 0, http.ErrBodyNotAllowed
	}
	if n, err := strconv.Atoi(f.sent.Get("Content-Length")); err == nil && f.body.Len()+len(p) > n {
		return 0, http.ErrContentLength
	}
	if err := f.send(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// bodyAllowed is whether a response with that status has a body.
func bodyAllowed(status int) bool {
	return status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
}

func (f *fake) send(p []byte) error {
	f.mu.Lock()
	err := f.wait(func() bool { return f.stalled }, &f.write)
	f.mu.Unlock()
	if err == nil {
		err = f.broken
	}
	if err == nil {
		f.body.Write(p)
	}
	return err
}

func (f *fake) FlushError() error {
	if f.flushed.IsZero() {
		f.flushed = time.Now()
	}
	_, err := f.Write(nil)
	return err
}

func (f *fake) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	f.touch()
	if f.hijacking != nil {
		<-f.hijacking
	}
	f.taken = true
	server, client := net.Pipe()
	f.client = client
	return server, bufio.NewReadWriter(bufio.NewReader(server), bufio.NewWriter(server)), nil
}

func (f *fake) SetReadDeadline(t time.Time) error {
	f.touch()
	if setting := f.setting; setting != nil {
		f.setting = nil
		setting <- struct{}{}
		<-setting
		f.touch()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.read = t
	f.wake(t)
	return nil
}

func (f *fake) SetWriteDeadline(t time.Time) error {
	f.touch()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.write = t
	if !f.http1 && !f.deaf && !t.IsZero() && t.Before(time.Now()) {
		f.reset = true
	}
	f.wake(t)
	return nil
}

func (f *fake) wake(t time.Time) {
	f.cond.Broadcast()
	if d := time.Until(t); d > 0 && !t.IsZero() {
		time.AfterFunc(d, f.cond.Broadcast)
	}
}

func (f *fake) EnableFullDuplex() error { f.touch(); return nil }

// kill is what the end of the connection or stream does.
func (f *fake) kill() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reset = true
	f.cond.Broadcast()
}

// returned is called when Serve has. It returns how many reads of the body are
// under way.
func (f *fake) returned() (reading int) {
	f.closed = true
	f.mu.Lock()
	defer f.mu.Unlock()
	f.over = true
	return f.reading
}

func (f *fake) stall() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stalled = true
}

func (f *fake) unstall() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stalled = false
	f.cond.Broadcast()
}

// stallsFor is how long a connection of a test may take nothing.
const stallsFor = 3 * time.Second / 2

// fakeConn is the connection that ConnContext passes.
type fakeConn struct {
	net.Conn
	f *fake
}

func (c fakeConn) Close() error                       { c.f.kill(); return nil }
func (c fakeConn) SetReadDeadline(t time.Time) error  { return c.f.SetReadDeadline(t) }
func (c fakeConn) SetWriteDeadline(t time.Time) error { return c.f.SetWriteDeadline(t) }

type fakeBody struct{ *fake }

func (b fakeBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.touch()
	b.reads++
	b.reading++
	defer func() { b.reading-- }()
	if err := b.wait(func() bool { return b.unsent == 0 && b.endless && !b.readDone }, &b.fake.read); err != nil {
		return 0, err
	}
	if b.readDone || b.unsent == 0 {
		return 0, io.EOF
	}
	n := min(len(p), b.unsent)
	b.unsent -= n
	return n, nil
}

// touch flags a call that begins after Serve has returned. One that a goroutine
// has begun which the handler left behind may go on: net/http's body has a lock
// of its own. The caller holds mu.
func (b fakeBody) touch() {
	if b.http1 && b.over {
		b.t.Error("the body was touched after Serve has returned")
	}
}

func (b fakeBody) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.touch()
	b.readDone = true
	b.cond.Broadcast()
	return nil
}

// trial is one request through a boundary over a fake.
type trial struct {
	*fake
	boundary *Boundary
	timeout  time.Duration // 0 is none
	conn     bool          // as with ConnContext
	wrap     func(context.Context) (context.Context, context.CancelFunc)
	handler  func(w http.ResponseWriter, r *http.Request)

	// What came of it.
	guard    atomic.Pointer[guard] // nil if the handler was not started
	panicked any
	timedOut int
	late     chan any
	// If not nil, it has what Late is called with.
	lateOutcome func(Outcome)
	took        time.Duration
	returned    chan struct{} // the handler has, or was not started
}

func newTrial(t *testing.T, http1 bool, timeout time.Duration, handler func(http.ResponseWriter, *http.Request)) *trial {
	outlastKept(t)
	return &trial{fake: newFake(t, http1), boundary: newBoundary(), timeout: timeout, handler: handler, late: make(chan any, 16), returned: make(chan struct{})}
}

// outlastKept has a bubble last until no handler goroutine is kept.
func outlastKept(t *testing.T) { t.Cleanup(func() { time.Sleep(3 * idleTime) }) }

type trialKey struct{}

// newBoundary returns a boundary for trials: what it is told of a request, the
// trial of that request is told.
func newBoundary() *Boundary {
	of := func(r *http.Request) *trial { return r.Context().Value(trialKey{}).(*trial) }
	return &Boundary{
		Answer:   timeoutStatus,
		TimedOut: func(r *http.Request) { of(r).timedOut++ },
		Late: func(r *http.Request, _ time.Duration, o Outcome) {
			if tr := of(r); tr.lateOutcome != nil {
				tr.lateOutcome(o)
			} else {
				tr.late <- o.Panicked
			}
		},
	}
}

// raised runs f on a goroutine of its own, as a server does, and returns what it
// panics with, or errGoexit if it calls runtime.Goexit.
func raised(f func()) (p any) {
	over := make(chan struct{})
	go func() {
		defer close(over)
		p = errGoexit
		defer func() {
			if v := recover(); v != nil {
				p = v
			}
		}()
		f()
		p = nil
	}()
	<-over
	return p
}

func (tr *trial) run() *trial {
	ctx := context.WithValue(context.Background(), http.ServerContextKey, &http.Server{})
	ctx = context.WithValue(ctx, trialKey{}, tr)
	if tr.conn {
		ctx = ConnContext(stallsFor)(ctx, fakeConn{f: tr.fake})
	}
	if tr.wrap != nil {
		var cancel context.CancelFunc
		ctx, cancel = tr.wrap(ctx)
		defer cancel()
	}
	if tr.timeout != 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, tr.timeout)
		defer cancel()
	}
	r, _ := http.NewRequestWithContext(ctx, "POST", "/", fakeBody{tr.fake})
	r.ContentLength = -1
	r.ProtoMajor = 2
	if tr.http1 {
		r.ProtoMajor, r.ProtoMinor = 1, 1
	}
	start := time.Now()
	tr.panicked = raised(func() {
		tr.boundary.Serve(tr.fake, r, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer close(tr.returned)
			tr.guard.Store(guardFrom(r.Context()))
			tr.t.Cleanup(func() { <-tr.returned }) // Time stands still for whom a test leaves behind.
			tr.handler(w, r)
		}))
	})
	tr.took = time.Since(start)
	tr.fake.returned()
	if !tr.taken {
		tr.kill()
	}
	return tr
}

func timeoutStatus(*http.Request) *metav1.Status {
	return &metav1.Status{Status: metav1.StatusFailure, Reason: metav1.StatusReasonTimeout, Code: 504, Message: "the request's deadline"}
}

func boundStatus() *metav1.Status {
	return &metav1.Status{Status: metav1.StatusFailure, Reason: metav1.StatusReasonTimeout, Code: 504, Message: "the bound"}
}

// result returns the state that the request ended in.
func (tr *trial) result() state { return tr.guard.Load().result() }

// want checks the state that a request ended in against what the client got.
func (tr *trial) want(s state) {
	tr.t.Helper()
	if tr.guard.Load() != nil && tr.result() != s {
		tr.t.Fatalf("ended in state %d, want %d", tr.result(), s)
	}
	switch got := tr.body.String(); s {
	case timedOut:
		if tr.status != 504 || !strings.Contains(got, `"reason":"Timeout"`) || !strings.HasSuffix(got, "}\n") || tr.timedOut != 1 || tr.panicked != nil {
			tr.t.Fatalf("got %d, %q, %d calls of TimedOut, panic %v; want a 504", tr.status, got, tr.timedOut, tr.panicked)
		}
		if tr.sent["X-Inner"] != nil || tr.sent.Get("X-Outer") != "kept" || tr.sent.Get("X-Gone") != "deleted" {
			tr.t.Fatalf("got header %v, want the outer filters'", tr.sent)
		}
	case gone:
		if tr.status != 0 || got != "" || tr.timedOut != 0 || tr.panicked != http.ErrAbortHandler {
			tr.t.Fatalf("got %d, %q, %d calls of TimedOut, panic %v; want nothing", tr.status, got, tr.timedOut, tr.panicked)
		}
	case aborted:
		if tr.status == 504 || tr.timedOut != 0 || tr.panicked != http.ErrAbortHandler {
			tr.t.Fatalf("got %d, %q, %d calls of TimedOut, panic %v; want an aborted response", tr.status, got, tr.timedOut, tr.panicked)
		}
	case done, hijacked:
		if tr.status == 504 || tr.timedOut != 0 {
			tr.t.Fatalf("got %d, %q, %d calls of TimedOut; want the handler's answer", tr.status, got, tr.timedOut)
		}
	}
}
