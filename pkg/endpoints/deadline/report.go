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
	"runtime/debug"
	"slices"
	"time"

	"k8s.io/klog/v2"
)

// report is one thing that is to be said about a request. It is said once, when
// the outcome is decided: by the handler goroutine when everything inside the
// boundary has returned, if that is so in time, and otherwise by another, which
// touches nothing of the handler's.
type report struct {
	// Immutable.
	key  any
	last bool // see Reporter.Last
	// Guarded by the guard's mu.
	say    func(*http.Request, Outcome) // nil if there is nothing to be said
	beside bool                         // see Reporter.Beside; not of one that a handler has taken over
	begun  bool                         // it is being said, or has been
	said   bool                         // it has been
}

// Reporter makes the reports of one key, of all requests of a boundary.
type Reporter struct {
	// Key tells a report from others, and is how a handler that knows more finds
	// it. It must be comparable.
	Key any

	// Say, if not nil, reports on a request whose outcome is decided. It is given
	// the request as it came to the boundary, and may be called by any goroutine.
	Say func(r *http.Request, o Outcome)

	// Last has the report of a request that its handler has ended said after the
	// others that its answer waits for, so that it can tell how long they took. The
	// report of a request that the boundary has ended keeps its place: nothing that
	// is stuck is to hold it up.
	Last bool

	// Beside has no answer in time wait for the report, unless a handler has taken
	// it over: it is for what is said only of requests that no filter within
	// reports on, and that would be answered at once without the boundary.
	Beside bool
}

// report is one of the reporter's, which no handler has taken over.
func (r Reporter) report() report {
	return report{key: r.Key, last: r.Last, beside: r.Beside, say: r.Say}
}

// find returns the report of that key, or nil. The caller holds mu.
func (g *guard) find(key any) *report {
	for i := range g.reports {
		if g.reports[i].key == key {
			return &g.reports[i]
		}
	}
	return nil
}

// Report takes over the report of that key, or adds one, for a handler that knows
// more than the boundary's Reporter. If the report has been said, Report changes
// nothing. An answer in time waits for it; with a nil say, nothing is said.
//
// It returns the request as it came to the boundary, which must not be modified;
// no handler touches that one, unlike the request that the handler was given. It
// returns nil outside a boundary, and if it would add a report after the handler
// has returned: then the caller has to say it. say may be called by any
// goroutine, also while the handler is running: it must not touch the handler's
// request, and is given the other one.
func Report(ctx context.Context, key any, say func(r *http.Request, o Outcome)) (outer *http.Request) {
	g := guardFrom(ctx)
	if g == nil {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	switch r := g.find(key); {
	case r == nil && g.returned:
		return nil
	case r == nil:
		g.reports = append(g.reports, report{key: key, say: say})
	case !r.begun:
		r.say, r.beside = say, false
	}
	return g.outer
}

// Decided returns the outcome of a request that a boundary, or LongRunning, has
// ended in its handler's place. It is for a filter that unwinds and keeps a record
// of its own, such as a span: what that has seen is not what was sent. It is not ok
// outside of both, nor if the handler's answer has won or may yet win. If nothing
// was committed when the time was over, no answer can, and Decided seals the guard.
func Decided(ctx context.Context) (o Outcome, ok bool) {
	if owner := ownerFrom(ctx); owner != nil {
		return owner.decided()
	}
	return Outcome{}, false
}

func (g *guard) decided() (o Outcome, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if why := g.over(); g.state == open && why != notOver {
		g.end(why)
		g.notify()
	}
	switch g.state {
	case timedOut, gone, aborted:
		return g.outcome(), true
	}
	return Outcome{}, false
}

// report says what has not been said, in the order of unsaid, and releases what
// was held for that, if there is no more to wait for. The guard is sealed.
func (g *guard) report() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := g.unsaid(); i >= 0; i = g.unsaid() {
		if !g.awaited() {
			g.notify() // The answer goes; this is said beside it.
		}
		g.say(i)
	}
	g.account()
	g.letGo(false)
	g.notify()
}

// said reports whether there is nothing more to be said.
func (g *guard) said() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.allSaid()
}

