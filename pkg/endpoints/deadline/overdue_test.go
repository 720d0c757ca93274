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
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/component-base/metrics/legacyregistry"
	"k8s.io/klog/v2"
	"k8s.io/klog/v2/textlogger"
)

// locked is a buffer that log lines go to.
type locked struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// lines returns the lines so far that contain s.
func (l *locked) lines(s string) (found []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.b.String()) {
		if strings.Contains(line, s) {
			found = append(found, line)
		}
	}
	return found
}

// captureLog has klog write to a buffer until the test is over.
func captureLog(t *testing.T) *locked {
	l := &locked{}
	klog.SetLogger(textlogger.NewLogger(textlogger.NewConfig(textlogger.Output(l))))
	t.Cleanup(klog.ClearLogger)
	return l
}

// metric returns the value of a gauge, by any label, or of a counter, or the count
// of a histogram.
func metric(t *testing.T, name string) float64 {
	t.Helper()
	RegisterMetrics()
	families, err := legacyregistry.DefaultGatherer.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		if h := f.GetMetric()[0].GetHistogram(); h != nil {
			return float64(h.GetSampleCount())
		}
		if c := f.GetMetric()[0].GetCounter(); c != nil {
			return c.GetValue()
		}
		sum := 0.0
		for _, m := range f.GetMetric() {
			sum += m.GetGauge().GetValue()
		}
		return sum
	}
	t.Fatalf("there is no metric %s", name)
	return 0
}

// TestOverdueHandler follows a handler that outlasts its request by 65 s.
func TestOverdueHandler(t *testing.T) {
	// Left behind, its client with a 504; or the serve goroutine stays, and its client has nothing.
	for max, want := range map[int64]Outcome{1: {Kind: TimedOut, Status: http.StatusGatewayTimeout}, -1: {Kind: Aborted}} {
		t.Run(fmt.Sprintf("MaxOverdue=%d", max), func(t *testing.T) {
			log := captureLog(t)
			returned := metric(t, "apiserver_overdue_request_duration_seconds")
			synctest.Test(t, func(t *testing.T) {
				var late []Outcome
				release := make(chan struct{})
				tr := newTrial(t, false, time.Second, func(w http.ResponseWriter, r *http.Request) {
					<-release
					w.WriteHeader(http.StatusCreated)
				})
				tr.boundary.MaxOverdue = max
				tr.boundary.Describe = func(*http.Request) []any { return []any{"verb", "POST", "URI", "/some/where"} }
				tr.lateOutcome = func(o Outcome) { late = append(late, o) }
				ended := make(chan struct{})
				go func() { defer close(ended); tr.run() }()

				time.Sleep(3 * time.Second)
				synctest.Wait()
				if n := metric(t, "apiserver_overdue_requests"); n != 1 {
					t.Errorf("apiserver_overdue_requests is %v, want 1", n)
				}
				if got := RunningOverdue(); len(got) != 1 || !strings.HasPrefix(got[0], "verb=POST URI=/some/where seated=false goroutine=") {
					t.Errorf("running: %q", got)
				}
				time.Sleep(63 * time.Second)
				close(release)
				<-tr.returned
				<-ended
				synctest.Wait()

				// At the end of the request, and 10, 30 and 70 s after.
				if got := log.lines("Request handler is overdue"); len(got) != 3 {
					t.Errorf("told %d times: %q, want 3", len(got), got)
				}
				got := log.lines("Overdue request handler returned")
				if len(got) != 1 || !strings.Contains(got[0], "result=201") || !strings.Contains(got[0], `URI="/some/where"`) {
					t.Errorf("got %q", got)
				}
				if len(late) != 2 || !late[0].Running || late[1].Running || late[1].Attempted != http.StatusCreated {
					t.Errorf("late: %+v, want one that is running, and one that came to 201", late)
				}
				if got := late[len(late)-1]; got.Kind != want.Kind || got.Status != want.Status || tr.status != want.Status {
					t.Errorf("ended as %q with %d, and the client got %d; want %q, %d", got.Kind, got.Status, tr.status, want.Kind, want.Status)
				}
				if n := metric(t, "apiserver_overdue_requests"); n != 0 || len(RunningOverdue()) != 0 {
					t.Errorf("apiserver_overdue_requests is %v, running: %q", n, RunningOverdue())
				}
				if n := metric(t, "apiserver_overdue_request_duration_seconds") - returned; n != 1 {
					t.Errorf("%v handlers returned, want 1", n)
				}
			})
		})
	}
}

