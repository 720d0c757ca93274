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
	"fmt"
	"net/http"
	"runtime"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// DefaultJoinTime is the JoinTime of a Boundary that sets none.
	DefaultJoinTime = 2 * time.Millisecond

	// DefaultMaxOverdue is the MaxOverdue of a Boundary that sets none.
	DefaultMaxOverdue = 1000

	// commitTime is how long after the deadline a handler that has committed
	// its response may take to complete it: it would be a pity to reset a
	// response that is all but written.
	commitTime = 20 * time.Millisecond

	// cappedJoinTime is how long a request that has timed out waits for its
	// handler when no more may be left behind, before it is cut without an
	// answer: when ten thousand time out at once, even those that honour their
	// context take that long to be scheduled.
	cappedJoinTime = time.Second
)

// Boundary runs handlers under the deadlines of their requests. Its exported
// fields are set before its first use and not changed after that; it is then
// ready for use by any number of goroutines. It must not be copied.
//
// Its functions are given the request as it came to the boundary, which no
// handler touches and which must not be modified.
type Boundary struct {
	// Answer makes the answer for a deadline that passes before anything is
	// committed, of which kind and API version are set. It is called by the
	// serve goroutine, and for reports by others. It must not be nil.
	Answer func(r *http.Request) *metav1.Status

	// TimedOut, if not nil, is called by the serve goroutine just before it
	// gives that answer: whoever has the answer finds the request counted.
	TimedOut func(r *http.Request)

	// Late, if not nil, is called by the handler goroutine when a handler
	// returns after its request was ended by the deadline or by its client,
	// with how long after; and once before that, by another goroutine, for a
	// handler that is still running after 10 s.
	Late func(r *http.Request, after time.Duration, o Outcome)

	// Describe, if not nil, names a request in the log lines about a handler
	// that is overdue, in keys and values. It is called by any goroutine,
	// while the handler runs.
	Describe func(r *http.Request) (keysAndValues []any)

	// Reporters make the reports of requests whose handler takes none over, so
	// that a request is reported on that never reaches the filter whose
	// business that is. They stand in the order in which filters would, the
	// outermost first, and are called in the opposite one.
	Reporters []Reporter

	// JoinTime is how long a handler may take to return, after its request has
	// been answered or aborted, before it is overdue. Over HTTP/1.1 the serve
	// goroutine waits that long for it, so that a handler that honours its
	// context has finished before the request has. An HTTP/2 answer does not
	// end until the serve goroutine returns, so there, after a deadline, it is
	// another goroutine that waits. Zero means DefaultJoinTime.
	JoinTime time.Duration

	// MaxOverdue is how many handlers may be left behind, running after their
	// request has ended. Above that, the serve goroutine gives a handler one
	// more second to return and be answered for, then aborts the request and
	// stays with its handler, so that net/http's own limits count it. Zero
	// means DefaultMaxOverdue.
	MaxOverdue int64

	overdue atomic.Int64
	kept    kept
}

// Serve runs the handler until it returns, the deadline of the request's
// context or a bound of the handler's passes, or the client goes: that is, the
// context is cancelled in any other way. It panics as the handler does, with
// the handler's stack in the text, and with http.ErrAbortHandler where the
// response can only be aborted. Inside another boundary it does no more than
// call the handler.
func (b *Boundary) Serve(w http.ResponseWriter, r *http.Request, handler http.Handler) {
	if guardFrom(r.Context()) != nil {
		handler.ServeHTTP(w, r)
		return
	}
	g := newGuard(b, handler, w, r)
	var s state
	if g.arrive() {
		b.kept.start(g)
		s = b.wait(g)
	} else {
		s = g.result()
		defer g.report()
	}
	switch s {
	case timedOut:
		b.timedOut(g)
	case gone:
		b.clientGone(g)
	case aborted:
		b.abort(g)
	default:
		b.conclude(g)
	}
}

// quiesce waits, after the seal, for a handler's call that sets a deadline.
// None of them blocks, and none begins any more.
func (g *guard) quiesce() {
	g.control.Lock()
	g.control.Unlock() //nolint:staticcheck // SA2001: nothing to do inside
}

// arrive reports whether the handler is to be started. A request whose
// deadline has passed, or whose client has gone, starts nothing.
func (g *guard) arrive() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	deadline, ok := g.ctx.Deadline()
	switch {
	case g.over():
		g.end()
	case ok && !time.Now().Before(deadline):
		// Before the context's own timer.
		g.seal(timedOut)
	default:
		return true
	}
	g.returned = true
	return false
}

// run is the handler goroutine.
func (g *guard) run() {
	e := exit{goexit: true}
	defer func() {
		if p := recover(); p != nil {
			e = exit{panicked: withStack(p)}
		}
		if g.finish(e) {
			after, o := g.overdueBy()
			contain("lateness", func() { g.returnedLate(after, o) })
		}
		g.report()
	}()
	var w http.ResponseWriter = g
	if _, ok := g.w.(http.Hijacker); ok {
		w = hijackable{g}
	}
	g.handler.ServeHTTP(w, &g.inner)
	e = exit{}
}

// withStack adds the stack of the handler to its panic, which is to be raised
// again on another.
func withStack(p any) any {
	if p == http.ErrAbortHandler {
		return p
	}
	buf := make([]byte, 64<<10)
	return fmt.Sprintf("%v\n%s", p, buf[:runtime.Stack(buf, false)])
}