// allSaid is said for who holds mu.
func (g *guard) allSaid() bool {
	return !slices.ContainsFunc(g.reports, func(r report) bool { return !r.said && r.say != nil })
}

// awaited reports whether there is something to be said that an answer in time
// waits for. The caller holds mu.
func (g *guard) awaited() bool {
	return slices.ContainsFunc(g.reports, func(r report) bool { return !r.beside && !r.said && r.say != nil })
}

// account keeps count of requests that are over, whose handler has returned,
// and that are still being reported on. The caller holds mu, and has changed one
// of the three.
func (g *guard) account() {
	lingers := g.released && g.returned && !g.allSaid()
	switch {
	case lingers == g.lingering:
	case lingers:
		g.b.reporting.Add(1)
		reportingRequests.Inc()
	default:
		g.b.reporting.Add(-1)
		reportingRequests.Dec()
	}
	g.lingering = lingers
}

// unsaid returns which report is to be said next, or -1: the innermost, as filters
// that unwind would. Of a request that its handler has ended, what is to be last
// comes after the others, and what an answer in time does not wait for after that.
// The caller holds mu.
func (g *guard) unsaid() int {
	next, first := -1, 0
	for i := len(g.reports) - 1; i >= 0; i-- {
		r, rank := &g.reports[i], 0
		if r.begun || r.say == nil {
			continue
		}
		if g.state == done || g.state == hijacked {
			if r.last {
				rank++
			}
			if r.beside {
				rank += 2
			}
		}
		if next < 0 || rank < first {
			next, first = i, rank
		}
	}
	return next
}

// say says that report, which nobody has begun to. The caller holds mu, which is
// given up meanwhile: more may be added then.
func (g *guard) say(i int) {
	g.reports[i].begun = true
	// A Write that was under way at the seal is being interrupted. How much it
	// has sent is not known before it has left.
	for g.writing {
		g.idle.Wait()
	}
	say, o := g.reports[i].say, g.outcome()
	g.mu.Unlock()
	defer func() {
		g.mu.Lock()
		g.reports[i].said = true
	}()
	contain("report", func() { say(g.outer, o) })
}

// contain keeps a panic of what others have registered from ending the
// process: it may be called on a goroutine where nobody recovers.
func contain(what string, f func()) {
	defer func() {
		if p := recover(); p != nil {
			klog.ErrorS(nil, "A callback about a request panicked", "what", what, "panic", p, "stacktrace", string(debug.Stack()))
		}
	}()
	f()
}

// Hold has release called once when the handler has returned and everything has
// been said about the request, but at the latest 10 s after the request has ended
// or Hold was called, whichever is later; if the handler has taken the connection
// over, at the deadline of the request. It is for a filter that has somebody wait
// until all requests are over, and that stands around all else that handles them:
// only the first one to call Hold for a request may have it hold something, and
// those further within have to wait for the handler themselves. Hold is not ok
// for those, where the boundary has NoHold (of two boundaries, one within the
// other, where both have), and outside of a boundary. release must not block.
func Hold(ctx context.Context, release func()) (ok bool) {
	g := guardFrom(ctx)
	if g == nil {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.holds || !g.mayHold {
		return false
	}
	g.holds, g.held = true, release
	if g.released || g.sealed() && g.state != hijacked && g.state != done {
		g.limitHold()
	}
	return true
}

// limitHold bounds how long what is held is held from now on. The caller holds mu.
func (g *guard) limitHold() {
	if g.held == nil {
		return
	}
	if g.holdTimer != nil {
		g.holdTimer.Reset(holdTime)
		return
	}
	g.holdTimer = time.AfterFunc(holdTime, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.letGo(true)
	})
}

// letGo releases what is held, if there is no more to wait for or it is time
// to. The caller holds mu, which is given up meanwhile.
func (g *guard) letGo(now bool) {
	if g.held == nil || !now && (!g.returned || !g.allSaid()) {
		return
	}
	release := g.held
	g.held = nil
	if g.holdTimer != nil {
		g.holdTimer.Stop()
	}
	g.mu.Unlock()
	defer g.mu.Lock()
	contain("release", release)
}