// TestHandlerThatGivesUpInTimeIsNoNews is about the great majority.
func TestHandlerThatGivesUpInTimeIsNoNews(t *testing.T) {
	log := captureLog(t)
	synctest.Test(t, func(t *testing.T) {
		tr := newTrial(t, true, time.Second, func(w http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			w.WriteHeader(http.StatusGatewayTimeout)
		})
		tr.boundary.Describe = func(*http.Request) []any { return nil }
		tr.run().want(timedOut)
	})
	if got := log.lines("handler"); len(got) != 0 {
		t.Errorf("logged %q", got)
	}
}

// TestHold checks when a request lets go of what it holds: when its handler has
// returned and all has been said, but at the latest 10 s after its end.
func TestHold(t *testing.T) {
	const at = time.Second // the deadline
	for name, c := range map[string]struct {
		handler, report time.Duration // when they are through
		want            time.Duration
	}{
		"in time":                       {handler: 0, want: 0},
		"handler returns late":          {handler: 4 * time.Second, want: 4 * time.Second},
		"handler never returns":         {handler: time.Minute, want: at + holdTime},
		"slow report":                   {handler: 2 * time.Second, report: 5 * time.Second, want: 5 * time.Second},
		"report is never said":          {handler: 2 * time.Second, report: time.Minute, want: at + holdTime},
		"report by the handler itself":  {handler: at, report: 3 * time.Second, want: 3 * time.Second},
		"blocked report of an answer":   {handler: 0, report: 3 * time.Second, want: 3 * time.Second},
		"handler and report are slow":   {handler: 4 * time.Second, report: 8 * time.Second, want: 8 * time.Second},
		"both never come to an end":     {handler: time.Minute, report: time.Minute, want: at + holdTime},
		"report that ends as time does": {handler: 2 * time.Second, report: at + holdTime, want: at + holdTime},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				var released []time.Duration
				done := make(chan struct{})
				tr := newTrial(t, false, at, func(w http.ResponseWriter, r *http.Request) {
					if !Hold(r.Context(), func() {
						released = append(released, time.Since(start))
						close(done)
					}) {
						t.Error("not within a boundary")
					}
					time.Sleep(c.handler)
				})
				tr.boundary.Reporters = []Reporter{{Key: "slow", Say: func(*http.Request, Outcome) { time.Sleep(time.Until(start.Add(c.report))) }}}
				tr.run()
				<-done
				time.Sleep(2 * time.Minute)
				if len(released) != 1 || released[0] < c.want || released[0] > c.want+50*time.Millisecond {
					t.Errorf("released after %v, want once after %v", released, c.want)
				}
			})
		})
	}
	if Hold(context.Background(), func() {}) {
		t.Error("held outside a boundary")
	}
}

// TestPanicThatIsHeldUp is about a handler that panics, and a sink that takes
// its time to be told: what there is of the answer must not pass for all of it.
func TestPanicThatIsHeldUp(t *testing.T) {
	for _, begun := range []bool{true, false} {
		inBubbles(t, func(t *testing.T, http1 bool) {
			var said []Outcome
			tr := newTrial(t, http1, time.Second, func(w http.ResponseWriter, r *http.Request) {
				if begun {
					_, _ = w.Write([]byte("a part"))
				}
				panic("as designed")
			})
			tr.boundary.Reporters = []Reporter{{Key: "sink", Say: func(_ *http.Request, o Outcome) {
				said = append(said, o)
				time.Sleep(time.Minute)
			}}}
			tr.run()
			synctest.Wait()
			if got := fmt.Sprint(tr.panicked); !strings.HasPrefix(got, "as designed\n") || tr.took != time.Second {
				t.Errorf("net/http got the panic %v after %v", got, tr.took)
			}
			time.Sleep(2 * time.Minute)
			if len(said) != 1 || said[0].Panicked == nil {
				t.Errorf("said %+v, want one that panicked", said)
			}
		})
	}
}

// TestReportsThatPanic checks that none takes the process with it, or the others.
func TestReportsThatPanic(t *testing.T) {
	log := captureLog(t)
	synctest.Test(t, func(t *testing.T) {
		release, said := make(chan struct{}), 0
		tr := newTrial(t, true, time.Second, func(w http.ResponseWriter, r *http.Request) {
			Report(r.Context(), "good", func(*http.Request, Outcome) { said++ })
			Report(r.Context(), "bad", func(*http.Request, Outcome) { panic("a sink") })
			<-release
		})
		tr.boundary.Describe = func(*http.Request) []any { panic("a description") }
		tr.lateOutcome = func(Outcome) { panic("a metric") }
		tr.run().want(timedOut)
		time.Sleep(time.Minute)
		close(release)
		<-tr.returned
		synctest.Wait()
		if said != 1 {
			t.Errorf("said %d times", said)
		}
	})
	if got := log.lines("A callback about a request panicked"); len(got) < 3 {
		t.Errorf("logged %q", got)
	}
}
