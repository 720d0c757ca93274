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
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// saying is the answer of a bound by that name.
func saying(name string) func() *metav1.Status {
	return func() *metav1.Status { s := boundStatus(); s.Message = "bound " + name; return s }
}

// bind binds the response to a time from now.
func bind(ctx context.Context, d time.Duration, name string) (bound context.Context, release func()) {
	bound, cancel := context.WithTimeout(ctx, d)
	release, _ = Bind(bound, saying(name))
	context.AfterFunc(ctx, cancel)
	return bound, release
}

func TestBinds(t *testing.T) {
	const own = "the request's deadline"
	for name, tt := range map[string]struct {
		handler func(w http.ResponseWriter, ctx context.Context)
		answer  string // in the 504; "" is the handler's 200
		after   time.Duration
	}{
		"tighter": {func(_ http.ResponseWriter, ctx context.Context) { bind(ctx, tick, "a"); time.Sleep(2 * deadline) }, "bound a", tick},
		"looser":  {func(_ http.ResponseWriter, ctx context.Context) { bind(ctx, 2*deadline, "a"); time.Sleep(2 * deadline) }, own, deadline},
		"equal":   {func(_ http.ResponseWriter, ctx context.Context) { bind(ctx, deadline, "a"); time.Sleep(2 * deadline) }, own, deadline},
		"without a deadline": {func(_ http.ResponseWriter, ctx context.Context) {
			Bind(context.WithoutCancel(ctx), saying("a"))
			time.Sleep(2 * deadline)
		}, own, deadline},
		"honoured": {func(w http.ResponseWriter, ctx context.Context) {
			ctx, release := bind(ctx, tick, "a")
			<-ctx.Done()
			release()
			http.Error(w, "storage: "+ctx.Err().Error(), 500)
		}, "bound a", tick},
		"released": {func(_ http.ResponseWriter, ctx context.Context) {
			_, release := bind(ctx, tick, "a")
			time.Sleep(tick / 2)
			release()
			release()
			time.Sleep(tick)
		}, "", 3 * tick / 2},
		"cancelled": {func(_ http.ResponseWriter, ctx context.Context) {
			ctx, cancel := context.WithTimeout(ctx, tick)
			release, _ := Bind(ctx, saying("a"))
			cancel()
			time.Sleep(2 * tick)
			release()
		}, "", 2 * tick},
		"nested, the inner first": {func(_ http.ResponseWriter, ctx context.Context) {
			ctx, _ = bind(ctx, 2*tick, "a")
			bind(ctx, tick, "b")
			time.Sleep(2 * deadline)
		}, "bound b", tick},
		"nested, the outer first": {func(_ http.ResponseWriter, ctx context.Context) {
			ctx, _ = bind(ctx, tick, "a")
			bind(ctx, 2*tick, "b")
			time.Sleep(2 * deadline)
		}, "bound a", tick},
		"nested, the inner released": {func(_ http.ResponseWriter, ctx context.Context) {
			ctx, _ = bind(ctx, 2*tick, "a")
			_, release := bind(ctx, tick, "b")
			release()
			time.Sleep(2 * deadline)
		}, "bound a", 2 * tick},
		"nested, the outer released": {func(_ http.ResponseWriter, ctx context.Context) {
			_, release := bind(ctx, tick, "a")
			bind(ctx, 2*tick, "b")
			release()
			time.Sleep(2 * deadline)
		}, "bound b", 2 * tick},
		"by another goroutine": {func(_ http.ResponseWriter, ctx context.Context) {
			go bind(ctx, tick, "a")
			time.Sleep(2 * deadline)
		}, "bound a", tick},
		"one after the other": {func(_ http.ResponseWriter, ctx context.Context) {
			for range 3 {
				_, release := bind(ctx, tick, "a")
				time.Sleep(tick - 1)
				release()
			}
		}, "", 3*tick - 3},
	} {
		t.Run(name, func(t *testing.T) {
			inBubbles(t, func(t *testing.T, http1 bool) {
				tr := newTrial(t, http1, deadline, func(w http.ResponseWriter, r *http.Request) { tt.handler(w, r.Context()) })
				tr.run()
				if late := tr.took - tt.after; late < 0 || late > DefaultJoinTime {
					t.Errorf("took %v, want %v", tr.took, tt.after)
				}
				if tt.answer == "" {
					tr.want(done)
					return
				}
				tr.want(timedOut)
				if got := tr.body.String(); !strings.Contains(got, tt.answer) {
					t.Errorf("got %s, want %q", got, tt.answer)
				}
			})
		})
	}
}

