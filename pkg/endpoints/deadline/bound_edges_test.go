//go:build go1.25

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
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestBoundThatAddsNothing: one that is not nearer than the request's deadline is not kept, and one outside of a
// boundary neither.
func TestBoundThatAddsNothing(t *testing.T) {
	if release, ok := Bind(context.Background(), boundStatus); release != nil || ok {
		t.Errorf("outside of a boundary: %v", ok)
	}
	inBubbles(t, func(t *testing.T, http1 bool) {
		newTrial(t, http1, deadline, func(_ http.ResponseWriter, r *http.Request) {
			looser, cancel := context.WithDeadline(context.WithoutCancel(r.Context()), time.Now().Add(2*deadline))
			defer cancel()
			for name, ctx := range map[string]context.Context{"looser": looser, "none": context.WithoutCancel(r.Context())} {
				release, ok := Bind(ctx, boundStatus)
				if g := guardFrom(r.Context()); g.bounds != nil || !ok {
					t.Errorf("%s: got %v, and what is kept is %v", name, ok, g.bounds)
				}
				release()
			}
			for _, d := range []time.Duration{tick, deadline} {
				ctx, cancel := context.WithTimeout(r.Context(), d)
				defer cancel()
				release, _ := Bind(ctx, boundStatus)
				if g := guardFrom(r.Context()); g.bounds == nil {
					t.Errorf("after %v: it is not kept", d)
				}
				release()
			}
		}).run().want(done)
	})
}

// stopped is a context that says how many of the functions are to be called that have not been taken back.
type stopped struct {
	context.Context
	functions int
	done      chan struct{}
}

// Done is its own, so that package context asks for AfterFunc.
func (s *stopped) Done() <-chan struct{} { return s.done }

func (s *stopped) AfterFunc(func()) (stop func() bool) {
	s.functions++
	return func() bool { s.functions--; return true }
}

// TestReleaseLeavesNothingBehind with a context that may go on for long.
func TestReleaseLeavesNothingBehind(t *testing.T) {
	inBubbles(t, func(t *testing.T, http1 bool) {
		newTrial(t, http1, 0, func(_ http.ResponseWriter, r *http.Request) {
			ctx := &stopped{Context: r.Context(), done: make(chan struct{})}
			release, _ := Bind(ctx, boundStatus)
			if ctx.functions != 1 {
				t.Errorf("%d functions wait for the end of the context, want 1", ctx.functions)
			}
			if release(); ctx.functions != 0 {
				t.Errorf("%d functions wait for the end of the context after the release", ctx.functions)
			}
		}).run().want(done)
	})
}

// TestFirstBoundThatPasses: its answer stays the answer, and after the seal no bound passes.
func TestFirstBoundThatPasses(t *testing.T) {
	ctx, cancel := context.WithDeadline(context.Background(), longAgo)
	defer cancel()
	second := &bound{ctx: ctx, answer: saying("second")}
	g := &guard{struck: &bound{answer: saying("first")}, bounds: second}
	if got := g.passed(); !got || said(g.answering()) != "bound first" {
		t.Errorf("got %v, %s", got, said(g.answering()))
	}
	g = &guard{state: done, bounds: second}
	if got := g.passed(); got || g.answering() != nil {
		t.Errorf("after the seal: got %v, %s", got, said(g.answering()))
	}
	g = &guard{bounds: second}
	if got := g.passed(); !got || said(g.answering()) != "bound second" {
		t.Errorf("got %v, %s", got, said(g.answering()))
	}
}

func said(answer func() *metav1.Status) string {
	if answer == nil {
		return "nothing"
	}
	return answer().Message
}
