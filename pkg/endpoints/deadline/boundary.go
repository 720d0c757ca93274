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
	"fmt"
	"net/http"
	"runtime"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// DefaultMaxOverdue is the MaxOverdue of a Boundary that sets none.
const DefaultMaxOverdue = 1000

// Boundary runs handlers under the deadlines of their requests. Its exported
// fields are set before its first use and not changed after that; it is then
// ready for use by any number of goroutines. It must not be copied.
//
// Its functions are given the request as it came to the boundary, which no
// handler touches and which must not be modified.
type Boundary struct {
	// Answer makes the answer for a deadline that passes before anything is
	// committed; the boundary sets its kind and API version. It is called by the
	// serve goroutine and, for reports, by others, under a lock of the
	// boundary's: it must not block. The field must not be nil.
	Answer func(r *http.Request) *metav1.Status

	// TimedOut, if not nil, is called by the serve goroutine just before it
	// gives that answer: whoever has the answer finds the request counted.
	TimedOut func(r *http.Request)

	// Late, if not nil, is called by the handler goroutine when a handler returns
	// after its request was ended by the deadline or by its client, with how long
	// after; of a request whose answer was complete by then, only if the handler
	// panics. For a handler that is still running after 10 s it is called once
	// before that, by another goroutine. It must not block: the return of that
	// handler waits for it.
	Late func(r *http.Request, after time.Duration, o Outcome)

	// Describe, if not nil, names a request in what is said of its overdue
	// handler, in keys and values. It is given the request with the context that
	// Seated was told of, if Seated has been called. It is called by any
	// goroutine, also while the handler runs, and must not block: the return of
	// that handler waits for it.
	Describe func(r *http.Request) (keysAndValues []any)

	// Reporters make one report each on every request, but for a report that a
	// handler takes over (see Report): so also a request that never reaches the
	// filter whose business it is gets its report. They stand in the order in
	// which those filters would, the outermost first, and are called in the
	// opposite order, except as Last says.
	Reporters []Reporter

	// NoHold has Hold refuse: whoever waits for requests to be over stands
	// outside this boundary, and whoever does so within it waits for the handler
	// itself.
	NoHold bool

	// JoinTime is how long a handler may take to return, after its request has
	// been answered or aborted, before it is overdue. Over HTTP/1.1 the serve
	// goroutine waits that long for it, so that a handler that honours its
	// context has finished before the request has. An HTTP/2 answer does not
	// end until the serve goroutine returns, so there, after a deadline, it is
	// another goroutine that waits. Zero means DefaultJoinTime.
	JoinTime time.Duration

	// MaxOverdue is how many handlers may be left behind, running after their
	// request has ended. Above that, a handler that has committed nothing is
	// given one more second to return, so that its request can be answered; if it
	// does not, the serve goroutine aborts the request and stays with the
	// handler, so that net/http's own limits count it. A response that is under
	// way is aborted without that second. One that is complete is delivered all
	// the same: over HTTP/1 the serve goroutine then stays, over HTTP/2 the
	// handler is left behind nevertheless. Handlers whose client has gone do not
	// count: with those the serve goroutine stays over HTTP/2, and over HTTP/1
	// they are left behind, however many.
	//
	// As many again may have returned and wait only for reports on them, such as
	// an audit log that blocks. Above that, the serve goroutine of an answer that
	// was given in time waits for its reports; over HTTP/1 it sends the answer
	// first. Zero means DefaultMaxOverdue.
	MaxOverdue int64

	overdue   atomic.Int64
	reporting atomic.Int64
	kept      kept
}

