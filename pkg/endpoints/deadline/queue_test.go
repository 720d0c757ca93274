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
		tr.boundary.Reporters = []Reporter{{"key", func(*http.Request, Outcome) {
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
		tr.boundary.Reporters = []Reporter{{"key", func(*http.Request, Outcome) { time.Sleep(time.Minute) }}}
		tr.run().want(done)
		if got := <-letGo; got != deadline+holdTime {
			t.Errorf("let go of after %v, want %v", got, deadline+holdTime)
		}
		time.Sleep(time.Minute)
	})
}
