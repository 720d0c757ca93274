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

import "context"

// report is one thing that is to be said about a request. It is said once, when
// the outcome is decided: by the handler goroutine as it unwinds, if it does so
// in time, and otherwise by another, which touches nothing of the handler's.
type report struct {
	// Immutable.
	key any
	// Guarded by the guard's mu, until said.
	say  func(Outcome)
	said bool
}

type reportsKey struct{}

// pending is a list of reports that a boundary is yet to take.
type pending struct {
	key  any
	say  func(Outcome)
	next *pending
}

// WithReport has the boundary that the request is about to cross say the
// report of that key, when the outcome of the request is decided, unless the
// handler takes it over. So a request is reported on that never reaches the
// filter whose business that is. The function may be called by any goroutine.
func WithReport(ctx context.Context, key any, say func(Outcome)) context.Context {
	next, _ := ctx.Value(reportsKey{}).(*pending)
	return context.WithValue(ctx, reportsKey{}, &pending{key, say, next})
}

// HasReport tells whether a boundary will say, or has said, the report of that key.
func HasReport(ctx context.Context, key any) bool {
	for p, _ := ctx.Value(reportsKey{}).(*pending); p != nil; p = p.next {
		if p.key == key {
			return true
		}
	}
	return false
}

// takeReports makes the reports that were registered outside the guard's.
func (g *guard) takeReports() {
	for p, _ := g.ctx.Value(reportsKey{}).(*pending); p != nil; p = p.next {
		g.reports = append(g.reports, report{key: p.key, say: p.say})
	}
}

// Report takes the report of that key over, or adds it, for a handler that
// knows more than was known outside. It is not ok outside a boundary, and when
// it comes too late: the caller then has nothing to say, or says it itself.
func Report(ctx context.Context, key any, say func(Outcome)) (ok bool) {
	g := guardFrom(ctx)
	if g == nil {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := range g.reports {
		if r := &g.reports[i]; r.key == key {
			if !r.said {
				r.say = say
			}
			return true
		}
	}
	g.reports = append(g.reports, report{key: key, say: say})
	return true
}

// Settle is for a filter that speaks for the handler as it unwinds: all that
// is to be written has been. If the response is not sealed yet, the handler
// has won, and its answer is not held up by what the filter does next. It
// reports whether that is so, or there is no boundary; the caller then makes
// the report of that key itself. Otherwise the boundary does. A filter that
// unwinds from a panic says so.
func Settle(ctx context.Context, key any, panicking bool) (mine bool) {
	g := guardFrom(ctx)
	if g == nil {
		return true
	}
	g.mu.Lock()
	for g.writing && !g.sealed() {
		g.idle.Wait()
	}
	if !g.sealed() {
		g.complete(panicking)
		if !panicking {
			defer g.notify()
		}
	}
	defer g.mu.Unlock()
	if g.state != done && g.state != hijacked {
		return false
	}
	for i := range g.reports {
		if r := &g.reports[i]; r.key == key {
			mine, r.said = !r.said, true
			return mine
		}
	}
	return true
}

// report says what has not been said. The guard is sealed.
func (g *guard) report() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := 0; i < len(g.reports); i++ {
		if g.reports[i].said {
			continue
		}
		g.reports[i].said = true
		say, o := g.reports[i].say, g.outcome()
		g.mu.Unlock()
		say(o)
		g.mu.Lock()
	}
}
