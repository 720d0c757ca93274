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
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// overdueGuard is a guard of a request that was aborted so long ago.
func overdueGuard(ago time.Duration, describe ...any) *guard {
	g, _, _ := notedGuard(true, false)
	g.state, g.ending, g.sealedAt = aborted, byDeadline, time.Now().Add(-ago)
	if len(describe) > 0 {
		g.b.Describe = func(*http.Request) []any { return slices.Clone(describe) }
	}
	return g
}

// TestOverdueThatReturnsBeforeItBegins gives its place back, and is none.
func TestOverdueThatReturnsBeforeItBegins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, capped := range []bool{true, false} {
			g := overdueGuard(0)
			g.returned = true
			o := &overdue{g: g, capped: capped}
			if !o.begin() || o.timer != nil || g.left != nil {
				t.Errorf("capped %v: it begins, and the timer is %v", capped, o.timer)
			}
			if freed := -g.b.Overdue(); freed != map[bool]int64{true: 1}[capped] {
				t.Errorf("capped %v: freed %d times", capped, freed)
			}
		}
		if n := metric(t, "apiserver_overdue_requests"); n != 0 || len(RunningOverdue()) != 0 {
			t.Errorf("%v are running: %q", n, RunningOverdue())
		}
	})
}

// TestOverdueThatHasEnded is not told of any more, by whoever was about to.
func TestOverdueThatHasEnded(t *testing.T) {
	log := captureLog(t)
	synctest.Test(t, func(t *testing.T) {
		g, late := overdueGuard(0, "verb", "POST"), 0
		g.b.Late = func(*http.Request, time.Duration, Outcome) { late++ }
		o := &overdue{g: g, capped: true}
		if o.begin() || g.left == nil {
			t.Fatal("it does not begin")
		}
		time.Sleep(overdueInterval - 1)
		if g.left(); g.b.Overdue() != -1 {
			t.Errorf("freed %d times", -g.b.Overdue())
		}
		if o.timer.Stop() {
			t.Error("its timer goes on")
		}
		o.tell()
		o.again()
		time.Sleep(2 * overdueMaxInterval)
		if got := log.lines("overdue"); len(got) != 0 || late != 0 {
			t.Errorf("told %d times, and in the log: %q", late, got)
		}
	})
}

// TestOverdueIsToldOf at intervals that grow, and to Late once, unless the handler had its way.
func TestOverdueIsToldOf(t *testing.T) {
	for _, byHandler := range []bool{false, true} {
		log := captureLog(t)
		synctest.Test(t, func(t *testing.T) {
			g := overdueGuard(0, "verb", "POST")
			var late atomic.Int64
			if byHandler {
				g.state = done
			}
			g.b.Late = func(*http.Request, time.Duration, Outcome) { late.Add(1) }
			o := &overdue{g: g}
			o.begin()
			told := func(after time.Duration, want int) {
				t.Helper()
				time.Sleep(after)
				synctest.Wait()
				if got := log.lines("Request handler is overdue"); len(got) != want {
					t.Errorf("after %v more: told %d times, want %d", after, len(got), want)
				}
				if want := int64(min(want, 1)); byHandler && late.Load() != 0 || !byHandler && late.Load() != want {
					t.Errorf("byHandler=%v: Late was called %d times, want %d", byHandler, late.Load(), want)
				}
			}
			told(overdueInterval-1, 0)
			told(1, 1)
			told(2*overdueInterval-1, 1)
			told(1, 2)
			told((4+8+16+32)*overdueInterval, 6)
			told(overdueMaxInterval-1, 6) // And not 64 times the interval.
			told(1, 7)
			told(overdueMaxInterval, 8)
			o.end()
		})
	}
}

// TestReturnedLate: what is worth a line in the log.
func TestReturnedLate(t *testing.T) {
	for name, tt := range map[string]struct {
		after time.Duration
		o     Outcome
		want  string
	}{
		"nothing":                 {overdueLogTime, Outcome{Kind: Aborted}, ""},
		"an error":                {overdueLogTime, Outcome{Kind: Aborted, Attempted: 400}, ""},
		"an error, after a while": {overdueLogTime + 1, Outcome{Kind: Aborted, Attempted: 400}, "result=400"},
		"something":               {0, Outcome{Kind: Aborted, Attempted: 399}, "result=399"},
		"nothing, after a while":  {overdueLogTime + 1, Outcome{Kind: Aborted}, "result=0"},
		"a panic":                 {0, Outcome{Kind: Aborted, Panicked: "reason\nstack"}, `panic="reason" stacktrace="stack"`},
	} {
		log, late := captureLog(t), 0
		g := overdueGuard(0, "verb", "POST")
		g.b.Late = func(_ *http.Request, after time.Duration, o Outcome) {
			if late++; after != tt.after || o != tt.o {
				t.Errorf("%s: Late got %v, %+v", name, after, o)
			}
		}
		g.returnedLate(tt.after, tt.o)
		got := strings.Join(log.lines(""), "")
		if (got != "") != (tt.want != "") || !strings.Contains(got, tt.want) || late != 1 {
			t.Errorf("%s: Late was called %d times, and in the log: %q, want %q", name, late, got, tt.want)
		}
		if panics := strings.Contains(got, "panic="); panics != (tt.o.Panicked != nil) {
			t.Errorf("%s: got %q", name, got)
		}
	}
	g := overdueGuard(0) // Nobody is there to be told, and nothing to describe it with.
	log := captureLog(t)
	if g.returnedLate(time.Minute, Outcome{Attempted: 200}); len(log.lines("")) != 0 {
		t.Errorf("logged %q", log.lines(""))
	}
}

// TestRunningOverdue lists the longest first.
func TestRunningOverdue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all []*overdue
		for _, g := range []*guard{overdueGuard(2*time.Second, "verb", "B"), overdueGuard(time.Second), overdueGuard(3*time.Second, "verb", "C", "URI", "/c")} {
			o := &overdue{g: g}
			o.begin()
			all = append(all, o)
		}
		want := []string{"verb=C URI=/c seated=false goroutine=0 ended=aborted overdue=3s", "verb=B seated=false goroutine=0 ended=aborted overdue=2s", "goroutine=0 ended=aborted overdue=1s"}
		if got := RunningOverdue(); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		for _, o := range all {
			o.end()
		}
		if got := RunningOverdue(); len(got) != 0 {
			t.Errorf("got %q after their end", got)
		}
	})
}
