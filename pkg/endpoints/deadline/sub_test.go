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
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestRequestOfASubRequest: what a boundary, or a LongRunning, says of a request that is served in process with a writer of its
// own does not lead to the request that it is served for: who reports on the one would report on the other.
func TestRequestOfASubRequest(t *testing.T) {
	outer := &Boundary{Answer: timeoutStatus}
	led := func(t *testing.T, what string, r *http.Request) {
		if ownerFrom(r.Context()) != nil || connFrom(r.Context()) != nil {
			t.Errorf("%s leads to the outer request", what)
		}
	}
	ctx := ConnContext(0)(context.Background(), fakeConn{f: newFake(t, true)})
	sub := func(serve func(w http.ResponseWriter, r *http.Request)) {
		r := httptest.NewRequest("GET", "/", nil).WithContext(ctx)
		outer.Serve(httptest.NewRecorder(), r, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			serve(httptest.NewRecorder(), httptest.NewRequest("GET", "/sub", nil).WithContext(r.Context()))
		}))
	}
	t.Run("boundary", func(t *testing.T) {
		said := make(chan struct{})
		inner := &Boundary{Answer: timeoutStatus, TimedOut: func(r *http.Request) { led(t, "TimedOut's", r) },
			Reporters: []Reporter{{Key: "", Say: func(r *http.Request, _ Outcome) { led(t, "a report's", r); close(said) }}}}
		sub(func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithCancel(r.Context())
			cancel() // It is given up: there is no client that goes.
			inner.Serve(w, r.WithContext(ctx), http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		})
		<-said
	})
	t.Run("long-running", func(t *testing.T) {
		sub(func(w http.ResponseWriter, r *http.Request) {
			(&LongRunning{}).Serve(w, r, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				s := r.Context().Value(guardKey{}).(*stream)
				led(t, "the stream's", s.outer)
			}))
		})
	})
}
