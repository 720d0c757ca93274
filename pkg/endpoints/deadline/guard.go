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
	"sync/atomic"
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
//
// A response that is known to be complete when the deadline strikes, or when
// the client goes, is done: see complete.
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

// ending is why a request is over though its handler has not returned.
type ending uint8

const (
	notOver ending = iota
	byDeadline
	byClient
)

var (
	// errReturned is what a call on the response gets after the handler has returned.
	errReturned = errors.New("the handler of this request has returned: its response can no longer be used")
	// errGoexit says how a handler that called runtime.Goexit has ended.
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
// Sealing is leaving open or committed for one of the other states, in any way.
// It takes mu alone, and mu is never held while bytes go to or come from the
// network, so it never waits for a client. A call into net/http claims the
// writer, or joins the readers, under mu while the guard is not sealed, and gives
// its claim back when it leaves. After the seal nobody claims anything; once the
// claims that were under way have been given back, net/http's writer and body are
// the serve goroutine's alone.
type guard struct {
	// Immutable.
	b        *Boundary
	handler  http.Handler
	w        http.ResponseWriter // net/http's, or an outer filter's
	ctx      context.Context     // the request's, as it came; why tells what its end means
	http1    bool                // one request at a time on the connection
	server   *http.Server        // whose client can go; nil if none can
	controls bool                // deadlines can be set, through w or on conn
	conn     *connection         // as ConnContext has noted it, or nil
	outer    *http.Request       // the request as it came, which receives the trailer
	body     *body               // nil when the request has none

	// inner is the handler's own copy of the request, and innerURL of its URL,
	// allocated with the guard. Nobody but the handler touches them from when it
	// starts.
	inner    *http.Request
	innerURL url.URL

	// header is the handler's: it begins as a copy of what outer filters have
	// set, and replaces that at commit. Nobody but the handler touches it. room
	// is where its values are copied to then; whoever commits takes it. values is
	// the memory, as far as it goes, that room, header and the header of inner
	// are cut from.
	header http.Header
	room   []string
	values [18]string

	// control serialises the calls that set deadlines on the connection or
	// stream: the handler's, before the seal, and the boundary's own. It is taken
	// before mu.
	control sync.Mutex

	// events wakes the serve goroutine. It has one place, and a sender that finds
	// it taken need not wait: what happened stands below. It is this request's
	// alone: if two shared it, one could take what is to wake the other.
	events chan struct{}

	mu sync.Mutex
	// Guarded by mu.
	state      state
	err        error     // what late calls get; set when sealed
	ending     ending    // why the request is over, once the serve goroutine knows
	alone      bool      // ctx has ended, and the request has not; set by the serve goroutine
	struck     *bound    // the one that has passed
	bounds     *bound    // those that may yet pass, the last one first
	status     int       // the committed status
	declared   int64     // how many bytes the committed response has, or -1 if that is not known
	bodyless   bool      // the committed response is one that has no body
	attempted  int       // the status that came too late to be committed
	written    int64     // bytes of the response body that net/http took
	sent       bool      // a Flush has sent all that there was
	flushed    bool      // a part of the response was sent by the handler's wish
	fullDuplex bool      // the handler reads while it answers, and net/http lets it
	writing    bool      // the writer is claimed
	reading    int       // reads of the body that are under way
	stray      bool      // these are of an outer filter's body, and are not waited for
	readBy     time.Time // the handler's own read deadline, or zero; behind a filter's body net/http may have taken it back
	writeBy    time.Time // and its write deadline
	readFailed bool      // a read has timed out, or is to: to net/http the client has gone
	failed     ending    // why no more of the response can be sent: see noteWrite
	controlled bool      // the handler has set a deadline
	taken      bool      // a hijack that came too late has the connection
	cutOff     bool      // timed out, and cut without an answer
	notified   chan bool // what CloseNotify returned, if it was called
	idle       sync.Cond // of mu; signalled when a claim is given back, at the seal, and when ending is known
	sealedAt   time.Time // when the request ended, if the handler did not end it by returning
	returned   bool      // the handler has returned
	exit       exit      // how; set with returned
	left       func()    // what to do when a handler that is overdue returns
	released   bool      // the serve goroutine has let go of the request

	// What is to be said about the outcome: see report.
	reports   []report
	few       [3]report   // their place, mostly
	lingering bool        // counted as only being reported on
	mayHold   bool        // there is a boundary around the caller that lets it: see Boundary.NoHold
	holds     bool        // something is held, or was
	held      func()      // releases it when all is over
	holdTimer *time.Timer // after which it is released all the same

	// The handler's context: see guardContext. ctxMu guards ctxErr.
	ctxMu  sync.Mutex
	ctxErr error
	root   atomic.Pointer[root]

	goroutine atomic.Uint64 // that the handler runs on: see goroutineID

	seat
}

// exit is how a handler ended: by returning, with a panic, or by runtime.Goexit.
type exit struct {
	panicked any
	goexit   bool
}

// newGuard returns an open guard over w, with the handler's own request.
func newGuard(b *Boundary, handler http.Handler, w http.ResponseWriter, r *http.Request) *guard {
	o := ownerFrom(r.Context())
	sub := o != nil && !o.leads(w)
	r = For(w, r)
	ctx := r.Context()
	g := &guard{
		b:        b,
		handler:  handler,
		w:        w,
		ctx:      ctx,
		http1:    r.ProtoMajor < 2,
		outer:    r,
		events:   make(chan struct{}, 1),
		declared: -1,
		mayHold:  !b.NoHold,
	}
	if !sub { // Otherwise what is in the context is the outer request's.
		g.server, _ = ctx.Value(http.ServerContextKey).(*http.Server)
		g.controls = g.server != nil && controllable(w)
		if g.controls || g.server != nil && r.RequestURI != "" {
			// A filter's writer may show no way to the connection, which is there all
			// the same; but not for a request that net/http has not read from it.
			g.conn = connFrom(ctx)
			g.controls = g.controls || g.http1 && g.conn != nil
		}
	}
	g.idle.L = &g.mu
	g.reports = g.few[:0]
	for _, r := range b.Reporters {
		g.reports = append(g.reports, r.report())
	}
	g.copyRequest()
	return g
}

// roomForHeader is how many values a response's header has, mostly.
const roomForHeader = 8

// copyRequest gives the handler a request of its own, and the header map that
// it is to answer with: what is in them is touched by nobody else.
func (g *guard) copyRequest() {
	r, header := g.outer, g.w.Header()
	values := slices.Grow(g.values[:0], len(r.Header)+len(header)+roomForHeader)
	bare := *r
	bare.Header, bare.URL = nil, nil
	// net/http knows what else there is to copy: forms, trailers, path values.
	g.inner = bare.Clone((*guardContext)(g))
	g.inner.Header, values = cloneHeader(r.Header, values)
	g.header, values = cloneHeader(header, values)
	g.room = values[len(values):]
	if r.URL != nil {
		g.innerURL = *r.URL
		if user := r.URL.User; user != nil {
			g.innerURL.User = new(url.Userinfo)
			*g.innerURL.User = *user
		}
		g.inner.URL = &g.innerURL
	}
	switch {
	case r.Body != nil && r.Body != http.NoBody:
		// A filter may have put a body in where the client sends none.
		sent := len(r.TransferEncoding) > 0 || r.Header["Content-Length"] != nil
		g.body = &body{g: g, real: r.Body, inner: g.inner, declared: r.ContentLength, sent: sent}
		g.inner.Body = g.body
	case g.http1 && g.server != nil && announcesBody(r):
		// Or it may have taken out the client's, for which net/http may yet wait.
		g.body = &body{g: g, real: http.NoBody, inner: g.inner, declared: -1, sent: true, eof: true}
	}
}

// announcesBody reports whether the client of an HTTP/1 request has said that it
// sends a body.
func announcesBody(r *http.Request) bool {
	n := r.Header["Content-Length"]
	return len(r.TransferEncoding) > 0 || len(n) > 0 && n[0] != "0"
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
	switch {
	case s == hijacked:
		g.err = http.ErrHijacked
	case s == done && g.sealedAt.IsZero():
		g.err = errReturned
	case g.ending == byClient:
		g.err = errGone
	default:
		g.err = http.ErrHandlerTimeout
	}
	g.idle.Broadcast()
}

func (g *guard) sealed() bool { return g.state > committed }

// over returns why the request is over, if it is, as far as can be told without
// the serve goroutine: only that one finds that a client has gone. If over itself
// finds that a deadline has passed, it notes that, and wakes the serve goroutine.
// The caller holds mu.
func (g *guard) over() ending {
	if g.ending == notOver && (g.passed() || g.expired()) {
		g.ending = byDeadline
		g.notify()
	}
	return g.ending
}

// expired reports whether the request's deadline has passed, or it has been given
// up. The caller holds mu.
func (g *guard) expired() bool {
	if !g.alone {
		return errors.Is(g.ctx.Err(), context.DeadlineExceeded)
	}
	deadline, ok := g.ctx.Deadline()
	return ok && !time.Now().Before(deadline) || g.givenUp().Err() != nil
}

// whole reports whether net/http has all of the response, as far as its length
// tells. The caller holds mu.
func (g *guard) whole() bool { return g.bodyless || g.written == g.declared }

// complete reports whether the response is known to be all that there will be,
// whatever the handler does next. Against a client that goes, one with a body
// counts only if the client may have it: if it has been flushed, or was more than
// is held back before it leaves. When a write has failed, a response counts only
// if it had left. The caller holds mu.
func (g *guard) complete() bool {
	switch {
	case g.state != committed || !g.whole():
		return false
	case g.sent:
		return true
	case g.failed == byClient && !g.http1:
		// A Flush fails there also if there is nothing left to send.
		return g.written > heldBack
	case g.failed != notOver:
		return false
	}
	return g.bodyless || g.ending != byClient || g.written > heldBack
}

// trusted reports whether a handler that returns after the deadline is taken to
// have completed its response: it has flushed no part of it, and does not know
// that the time is over. Where a bound has passed it knows, by the context that
// has it. The caller holds mu.
func (g *guard) trusted() bool { return g.state == committed && !g.flushed && g.struck == nil }

// end seals a response that is over, for that reason: the one place that
// decides between the handler and what has ended its request. The caller holds
// mu and has found the guard unsealed.
func (g *guard) end(why ending) {
	g.lapse()
	if g.failed != notOver {
		why = g.failed // It came first.
	}
	g.ending, g.sealedAt = why, time.Now()
	g.limitHold()
	switch {
	case g.complete():
		g.seal(done)
	case g.state == committed, g.failed != notOver:
		g.seal(aborted)
	case why == byClient:
		g.seal(gone)
	default:
		g.seal(timedOut)
	}
}

// finish is called by the handler goroutine when the handler has ended. If the
// guard is not sealed by then, the handler has won, unless its request was over
// before. Against the deadline it then loses if it has committed nothing, has
// flushed a part, knew of it, or is broken by a panic or Goexit; against the client, or a
// write that has failed, with anything that is not known to be complete. finish
// reports whether the handler is late: it has lost, or has panicked after its
// request had ended with its answer complete.
func (g *guard) finish(e exit) (late bool) {
	g.mu.Lock()
	if !g.sealed() && g.over() == notOver && passed(g.writeBy) && e == (exit{}) {
		g.mu.Unlock()
		g.sendLate()
		g.mu.Lock()
	}
	// A goroutine that the handler has started may be in a Write that began
	// before the return: it is part of the answer, and under the same deadline.
	// And if the request's context has ended, the serve goroutine is about to
	// find out what that means.
	for !g.sealed() && (g.writing || g.over() == notOver && !g.alone && g.ctx.Err() != nil) {
		g.idle.Wait()
	}
	if !g.sealed() {
		why, broken := g.over(), e != exit{}
		switch {
		case g.failed != notOver && (broken || !g.complete()):
			g.end(g.failed)
		case why == notOver && broken:
			g.seal(done)
		case why == notOver, !broken && g.complete(), why == byDeadline && g.trusted() && !broken:
			if g.state == open {
				g.commitHeader()
			} else {
				copyTrailers(g.w.Header(), g.header)
			}
			g.seal(done)
		default:
			g.end(why)
		}
	}
	late, left := g.state != done && g.state != hijacked, g.left
	ended := late || g.state == done && !g.sealedAt.IsZero()
	if ended && e.panicked == http.ErrAbortHandler {
		e = exit{} // Not a panic: a proxy breaks off like this what others have ended.
	}
	if ended && e.panicked != nil {
		late = true // Nobody else tells of this panic.
	}
	g.returned, g.exit = true, e
	g.account()
	g.mu.Unlock()
	g.notify()
	if left != nil {
		left()
	}
	return late
}