// Serve runs the handler until the handler returns, the deadline of the request's
// context or a bound of the handler's passes, or the client goes. If the handler
// returns in time, its answer is handed to net/http when all reports on it have
// been said, at the deadline at the latest. Serve panics as the handler does,
// with the handler's stack in the text, and calls runtime.Goexit if the handler
// has; it panics with http.ErrAbortHandler where it has cut the response off.
// Inside another boundary, if w leads to the ResponseWriter of that one, Serve
// calls the handler itself, and a deadline that is nearer than that boundary's
// binds the response, as by Bind, with the Answer and TimedOut of b.
//
// What a filter outside of the boundary does to the connection itself, such as to
// set deadlines or full duplex, the boundary does not know of: that is to be done
// within. Behind a filter that has a request body of its own, or a ResponseWriter
// that does not lead to net/http's (Unwrap), net/http waits for the rest of a body
// until the request's deadline, in place of some seconds, and without Listener for
// as long as the client likes.
//
// A context that is cancelled before its deadline means that the client has gone,
// if the server says so, and otherwise that the request is to time out now: an
// outer filter has given it up. If a read or write deadline has cancelled it, the
// handler's own or the server's, it means neither, and the request goes on.
func (b *Boundary) Serve(w http.ResponseWriter, r *http.Request, handler http.Handler) {
	if g := guardFrom(r.Context()); g != nil && g.leads(w) {
		b.within(g, w, r, handler)
		return
	}
	g := newGuard(b, handler, w, r)
	defer g.release()
	var s state
	if g.arrive() {
		b.kept.start(g)
		s = g.wait()
	} else {
		s = g.result()
		defer func() { go g.report() }()
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

// arrive reports whether the handler is to be started. A request whose
// deadline has passed, or whose client has gone, starts nothing.
func (g *guard) arrive() bool {
	why, alone := notOver, false
	deadline, ok := g.ctx.Deadline()
	switch {
	case ok && !time.Now().Before(deadline):
		why = byDeadline // Perhaps before the context's own timer.
	case g.ctx.Err() == nil:
	case g.http1 && g.conn.mayTimeOut(g.server):
		alone = true
	default:
		why = g.why()
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.alone = alone; alone {
		why = g.over()
	}
	if why == notOver {
		return true
	}
	g.end(why)
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
		removeFiles(g.inner, g.outer)
		if g.finish(e) {
			after, o := g.overdueBy()
			contain("lateness", func() { g.returnedLate(after, o) })
		}
		g.report()
	}()
	var w http.ResponseWriter = reachable{g}
	if _, ok := g.w.(http.Hijacker); ok {
		w = hijackable{g}
	}
	g.handler.ServeHTTP(w, g.inner)
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

// wait returns when the request has ended, with the state that it ended in: the
// guard is sealed, and what was to be said before an answer has been. It is the
// one place where the end of the request's context is looked at, and from which
// the handler's ends.
func (g *guard) wait() state {
	over := g.ctx.Done()
	// These take the place of ctx when it has ended early and the request goes on
	// without it. left is for a request that came when it had ended already: of
	// that one net/http still says if the client goes.
	var timer <-chan time.Time
	var left <-chan bool
	var given <-chan struct{}
	if g.alone { // Nobody else changes it.
		over, timer, left, given = nil, g.untilDeadline(), g.closeNotify(), g.givenUp().Done()
	}
	patient := true
	for {
		select {
		case <-g.events:
		case <-over:
			over = nil // It stays closed; what it says has been noted.
			if !g.note(g.why()) {
				timer, given = g.untilDeadline(), g.givenUp().Done()
			}
		case <-timer:
		case <-given:
			given = nil
		case <-left:
			left = nil
			if !g.timedOutItself() {
				g.note(byClient)
			}
		}
		s, graced := g.decide(patient)
		if graced {
			patient = false
			g.join(commitTime)
			s, _ = g.decide(patient)
		}
		if s != open {
			g.ended()
			return s
		}
		g.outliveHijack()
	}
}

// outliveHijack has a handler that has taken the connection over, and so ends its
// request itself, know that the time for it is over. The handler may go on for
// hours: whoever waits for requests to be over does not wait for that.
func (g *guard) outliveHijack() {
	g.mu.Lock()
	over := g.state == hijacked && g.ending != notOver
	if over {
		g.letGo(true)
	}
	g.mu.Unlock()
	if over {
		g.ended()
	}
}

// ended ends the handler's context, if the deadline or the client has ended the
// request, and waits for a call of the handler's that is setting a deadline.
func (g *guard) ended() {
	g.mu.Lock()
	why, controlled := g.ending, g.controlled
	g.mu.Unlock()
	switch why {
	case byDeadline:
		g.endContext(g.timeIsUp())
	case byClient:
		g.endContext(context.Canceled)
	}
	if controlled {
		g.quiesce()
	}
}

// timeIsUp returns what the handler's context is to end with when the time for
// its request is over.
func (g *guard) timeIsUp() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.struck == nil && !g.alone && errors.Is(g.ctx.Err(), context.Canceled) {
		return context.Canceled // An outer filter has given it up.
	}
	return context.DeadlineExceeded
}

// note records what has ended the request, and reports whether anything has: if
// not, the context has ended, and the request goes on alone, without it.
func (g *guard) note(why ending) (over bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	over = why == byDeadline || why == byClient && !g.returned
	if !over {
		g.alone = true
	} else if g.sealedAt.IsZero() { // Otherwise what has ended it stands, and may have been said.
		g.ending = why
	}
	g.idle.Broadcast()
	return over
}

// untilDeadline receives when the request's deadline passes. It is nil if there is none.
func (g *guard) untilDeadline() <-chan time.Time {
	deadline, ok := g.ctx.Deadline()
	if !ok {
		return nil
	}
	return time.After(time.Until(deadline))
}

// decide seals the guard if the request is over, and returns the state that it
// has ended in, or open if it goes on. A handler that has committed a response,
// and flushed nothing of it, may be about to return: if patient, decide seals
// nothing yet and reports graced, for the caller to grant it the time to do so.
// Until then it is not told: one that is may return for that, with a part.
func (g *guard) decide(patient bool) (s state, graced bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	why := g.over()
	switch {
	case g.returned && g.state == done:
		// Its answer waits for what is to be said, for as long as there is time.
		// If a write that has failed has ended the request, that is until ctx
		// ends too.
		if g.awaited() && (why == notOver || why == byClient && g.ctx.Err() == nil) {
			return open, false
		}
	case g.returned:
	case g.state == hijacked:
		// The hijacker has the connection, and its deadlines.
		return open, false
	case g.sealed():
	case why == notOver:
		return open, false
	case why == byDeadline && patient && g.trusted() && !g.complete():
		return open, true
	default:
		g.end(why)
	}
	return g.state, false
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

func (g *guard) hasReturned() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.returned
}

// Overdue returns how many handlers hold one of the MaxOverdue places: those that
// have been left behind and are running, and those that are being joined. A
// handler whose client has gone holds none.
func (b *Boundary) Overdue() int64 { return b.overdue.Load() }
