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
	"strings"
	"testing"
)

// TestProxyThatBreaksOff has a handler end a response in the only way there is to
// not end it: where that has been ended already, it is no panic to tell of.
func TestProxyThatBreaksOff(t *testing.T) {
	for _, kind := range []Kind{TimedOut, Aborted, ClientGone, Answered} {
		log := captureLog(t)
		inBubbles(t, func(t *testing.T, http1 bool) {
			tr := newTrial(t, http1, deadline, func(w http.ResponseWriter, r *http.Request) {
				if kind == Answered {
					w.Header().Set("Content-Length", "1")
				}
				if kind == Aborted || kind == Answered {
					w.Write([]byte("a"))
					w.(http.Flusher).Flush()
				}
				<-r.Context().Done()
				panic(http.ErrAbortHandler)
			})
			if kind == ClientGone {
				tr.wrap = clientGoesAfter(deadline / 2)
			}
			tr.boundary.Describe = func(*http.Request) []any { return []any{"verb", "GET"} }
			said := make(chan Outcome, 1)
			tr.boundary.Reporters = []Reporter{{Key: "said", Say: func(_ *http.Request, o Outcome) { said <- o }}}
			tr.run()
			<-tr.returned
			if o := <-said; o.Kind != kind || o.Panicked != nil || strings.Contains(o.AuditStatus().Message, "panic") {
				t.Errorf("%s: reported %+v, audited as %+v", kind, o, o.AuditStatus())
			}
			if kind == Answered {
				return // It is not late.
			}
			if p := <-tr.late; p != nil {
				t.Errorf("%s: late with a panic: %v", kind, p)
			}
		})
		if lines := log.lines("panic"); len(lines) > 0 {
			t.Errorf("%s: logged %q", kind, lines)
		}
	}
}
