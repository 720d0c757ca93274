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
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// The body that a handler has not read: when it is waited for, and what becomes
// of the connection, is as net/http alone would have it, and nothing of it is
// ever taken for a request.

// deny answers without reading, with that many bytes.
func deny(n int) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, strings.Repeat("x", n), http.StatusForbidden)
	}
}

// chunked is a body of n bytes in chunks.
func chunked(n int) string {
	var b strings.Builder
	w := httputil.NewChunkedWriter(&b)
	for n > 0 {
		size := min(n, 32<<10)
		io.WriteString(w, strings.Repeat("b", size))
		n -= size
	}
	w.Close()
	return b.String() + "\r\n" // No trailer.
}

// TestUnreadBody has clients send bodies in various ways that handlers do not
// read, or not all of.
func TestUnreadBody(t *testing.T) {
	t.Parallel() // Mostly it waits.
	const k = 1 << 10
	handlers := map[string]func(http.ResponseWriter, *http.Request){
		"answers nothing":  func(http.ResponseWriter, *http.Request) {},
		"denies":           deny(10),
		"denies at length": deny(3 * k),
		"answers with a length": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "5000")
			io.WriteString(w, strings.Repeat("y", 5000))
		},
		"flushes": func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "a")
			w.(http.Flusher).Flush()
			io.WriteString(w, "b")
		},
		"reads a part": func(w http.ResponseWriter, r *http.Request) {
			io.ReadFull(r.Body, make([]byte, 100))
			deny(3*k)(w, r)
		},
		"reads after WriteHeader": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusAccepted)
			n, err := io.Copy(io.Discard, r.Body)
			fmt.Fprint(w, n, err)
		},
		"reads after 3 KiB": func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, strings.Repeat("z", 3*k))
			n, err := io.Copy(io.Discard, r.Body)
			fmt.Fprint(w, n, err)
		},
		"reads after a flush": func(w http.ResponseWriter, r *http.Request) {
			w.(http.Flusher).Flush()
			n, err := io.Copy(io.Discard, r.Body)
			fmt.Fprint(w, n, err)
		},
		"reads it beside its answer": func(w http.ResponseWriter, r *http.Request) {
			http.NewResponseController(w).EnableFullDuplex()
			w.(http.Flusher).Flush()
			n, err := io.Copy(io.Discard, r.Body)
			fmt.Fprint(w, n, err)
		},
		"closes it": func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, r.Body.Close())
		},
		"reads a part and closes it": func(w http.ResponseWriter, r *http.Request) {
			io.ReadFull(r.Body, make([]byte, 10))
			fmt.Fprint(w, r.Body.Close())
		},
		"asks for the end": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Connection", "close")
			deny(3*k)(w, r)
		},
		"reads all": func(w http.ResponseWriter, r *http.Request) {
			n, err := io.Copy(io.Discard, r.Body)
			fmt.Fprint(w, n, err)
		},
	}
	requests := map[string]struct {
		head string
		body string
	}{
		"none":                    {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", ""},
		"100 bytes":               {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n", strings.Repeat("b", 100)},
		"200 KiB":                 {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 204800\r\n\r\n", strings.Repeat("b", 200*k)},
		"256 KiB":                 {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 262144\r\n\r\n", strings.Repeat("b", 256*k)},
		"300 KiB":                 {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 307200\r\n\r\n", strings.Repeat("b", 300*k)},
		"100 bytes in chunks":     {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", chunked(100)},
		"200 KiB in chunks":       {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", chunked(200 * k)},
		"256 KiB, 1 in chunks":    {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", chunked(256*k + 1)},
		"300 KiB in chunks":       {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", chunked(300 * k)},
		"no chunks":               {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", "not hexadecimal\r\n\r\n"},
		"HTTP/1.0":                {"POST / HTTP/1.0\r\nHost: x\r\nContent-Length: 100\r\n\r\n", strings.Repeat("b", 100)},
		"HTTP/1.0, kept alive":    {"POST / HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\nContent-Length: 100\r\n\r\n", strings.Repeat("b", 100)},
		"HTTP/1.0, 300 KiB":       {"POST / HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\nContent-Length: 307200\r\n\r\n", strings.Repeat("b", 300*k)},
		"of a client that closes": {"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 100\r\n\r\n", strings.Repeat("b", 100)},
		"that was not waited for": {"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 100\r\n\r\n", strings.Repeat("b", 100)},
		"not waited for, chunks":  {"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n", chunked(100)},
		"of a HEAD":               {"HEAD / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n", strings.Repeat("b", 100)},
		"of a CONNECT":            {"CONNECT / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n", strings.Repeat("b", 100)},
		"in chunks, of a CONNECT": {"CONNECT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", chunked(100)},
		"that another follows":    {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n", strings.Repeat("b", 100) + "GET /next HTTP/1.1\r\nHost: x\r\n\r\n"},
	}
	for name, handler := range handlers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clients := map[string]func(p *peer){}
			for name, request := range requests {
				method, _, _ := strings.Cut(request.head, " ")
				clients[name] = func(p *peer) {
					p.start(request.head + request.body)
					p.response(method)
				}
				half := len(request.body) / 2
				clients[name+", half of it on its way"] = func(p *peer) {
					p.send(request.head + request.body[:half])
					p.begun()
					p.start(request.body[half:])
					p.response(method)
				}
			}
			asPlain(t, serverConfig{handler: handler}, clients)
		})
	}
}

// TestTrailerOfAnUnreadBody: a handler has the trailer of a body that it has not
// read where net/http has read it.
func TestTrailerOfAnUnreadBody(t *testing.T) {
	shows := func(w http.ResponseWriter, r *http.Request) {
		for _, k := range slices.Sorted(maps.Keys(r.Trailer)) {
			fmt.Fprintf(w, "%s %q\n", k, r.Trailer[k])
		}
	}
	for name, handler := range map[string]http.HandlerFunc{
		"reads all":    func(w http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body); shows(w, r) },
		"closes":       func(w http.ResponseWriter, r *http.Request) { r.Body.Close(); shows(w, r) },
		"closes twice": func(w http.ResponseWriter, r *http.Request) { r.Body.Close(); r.Body.Close(); shows(w, r) },
		"flushes":      func(w http.ResponseWriter, r *http.Request) { w.(http.Flusher).Flush(); shows(w, r) },
		"answers 3 KiB": func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, strings.Repeat("y", 3<<10))
			shows(w, r)
		},
		"answers": func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "y"); shows(w, r) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clients := map[string]func(p *peer){}
			for _, size := range []int{100, 200 << 10, 300 << 10} {
				body := strings.TrimSuffix(chunked(size), "\r\n")
				for what, head := range map[string]string{"announced": "Trailer: A, B\r\n", "not announced": ""} {
					clients[fmt.Sprint(size, what)] = func(p *peer) {
						p.start("POST / HTTP/1.1\r\nHost: x\r\n" + head + "Transfer-Encoding: chunked\r\n\r\n" + body + "A: 1\r\nB: 2\r\n\r\n")
						p.response("POST")
						p.end()
					}
				}
			}
			asPlain(t, serverConfig{handler: handler}, clients)
		})
	}
}

// TestExpectedBodyThatIsClosed: a client that waits to be asked for its body, and
// is not, holds its connection no longer than one that lingers.
func TestExpectedBodyThatIsClosed(t *testing.T) {
	t.Parallel() // Mostly it waits.
	gone, err := url.Parse("http://127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(gone)
	proxy.ErrorLog = log.New(io.Discard, "", 0)
	const timeout = time.Second
	for name, handler := range map[string]http.HandlerFunc{
		"before the answer": func(w http.ResponseWriter, r *http.Request) { r.Body.Close(); deny(10)(w, r) },
		"after the answer":  func(w http.ResponseWriter, r *http.Request) { deny(10)(w, r); r.Body.Close() },
		"after a flush": func(w http.ResponseWriter, r *http.Request) {
			w.(http.Flusher).Flush()
			r.Body.Close()
		},
		"by a proxy": proxy.ServeHTTP,
	} {
		for _, how := range []string{"Content-Length: 100", "Transfer-Encoding: chunked"} {
			t.Run(name+","+how, func(t *testing.T) {
				t.Parallel()
				s := newTestServer(t, "HTTP/1.1", serverConfig{timeout: timeout, handler: handler})
				p := s.peer()
				start := time.Now()
				p.send("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n" + how + "\r\n\r\n")
				p.response("POST")
				select {
				case <-s.closed:
				case <-time.After(10*time.Second - time.Since(start)):
					t.Errorf("the connection is still there, after %q", p.got.String())
				}
			})
		}
	}
}

// TestUnreadBodyOfGosClient: a client of Go's own sends all of its body while it
// reads the answer. It fails if the connection ends too early.
func TestUnreadBodyOfGosClient(t *testing.T) {
	for _, plain := range []bool{true, false} {
		t.Run(fmt.Sprintf("tls=%v", !plain), func(t *testing.T) {
			t.Parallel()
			s := newTestServer(t, "HTTP/1.1", serverConfig{timeout: time.Minute, handler: deny(100), plain: plain})
			c := s.client()
			for n := range 300 {
				res, body, err := s.doWith(c, "POST", strings.NewReader(strings.Repeat("b", 300_000)))
				if err != nil || res.StatusCode != http.StatusForbidden || len(body) != 101 {
					t.Fatalf("request %d: got %v, %d bytes, %v", n, res, len(body), err)
				}
			}
		})
	}
}

// TestClientThatSendsBeforeItReads: neither waits for the other to take what it
// has (golang/go#15527). Whether the connection goes on is for how fast the
// client sends.
func TestClientThatSendsBeforeItReads(t *testing.T) {
	const size, buffer = 1 << 20, 32 << 10
	for name, request := range map[string]string{
		"a length": "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 256000\r\n\r\n" + strings.Repeat("b", 256_000),
		"chunks":   "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(256_000),
	} {
		for _, plain := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s,tls=%v", name, !plain), func(t *testing.T) {
				t.Parallel()
				s := newTestServer(t, "HTTP/1.1", serverConfig{timeout: 5 * time.Second, buffer: buffer, plain: plain,
					handler: func(w http.ResponseWriter, _ *http.Request) {
						chunk := make([]byte, 64<<10)
						for range size / len(chunk) {
							w.Write(chunk)
						}
					}})
				get := func() (n int64, err error) {
					p := s.peer()
					p.tcp().SetReadBuffer(buffer)
					p.tcp().SetWriteBuffer(buffer)
					p.send(request)
					res, err := http.ReadResponse(p.r, nil)
					if err != nil {
						return 0, err
					}
					return io.Copy(io.Discard, res.Body)
				}
				n, err := get()
				// A sender that is left with less room than half a window waits for
				// longer than idleBodyTime (RFC 9293, section 3.8.6.2), now and then.
				for tries := 1; tries < 3 && err != nil; tries++ {
					n, err = get()
				}
				if n != size || err != nil {
					t.Errorf("got %d bytes and %v, want %d", n, err, size)
				}
			})
		}
	}
}

