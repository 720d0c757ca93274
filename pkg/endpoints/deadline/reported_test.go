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
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
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
// takes over, one that the handler does, and one that it adds. None is said
// while the handler is running, unless it is overdue, and a filter that unwinds
// learns from Decided whether the boundary has ended the request in its place.
func TestReportsAreSaidOnce(t *testing.T) {
	late := func() { time.Sleep(2 * deadline) }
	for name, tt := range map[string]struct {
		handler func(w http.ResponseWriter, r *http.Request)
		client  time.Duration // when it goes
		outcome string
		decided bool // before the handler has returned
		overdue bool // so that it is said before it has, too
		max     int64
	}{
		"returns":        {func(http.ResponseWriter, *http.Request) {}, 0, "answered 200 0", false, false, 0},
		"answers":        {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(201); io.WriteString(w, "abc") }, 0, "answered 201 3", false, false, 0},
		"informs":        {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(103) }, 0, "answered 200 0", false, false, 0},
		"panics":         {func(http.ResponseWriter, *http.Request) { panic("boom") }, 0, "answered 500 0", false, false, 0},
		"aborts":         {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 0, "answered 0 0", false, false, 0},
		"exits":          {func(http.ResponseWriter, *http.Request) { runtime.Goexit() }, 0, "aborted 0 0", false, false, 0},
		"hijacks":        {func(w http.ResponseWriter, _ *http.Request) { w.(http.Hijacker).Hijack() }, 0, "hijacked 0 0", false, false, 0},
		"honours":        {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, 0, "timed out 504 0", true, false, 0},
		"stays":          {func(http.ResponseWriter, *http.Request) { late() }, 0, "timed out 504 0", true, true, 0},
		"panics, late":   {func(http.ResponseWriter, *http.Request) { late(); panic("boom") }, 0, "timed out 504 0", true, true, 0},
		"is cut off":     {func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ab"); late() }, 0, "aborted 200 2", true, true, 0},
		"is over a cap":  {func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ab"); late() }, 0, "aborted 200 2", true, true, -1},
		"loses a client": {func(http.ResponseWriter, *http.Request) { late() }, tick, "client gone 0 0", true, true, 0},
		"loses it midst": {func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ab"); late() }, tick, "client gone 200 2", true, true, 0},
		"is complete": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "2")
			io.WriteString(w, "ab")
			late()
		}, 0, "answered 200 2", false, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			inBubbles(t, func(t *testing.T, http1 bool) {
				var rec record
				tr := newTrial(t, http1, deadline, func(w http.ResponseWriter, r *http.Request) {
					if !hasReport(r.Context(), "left") || hasReport(r.Context(), "added") {
						t.Error("its reports are not those of the boundary")
					}
					for _, key := range []string{"taken", "added"} {
						if Report(r.Context(), key, rec.say(key, "handler")) == nil {
							t.Error("the report was not taken")
						}
					}
					defer func() {
						synctest.Wait() // What the end of the request brings about is over with.
						o, ok := Decided(r.Context())
						if ok != tt.decided || ok && !strings.HasPrefix(tt.outcome, fmt.Sprintf("%s %d %d", o.Kind, o.Status, o.Bytes)) {
							t.Errorf("decided: %v, %+v", ok, o)
						}
						if said := rec.said["left"]; tt.overdue != (len(said) == 1) {
							t.Errorf("said while the handler is running: %q", said)
						}
					}()
					tt.handler(w, r)
				})
				tr.boundary.MaxOverdue = tt.max
				if tt.client != 0 {
					tr.wrap = clientGoesAfter(tt.client)
				}
				for _, key := range []string{"left", "taken"} {
					tr.boundary.Reporters = append(tr.boundary.Reporters, Reporter{Key: key, Say: rec.say(key, "outer")})
				}
				tr.run()
				<-tr.returned
				synctest.Wait()
				for key, want := range map[string]string{
					"left": "outer: " + tt.outcome, "taken": "handler: " + tt.outcome, "added": "handler: " + tt.outcome,
				} {
					if got := rec.said[key]; len(got) != 1 || got[0] != want {
						t.Errorf("%s: said %q, want %q", key, got, want)
					}
				}
			})
		})
	}
}

