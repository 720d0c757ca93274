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
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
)

// state says who has the response. Each state is entered at most once, in the
// order of this diagram only:
//
//	open ──commit──> committed ──handler returns──> done
//	  │                  └──deadline, client gone──> aborted
//	  ├──handler returns──> done        (net/http's implicit 200)
//	  ├──deadline──> timedOut           (the serve goroutine answers)
//	  ├──client gone──> gone            (nothing is written)
//	  └──hijack──> hijacked             (also from committed)
type state uint8

const (
	open state = iota
	committed
	done
	timedOut
	gone
	aborted
	hijacked
)

var (
	// errReturned is what a call on the response gets after the handler has returned.
	errReturned = errors.New("the handler of this request has returned: its response can no longer be used")
	// errPanicking is what a handler panics with of which no more is known than
	// that it does: it is unwinding, and a filter holds it up.
	errPanicking = errors.New("the handler of this request is panicking; what with is logged when it has returned")
	// errGoexit is how a handler has ended that called runtime.Goexit.
	errGoexit = errors.New("the handler of this request called runtime.Goexit")
	// errGone is what a call on the response gets after the client has gone. It
	// is a context.Canceled, and an http.ErrHandlerTimeout for handlers that
	// know of that one only.
	errGone error = &goneError{}
)

type goneError struct{}

func (*goneError) Error() string { return "the client of this request has gone" }
func (*goneError) Unwrap() []error {
	return []error{context.Canceled, http.ErrHandlerTimeout}
}

// guard stands between a handler and net/http, as its ResponseWriter and, with
// body, as its request body.
//
// Sealing is leaving open and committed in any way. It takes mu alone, and mu
// is never held while bytes go to or come from the network, so it never waits
// for a client. A call into net/http claims the writer, or joins the readers,
// under mu while the guard is not sealed, and gives it back when it leaves.
// After the seal nobody claims anything; once the claims that were under way
// have been given back, net/http's writer and body are the serve goroutine's
// alone.
type guard struct {
	// Immutable.
	b       *Boundary
	handler http.Handler
	w       http.ResponseWriter // net/http's, or an outer filter's
	ctx     context.Context     // ends at the deadline, or when the client goes
	http1   bool                // one connection per request at a time
	outer   *http.Request       // the request as it came, which receives the trailer
	body    *body               // nil when the request has none

	// inner is the handler's own copy of the request, and innerURL of its URL.
	// They are allocated with the guard, as one; nobody but the handler touches
	// them from when it starts.
	inner    http.Request
	innerURL url.URL

	// header is the handler's: a copy of what outer filters had set, which
	// replaces it at commit. Nobody but the handler touches it.
	header http.Header

	// control serialises the calls that set deadlines on the connection or
	// stream: the handler's, before the seal, and the interrupt, after it. It
	// is taken before mu.
	control sync.Mutex

	// events wakes the serve goroutine: it has one place, which a sender that
	// finds it taken need not wait for. What happened stands below. It is the
	// request's own: another's could take what wakes this one.
	events chan struct{}

	mu sync.Mutex
	// Guarded by mu.
	state      state
	err        error       // what late calls get; set when sealed
	bound      bool        // a bound has passed
	bounds     *bound      // those that may yet pass, the last one first
	answer     answer      // of the bound that has passed; nil for the request's own deadline
	status     int         // the committed status
	attempted  int         // the status that came too late to be committed
	written    int64       // bytes of the response body that net/http took
	writing    bool        // the writer is claimed
	reading    int         // reads of the body that are under way
	controlled bool        // the handler has set a deadline
	taken      bool        // a hijack that came too late has the connection
	cutOff     bool        // timed out, and cut without an answer
	notified   chan bool   // what CloseNotify returned, if it was called
	idle       sync.Cond   // of mu; signalled when a claim is given back, and at the seal
	sealedAt   time.Time   // when the request ended, if the handler did not end it by returning
	broken     bool        // sealed by a handler that does not return, but panics or exits
	returned   bool        // the handler has returned
	exit       exit        // how; set with returned
	left       func()      // what to do when a handler that is overdue returns
	reports    []report    // what is to be said about the outcome
	few        [3]report   // their place, mostly
	spoken     bool        // a report of the outcome has been said, or begun
	saying     int         // reports that are being said
	held       []func()    // what is released when all is over
	holdTimer  *time.Timer // after which it is released all the same
}

// exit is how a handler ended: by returning, with a panic, or by runtime.Goexit.
type exit struct {
	panicked any
	goexit   bool
}

// newGuard returns an open guard over w, with the handler's own request.
func newGuard(b *Boundary, handler http.Handler, w http.ResponseWriter, r *http.Request) *guard {
	g := &guard{
		b:       b,
		handler: handler,
		w:       w,
		ctx:     r.Context(),
		http1:   r.ProtoMajor < 2,
		outer:   r,
		events:  make(chan struct{}, 1),
	}
	g.idle.L = &g.mu
	g.reports = g.few[:0]
	for _, r := range b.Reporters {
		g.reports = append(g.reports, report{key: r.Key, say: r.Say})
	}
	g.copyRequest()
	return g
}

