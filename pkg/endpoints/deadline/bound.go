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
	b := &bound{g: g, ctx: ctx, answer: answer}
	g.mu.Lock()
	b.next, g.bounds = g.bounds, b
	g.mu.Unlock()
	b.stop = context.AfterFunc(ctx, b.pass)
	return b.release, true
}

// bound is a deadline of the handler's own that has not been released.
type bound struct {
	// Immutable.
	g      *guard
	ctx    context.Context
	answer answer // nil for the request's own
	stop   func() bool
	// Guarded by g.mu.
	next *bound
}

// pass has the serve goroutine look at the bounds.
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

// passed reports whether a bound has passed, and notes the answer of the first
// one that has. It asks their contexts: a handler that sees its context end
// may be here before the function is called that the context has for that. The
// caller holds mu.
func (g *guard) passed() bool {
	if g.bound || g.sealed() {
		return g.bound
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
	if first != nil {
		g.bound, g.answer = true, first.answer
	}
	return g.bound
}