// TestBodyThatAnOuterFilterHasRead: what the boundary sets on the connection for
// the sake of an unread body, it does not set on one that has been read, nor
// leaves it for what comes after.
func TestBodyThatAnOuterFilterHasRead(t *testing.T) {
	t.Parallel() // Mostly it waits.
	for _, works := range []time.Duration{0, 200 * time.Millisecond, lingerTime + 200*time.Millisecond} {
		t.Run(works.String(), func(t *testing.T) {
			t.Parallel()
			asPlain(t, serverConfig{handler: deny(10),
				outer: func(h http.Handler) http.Handler {
					return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						_, err := io.Copy(io.Discard, r.Body)
						h.ServeHTTP(w, r)
						timer := time.NewTimer(works)
						defer timer.Stop()
						select {
						case <-timer.C:
						case <-r.Context().Done():
							t.Error("the filter's context has ended")
						}
						fmt.Fprint(w, err)
					})
				}}, map[string]func(p *peer){
				"a length": func(p *peer) {
					p.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n" + strings.Repeat("b", 100))
					p.response("POST")
				},
				"chunks": func(p *peer) {
					p.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(100))
					p.response("POST")
				},
				"300 KiB": func(p *peer) {
					p.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 307200\r\n\r\n" + strings.Repeat("b", 300<<10))
					p.response("POST")
				},
				"waited for": func(p *peer) {
					p.send("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 100\r\n\r\n")
					p.response("POST")
					p.send(strings.Repeat("b", 100))
					p.response("POST")
				},
				"HTTP/1.0": func(p *peer) {
					p.send("POST / HTTP/1.0\r\nHost: x\r\nContent-Length: 100\r\n\r\n" + strings.Repeat("b", 100))
					p.response("POST")
				},
			})
		})
	}
}

