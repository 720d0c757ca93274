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
	"time"
)

// TestContextThatEndsForNothing: net/http cancels a request's context when a read deadline of the handler's passes,
// and the request goes on until its own deadline, without that context's help.
func TestContextThatEndsForNothing(t *testing.T) {
	inBubbles(t, func(t *testing.T, http1 bool) {
		if !http1 {
			return // There a read deadline ends no context.
		}
		for _, returns := range []bool{true, false} {
			start := time.Now()
			tr := newTrial(t, http1, deadline, func(w http.ResponseWriter, r *http.Request) {
				http.NewResponseController(w).SetReadDeadline(start.Add(tick / 2))
				if time.Sleep(2 * tick); r.Context().Err() != nil {
					t.Errorf("the handler's context has ended: %v", r.Context().Err())
				}
				if !returns {
					<-r.Context().Done()
					if err := r.Context().Err(); err != context.DeadlineExceeded {
						t.Errorf("the handler's context has ended as %v", err)
					}
				}
			})
			tr.wrap = clientGoesAfter(tick)
			if tr.run(); returns {
				tr.want(done)
				continue
			}
			tr.want(timedOut)
			if late := tr.took - deadline; late < 0 || late > DefaultJoinTime {
				t.Errorf("took %v, want %v", tr.took, deadline)
			}
		}
	})
}

// TestRequestWhoseContextHasEndedBefore is of a connection on which a read has timed out for the request before: it
// is served until its deadline.
func TestRequestWhoseContextHasEndedBefore(t *testing.T) {
	inBubbles(t, func(t *testing.T, http1 bool) {
		for _, timeout := range []time.Duration{deadline, 0} {
			tr := newTrial(t, http1, timeout, func(w http.ResponseWriter, r *http.Request) {
				if timeout > 0 {
					<-r.Context().Done()
					return
				}
				time.Sleep(tick)
				io.WriteString(w, "answer")
			})
			tr.conn = true
			tr.wrap = func(ctx context.Context) (context.Context, context.CancelFunc) {
				connFrom(ctx).readBound.Store(true)
				ctx, cancel := context.WithCancel(ctx)
				cancel()
				return ctx, cancel
			}
			tr.run()
			switch {
			case !http1:
				if tr.guard.Load() != nil {
					t.Error("a stream has the context of its own, and the handler was started")
				}
				tr.want(gone)
			case timeout == 0:
				tr.want(done)
			default:
				tr.want(timedOut)
				if late := tr.took - deadline; late < 0 || late > DefaultJoinTime {
					t.Errorf("took %v, want %v", tr.took, deadline)
				}
			}
		}
	})
}

// TestRequestThatGoesOnAloneIsGivenUp: who gives it up could not cancel its context any more.
func TestRequestThatGoesOnAloneIsGivenUp(t *testing.T) {
	inBubbles(t, func(t *testing.T, http1 bool) {
		if !http1 {
			return // A stream has a context of its own.
		}
		for name, tt := range map[string]struct {
			early bool          // the context has ended before the request came
			after time.Duration // when it is given up
		}{
			"arriving alone":                   {true, deadline / 2},
			"alone from then on":               {false, deadline / 2},
			"when it had been given up before": {true, 0},
		} {
			over, giveUp := context.WithCancel(context.Background())
			started := false
			tr := newTrial(t, http1, deadline, func(w http.ResponseWriter, r *http.Request) {
				started = true
				if !tt.early {
					http.NewResponseController(w).SetReadDeadline(longAgo)
					guardFrom(r.Context()).outer.Context().Value(cancelKey{}).(context.CancelFunc)() // As net/http does.
				}
				<-r.Context().Done()
			})
			tr.conn = true
			tr.wrap = func(ctx context.Context) (context.Context, context.CancelFunc) {
				ctx, cancel := context.WithCancel(GivenUpWith(ctx, over))
				if tt.early {
					connFrom(ctx).readBound.Store(true)
					cancel()
				}
				return context.WithValue(ctx, cancelKey{}, cancel), cancel
			}
			if tt.after > 0 {
				time.AfterFunc(tt.after, giveUp)
			} else {
				giveUp()
			}
			tr.run()
			giveUp()
			tr.want(timedOut)
			if late := tr.took - tt.after; late < 0 || late > DefaultJoinTime || started != (tt.after > 0) {
				t.Errorf("%s: took %v, want %v; started: %v", name, tr.took, tt.after, started)
			}
		}
	})
}

type cancelKey struct{}

// TestHijackerIsToldOfTheDeadline: it has the connection, and nobody ends its request for it.
func TestHijackerIsToldOfTheDeadline(t *testing.T) {
	inBubbles(t, func(t *testing.T, http1 bool) {
		if !http1 {
			return
		}
		start := time.Now()
		tr := newTrial(t, http1, deadline, func(w http.ResponseWriter, r *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			<-r.Context().Done()
			if err := r.Context().Err(); err != context.DeadlineExceeded || time.Since(start) != deadline {
				t.Errorf("its context has ended as %v after %v", err, time.Since(start))
			}
		})
		tr.run().want(hijacked)
		if tr.took != deadline {
			t.Errorf("took %v, want %v", tr.took, deadline)
		}
		tr.client.Close()
	})
}
