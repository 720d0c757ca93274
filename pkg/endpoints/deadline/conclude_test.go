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
	"testing"
	"testing/synctest"
	"time"
)

// answerAll gives an answer that is known to be complete.
func answerAll(w http.ResponseWriter) {
	w.Header().Set("Content-Length", "1")
	io.WriteString(w, "x")
}

// writeDeadline is the one that stands.
func (f *fake) writeDeadline() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.write
}

// isReset is whether the connection or stream has been.
func (f *fake) isReset() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.reset
}

// TestStaysWithAHandlerWhoseClientHasGone, though that has its answer: over HTTP/2 net/http is to count it. Over HTTP/1
// there is nothing to count.
func TestStaysWithAHandlerWhoseClientHasGone(t *testing.T) {
	inBubbles(t, func(t *testing.T, http1 bool) {
		tr := newTrial(t, http1, time.Minute, func(w http.ResponseWriter, r *http.Request) {
			answerAll(w)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
			time.Sleep(deadline)
		})
		tr.wrap = clientGoesAfter(tick)
		want := tick + deadline
		if http1 {
			want = tick + DefaultJoinTime
		}
		if tr.run().want(done); tr.took != want {
			t.Errorf("took %v, want %v", tr.took, want)
		}
		<-tr.returned
	})
}

// TestAnswerOfAHandlerThatCannotBeLeftBehind: over HTTP/1 it is sent at the deadline, within bounds, and then its handler
// is stayed with; over HTTP/2 it ends when the serve goroutine returns.
func TestAnswerOfAHandlerThatCannotBeLeftBehind(t *testing.T) {
	inBubbles(t, func(t *testing.T, http1 bool) {
		start := time.Now()
		var bounded time.Time
		tr := newTrial(t, http1, deadline, func(w http.ResponseWriter, r *http.Request) {
			answerAll(w)
			<-r.Context().Done()
			time.Sleep(deadline)
			if http1 {
				bounded = fakeOf(w).writeDeadline()
			}
		})
		tr.boundary.MaxOverdue = -1
		tr.run().want(done)
		switch {
		case !http1 && tr.took != deadline:
			t.Errorf("took %v, want %v", tr.took, deadline)
		case http1 && (tr.took != 2*deadline || tr.flushed.Sub(start) != deadline || bounded.Sub(start) != deadline+flushTime):
			t.Errorf("took %v, sent after %v, bounded to %v; want %v, %v, %v", tr.took, tr.flushed.Sub(start), bounded.Sub(start), 2*deadline, deadline, deadline+flushTime)
		}
		<-tr.returned
	})
}

// TestPanicAfterAnAnswerThatWasComplete as a bound had passed: it takes nothing back.
func TestPanicAfterAnAnswerThatWasComplete(t *testing.T) {
	inBubbles(t, func(t *testing.T, http1 bool) {
		tr := newTrial(t, http1, deadline, func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithTimeout(r.Context(), tick)
			defer cancel()
			answerAll(w)
			Bind(tardy{ctx}, boundStatus)
			<-ctx.Done()
			panic("as designed")
		})
		if tr.run().want(done); tr.panicked != nil || tr.took != tick {
			t.Errorf("net/http got the panic %v, after %v", tr.panicked, tr.took)
		}
	})
}

// TestWhatIsHandedBack is bounded: by the request's deadline, but not where the connection is a hijacker's.
func TestWhatIsHandedBack(t *testing.T) {
	for name, tt := range map[string]struct {
		handler func(w http.ResponseWriter)
		bounded bool
	}{
		"an answer":    {func(w http.ResponseWriter) { io.WriteString(w, "x") }, true},
		"a panic":      {func(http.ResponseWriter) { panic("as designed") }, true},
		"a connection": {func(w http.ResponseWriter) { conn, _, _ := w.(http.Hijacker).Hijack(); conn.Close() }, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			tr := newTrial(t, true, time.Minute, func(w http.ResponseWriter, _ *http.Request) { tt.handler(w) }).run()
			want := time.Time{}
			if tt.bounded {
				want = start.Add(time.Minute)
			}
			if got := tr.writeDeadline(); !got.Equal(want) {
				t.Errorf("%s: the write deadline is %v, want %v", name, got, want)
			}
			if tr.client != nil {
				tr.client.Close()
			}
		})
	}
}

// TestCutBeforeItStays: who has gone, or cannot be answered, does not wait for the handler.
func TestCutBeforeItStays(t *testing.T) {
	for name, tt := range map[string]struct {
		wrap func(context.Context) (context.Context, context.CancelFunc)
		want state
	}{
		"the client has gone":            {clientGoesAfter(tick), gone},
		"too many have been left behind": {nil, timedOut},
	} {
		synctest.Test(t, func(t *testing.T) {
			cut := false
			tr := newTrial(t, true, deadline, func(w http.ResponseWriter, r *http.Request) {
				<-r.Context().Done()
				time.Sleep(2 * cappedJoinTime)
				cut = fakeOf(w).isReset()
			})
			tr.wrap, tr.conn, tr.boundary.MaxOverdue = tt.wrap, true, -1
			tr.run()
			if <-tr.returned; !cut || tr.result() != tt.want || tr.panicked != http.ErrAbortHandler || tr.status != 0 {
				t.Errorf("%s: cut: %v, state %d, panic %v, status %d", name, cut, tr.result(), tr.panicked, tr.status)
			}
		})
	}
}
