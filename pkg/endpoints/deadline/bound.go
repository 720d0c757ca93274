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

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

type guardKey struct{}

func guardFrom(ctx context.Context) *guard {
	g, _ := ctx.Value(guardKey{}).(*guard)
	return g
}

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
			g.mu.Lock()
			answer = g.answer
			g.mu.Unlock()
		}
	}
	pass := func() {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			g.pass(answer)
		}
	}
	stop := context.AfterFunc(ctx, pass)
	return func() {
		stop()
		// The context may have ended without the function above having run.
		pass()
	}, true
}

// pass notes that a bound has passed, the first one only.
func (g *guard) pass(answer answer) {
	g.mu.Lock()
	if !g.bound && !g.sealed() {
		g.bound, g.answer = true, answer
	}
	g.mu.Unlock()
	g.notify()
}

// request returns the handler's own copy of r: its headers, URL, trailer and
// body are touched by nobody else.
func (g *guard) request(r *http.Request) *http.Request {
	inner := r.Clone(context.WithValue(r.Context(), guardKey{}, g))
	if r.Body != nil && r.Body != http.NoBody {
		g.body = &body{g: g, real: r.Body, outer: r, inner: inner, declared: r.ContentLength}
		inner.Body = g.body
	}
	return inner
}
