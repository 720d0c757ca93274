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
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Bind makes the deadline of ctx, which a handler derived from its request's
// context, a deadline of the response: when it passes before release is
// called, the boundary ends the request as at its own deadline, with that
// answer when nothing was committed. A bound can be tighter than the request's
// deadline, never looser: one that is not nearer adds nothing, and its answer
// is not used. Bounds nest, and cost no goroutine and no timer beyond what ctx
// has.
//
// It is not ok, and does nothing, outside a boundary. It may be called from
// any goroutine.
func Bind(ctx context.Context, answer func() *metav1.Status) (release func(), ok bool) {
	g := guardFrom(ctx)
	if g == nil {
		return nil, false
	}
	if own, ok := g.ctx.Deadline(); ok {
		bound, ok := ctx.Deadline()
		switch {
		case !ok || bound.After(own):
			return func() {}, true
		case bound.Equal(own):
			answer = nil
		}
	}
	return g.bind(&bound{ctx: ctx, answer: answer}), true
}

// bind adds a bound, and returns what takes it back.
func (g *guard) bind(b *bound) (release func()) {
	b.g = g
	g.mu.Lock()
	b.next, g.bounds = g.bounds, b
	g.mu.Unlock()
	b.stop = context.AfterFunc(b.ctx, b.pass)
	return b.release
}

// within serves a request that has come to this boundary within another one. If
// its deadline is nearer than the other boundary's, it binds the response, with
// the answer of this boundary, which then also counts the request. In any case
// the Reporters of this boundary report on the request, and what it lets Hold
// hold is held. The functions of this boundary are given the request as it came
// here, and the handler a copy.
func (b *Boundary) within(g *guard, w http.ResponseWriter, r *http.Request, handler http.Handler) {
	inner := r.Clone(r.Context())
	inner.Trailer = r.Trailer // Which is filled in when the body has been read.
	defer removeFiles(inner, r)
	g.takeOn(b, r)
	deadline, ok := r.Context().Deadline()
	if own, bounded := g.ctx.Deadline(); !ok || bounded && !deadline.Before(own) {
		release, _ := Bind(r.Context(), nil) // One that is the same may end first.
		defer release()
		handler.ServeHTTP(w, inner)
		return
	}
	tighter := &bound{ctx: r.Context(), answer: func() *metav1.Status { return b.Answer(r) }}
	if b.TimedOut != nil {
		// It counts a request that has timed out, which need not be found out.
		counted := r.WithContext(context.WithValue(r.Context(), guardKey{}, nil))
		tighter.timedOut = func() { b.TimedOut(counted) }
	}
	defer g.bind(tighter)()
	if errors.Is(r.Context().Err(), context.DeadlineExceeded) {
		return // It starts nothing.
	}
	handler.ServeHTTP(w, inner)
}

// takeOn has the guard do for a boundary within its own, to which its request has
// come as r, what one of that boundary's would do.
func (g *guard) takeOn(b *Boundary, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.mayHold = g.mayHold || !b.NoHold
	for _, reporter := range b.Reporters {
		if g.find(reporter.Key) != nil {
			continue
		}
		of := reporter.report()
		if say := of.say; say != nil {
			of.say = func(_ *http.Request, o Outcome) { say(r, o) }
		}
		g.reports = append(g.reports, of)
	}
}

// bound is a deadline of the handler's own that has not been released.
type bound struct {
	// Immutable.
	g      *guard
	ctx    context.Context
	answer answer // nil for the request's own
	// timedOut counts a request that it has ended; nil for the boundary's.
	timedOut func()
	stop     func() bool
	// Guarded by g.mu.
	next *bound
}

// pass has the serve goroutine look at the bounds, if one of them has passed.
func (b *bound) pass() {
	b.g.mu.Lock()
	passed := b.g.passed()
	b.g.mu.Unlock()
	if passed {
		b.g.notify()
	}
}

// release takes the bound back, unless it has passed.
func (b *bound) release() {
	b.stop()
	b.pass() // Its context may have ended without that having been called.
	b.g.mu.Lock()
	defer b.g.mu.Unlock()
	for p := &b.g.bounds; *p != nil; p = &(*p).next {
		if *p == b {
			*p = b.next
			return
		}
	}
}

// passed reports whether a bound has passed, and notes the first one that has. It
// asks their contexts: a handler that sees its context end may come here before
// the context has called pass. The caller holds mu.
func (g *guard) passed() bool {
	if g.struck != nil || g.sealed() {
		return g.struck != nil
	}
	var first *bound
	var at time.Time
	for b := g.bounds; b != nil; b = b.next {
		if !errors.Is(b.ctx.Err(), context.DeadlineExceeded) {
			continue
		}
		// Of two that pass at once, the outer one.
		if d, _ := b.ctx.Deadline(); first == nil || !at.Before(d) {
			first, at = b, d
		}
	}
	g.struck = first
	return first != nil
}

// answering returns the answer of the bound that has struck, or nil for the
// request's own. The caller holds mu.
func (g *guard) answering() answer {
	if g.struck == nil {
		return nil
	}
	return g.struck.answer
}