// TestReportsAreSaidInOrder: as filters would that unwind.
func TestReportsAreSaidInOrder(t *testing.T) {
	inBubbles(t, func(t *testing.T, http1 bool) {
		var said []string
		say := func(what string) func(*http.Request, Outcome) {
			return func(*http.Request, Outcome) { said = append(said, what) }
		}
		tr := newTrial(t, http1, deadline, func(w http.ResponseWriter, r *http.Request) {
			Report(r.Context(), "added", say("added"))
			Report(r.Context(), "middle", say("middle"))
		})
		for _, key := range []string{"outermost", "middle", "inner"} {
			tr.boundary.Reporters = append(tr.boundary.Reporters, Reporter{Key: key, Say: say(key)})
		}
		tr.run()
		if want := []string{"added", "inner", "middle", "outermost"}; !slices.Equal(said, want) {
			t.Errorf("said %q, want %q", said, want)
		}
	})
}

// TestDecidedSealsNothingThatMayWin: a handler that has its answer yet to give is asked
// nothing, and one that has lost is told how, and not what it has come to.
func TestDecidedSealsNothingThatMayWin(t *testing.T) {
	inBubbles(t, func(t *testing.T, http1 bool) {
		tr := newTrial(t, http1, deadline, func(w http.ResponseWriter, r *http.Request) {
			for _, part := range []string{"a", "b"} {
				io.WriteString(w, part)
				if o, ok := Decided(r.Context()); ok {
					t.Errorf("decided: %+v", o)
				}
			}
		}).run()
		tr.want(done)
		if tr.body.String() != "ab" {
			t.Errorf("got %q", tr.body.String())
		}
	})
	if _, ok := Decided(context.Background()); ok {
		t.Error("decided outside a boundary")
	}
}

// TestDecidedBeforeTheServeGoroutineKnows that the time is over, which the handler
// may see first: nothing that was not committed can be any more.
func TestDecidedBeforeTheServeGoroutineKnows(t *testing.T) {
	over, cancel := context.WithTimeout(context.Background(), -1)
	defer cancel()
	for _, commits := range []bool{false, true} {
		g := newGuard(newBoundary(), http.NotFoundHandler(), httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil).WithContext(over))
		if commits {
			g.state, g.status = committed, http.StatusOK // In time.
		}
		o, ok := Decided(g.inner.Context())
		if ok == commits || ok && (o.Kind != TimedOut || o.Status != http.StatusGatewayTimeout) {
			t.Errorf("committed: %t: got %+v, %t", commits, o, ok)
		}
		if _, err := g.Write(nil); (err == http.ErrHandlerTimeout) != ok {
			t.Errorf("committed: %t: a Write after it: %v", commits, err)
		}
		select {
		case <-g.events:
		default:
			t.Errorf("committed: %t: the serve goroutine is not told", commits)
		}
	}
}

