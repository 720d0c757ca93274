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

// TestReportingOfWhoReturnsWithinTheJoin: over HTTP/2 the serve goroutine is gone by then, and it is the handler's that
// waits for what is to be said.
func TestReportingOfWhoReturnsWithinTheJoin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const blocked = time.Minute
		tr := newTrial(t, false, deadline, func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			time.Sleep(DefaultJoinTime / 2)
		})
		tr.boundary.Reporters = []Reporter{{Key: "key", Say: func(*http.Request, Outcome) { time.Sleep(blocked) }}}
		tr.run().want(timedOut)
		if got := tr.boundary.reporting.Load(); tr.took != deadline || got != 0 {
			t.Errorf("took %v, and %d are only being reported on while the handler runs", tr.took, got)
		}
		<-tr.returned
		synctest.Wait()
		if got := tr.boundary.reporting.Load(); got != 1 {
			t.Errorf("%d are only being reported on, want 1", got)
		}
		time.Sleep(blocked)
		synctest.Wait()
		if got := tr.boundary.reporting.Load(); got != 0 {
			t.Errorf("%d are being reported on when all is said", got)
		}
	})
}