// TestBodyOfAFilter: a body that an outer filter has put in the place of
// net/http's is not the connection's. The answer goes also if it never ends.
func TestBodyOfAFilter(t *testing.T) {
	for name, wrap := range map[string]func(http.ResponseWriter) http.ResponseWriter{
		"net/http's writer": func(w http.ResponseWriter) http.ResponseWriter { return w },
		"a bare writer":     func(w http.ResponseWriter) http.ResponseWriter { return own{w} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asPlain(t, serverConfig{handler: deny(10),
				outer: func(h http.Handler) http.Handler {
					return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						pr, pw := io.Pipe()
						defer pw.Close()
						r = r.Clone(r.Context())
						r.Body = pr
						h.ServeHTTP(wrap(w), r)
					})
				}}, map[string]func(p *peer){
				"a request without one": func(p *peer) {
					p.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
					p.response("GET")
				},
				"one of 300 KiB": func(p *peer) {
					p.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 307200\r\n\r\n")
					p.response("POST")
				},
				"a small one, that the filter's outlasts": func(p *peer) {
					p.send("POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 10\r\n\r\n0123456789")
					p.response("POST")
				},
			})
		})
	}
}

// TestBodyThatAFilterWraps: it is net/http's all the same.
func TestBodyThatAFilterWraps(t *testing.T) {
	for name, handler := range map[string]func(http.ResponseWriter, *http.Request){"denies": deny(10), "denies at length": deny(3 << 10)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asPlain(t, serverConfig{handler: handler,
				outer: func(h http.Handler) http.Handler {
					return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						r = r.Clone(r.Context())
						r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
						h.ServeHTTP(w, r)
					})
				}}, map[string]func(p *peer){
				"a length": func(p *peer) {
					p.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n" + strings.Repeat("b", 100))
					p.response("POST")
				},
				"chunks": func(p *peer) {
					p.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(100))
					p.response("POST")
				},
				"300 KiB": func(p *peer) {
					p.start("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 307200\r\n\r\n" + strings.Repeat("b", 300<<10))
					p.response("POST")
				},
			})
		})
	}
}

