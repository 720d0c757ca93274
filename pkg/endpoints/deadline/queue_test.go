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
	"io"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// TestHandlerThatReturnsWhenItsClientGoesIsNoNews, though the serve goroutine stays for it.
func TestHandlerThatReturnsWhenItsClientGoesIsNoNews(t *testing.T) {
	log := captureLog(t)
	inBubbles(t, func(t *testing.T, http1 bool) {
		tr := newTrial(t, http1, time.Minute, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		tr.wrap = clientGoesAfter(tick)
		tr.boundary.Describe = func(*http.Request) []any { return nil }
		if tr.run().want(gone); tr.took != tick {
			t.Errorf("took %v, want %v", tr.took, tick)
		}
	})
	if got := log.lines("handler"); len(got) != 0 {
		t.Errorf("logged %q", got)
	}
}

// TestAnswerThatWaitsForItsReports is sent within bounds.
func TestAnswerThatWaitsForItsReports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var bounded time.Time
		tr := newTrial(t, true, deadline, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "x") })
		tr.boundary.MaxOverdue = -1
		tr.boundary.Reporters = []Reporter{{Key: "key", Say: func(*http.Request, Outcome) {
			time.Sleep(2 * deadline)
			bounded = tr.writeDeadline()
		}}}
		tr.run().want(done)
		if tr.took != 2*deadline || tr.flushed.Sub(start) != deadline || bounded.Sub(start) != deadline+flushTime {
			t.Errorf("took %v, sent after %v, bounded to %v; want %v, %v, %v", tr.took, tr.flushed.Sub(start), bounded.Sub(start), 2*deadline, deadline, deadline+flushTime)
		}
	})
}

// TestHoldOfAnAnswerWhoseReportBlocks: time runs from when the serve goroutine has let go of it.
func TestHoldOfAnAnswerWhoseReportBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		letGo := make(chan time.Duration, 1)
		tr := newTrial(t, true, deadline, func(_ http.ResponseWriter, r *http.Request) {
			Hold(r.Context(), func() { letGo <- time.Since(start) })
		})
		tr.boundary.Reporters = []Reporter{{Key: "key", Say: func(*http.Request, Outcome) { time.Sleep(time.Minute) }}}
		tr.run().want(done)
		if got := <-letGo; got != deadline+holdTime {
			t.Errorf("let go of after %v, want %v", got, deadline+holdTime)
		}
		time.Sleep(time.Minute)
	})
}

// TestHoldOfAQueuedAnswer: its serve goroutine may wait for ever, and who waits for requests to be over with does not.
func TestHoldOfAQueuedAnswer(t *testing.T) {
	inBubbles(t, func(t *testing.T, http1 bool) {
		start := time.Now()
		const blocks = time.Hour
		letGo := make(chan time.Duration, 1)
		tr := newTrial(t, http1, deadline, func(_ http.ResponseWriter, r *http.Request) {
			Hold(r.Context(), func() { letGo <- time.Since(start) })
		})
		tr.boundary.MaxOverdue = -1
		tr.boundary.Reporters = []Reporter{{Key: "key", Say: func(*http.Request, Outcome) { time.Sleep(blocks) }}}
		if tr.run().want(done); tr.took != blocks {
			t.Errorf("took %v, want %v", tr.took, blocks)
		}
		if got := <-letGo; got != deadline+holdTime {
			t.Errorf("let go of after %v, want %v", got, deadline+holdTime)
		}
	})
}

// TestLastReport is said after all others, unless the boundary has ended the request: what is stuck in another must not
// hold that up.
func TestLastReport(t *testing.T) {
	for _, inTime := range []bool{true, false} {
		inBubbles(t, func(t *testing.T, http1 bool) {
			said := make(chan string, 4)
			say := func(what string) func(*http.Request, Outcome) {
				return func(*http.Request, Outcome) { said <- what }
			}
			tr := newTrial(t, http1, deadline, func(_ http.ResponseWriter, r *http.Request) {
				Report(r.Context(), "added", say("added"))
				Report(r.Context(), "log", say("log"))
				if !inTime {
					<-r.Context().Done()
				}
			})
			tr.boundary.Reporters = []Reporter{{Key: "outer", Say: say("outer")}, {Key: "log", Last: true}, {Key: "inner", Say: say("inner")}}
			tr.run()
			<-tr.returned
			synctest.Wait()
			close(said)
			var got []string
			for what := range said {
				got = append(got, what)
			}
			want := []string{"added", "inner", "log", "outer"}
			if inTime {
				want = []string{"added", "inner", "outer", "log"}
			}
			if !slices.Equal(got, want) {
				t.Errorf("in time: %v: said %q, want %q", inTime, got, want)
			}
		})
	}
}