// wait returns when the request has ended: the guard is sealed, and unless the
// deadline or the client did that, the handler has returned. It returns the
// state that the request ended in.
func (b *Boundary) wait(g *guard) state {
	over, patient := g.ctx.Done(), true
	for {
		select {
		case <-g.events:
		case <-over:
			over = nil // It stays closed; what it says is in the context.
		}
		ended, graced := g.decide(patient)
		if graced {
			patient = false
			g.join(commitTime)
			ended, _ = g.decide(patient)
		}
		if ended {
			g.mu.Lock()
			s, control := g.state, g.controlled
			g.mu.Unlock()
			if control {
				g.quiesce()
			}
			return s
		}
	}
}

// decide seals the guard if the request is over. A handler that has committed
// a response may be about to return; it is granted the time to do so, once.
func (g *guard) decide(patient bool) (ended, graced bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.returned:
		return true, false
	case g.state == hijacked:
		// The hijacker has the connection, and its deadlines.
		return false, false
	case g.sealed():
		return true, false
	case !g.over():
		return false, false
	case patient && g.state == committed && !g.clientGone():
		return false, true
	}
	g.end()
	return true, false
}

func (g *guard) result() state {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.state
}

// join waits for the handler to return, for at most that long.
func (g *guard) join(d time.Duration) (returned bool) {
	if g.hasReturned() {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		if g.hasReturned() {
			return true
		}
		select {
		case <-g.events:
		case <-timer.C:
			return g.hasReturned()
		}
	}
}

// stay waits for the handler to return.
func (g *guard) stay() {
	for !g.hasReturned() {
		<-g.events
	}
}

func (g *guard) hasReturned() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.returned
}

// conclude hands a response over to net/http whose handler has returned, or
// raises its panic.
func (b *Boundary) conclude(g *guard) {
	// A handler that has settled before it has returned has no more to do than
	// to say so. Its answer does not wait for that.
	if !g.join(b.joinTime()) {
		if b.reserve() {
			b.leaveBehind(g)
		} else {
			b.stay(g)
		}
	}
	g.mu.Lock()
	e, s := g.exit, g.state
	if g.broken && !g.returned {
		e.panicked = errPanicking
	}
	g.mu.Unlock()
	switch {
	case s == done && e == exit{}:
		g.drain()
	case s == done && g.http1 && g.body != nil:
		g.stopReading()
	}
	switch {
	case e.panicked != nil:
		panic(e.panicked)
	case e.goexit:
		panic(http.ErrAbortHandler)
	}
}

// timedOut answers a request of which nothing was committed at the deadline.
func (b *Boundary) timedOut(g *guard) {
	left := b.reserve()
	if left {
		defer b.leave(g)
	}
	interrupted := g.reclaim()
	stays := !left && !g.join(cappedJoinTime)
	if stays && g.giveUp() {
		g.cut()
		b.stay(g)
		panic(http.ErrAbortHandler)
	}
	if g.lost() {
		panic(http.ErrAbortHandler)
	}
	if b.TimedOut != nil {
		b.TimedOut(g.outer)
	}
	g.respond(interrupted)
	if stays {
		b.stay(g)
	}
}

// giveUp has a request end without an answer whose handler cannot be left
// behind, unless that has returned, or the answer was reported.
func (g *guard) giveUp() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.cutOff = !g.returned && !g.spoken
	return g.cutOff
}

// lost reports whether a hijack has taken the connection before the answer.
func (g *guard) lost() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.taken
}

// clientGone stays with the handler of a client that has gone: there is nobody
// to answer, and net/http counts it as long as it is not returned.
func (b *Boundary) clientGone(g *guard) {
	g.cut()
	b.stay(g)
	panic(http.ErrAbortHandler)
}

// abort ends a response that was under way.
func (b *Boundary) abort(g *guard) {
	g.cut()
	g.mu.Lock()
	gone := g.err == errGone
	g.mu.Unlock()
	if !gone && b.reserve() {
		b.leave(g)
	} else {
		b.stay(g)
	}
	panic(http.ErrAbortHandler)
}

// stay waits for the handler to return. What is to be said is said meanwhile.
func (b *Boundary) stay(g *guard) {
	o := &overdue{g: g, free: func() {}}
	if b.joined(o) {
		return
	}
	o.left()
	g.stay()
}

// reserve takes a place among the overdue handlers, if there is one.
func (b *Boundary) reserve() bool {
	limit := b.MaxOverdue
	if limit == 0 {
		limit = DefaultMaxOverdue
	}
	if b.overdue.Add(1) > limit {
		b.overdue.Add(-1)
		return false
	}
	return true
}

// leave joins the handler, or leaves it behind in the place that was reserved.
func (b *Boundary) leave(g *guard) {
	o := b.reserved(g)
	switch {
	case g.http1:
		if !b.joined(o) {
			go o.left()
		}
	case g.hasReturned():
		o.free()
	default:
		go func() {
			if !b.joined(o) {
				o.left()
			}
		}()
	}
}

// leaveBehind is leave without the join.
func (b *Boundary) leaveBehind(g *guard) {
	if o := b.reserved(g); !o.begin() {
		go o.left()
	}
}

// reserved is the handler in a place that was reserved.
func (b *Boundary) reserved(g *guard) *overdue {
	return &overdue{g: g, free: func() { b.overdue.Add(-1) }}
}

// joined reports whether the handler has returned within the join. One that
// has not is overdue from then on.
func (b *Boundary) joined(o *overdue) bool {
	if o.g.join(b.joinTime()) {
		o.free()
		return true
	}
	return o.begin()
}

func (b *Boundary) joinTime() time.Duration {
	if b.JoinTime == 0 {
		return DefaultJoinTime
	}
	return b.JoinTime
}

// Overdue returns how many handlers have been left behind and are running.
func (b *Boundary) Overdue() int64 { return b.overdue.Load() }
