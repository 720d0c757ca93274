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
	"strings"
	"testing"
	"time"
)

// TestTrailerAfterTheReturn is not given to a handler that has returned, and may have left a goroutine with its request
// behind.
func TestTrailerAfterTheReturn(t *testing.T) {
	requests := make(chan *http.Request, 1)
	s := newTestServer(t, "HTTP/1.1", serverConfig{timeout: time.Minute, plain: true, handler: func(_ http.ResponseWriter, r *http.Request) {
		requests <- r
	}})
	p := s.peer()
	p.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTrailer: X-One\r\n\r\n3\r\nabc\r\n")
	r := <-requests
	p.send("0\r\nX-One: 1\r\n\r\n")
	if p.response("POST"); !strings.Contains(p.got.String(), "200") {
		t.Errorf("got %s", p.got.String())
	}
	if _, announced := r.Trailer["X-One"]; !announced || r.Trailer.Get("X-One") != "" {
		t.Errorf("the handler's request has the trailer %q", r.Trailer)
	}
}

// TestTrailerThatIsDeleted: what a handler takes back before it returns is not sent.
func TestTrailerThatIsDeleted(t *testing.T) {
	for _, key := range []string{http.TrailerPrefix + "X-Error", "X-Error"} {
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			asPlain(t, serverConfig{handler: func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Trailer", "X-Error")
				w.Header().Set(key, "truncated")
				w.Header().Set(http.TrailerPrefix+"X-Kept", "kept")
				io.WriteString(w, "body")
				w.(http.Flusher).Flush()
				w.Header().Del(key)
			}}, map[string]func(p *peer){
				"get": func(p *peer) { p.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n"); p.response("GET") },
			})
		})
	}
}
