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
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// record is what was said about a request, by key.
type record struct {
	mu   sync.Mutex
	said map[string][]string
}

func (r *record) say(key, by string) func(*http.Request, Outcome) {
	return func(_ *http.Request, o Outcome) {
		r.add(key, fmt.Sprintf("%s: %s %d %d", by, o.Kind, o.Status, o.Bytes))
	}
}

func (r *record) add(key, what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.said == nil {
		r.said = map[string][]string{}
	}
	r.said[key] = append(r.said[key], what)
}

// TestReportsAreSaidOnce goes through every way out with a report that nobody
// takes over, one that the handler does, one that it adds, and one that a
// filter of its makes itself when it settles in time.
func TestReportsAreSaidOnce(t *testing.T) {
	for name, tt := range map[string]struct {
		handler func(w http.ResponseWriter, r *http.Request)
		client  time.Duration // when it goes
		outcome string
		settled bool // whether Settle says that the report is the filter's
		max     int64
	}{
		"returns":        {func(http.ResponseWriter, *http.Request) {}, 0, "answered 200 0", true, 0},
		"answers":        {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(201); io.WriteString(w, "abc") }, 0, "answered 201 3", true, 0},
		"panics":         {func(http.ResponseWriter, *http.Request) { panic("boom") }, 0, "answered", true, 0},
		"exits":          {func(http.ResponseWriter, *http.Request) { runtime.Goexit() }, 0, "answered", true, 0},
		"hijacks":        {func(w http.ResponseWriter, _ *http.Request) { w.(http.Hijacker).Hijack() }, 0, "hijacked 0 0", true, 0},
		"honours":        {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, 0, "timed out 504 0", false, 0},
		"stays":          {func(http.ResponseWriter, *http.Request) { time.Sleep(2 * deadline) }, 0, "timed out 504 0", false, 0},
		"panics, late":   {func(http.ResponseWriter, *http.Request) { time.Sleep(2 * deadline); panic("boom") }, 0, "timed out 504 0", false, 0},
		"is cut off":     {func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ab"); time.Sleep(2 * deadline) }, 0, "aborted 200 2", false, 0},
		"is over a cap":  {func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ab"); time.Sleep(2 * deadline) }, 0, "aborted 200 2", false, -1},
		"loses a client": {func(http.ResponseWriter, *http.Request) { time.Sleep(2 * deadline) }, tick, "client gone 0 0", false, 0},
		"loses it midst": {func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ab"); time.Sleep(2 * deadline) }, tick, "client gone 200 2", false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			inBubbles(t, func(t *testing.T, http1 bool) {
				var rec record
				tr := newTrial(t, http1, deadline, func(w http.ResponseWriter, r *http.Request) {
					if !HasReport(r.Context(), "left") || HasReport(r.Context(), "added") {
						t.Error("HasReport is wrong")
					}
					for _, key := range []string{"taken", "added"} {
						if Report(r.Context(), key, rec.say(key, "handler")) == nil {
							t.Error("the report was not taken")
						}
					}
					defer func() {
						p := recover()
						for range 2 { // A filter settles once; another one, after that, must not say it again.
							if Settle(r.Context(), "settled", p != nil) {
								rec.add("settled", "filter")
							}
						}
						if p != nil {
							panic(p)
						}
					}()
					tt.handler(w, r)
				})
				tr.boundary.MaxOverdue = tt.max
				tr.wrap = func(ctx context.Context) (context.Context, context.CancelFunc) {
					if tt.client != 0 {
						return clientGoesAfter(tt.client)(ctx)
					}
					return ctx, func() {}
				}
				for _, key := range []string{"left", "taken", "settled"} {
					tr.boundary.Reporters = append(tr.boundary.Reporters, Reporter{key, rec.say(key, "outer")})
				}
				tr.run()
				<-tr.returned
				synctest.Wait()
				want := map[string]string{
					"left": "outer: " + tt.outcome, "taken": "handler: " + tt.outcome, "added": "handler: " + tt.outcome,
					"settled": "outer: " + tt.outcome,
				}
				if tt.settled {
					want["settled"] = "filter"
				}
				for key, want := range want {
					if got := rec.said[key]; len(got) != 1 || !strings.HasPrefix(got[0], want) {
						t.Errorf("%s: said %q, want %q", key, got, want)
					}
				}
			})
		})
	}
}