// TestFullDuplexBodyThatNeverComes: net/http waits for the rest of a body beside
// which an answer was given, when it has been. The request's deadline bounds
// that, and nothing of the rest is taken for a request.
func TestFullDuplexBodyThatNeverComes(t *testing.T) {
	t.Parallel() // Mostly it waits.
	const timeout, rest = 2 * time.Second, "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
	for _, plain := range []bool{true, false} {
		t.Run(fmt.Sprintf("tls=%v", !plain), func(t *testing.T) {
			t.Parallel()
			s := newTestServer(t, "HTTP/1.1", serverConfig{timeout: timeout, plain: plain,
				handler: func(w http.ResponseWriter, r *http.Request) {
					http.NewResponseController(w).EnableFullDuplex()
					w.(http.Flusher).Flush()
					if r.Method == "PUT" {
						io.Copy(io.Discard, r.Body)
					}
					io.WriteString(w, "answer")
				}})
			head := fmt.Sprintf("Host: x\r\nContent-Length: %d\r\n\r\n", 10+len(rest))
			p := s.peer()
			// What is set for one request is not for the next.
			for range 2 {
				p.send("PUT / HTTP/1.1\r\n" + head + "0123456789" + rest)
				p.response("PUT")
				<-time.After(timeout + flushTime)
			}
			p.send("POST / HTTP/1.1\r\n" + head + "0123456789")
			start := time.Now()
			p.response("POST")
			if got := strings.Count(p.got.String(), "answer"); got != 3 || time.Since(start) > timeout {
				t.Errorf("got %s after %v", p.got.String(), time.Since(start))
			}
			select {
			case <-s.closed:
			case <-time.After(timeout + flushTime + 4*time.Second):
				t.Error("net/http still waits for the rest")
			}
			p.send(rest)
			if got, _ := io.ReadAll(p.r); len(got) != 0 || len(s.taken()) != 3 {
				t.Errorf("got %q more, and the server saw %v", got, s.taken())
			}
		})
	}
}

