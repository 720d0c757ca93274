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
	"net/http"
	"testing"
	"time"
)

// TestRequestThatAFilterGivesUp: to its client it has timed out, and its handler's context ends as the filter's did.
func TestRequestThatAFilterGivesUp(t *testing.T) {
	inBubbles(t, func(t *testing.T, http1 bool) {
		var ended error
		tr := newTrial(t, http1, deadline, func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			ended = r.Context().Err()
		})
		tr.wrap = func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancelCause(ctx)
			time.AfterFunc(tick, func() { cancel(context.DeadlineExceeded) })
			return ctx, func() { cancel(nil) }
		}
		tr.run().want(timedOut)
		if tr.took != tick { // And not as long as the join, at the end of which its context ends anyway.
			t.Errorf("took %v, want %v", tr.took, tick)
		}
		if <-tr.returned; ended != context.Canceled {
			t.Errorf("the handler's context has ended as %v, want %v", ended, context.Canceled)
		}
	})
}