// TestBoundOfAResponseUnderWay: it is cut when a bound passes, unless it is known
// to be complete. Its handler may know of the bound by the context that has it, and
// return for that, with a part: it is granted no time.
func TestBoundOfAResponseUnderWay(t *testing.T) {
	inBubbles(t, func(t *testing.T, http1 bool) {
		for _, tt := range []struct {
			length string
			after  time.Duration
			want   state
		}{
			{"", -1, done},
			{"", commitTime / 2, aborted},
			{"1", commitTime / 2, done},
		} {
			newTrial(t, http1, deadline, func(w http.ResponseWriter, r *http.Request) {
				bind(r.Context(), tick, "a")
				if tt.length != "" {
					w.Header().Set("Content-Length", tt.length)
				}
				io.WriteString(w, "x")
				time.Sleep(tick + tt.after)
			}).run().want(tt.want)
		}
	})
}

func TestBindAfterTheSeal(t *testing.T) {
	inBubbles(t, func(t *testing.T, http1 bool) {
		tr := newTrial(t, http1, deadline, func(_ http.ResponseWriter, r *http.Request) {
			time.Sleep(deadline + 1)
			_, release := bind(context.WithoutCancel(r.Context()), tick, "a")
			time.Sleep(2 * tick)
			release()
		}).run()
		tr.want(timedOut)
		if strings.Contains(tr.body.String(), "bound a") {
			t.Errorf("got %s", tr.body.String())
		}
		<-tr.returned
	})
}

// tardy is a context that calls no function when it ends: as one whose
// functions have been started and have not got to run.
type tardy struct{ context.Context }

func (tardy) Done() <-chan struct{} { return nil }

// TestBoundThatNobodyHasHeardOf: a handler that sees its context end may be
// here before the function that says so to the guard.
func TestBoundThatNobodyHasHeardOf(t *testing.T) {
	for name, then := range map[string]func(w http.ResponseWriter, release func()){
		"Write":          func(w http.ResponseWriter, _ func()) { io.WriteString(w, "storage: deadline exceeded") },
		"WriteHeader":    func(w http.ResponseWriter, _ func()) { w.WriteHeader(500) },
		"Flush":          func(w http.ResponseWriter, _ func()) { w.(http.Flusher).Flush() },
		"return":         func(http.ResponseWriter, func()) {},
		"panic":          func(http.ResponseWriter, func()) { panic("deadline exceeded") },
		"release":        func(w http.ResponseWriter, release func()) { release(); w.WriteHeader(500) },
		"release, stay":  func(w http.ResponseWriter, release func()) { release(); time.Sleep(2 * deadline) },
		"informational":  func(w http.ResponseWriter, _ func()) { w.WriteHeader(103); w.WriteHeader(500) },
		"release, write": func(w http.ResponseWriter, release func()) { release(); io.WriteString(w, "error") },
	} {
		t.Run(name, func(t *testing.T) {
			inBubbles(t, func(t *testing.T, http1 bool) {
				tr := newTrial(t, http1, deadline, func(w http.ResponseWriter, r *http.Request) {
					ctx, cancel := context.WithTimeout(r.Context(), tick)
					defer cancel()
					release, _ := Bind(tardy{ctx}, boundStatus)
					<-ctx.Done()
					then(w, release)
				}).run()
				tr.want(timedOut)
				if !strings.Contains(tr.body.String(), boundStatus().Message) || len(tr.informational) != 0 {
					t.Errorf("got %d, %s", tr.informational, tr.body.String())
				}
			})
		})
	}
}

// TestPartOfAHandlerThatIsFaster: it sees its context end, and returns before
// anybody else has. What it had written is not taken for all that it had to say.
func TestPartOfAHandlerThatIsFaster(t *testing.T) {
	for name, tt := range map[string]struct {
		commit func(w http.ResponseWriter)
		want   state
	}{
		"a part that was flushed":               {func(w http.ResponseWriter) { io.WriteString(w, "x"); w.(http.Flusher).Flush() }, aborted},
		"a header that was flushed, and a part": {func(w http.ResponseWriter) { w.(http.Flusher).Flush(); io.WriteString(w, "x") }, aborted},
		"a part":                                {func(w http.ResponseWriter) { io.WriteString(w, "x") }, aborted},
		"an answer whose length is met": {func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "1")
			io.WriteString(w, "x")
			w.(http.Flusher).Flush()
		}, done},
	} {
		t.Run(name, func(t *testing.T) {
			inBubbles(t, func(t *testing.T, http1 bool) {
				tr := newTrial(t, http1, deadline, func(w http.ResponseWriter, r *http.Request) {
					ctx, cancel := context.WithTimeout(r.Context(), tick)
					defer cancel()
					tt.commit(w)
					Bind(tardy{ctx}, boundStatus)
					<-ctx.Done()
				}).run()
				tr.want(tt.want)
			})
		})
	}
}
