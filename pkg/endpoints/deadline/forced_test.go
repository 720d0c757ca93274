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
	"time"
)

// sluggishTimeout is enough for a request that is answered at once.
const sluggishTimeout = time.Second

// sluggish is a filter's writer whose calls take longer than they may resist an interrupt.
type sluggish struct{ http.ResponseWriter }

func (w sluggish) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w sluggish) WriteHeader(status int) {
	w.ResponseWriter.WriteHeader(status)
	if status < 200 {
		time.Sleep(sluggishTimeout + stuckTime + time.Second/2)
	}
}

func (w sluggish) Flush() {
	http.NewResponseController(w.ResponseWriter).Flush()
	time.Sleep(sluggishTimeout + stuckTime + time.Second/2)
}

// TestCallThatCannotBeInterrupted is waited for; what was interrupted for it is not what the client's next request finds.
func TestCallThatCannotBeInterrupted(t *testing.T) {
	t.Parallel() // Mostly it waits.
	for name, tt := range map[string]struct {
		handler func(http.ResponseWriter, *http.Request)
		want    int
	}{
		"before the answer": {func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			<-r.Context().Done()
		}, http.StatusGatewayTimeout},
		"of the answer, which is complete": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "2")
			w.Write([]byte("ok"))
			w.(http.Flusher).Flush()
		}, http.StatusOK},
	} {
		for _, noConnContext := range []bool{true, false} {
			t.Run(name+map[bool]string{true: ", without ConnContext"}[noConnContext], func(t *testing.T) {
				t.Parallel()
				s := newTestServer(t, "HTTP/1.1", serverConfig{timeout: sluggishTimeout, noConnContext: noConnContext,
					outer: func(handler http.Handler) http.Handler {
						return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(sluggish{w}, r) })
					},
					handler: func(w http.ResponseWriter, r *http.Request) {
						if r.URL.Path == "/" {
							tt.handler(w, r)
						} else if r.Context().Err() == nil {
							w.Write([]byte("well"))
						}
					}})
				c := s.client()
				resp, err := c.Get(s.URL + "/")
				if noConnContext && (err != nil || resp.StatusCode != tt.want) {
					t.Fatalf("got %v, %v, want %d", resp, err, tt.want)
				}
				if err == nil {
					io.Copy(io.Discard, resp.Body) // The connection may be used again.
					resp.Body.Close()
				}
				resp, err = c.Get(s.URL + "/next")
				if err != nil || resp.StatusCode != http.StatusOK {
					t.Fatalf("the next request got %v, %v", resp, err)
				}
				resp.Body.Close()
			})
		}
	}
}

// TestInterruptThatComesTooLate: a write that has waited for the rest of a body waits for its client when it is interrupted. What that
// ends is net/http's own read, and the connection goes no further.
func TestInterruptThatComesTooLate(t *testing.T) {
	inBubbles(t, func(t *testing.T, http1 bool) {
		for _, read := range []*time.Time{&longAgo, nil} {
			for _, takes := range []time.Duration{patience / 2, 3 * patience / 2} {
				c := &settling{}
				g := &guard{w: c, http1: http1, writing: true}
				g.idle.L = &g.mu
				time.AfterFunc(takes, func() { g.giveBack(0, nil) })
				want := read != nil && takes > patience
				if got := g.settle(read, nil); got != want || c.reads != want {
					t.Errorf("a write that takes %v, reads to be interrupted: %t: reported %t, did so: %t", takes, read != nil, got, c.reads)
				}
			}
		}
	})
}

// settling is a writer that notes whether reads were interrupted.
type settling struct {
	http.ResponseWriter
	reads bool
}

func (s *settling) SetReadDeadline(time.Time) error  { s.reads = true; return nil }
func (s *settling) SetWriteDeadline(time.Time) error { return nil }