// copyRequest gives the handler a request of its own, and the header map that
// it is to answer with: what is in them is touched by nobody else.
func (g *guard) copyRequest() {
	r, header := g.outer, g.w.Header()
	values := make([]string, 0, len(r.Header)+len(header)+1)
	ctx := (*guardContext)(g)
	g.inner = *r.WithContext(ctx)
	g.inner.Header, values = cloneHeader(r.Header, values)
	g.header, _ = cloneHeader(header, values)
	if r.URL != nil {
		g.innerURL = *r.URL
		if user := r.URL.User; user != nil {
			g.innerURL.User = new(url.Userinfo)
			*g.innerURL.User = *user
		}
		g.inner.URL = &g.innerURL
	}
	g.inner.TransferEncoding = slices.Clone(r.TransferEncoding)
	if r.Trailer != nil {
		g.inner.Trailer = r.Trailer.Clone()
	}
	if r.Form != nil || r.PostForm != nil || r.MultipartForm != nil || r.Pattern != "" {
		// Somebody has parsed or routed it already: what else there is to copy
		// net/http knows.
		g.inner = *r.Clone(ctx)
	}
	if r.Body != nil && r.Body != http.NoBody {
		g.body = &body{g: g, real: r.Body, inner: &g.inner, declared: r.ContentLength}
		g.inner.Body = g.body
	}
}

// rc gives access to the optional methods of the real writer.
func (g *guard) rc() *http.ResponseController { return http.NewResponseController(g.w) }

// notify wakes the serve goroutine.
func (g *guard) notify() {
	select {
	case g.events <- struct{}{}:
	default:
	}
}

// seal enters a final state. The caller holds mu and has found the guard unsealed.
func (g *guard) seal(s state) {
	g.state = s
	switch s {
	case done:
		g.err = errReturned
	case hijacked:
		g.err = http.ErrHijacked
	default:
		g.err = http.ErrHandlerTimeout
		if s == gone || (s == aborted && g.clientGone()) {
			g.err = errGone
		}
	}
	g.idle.Broadcast()
}

func (g *guard) sealed() bool { return g.state > committed }

// over reports whether the deadline or a bound has passed or the client has
// gone. The caller holds mu.
func (g *guard) over() bool { return g.passed() || g.ctx.Err() != nil }

// clientGone tells, of a request that is over, the one reason from the other.
// A context that is cancelled and is not a server's has no client that could
// go; to end it is then a way to have the request time out. The caller holds mu.
func (g *guard) clientGone() bool {
	return !g.bound && !errors.Is(g.ctx.Err(), context.DeadlineExceeded) &&
		g.ctx.Value(http.ServerContextKey) != nil
}

// end seals a response that is over: the one place that decides between the
// handler and the deadline. The caller holds mu and has found the guard
// unsealed and over.
func (g *guard) end() {
	g.sealedAt = time.Now()
	g.limitHold()
	switch {
	case g.state == committed:
		g.seal(aborted)
	case g.clientGone():
		g.seal(gone)
	default:
		g.seal(timedOut)
	}
}

// finish is the handler goroutine's last call. A handler that comes here, or
// to Settle, before the seal has won, unless it has nothing to show and is
// over: it saw its context end and returned, which is not an answer. It
// reports whether the handler has lost.
func (g *guard) finish(e exit) (late bool) {
	g.mu.Lock()
	// A goroutine that the handler has started may be in a Write that began
	// before the return: it is part of the answer, and under the same deadline.
	for g.writing && !g.sealed() {
		g.idle.Wait()
	}
	if !g.sealed() {
		g.complete(e != exit{})
	}
	g.returned, g.exit = true, e
	late, left := g.state != done && g.state != hijacked, g.left
	if left != nil && e.panicked != nil {
		late = true // Nobody else tells of this panic.
	}
	g.mu.Unlock()
	g.notify()
	if left != nil {
		left()
	}
	return late
}

// complete seals a response to which the handler has nothing to add. If it has
// nothing to show, and the request is over, the deadline has won. The caller
// holds mu and has found the guard unsealed.
func (g *guard) complete(broken bool) {
	switch {
	case g.state == open && g.over():
		g.end()
		return
	case broken:
		// Whatever was begun, net/http aborts it.
		g.broken = true
	case g.state == open:
		replaceHeader(g.w.Header(), g.header)
	default:
		copyTrailers(g.w.Header(), g.header)
	}
	g.seal(done)
}

// outlast has the handler goroutine do what remains to be done when the
// handler returns, unless it has returned.
func (g *guard) outlast(left func()) (returned bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.returned {
		g.left = left
		if g.sealedAt.IsZero() {
			// Answered, and the handler has more to do than to return.
			g.sealedAt = time.Now()
		}
		g.limitHold()
	}
	return g.returned
}