// TestWhoWaitsForReports: an answer in time does, until the deadline. One that
// the boundary gives at the deadline does not, nor is it held up by a handler
// that never returns, which hides nothing.
func TestWhoWaitsForReports(t *testing.T) {
	for name, tt := range map[string]struct {
		handler http.HandlerFunc
		report  time.Duration
		took    time.Duration
		said    time.Duration // begun to be
	}{
		"a quick report":                   {func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "a") }, 0, 0, 0},
		"a slow one":                       {func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "a") }, tick, tick, 0},
		"a slow one of an implicit status": {func(http.ResponseWriter, *http.Request) {}, tick, tick, 0},
		"a slow one of a panic":            {func(http.ResponseWriter, *http.Request) { panic("x") }, tick, tick, 0},
		"one that outlasts the deadline":   {func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "a") }, time.Minute, deadline, 0},
		"of a 504":                         {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, time.Minute, deadline, deadline},
		"of one that never returns":        {func(http.ResponseWriter, *http.Request) { time.Sleep(time.Hour) }, time.Minute, deadline, deadline},
		"of a response that is cut": {func(w http.ResponseWriter, _ *http.Request) {
			w.(http.Flusher).Flush()
			time.Sleep(time.Hour)
		}, time.Minute, deadline, deadline},
	} {
		t.Run(name, func(t *testing.T) {
			inBubbles(t, func(t *testing.T, http1 bool) {
				said := make(chan time.Time, 1)
				start := time.Now()
				tr := newTrial(t, http1, deadline, tt.handler)
				tr.boundary.Reporters = []Reporter{{Key: "key", Say: func(*http.Request, Outcome) { said <- time.Now(); time.Sleep(tt.report) }}}
				tr.run()
				if late := tr.took - tt.took; late < 0 || late > DefaultJoinTime {
					t.Errorf("answered after %v, want %v", tr.took, tt.took)
				}
				if late := (<-said).Sub(start) - tt.said; late < 0 || late > 2*DefaultJoinTime {
					t.Errorf("said %v late", late)
				}
				time.Sleep(2 * time.Hour)
			})
		})
	}
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

// TestReportingIsNotOverdue: a handler that has returned, and is only being
// reported on, takes no place among the overdue. It is counted, and when there
// are too many of its kind, an answer waits for what is to be said of it: over
// HTTP/1, where it can be sent before, not with its client.
func TestReportingIsNotOverdue(t *testing.T) {
	log := captureLog(t)
	before := metric(t, "apiserver_reporting_requests")
	inBubbles(t, func(t *testing.T, http1 bool) {
		const blocked = 5 * deadline
		b := newBoundary()
		b.MaxOverdue = 2
		b.Describe = func(*http.Request) []any { return nil }
		b.Reporters = []Reporter{{Key: "key", Say: func(*http.Request, Outcome) { time.Sleep(blocked) }}}
		serve := func() *trial {
			tr := newTrial(t, http1, deadline, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "all") })
			tr.boundary = b
			tr.lateOutcome = func(o Outcome) { t.Errorf("said to be late: %+v", o) }
			tr.run().want(done)
			return tr
		}
		for n := range 2 {
			if tr := serve(); tr.took != deadline {
				t.Errorf("took %v, want %v", tr.took, deadline)
			}
			if got := metric(t, "apiserver_reporting_requests") - before; got != float64(n+1) || b.Overdue() != 0 {
				t.Errorf("%v are only being reported on, want %d; %d are overdue", got, n+1, b.Overdue())
			}
		}
		start := time.Now()
		tr := serve()
		if tr.took != blocked {
			t.Errorf("released after %v, want %v", tr.took, blocked)
		}
		if at := tr.flushed.Sub(start); http1 && at != deadline {
			t.Errorf("sent after %v, want %v", at, deadline)
		}
		time.Sleep(blocked)
		synctest.Wait()
		if got := metric(t, "apiserver_reporting_requests") - before; got != 0 || b.reporting.Load() != 0 {
			t.Errorf("%v and %d are being reported on when all is said", got, b.reporting.Load())
		}
	})
	if got := log.lines("overdue"); len(got) != 0 {
		t.Errorf("logged %q", got)
	}
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
		tr.boundary.Reporters = []Reporter{{Key: "key", Say: rec.say("key", "outer")}}
		tr.run()
		tr.want(aborted)
		synctest.Wait()
		if got := rec.said["key"]; tr.body.String() != "abcdef" || len(got) != 1 || got[0] != "outer: aborted 200 6" {
			t.Errorf("sent %q, said %q", tr.body.String(), got)
		}
	})
}

// hasReport tells whether the boundary around will say, or has said, the report of that key.
func hasReport(ctx context.Context, key any) bool {
	g := guardFrom(ctx)
	if g == nil {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.find(key) != nil
}