// TestReportsDoNotWait: a handler that never returns hides nothing, and a
// report that takes its time holds no answer up.
func TestReportsDoNotWait(t *testing.T) {
	inBubbles(t, func(t *testing.T, http1 bool) {
		for name, handler := range map[string]http.HandlerFunc{
			"in time": func(http.ResponseWriter, *http.Request) {},
			"late":    func(http.ResponseWriter, *http.Request) { time.Sleep(time.Hour) },
		} {
			said := make(chan time.Time, 1)
			start := time.Now()
			tr := newTrial(t, http1, deadline, handler)
			tr.boundary.Reporters = []Reporter{{"key", func(*http.Request, Outcome) { said <- time.Now(); time.Sleep(time.Minute) }}}
			tr.run()
			if limit := deadline + 2*DefaultJoinTime; tr.took > limit {
				t.Errorf("%s: answered after %v", name, tr.took)
			} else if after := (<-said).Sub(start); after > limit {
				t.Errorf("%s: said after %v", name, after)
			}
		}
		time.Sleep(2 * time.Hour)
	})
}

// TestTheJoinHoldsUpNoAnswer: an HTTP/1 answer is out before the join, and an
// HTTP/2 answer ends when the serve goroutine returns.
func TestTheJoinHoldsUpNoAnswer(t *testing.T) {
	inBubbles(t, func(t *testing.T, http1 bool) {
		returned := make(chan time.Time, 1)
		start := time.Now()
		tr := newTrial(t, http1, deadline, func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			time.Sleep(DefaultJoinTime / 2)
			returned <- time.Now()
		}).run()
		tr.want(timedOut)
		want := deadline
		if http1 {
			want += DefaultJoinTime / 2
		}
		if tr.took != want {
			t.Errorf("the serve goroutine returned after %v, want %v", tr.took, want)
		}
		if after := (<-returned).Sub(start); after != deadline+DefaultJoinTime/2 {
			t.Errorf("the handler returned after %v", after)
		}
		synctest.Wait()
		if n := tr.boundary.Overdue(); n != 0 {
			t.Errorf("%d are overdue", n)
		}
	})
}

// TestSettledAnswerDoesNotWait: what a filter does after it has settled holds
// no answer up, and costs the handler none.
func TestSettledAnswerDoesNotWait(t *testing.T) {
	inBubbles(t, func(t *testing.T, http1 bool) {
		tr := newTrial(t, http1, deadline, func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "whole")
			if !Settle(r.Context(), "key", false) {
				t.Error("not the filter's")
			}
			wantSealed(t, w, r, errReturned, http.ErrBodyReadAfterClose)
			time.Sleep(2 * deadline)
		}).run()
		tr.want(done)
		if tr.took > DefaultJoinTime || tr.body.String() != "whole" {
			t.Errorf("got %q after %v", tr.body.String(), tr.took)
		}
	})
}

// TestReportCountsAnInterruptedWrite: what a goroutine was writing at the seal
// that the handler had left behind is in the report, if it went out.
func TestReportCountsAnInterruptedWrite(t *testing.T) {
	inBubbles(t, func(t *testing.T, http1 bool) {
		var rec record
		tr := newTrial(t, http1, deadline, func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "abc")
			f := fakeOf(w)
			f.stall()
			time.AfterFunc(deadline+tick, f.unstall)
			go io.WriteString(w, "def")
			time.Sleep(tick)
		})
		tr.deaf = true
		tr.boundary.Reporters = []Reporter{{"key", rec.say("key", "outer")}}
		tr.run()
		tr.want(aborted)
		synctest.Wait()
		if got := rec.said["key"]; tr.body.String() != "abcdef" || len(got) != 1 || got[0] != "outer: aborted 200 6" {
			t.Errorf("sent %q, said %q", tr.body.String(), got)
		}
	})
}
