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
	"strings"
	"testing"
	"time"
)

// What no deadline has struck is as with net/http alone, also where an outer filter has a body of its own, and in how long the
// connection is held.

// TestHowLongAConnectionIsHeld after an answer that ends it, or with which its client ends it.
func TestHowLongAConnectionIsHeld(t *testing.T) {
	t.Parallel() // Mostly it waits.
	closes := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		deny(10)(w, r)
	}
	for name, tt := range map[string]struct {
		request string
		handler http.HandlerFunc
	}{
		"the client ends it":                            {"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 10\r\n\r\n0123456789", deny(10)},
		"the handler does":                              {ofLength("0123456789"), closes},
		"the handler does, chunks":                      {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(10), closes},
		"the protocol does":                             {"POST / HTTP/1.0\r\nContent-Length: 10\r\n\r\n0123456789", deny(10)},
		"there is too much of the body":                 {ofLength(strings.Repeat("b", maxDrain+1)), deny(10)},
		"there is too much, and it ends":                {ofLength(strings.Repeat("b", maxDrain+1)), closes},
		"the client ends it, and waits to ask":          {"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n", deny(10)},
		"the client ends it, and is answered at length": {"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 10\r\n\r\n0123456789", deny(10 << 10)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			held := func(direct bool) time.Duration {
				s := newTestServer(t, "HTTP/1.1", serverConfig{timeout: time.Minute, direct: direct, handler: tt.handler, plain: true})
				p := s.peer()
				p.start(tt.request)
				p.response("POST")
				return (<-s.closed).Sub(<-s.served)
			}
			const more = 250 * time.Millisecond // net/http waits for half a second, or not at all.
			alone, ours := held(true), held(false)
			for tries := 1; tries < 5 && (ours-alone).Abs() > more; tries++ { // The machine may have been busy.
				alone, ours = held(true), held(false)
			}
			if (ours - alone).Abs() > more {
				t.Errorf("it is held for %v, and by net/http alone for %v", ours, alone)
			}
		})
	}
}

// TestAnswerThatWaitsForABodyWithoutListener waits behind an outer filter for as long as with net/http alone, and is sent then.
func TestAnswerThatWaitsForABodyWithoutListener(t *testing.T) {
	t.Parallel() // Mostly it waits.
	asPlain(t, serverConfig{timeout: brief, noConnContext: true, handler: deny(10),
		outer: func(h http.Handler) http.Handler { return http.MaxBytesHandler(h, 1<<20) }},
		map[string]func(p *peer){"the rest comes late": func(p *peer) {
			p.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n01234")
			<-time.After(brief + flushTime + 500*time.Millisecond)
			p.send("56789")
			p.response("POST")
		}})
}

// TestGivenUpAfterAFiltersBody: a bound that has been set for the rest of a body, and has not passed, says nothing of a request that
// comes later, and that an outer filter has given up.
func TestGivenUpAfterAFiltersBody(t *testing.T) {
	t.Parallel()
	s := newTestServer(t, "HTTP/1.1", serverConfig{timeout: time.Minute,
		handler: func(w http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) },
		outer: around(func(h http.Handler, w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithCancel(r.Context())
			defer cancel()
			if r.Method == "GET" {
				cancel()
			}
			r = r.Clone(ctx)
			r.Body = struct{ io.ReadCloser }{r.Body}
			h.ServeHTTP(w, r)
		})})
	p := s.peer()
	p.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(100))
	p.response("POST")
	p.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	p.response("GET")
	if got := p.got.String(); !strings.Contains(got, " 200 ") || !strings.Contains(got, " 504 ") {
		t.Errorf("got %s", got)
	}
}