// TestFullDuplexReaderLeftBehind: a handler that has returned, with a goroutine of its own in a Read of the body that does
// not come, leaves nobody waiting for the client.
func TestFullDuplexReaderLeftBehind(t *testing.T) {
	t.Parallel() // Mostly it waits.
	const timeout = 300 * time.Millisecond
	s := newTestServer(t, "HTTP/1.1", serverConfig{timeout: timeout,
		handler: func(w http.ResponseWriter, r *http.Request) {
			http.NewResponseController(w).EnableFullDuplex()
			w.(http.Flusher).Flush()
			go r.Body.Read(make([]byte, 1))
			for g := guardFrom(r.Context()); ; runtime.Gosched() {
				g.mu.Lock()
				reading := g.reading > 0
				g.mu.Unlock()
				if reading {
					break
				}
			}
			io.WriteString(w, "answer")
		}})
	p := s.peer()
	p.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n")
	p.response("POST")
	if got := p.got.String(); !strings.Contains(got, "answer") {
		t.Errorf("got %s", got)
	}
	select {
	case <-s.closed:
	case <-time.After(timeout + lingerTime + 4*time.Second):
		t.Error("net/http still waits for the rest")
	}
}

// TestBodyOfAFilterThatNeverEnds holds the answer up for a time, and then goes
// its own way.
func TestBodyOfAFilterThatNeverEnds(t *testing.T) {
	t.Parallel() // Mostly it waits.
	s := newTestServer(t, "HTTP/1.1", serverConfig{timeout: time.Minute, handler: deny(10),
		outer: func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				pr, pw := io.Pipe()
				defer pw.Close()
				r = r.Clone(r.Context())
				r.Body = pr
				h.ServeHTTP(w, r)
			})
		}})
	p := s.peer()
	start := time.Now()
	p.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n0123456789")
	p.response("POST")
	if took := time.Since(start); !strings.Contains(p.got.String(), " 403 ") || took > idleBodyTime+stuckTime+4*time.Second {
		t.Errorf("got %s after %v", p.got.String(), took)
	}
	p.end()
}

// recovering is a filter that recovers panics, and answers if it still can.
func recovering(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if p := recover(); p != nil {
				http.Error(w, "recovered", http.StatusInternalServerError)
			}
		}()
		h.ServeHTTP(w, r)
	})
}

// TestPanicThatIsRecovered has a handler panic on a request with a body, below a
// filter that recovers it.
func TestPanicThatIsRecovered(t *testing.T) {
	for name, handler := range map[string]func(http.ResponseWriter, *http.Request){
		"at once": func(http.ResponseWriter, *http.Request) { panic("boom") },
		"aborts":  func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"when it has read": func(_ http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			panic("boom")
		},
		"when it has read a part": func(_ http.ResponseWriter, r *http.Request) {
			io.ReadFull(r.Body, make([]byte, 10))
			panic("boom")
		},
		"when it has committed": func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "a part")
			panic("boom")
		},
		"when it has flushed": func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "a part")
			w.(http.Flusher).Flush()
			panic("boom")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clients := map[string]func(p *peer){}
			for name, head := range map[string]string{
				"a length": "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n",
				"HTTP/1.0": "POST / HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\nContent-Length: 100\r\n\r\n",
			} {
				clients[name] = func(p *peer) {
					for range 5 {
						p.send(head + strings.Repeat("b", 100))
						p.response("POST")
					}
				}
				clients[name+", half of it on its way"] = func(p *peer) {
					p.send(head + strings.Repeat("b", 50))
					p.begun()
					p.start(strings.Repeat("b", 50))
					p.response("POST")
				}
			}
			asPlain(t, serverConfig{handler: handler, outer: recovering}, clients)
		})
	}
}

// own is an outer filter's ResponseWriter with methods of its own, that leads
// nowhere.
type own struct{ w http.ResponseWriter }

func (o own) Header() http.Header         { return o.w.Header() }
func (o own) WriteHeader(status int)      { o.w.WriteHeader(status) }
func (o own) Write(p []byte) (int, error) { return o.w.Write(p) }

type (
	ownFlush      struct{ own }
	ownFlushError struct{ own }
	ownReadBy     struct{ own }
	ownFullDuplex struct{ own }

	// allOwn is all of these methods, for a writer to embed.
	allOwn struct{}
)

func (allOwn) FlushError() error                { return nil }
func (allOwn) SetReadDeadline(time.Time) error  { return nil }
func (allOwn) SetWriteDeadline(time.Time) error { return nil }
func (allOwn) EnableFullDuplex() error          { return nil }

func (ownFlush) Flush()                           {}
func (ownFlushError) FlushError() error           { return nil }
func (ownReadBy) SetReadDeadline(time.Time) error { return nil }
func (ownFullDuplex) EnableFullDuplex() error     { return nil }

