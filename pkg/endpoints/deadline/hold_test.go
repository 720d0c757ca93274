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
	"testing"
	"testing/synctest"
	"time"
)

// TestHoldTakenLate: what takes a hold when the request is long over has as much
// time as others.
func TestHoldTakenLate(t *testing.T) {
	inBubbles(t, func(t *testing.T, http1 bool) {
		released := make(chan time.Time, 1)
		tr := newTrial(t, http1, deadline, func(_ http.ResponseWriter, r *http.Request) {
			time.Sleep(deadline + holdTime/2)
			if !Hold(r.Context(), func() { released <- time.Now() }) {
				t.Error("not within a boundary")
			}
			taken := time.Now()
			time.Sleep(10 * holdTime)
			synctest.Wait()
			select {
			case at := <-released:
				if held := at.Sub(taken); held != holdTime {
					t.Errorf("held for %v, want %v", held, holdTime)
				}
			default:
				t.Error("is never released")
			}
		})
		tr.run()
		<-tr.returned
	})
}

// TestHoldIsOfWhoStandsWithout: who stands further within waits for the handler
// itself, before and after the first has what he holds released.
func TestHoldIsOfWhoStandsWithout(t *testing.T) {
	inBubbles(t, func(t *testing.T, http1 bool) {
		tr := newTrial(t, http1, deadline, func(_ http.ResponseWriter, r *http.Request) {
			released := false
			if !Hold(r.Context(), func() { released = true }) {
				t.Error("the first is not within a boundary")
			}
			for _, want := range []bool{false, true} {
				if synctest.Wait(); released != want {
					t.Errorf("released: %v, want %v", released, want)
				}
				if Hold(r.Context(), func() { t.Error("the second has been told") }) {
					t.Error("the second holds, too")
				}
				time.Sleep(deadline + 2*holdTime)
			}
		})
		tr.run()
		<-tr.returned
	})
}

// TestNoHold: nobody within may hold anything of a boundary which has who waits outside.
func TestNoHold(t *testing.T) {
	inBubbles(t, func(t *testing.T, http1 bool) {
		tr := newTrial(t, http1, deadline, func(_ http.ResponseWriter, r *http.Request) {
			if Hold(r.Context(), func() { t.Error("it has been told") }) {
				t.Error("it holds")
			}
		})
		tr.boundary.NoHold = true
		tr.run().want(done)
	})
}

// TestHoldOfATakenConnection: whoever has taken a connection over may have it for
// hours, and who waits for requests does not wait for that.
func TestHoldOfATakenConnection(t *testing.T) {
	inBubbles(t, func(t *testing.T, http1 bool) {
		begun := time.Now()
		var released time.Duration
		tr := newTrial(t, http1, deadline, func(w http.ResponseWriter, r *http.Request) {
			Hold(r.Context(), func() { released = time.Since(begun) })
			if _, _, err := w.(http.Hijacker).Hijack(); err != nil {
				t.Error(err)
			}
			time.Sleep(10 * holdTime)
		})
		tr.run()
		<-tr.returned
		if synctest.Wait(); released != deadline {
			t.Errorf("released after %v, want %v", released, deadline)
		}
	})
}
