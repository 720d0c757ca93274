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
	"strings"
	"sync"
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

// holding is an outer filter's body that waits for something else than its client.
type holding struct {
	io.ReadCloser
	begun, free chan struct{}
}

func (h holding) Read(p []byte) (int, error) {
	h.begun <- struct{}{}
	<-h.free
	return h.ReadCloser.Read(p)
}

// TestReadThatWaitsForAFilter is not waited for, neither by an answer nor at the deadline.
func TestReadThatWaitsForAFilter(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		timeout time.Duration
		handler func(w http.ResponseWriter, r *http.Request, begun <-chan struct{})
		want    string
	}{
		"an answer": {time.Minute, func(w http.ResponseWriter, r *http.Request, begun <-chan struct{}) {
			w.Header().Set("Content-Length", "3")
			io.WriteString(w, "all")
			go io.Copy(io.Discard, r.Body)
			<-begun
		}, " 200 "},
		"the deadline": {brief, func(w http.ResponseWriter, r *http.Request, _ <-chan struct{}) {
			io.Copy(io.Discard, r.Body)
		}, " 504 "},
		"the deadline, a complete answer": {5 * brief, func(w http.ResponseWriter, r *http.Request, _ <-chan struct{}) {
			w.Header().Set("Content-Length", "3")
			io.WriteString(w, "all")
			io.Copy(io.Discard, r.Body)
		}, " 200 "},
	} {
		for _, conn := range []bool{true, false} {
			for _, plain := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s, ConnContext=%v, tls=%v", name, conn, !plain), func(t *testing.T) {
					t.Parallel()
					body := holding{begun: make(chan struct{}, 10), free: make(chan struct{})}
					free := sync.OnceFunc(func() { close(body.free) })
					s := newTestServer(t, "HTTP/1.1", serverConfig{timeout: tt.timeout, plain: plain, noConnContext: !conn,
						handler: func(w http.ResponseWriter, r *http.Request) { tt.handler(w, r, body.begun) },
						outer: around(func(h http.Handler, w http.ResponseWriter, r *http.Request) {
							r = r.Clone(r.Context())
							own := body
							own.ReadCloser = r.Body
							r.Body = own
							h.ServeHTTP(w, r)
						})})
					t.Cleanup(free) // Before the server's own, which waits for its handlers.
					p := s.peer()
					start := time.Now()
					p.send(ofLength("0123456789"))
					p.response("POST")
					if took := time.Since(start); !strings.Contains(p.got.String(), tt.want) || strings.Contains(p.got.String(), "[") {
						t.Errorf("got %q after %v", p.got.String(), took)
					}
					select {
					case <-s.served:
					case <-time.After(20 * time.Second):
						t.Error("the serve goroutine stays")
					}
					free()
					io.Copy(io.Discard, p.r) // The connection ends, with nothing more on it.
					if got := s.taken(); len(got) != 1 {
						t.Errorf("the server took the rest of a body for a request: %v", got)
					}
				})
			}
		}
	}
}
