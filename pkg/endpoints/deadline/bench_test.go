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
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"
)

// BenchmarkServe is a request of a client such as kubectl, with nothing around
// the boundary, to a handler that needs little stack and to one that is 60
// frames of 256 bytes deep.
func BenchmarkServe(b *testing.B) {
	for _, frames := range []int{0, 60} {
		b.Run(fmt.Sprintf("frames=%d", frames), func(b *testing.B) {
			boundary := Boundary{Answer: timeoutStatus, Reporters: []Reporter{{Key: "key", Say: func(*http.Request, Outcome) {}}}}
			handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answerFrom(frames, w) })
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
				defer cancel()
				r := httptest.NewRequestWithContext(ctx, "GET", "/api/v1/namespaces/default/configmaps/some", nil)
				for _, k := range []string{"Accept", "Accept-Encoding", "Authorization", "Kubectl-Command", "Kubectl-Session", "User-Agent"} {
					r.Header.Set(k, "some value")
				}
				w := discard{http.Header{}}
				for pb.Next() {
					clear(w.header)
					w.header["Audit-Id"] = []string{"id"}
					boundary.Serve(w, r, handler)
				}
			})
		})
	}
}

// discard is the least of a ResponseWriter.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) WriteHeader(int)             {}
func (d discard) Write(p []byte) (int, error) { return len(p), nil }

// answerFrom answers from that many calls down.
//
//go:noinline
func answerFrom(frames int, w http.ResponseWriter) byte {
	var frame [256]byte
	if frames == 0 {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, "{}")
	} else {
		frame[frames%len(frame)] = answerFrom(frames-1, w)
	}
	runtime.KeepAlive(&frame)
	return frame[0]
}