// TestRestOfABodyIsNoRequest: whatever a handler, a filter and a deadline do to
// a request whose body is on its way, the rest of it is never served as one,
// and a part of a response never passes for all of it.
func TestRestOfABodyIsNoRequest(t *testing.T) {
	t.Parallel() // Mostly it waits.
	writers := map[string]func(w http.ResponseWriter) http.ResponseWriter{
		"net/http's":           func(w http.ResponseWriter) http.ResponseWriter { return w },
		"bare":                 func(w http.ResponseWriter) http.ResponseWriter { return own{w} },
		"own Flush":            func(w http.ResponseWriter) http.ResponseWriter { return ownFlush{own{w}} },
		"own FlushError":       func(w http.ResponseWriter) http.ResponseWriter { return ownFlushError{own{w}} },
		"own SetReadDeadline":  func(w http.ResponseWriter) http.ResponseWriter { return ownReadBy{own{w}} },
		"own EnableFullDuplex": func(w http.ResponseWriter) http.ResponseWriter { return ownFullDuplex{own{w}} },
		"all of them": func(w http.ResponseWriter) http.ResponseWriter {
			return struct {
				own
				allOwn
			}{own{w}, allOwn{}}
		},
	}
	handlers := map[string]struct {
		handler func(http.ResponseWriter, *http.Request)
		status  int // 0 is a part of an answer, or none
	}{
		"denies":           {deny(10), 403},
		"denies at length": {deny(5000), 403},
		"times out":        {func(_ http.ResponseWriter, r *http.Request) { bind(r.Context(), brief, "brief"); hold(r) }, 504},
		"times out in its body": {func(_ http.ResponseWriter, r *http.Request) {
			bind(r.Context(), brief, "brief")
			io.Copy(io.Discard, r.Body)
		}, 504},
		"is cut": {func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "a part")
			w.(http.Flusher).Flush()
			bind(r.Context(), brief, "brief")
			hold(r)
		}, 0},
		"is cut in its body": {func(w http.ResponseWriter, r *http.Request) {
			http.NewResponseController(w).EnableFullDuplex()
			io.WriteString(w, "a part")
			w.(http.Flusher).Flush()
			bind(r.Context(), brief, "brief")
			io.Copy(io.Discard, r.Body)
			hold(r)
		}, 0},
		"is complete, and reads on": {func(w http.ResponseWriter, r *http.Request) {
			http.NewResponseController(w).EnableFullDuplex()
			w.Header().Set("Content-Length", "3")
			io.WriteString(w, "all")
			bind(r.Context(), brief, "brief")
			io.Copy(io.Discard, r.Body)
		}, 200},
		"panics": {func(http.ResponseWriter, *http.Request) { panic("boom") }, 500},
		"reads with a deadline of its own": {func(w http.ResponseWriter, r *http.Request) {
			http.NewResponseController(w).SetReadDeadline(time.Now().Add(brief))
			_, err := io.Copy(io.Discard, r.Body)
			fmt.Fprint(w, err)
		}, 200},
	}
	const begin, rest = "0123456789", "\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
	size := len(begin) + len(rest)
	heads := map[string]string{
		"a length": fmt.Sprintf("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", size),
		"chunks":   fmt.Sprintf("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n", size),
		"HTTP/1.0": fmt.Sprintf("POST / HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\nContent-Length: %d\r\n\r\n", size),
	}
	for writer, wrap := range writers {
		for _, conn := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, ConnContext=%v", writer, conn), func(t *testing.T) {
				t.Parallel()
				// Behind a filter it is the request's deadline that ends the wait for the
				// body, by the connection; where there is no way to that, nothing does.
				waits, timeout := writer != "net/http's", time.Minute
				if waits && !conn {
					t.Skip("net/http waits for as long as it does without a boundary")
				}
				if waits {
					timeout = 4 * time.Second // A busy machine is to come to its answer before.
				}
				var all sync.WaitGroup // Mostly they wait.
				for name, tt := range handlers {
					if tt.status == 200 && writer != "net/http's" {
						continue // There is no way to read on.
					}
					for _, plain := range []bool{true, false} {
						s := newTestServer(t, "HTTP/1.1", serverConfig{timeout: timeout, handler: tt.handler, plain: plain, noConnContext: !conn,
							outer: func(h http.Handler) http.Handler {
								h = recovering(h)
								return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(wrap(w), r) })
							}})
						for sent, head := range heads {
							all.Go(func() {
								p := s.peer()
								p.send(head + begin)
								res, err := http.ReadResponse(p.r, &http.Request{Method: "POST"})
								if err == nil {
									_, err = io.Copy(io.Discard, res.Body)
								}
								if waits && name == "denies at length" {
									// Its handler waits for the body as it writes, and is cut.
								} else if tt.status == 0 && err == nil || tt.status != 0 && (err != nil || res.StatusCode != tt.status) {
									t.Errorf("%s, tls=%v, %s: got %v, %v, want %d", name, !plain, sent, res, err, tt.status)
								}
								p.send(rest)
								p.conn.(interface{ CloseWrite() error }).CloseWrite()
								if more, _ := io.ReadAll(p.r); len(more) != 0 {
									t.Errorf("%s, tls=%v, %s: got %q more", name, !plain, sent, more)
								}
								for _, r := range s.taken() {
									if r.path != "/" {
										t.Errorf("%s, tls=%v, %s: the server took the rest of a body for a request: %v", name, !plain, sent, r)
									}
								}
							})
						}
					}
				}
				all.Wait()
			})
		}
	}
}

