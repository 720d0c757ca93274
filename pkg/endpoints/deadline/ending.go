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
	"runtime"
	"time"
)

// How a request ends: what the serve goroutine does once the guard is sealed.

// conclude hands the handler's response over to net/http, or raises the handler's
// panic.
func (b *Boundary) conclude(g *guard) {
	g.mu.Lock()
	s, e, returned, gone := g.state, g.exit, g.returned, g.ending == byClient
	complete := s == done && !g.sealedAt.IsZero()
	g.mu.Unlock()
	if complete {
		// It is, whatever the handler does next, or is doing.
		e = exit{}
		if g.reclaim() {
			g.endBody()
		}
	}
	if s == hijacked {
		if e.panicked != nil {
			panic(e.panicked)
		}
		return
	}
	switch {
	case returned:
		b.queue(g, e == exit{})
	case !gone && b.reserve():
		defer b.leave(g, true)
	case gone:
		defer b.abandon(g) // The client has its answer, or only sends no more.
	case g.http1:
		g.sendNow() // So that the answer does not wait for the handler.
		b.stay(g)
	default:
		// Over HTTP/2 the answer ends when this goroutine returns, so it must not
		// stay.
		b.overdue.Add(1)
		defer b.leave(g, true)
	}
	if e.panicked != nil || e.goexit {
		// As if this were the handler's goroutine.
		g.handBack()
		if e.panicked != nil {
			panic(e.panicked)
		}
		runtime.Goexit() // No filter recovers that, and net/http breaks off as for a panic.
	}
	g.handBack()
}

// handBack bounds what net/http would otherwise wait for without a bound when the
// serve goroutine returns to it.
func (g *guard) handBack() {
	g.drain()
	g.limitFlush(g.linger())
}

// queue keeps the serve goroutine of an answer until the reports on it are said,
// if too many others have left reports behind that cannot be said. Over HTTP/1
// the answer is sent first, unless its handler broke off with a panic or Goexit:
// whoever recovers that may yet answer.
func (b *Boundary) queue(g *guard, whole bool) {
	if g.said() || b.reporting.Load() < b.maxOverdue() {
		return
	}
	if g.http1 && whole {
		g.sendNow()
	}
	g.mu.Lock()
	g.limitHold() // It may wait for ever, and who waits for it must not.
	g.mu.Unlock()
	for !g.said() {
		<-g.events
	}
}

// sendNow sends an answer over HTTP/1 that is to wait for nothing which follows,
// nor for what is left of its request beyond the bounds of drain and limitRest.
func (g *guard) sendNow() {
	g.drain()
	var until time.Time
	if !g.evict() {
		until = g.limitRest()
	}
	g.limitFlush(until)
	_ = g.rc().Flush()
	if !until.IsZero() && !until.Equal(whenever) {
		// It would pass for the client's going, while the handler is waited for.
		g.setDeadlines(&time.Time{}, nil)
	}
}

// timedOut answers a request of which nothing was committed at the deadline.
func (b *Boundary) timedOut(g *guard) {
	left := b.reserve()
	if left {
		defer b.leave(g, true)
	}
	interrupted := g.reclaim()
	if !left && !g.join(cappedJoinTime) && g.giveUp() {
		g.cut()
		b.stay(g)
		panic(http.ErrAbortHandler)
	}
	if g.lost() {
		panic(http.ErrAbortHandler)
	}
	if count := g.counting(); count != nil {
		contain("timeout", count)
	}
	g.respond(interrupted)
}

// counting returns the function that counts a request that has timed out, or nil:
// that of the bound that has struck, if it has one, and otherwise the Boundary's.
func (g *guard) counting() func() {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.struck != nil && g.struck.timedOut != nil:
		return g.struck.timedOut
	case g.b.TimedOut == nil:
		return nil
	}
	return func() { g.b.TimedOut(g.outer) }
}

// giveUp has a request whose handler cannot be left behind end without an answer,
// unless the handler has returned.
func (g *guard) giveUp() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.cutOff = !g.returned
	return g.cutOff
}

// lost reports whether a hijack has taken the connection before the answer.
func (g *guard) lost() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.taken
}

// clientGone ends a request that there is nobody to answer.
func (b *Boundary) clientGone(g *guard) {
	g.cut()
	b.abandon(g)
	panic(http.ErrAbortHandler)
}

// abandon has the handler of a client that has gone run on. Over HTTP/2 the serve
// goroutine stays with it, so that net/http counts it among those of its
// connection. Over HTTP/1 the connection ends with the request, so there is
// nothing to count, and the handler is left behind: a server that shuts down
// would wait for a serve goroutine that stays.
func (b *Boundary) abandon(g *guard) {
	if g.http1 {
		b.leave(g, false)
	} else {
		b.stay(g)
	}
}

// abort ends a response that was under way. Over HTTP/2 the panic has net/http
// reset the stream, after every filter has seen it, so the stream need not be
// reset before, unless a call is waiting in it. If a filter outside recovers the
// panic and does not raise it again, the part passes for the whole there.
func (b *Boundary) abort(g *guard) {
	g.mu.Lock()
	gone, busy := g.ending == byClient, g.busy()
	g.mu.Unlock()
	left := !gone && b.reserve()
	if g.http1 || busy || !left {
		g.cut()
	}
	switch {
	case left:
		b.leave(g, true)
	case gone:
		b.abandon(g)
	default:
		b.stay(g)
	}
	panic(http.ErrAbortHandler)
}

// stay waits for the handler to return. What is to be said is said meanwhile.
func (b *Boundary) stay(g *guard) {
	o := &overdue{g: g}
	if b.joined(o) {
		return
	}
	go o.left()
	for !g.hasReturned() {
		<-g.events
	}
}

func (b *Boundary) maxOverdue() int64 {
	if b.MaxOverdue == 0 {
		return DefaultMaxOverdue
	}
	return b.MaxOverdue
}

// reserve takes a place among the overdue handlers, if there is one.
func (b *Boundary) reserve() bool {
	if b.overdue.Add(1) > b.maxOverdue() {
		b.overdue.Add(-1)
		return false
	}
	return true
}

// leave joins the handler, or leaves it behind: if capped, in the place that was
// reserved for it.
func (b *Boundary) leave(g *guard, capped bool) {
	o := &overdue{g: g, capped: capped}
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

// joined reports whether the handler has returned within the join. One that
// has not is overdue from then on.
func (b *Boundary) joined(o *overdue) bool {
	d := b.JoinTime
	if d == 0 {
		d = DefaultJoinTime
	}
	if o.g.join(d) {
		o.free()
		return true
	}
	return o.begin()
}

// release is the last that the serve goroutine does. A handler that has
// returned without waiting for what it has started finds its context at an end,
// as with net/http.
func (g *guard) release() {
	g.endContext(context.Canceled)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.released = true
	g.account()
	g.limitHold()
}
