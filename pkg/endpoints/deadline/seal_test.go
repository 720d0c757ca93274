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
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// TestSealLetsGoOfWhoWaitsForTheWriter at once, and not when the one has left who has it.
func TestSealLetsGoOfWhoWaitsForTheWriter(t *testing.T) {
	inBubbles(t, func(t *testing.T, http1 bool) {
		start, waited := time.Now(), make(chan error, 1)
		var took time.Duration
		tr := newTrial(t, http1, deadline, func(w http.ResponseWriter, r *http.Request) {
			w.(http.Flusher).Flush()
			fakeOf(w).stall()
			go func() {
				time.Sleep(tick)
				_, err := io.WriteString(w, "behind")
				took = time.Since(start)
				waited <- err
			}()
			io.WriteString(w, "stuck")
		})
		tr.slow = tick
		tr.run().want(aborted)
		if err := <-waited; !errors.Is(err, http.ErrHandlerTimeout) || took != deadline {
			t.Errorf("got %v after %v, want %v at %v", err, took, http.ErrHandlerTimeout, deadline)
		}
	})
}

// TestRoomForTheResponsesHeader: a guard has some from the start.
func TestRoomForTheResponsesHeader(t *testing.T) {
	g := newGuard(&Boundary{Answer: timeoutStatus}, nil, httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	if len(g.room) != 0 || cap(g.room) < roomForHeader {
		t.Errorf("there is room for %d values, of which %d are taken", cap(g.room), len(g.room))
	}
}