// TestSlowBodyIsNotWaitedForLong: a client that sends a byte now and then holds
// up an answer that does not need them for bodyTime at most; one that sends
// none, for less.
func TestSlowBodyIsNotWaitedForLong(t *testing.T) {
	t.Parallel() // Mostly it waits.
	for _, proto := range []string{"1.0", "1.1"} {
		for _, trickles := range []bool{true, false} {
			for _, plain := range []bool{true, false} {
				t.Run(fmt.Sprintf("HTTP/%s,trickles=%v,tls=%v", proto, trickles, !plain), func(t *testing.T) {
					t.Parallel()
					s := newTestServer(t, "HTTP/1.1", serverConfig{timeout: time.Minute, handler: deny(10), plain: plain})
					p := s.peer()
					p.send("POST / HTTP/" + proto + "\r\nHost: x\r\nConnection: keep-alive\r\nContent-Length: 10000\r\n\r\n0123")
					p.begun()
					start, answered := time.Now(), make(chan struct{})
					var late atomic.Bool // the machine is so busy that the client sends none in that time
					p.busy.Go(func() {
						tick := time.NewTicker(idleBodyTime / 4)
						defer tick.Stop()
						for last := start; trickles; {
							select {
							case <-tick.C:
								io.WriteString(p.conn, "b")
								if now := time.Now(); now.Sub(last) > idleBodyTime/2 {
									late.Store(true)
								} else {
									last = now
								}
							case <-answered:
								return
							}
						}
					})
					p.response("POST")
					took := time.Since(start)
					close(answered)
					// Over HTTP/1.0, net/http does not take back what it has said by then.
					if got := p.got.String(); !strings.Contains(got, " 403 ") || proto == "1.1" && !strings.Contains(got, "Connection: close") {
						t.Errorf("got %s", got)
					}
					least, most := idleBodyTime/2, idleBodyTime+2*time.Second // It waits since a little before start.
					if trickles {
						most = bodyTime + 2*time.Second
						if !late.Load() {
							least = bodyTime / 2
						}
					}
					if took < least || took > most {
						t.Errorf("answered after %v", took)
					}
					p.end()
				})
			}
		}
	}
}

// TestWriterOfNobody: of a writer that is not net/http's, nothing is known, and
// its body is not waited for.
func TestWriterOfNobody(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var reads atomic.Int32
	var reading sync.WaitGroup
	endless := readerFunc(func([]byte) (int, error) {
		reads.Add(1)
		reading.Add(1)
		defer reading.Done()
		<-ctx.Done()
		return 0, errors.New("over")
	})
	served := make(chan *httptest.ResponseRecorder, 1)
	go func() {
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(ctx, "POST", "/", io.NopCloser(endless))
		r.Header.Set("Content-Length", "100")
		(&Boundary{Answer: timeoutStatus}).Serve(w, r, http.HandlerFunc(deny(10)))
		served <- w
	}()
	select {
	case w := <-served:
		if w.Code != 403 || w.Body.Len() != 11 {
			t.Errorf("got %d, %d bytes", w.Code, w.Body.Len())
		}
	case <-time.After(10 * time.Second):
		t.Error("Serve has not returned")
	}
	if n := reads.Load(); n != 0 {
		t.Errorf("its body was read %d times", n)
	}
	cancel()
	reading.Wait()
}
