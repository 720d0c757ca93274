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
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// around is an outer filter.
func around(f func(h http.Handler, w http.ResponseWriter, r *http.Request)) func(http.Handler) http.Handler {
	return func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { f(h, w, r) })
	}
}

// counted counts what is read of a body.
type counted struct {
	io.ReadCloser
	n int
}

func (c *counted) Read(p []byte) (n int, err error) {
	n, err = c.ReadCloser.Read(p)
	c.n += n
	return n, err
}

func ofLength(body string) string {
	return fmt.Sprintf("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// TestBodyThatIsAFilters: what an outer filter has put in the place of net/http's
// body, or has closed, nobody reads for it.
func TestBodyThatIsAFilters(t *testing.T) {
	for name, outer := range map[string]func(http.Handler) http.Handler{
		"bounded":            func(h http.Handler) http.Handler { return http.MaxBytesHandler(h, 50) },
		"bounded above that": func(h http.Handler) http.Handler { return http.MaxBytesHandler(h, 1<<20) },
		"counted": around(func(h http.Handler, w http.ResponseWriter, r *http.Request) {
			r = r.Clone(r.Context())
			body := &counted{ReadCloser: r.Body}
			r.Body = body
			h.ServeHTTP(w, r)
			fmt.Fprintf(w, "it has read %d", body.n)
		}),
		"read and closed": around(func(h http.Handler, w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			r.Body.Close()
			h.ServeHTTP(w, r)
		}),
		"closed": around(func(h http.Handler, w http.ResponseWriter, r *http.Request) {
			r.Body.Close()
			h.ServeHTTP(w, r)
		}),
		"taken out": around(func(h http.Handler, w http.ResponseWriter, r *http.Request) {
			r = r.Clone(r.Context())
			r.Body, r.ContentLength = http.NoBody, 0
			h.ServeHTTP(w, r)
		}),
	} {
		for name2, handler := range map[string]func(http.ResponseWriter, *http.Request){
			"denies":           deny(10),
			"denies at length": deny(3 << 10),
			"reads":            func(w http.ResponseWriter, r *http.Request) { _, err := io.ReadAll(r.Body); fmt.Fprint(w, err) },
		} {
			t.Run(name+", "+name2, func(t *testing.T) {
				t.Parallel()
				asPlain(t, serverConfig{handler: handler, outer: outer}, map[string]func(p *peer){
					"a length": func(p *peer) { p.send(ofLength(strings.Repeat("b", 100))); p.response("POST") },
					"chunks": func(p *peer) {
						p.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(100))
						p.response("POST")
					},
					"300 KiB": func(p *peer) { p.start(ofLength(strings.Repeat("b", 300<<10))); p.response("POST") },
				})
			})
		}
	}
}

// TestNextRequestAfterAFiltersBody: net/http watches the connection for its
// client's going once its own body has been read, and nothing that passes there
// later ends the context of that request, or of the next one.
func TestNextRequestAfterAFiltersBody(t *testing.T) {
	t.Parallel() // Mostly it waits.
	var all LongRunning
	lasting := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "the context: ", r.Context().Err()) })
	for name, filter := range map[string]func(r *http.Request){
		"read, and put back": func(r *http.Request) {
			read, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(read))
		},
		"read, and taken out": func(r *http.Request) {
			io.Copy(io.Discard, r.Body)
			r.Body = http.NoBody
		},
		"bounded": func(r *http.Request) { r.Body = http.MaxBytesReader(nil, r.Body, 1<<20) },
	} {
		for _, conn := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, ConnContext=%v", name, conn), func(t *testing.T) {
				t.Parallel()
				s := newTestServer(t, "HTTP/1.1", serverConfig{timeout: time.Minute, noConnContext: !conn,
					handler: func(w http.ResponseWriter, r *http.Request) {
						_, err := io.Copy(io.Discard, r.Body)
						fmt.Fprint(w, err)
					},
					outer: around(func(h http.Handler, w http.ResponseWriter, r *http.Request) {
						if r.Method == "GET" {
							all.Serve(w, r, lasting)
							return
						}
						inner := r.Clone(r.Context())
						filter(inner)
						h.ServeHTTP(w, inner)
						<-time.After(idleBodyTime + 200*time.Millisecond)
						fmt.Fprint(w, ", the filter's context: ", r.Context().Err())
					})})
				p := s.peer()
				p.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(100))
				p.response("POST")
				p.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
				p.response("GET")
				if got := p.got.String(); !strings.Contains(got, "<nil>, the filter's context: <nil>") || !strings.Contains(got, "the context: <nil>") {
					t.Errorf("got %s", got)
				}
			})
		}
	}
}

// TestAnswerBehindAFilterAtTheCap: an answer that the serve goroutine sends before its handler has returned waits for a body that
// does not come until the deadline, and not for as long as the client likes.
func TestAnswerBehindAFilterAtTheCap(t *testing.T) {
	t.Parallel() // Mostly it waits.
	const timeout = 300 * time.Millisecond
	free := make(chan struct{})
	defer close(free)
	s := newTestServer(t, "HTTP/1.1", serverConfig{timeout: timeout,
		outer: around(func(h http.Handler, w http.ResponseWriter, r *http.Request) {
			r = r.Clone(r.Context())
			r.Body = struct{ io.ReadCloser }{r.Body}
			h.ServeHTTP(w, r)
		}),
		handler: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "3")
			io.WriteString(w, "all")
			<-free
		}})
	s.boundary.MaxOverdue = -1
	p := s.peer()
	start := time.Now()
	p.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n01234")
	p.response("POST")
	if took := time.Since(start); !strings.Contains(p.got.String(), "all") || took > timeout+flushTime+4*time.Second {
		t.Errorf("got %s after %v", p.got.String(), took)
	}
}

// TestNextRequestAfterAnAnswerAtTheCap: what bounds the wait for a body is taken back when the answer has been sent, while its
// handler is waited for.
func TestNextRequestAfterAnAnswerAtTheCap(t *testing.T) {
	t.Parallel() // Mostly it waits.
	const timeout = 300 * time.Millisecond
	free := make(chan struct{})
	s := newTestServer(t, "HTTP/1.1", serverConfig{timeout: timeout,
		outer: around(func(h http.Handler, w http.ResponseWriter, r *http.Request) {
			r = r.Clone(r.Context())
			r.Body = struct{ io.ReadCloser }{r.Body}
			h.ServeHTTP(w, r)
		}),
		handler: func(w http.ResponseWriter, r *http.Request) {
			if r.Method == "GET" {
				return
			}
			io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Length", "3")
			io.WriteString(w, "all")
			<-free
		}})
	s.boundary.MaxOverdue = -1
	p := s.peer()
	p.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(100))
	p.response("POST")
	<-time.After(timeout + flushTime + 200*time.Millisecond)
	close(free)
	p.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	p.response("GET")
	if got := p.got.String(); strings.Count(got, " 200 ") != 2 {
		t.Errorf("got %s", got)
	}
}

// TestFullDuplexOfAFilter: an outer filter has set full duplex, of which the boundary does not know. What is left of a body of which
// net/http does not tell whether it has come is no request all the same.
func TestFullDuplexOfAFilter(t *testing.T) {
	t.Parallel() // Mostly it waits.
	const rest = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
	for name, tt := range map[string]struct {
		length  int // what the client says
		timeout time.Duration
		handler func(w http.ResponseWriter, r *http.Request)
		filter  func(http.Handler) http.Handler
	}{
		"unread": {length: maxDrain, timeout: time.Minute, handler: deny(10)},
		"read but for a little, after the header": {length: maxDrain + len(rest), timeout: time.Minute,
			handler: func(w http.ResponseWriter, r *http.Request) {
				w.(http.Flusher).Flush()
				io.CopyN(io.Discard, r.Body, maxDrain)
			}},
		"behind a filter's body, at the deadline": {length: 5 + len(rest), timeout: 300 * time.Millisecond, handler: deny(10),
			filter: func(h http.Handler) http.Handler { return http.MaxBytesHandler(h, 1<<20) }},
	} {
		for _, plain := range []bool{true, false} {
			for _, conn := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s,tls=%v,ConnContext=%v", name, !plain, conn), func(t *testing.T) {
					t.Parallel()
					s := newTestServer(t, "HTTP/1.1", serverConfig{timeout: tt.timeout, plain: plain, noConnContext: !conn, handler: tt.handler,
						outer: around(func(h http.Handler, w http.ResponseWriter, r *http.Request) {
							http.NewResponseController(w).EnableFullDuplex()
							if tt.filter != nil {
								h = tt.filter(h)
							}
							h.ServeHTTP(w, r)
						})})
					p := s.peer()
					p.send(fmt.Sprintf("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", tt.length) + strings.Repeat("b", tt.length-len(rest)))
					p.response("POST")
					<-time.After(lingerTime + 500*time.Millisecond)
					p.send(rest)
					p.conn.(interface{ CloseWrite() error }).CloseWrite()
					io.Copy(io.Discard, p.r)
					if got := s.taken(); len(got) != 1 {
						t.Errorf("the server took the rest of a body for a request: %v", got)
					}
				})
			}
		}
	}
}

// full is a filter's writer with no Unwrap, whose methods reach net/http's.
type full struct{ own }

func (f full) FlushError() error       { return http.NewResponseController(f.w).Flush() }
func (f full) EnableFullDuplex() error { return http.NewResponseController(f.w).EnableFullDuplex() }
func (f full) SetReadDeadline(t time.Time) error {
	return http.NewResponseController(f.w).SetReadDeadline(t)
}
func (f full) SetWriteDeadline(t time.Time) error {
	return http.NewResponseController(f.w).SetWriteDeadline(t)
}

// TestInterruptedReadIsTheLast of its connection: of chunks of which a read has failed net/http reads nothing more, and behind a writer
// that does not lead to its own nobody can tell it that the connection is to end.
func TestInterruptedReadIsTheLast(t *testing.T) {
	t.Parallel()
	const begin, rest = "0123456789", "\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
	for writer, wrap := range map[string]func(w http.ResponseWriter) http.ResponseWriter{
		"net/http's": func(w http.ResponseWriter) http.ResponseWriter { return w },
		"bare":       func(w http.ResponseWriter) http.ResponseWriter { return own{w} },
		"own":        func(w http.ResponseWriter) http.ResponseWriter { return full{own{w}} },
	} {
		for name, end := range map[string]func(w http.ResponseWriter, r *http.Request){
			"complete, at the deadline": func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Length", "3")
				io.WriteString(w, "all")
				bind(r.Context(), brief, "brief")
				io.Copy(io.Discard, r.Body)
			},
			"unanswered, at the deadline": func(w http.ResponseWriter, r *http.Request) {
				bind(r.Context(), brief, "brief")
				io.Copy(io.Discard, r.Body)
			},
			"left behind": func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Length", "3")
				io.WriteString(w, "all")
				leaveReading(r)
			},
			"left behind by a panic": func(w http.ResponseWriter, r *http.Request) {
				leaveReading(r)
				panic("what a filter recovers")
			},
		} {
			for _, outer := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s,%s,of a filter=%v", writer, name, outer), func(t *testing.T) {
					t.Parallel()
					s := newTestServer(t, "HTTP/1.1", serverConfig{timeout: 5 * time.Second, plain: true,
						handler: func(w http.ResponseWriter, r *http.Request) {
							if !outer {
								http.NewResponseController(w).EnableFullDuplex()
							}
							end(w, r)
						},
						outer: around(func(h http.Handler, w http.ResponseWriter, r *http.Request) {
							if outer {
								http.NewResponseController(w).EnableFullDuplex()
							}
							recovering(h).ServeHTTP(wrap(w), r)
						})})
					p := s.peer()
					p.send(fmt.Sprintf("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n", len(begin)+len(rest)) + begin)
					p.response("POST")
					p.send(rest)
					p.conn.(interface{ CloseWrite() error }).CloseWrite()
					io.Copy(io.Discard, p.r)
					if got := s.taken(); len(got) != 1 {
						t.Errorf("the server took the rest of a body for a request: %v", got)
					}
				})
			}
		}
	}
}

// leaveReading has a goroutine read the body, and returns when it waits for more.
func leaveReading(r *http.Request) {
	began, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		io.ReadFull(r.Body, make([]byte, 10))
		close(began)
		io.Copy(io.Discard, r.Body)
	}()
	<-began
	for guardFrom(r.Context()).reads() == 0 { // Nothing tells of it.
		select {
		case <-ended:
			return
		case <-time.After(time.Millisecond):
		}
	}
}

func (g *guard) reads() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return int(g.reading)
}

// TestAnswerThatWaitsWhileItsBodyIsRead: an answer that at the deadline is sent before all is said of it does not wait for a goroutine
// that the handler has left reading the body.
func TestAnswerThatWaitsWhileItsBodyIsRead(t *testing.T) {
	t.Parallel()
	for name, filter := range map[string]func(http.Handler) http.Handler{
		"net/http's": func(h http.Handler) http.Handler { return h },
		"a filter's": func(h http.Handler) http.Handler { return http.MaxBytesHandler(h, 1<<20) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			said := make(chan struct{})
			s := newTestServer(t, "HTTP/1.1", serverConfig{timeout: 300 * time.Millisecond, plain: true, outer: filter,
				handler: func(w http.ResponseWriter, r *http.Request) {
					io.WriteString(w, "all")
					leaveReading(r)
				}})
			s.boundary.MaxOverdue = -1
			s.boundary.Reporters = append(s.boundary.Reporters, Reporter{Key: "late", Say: func(*http.Request, Outcome) { <-said }})
			p := s.peer()
			p.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n0123456789")
			p.response("POST")
			close(said)
			if !strings.Contains(p.got.String(), "all") {
				t.Errorf("got %q", p.got.String())
			}
		})
	}
}

// nowhere is a filter's writer that leads to none.
type nowhere struct{ own }

func (nowhere) Unwrap() http.ResponseWriter { return nil }

// TestWriterThatLeadsToNone is as one that has no Unwrap.
func TestWriterThatLeadsToNone(t *testing.T) {
	t.Parallel()
	asPlain(t, serverConfig{handler: deny(10), outer: around(func(h http.Handler, w http.ResponseWriter, r *http.Request) { h.ServeHTTP(nowhere{own{w}}, r) })},
		map[string]func(p *peer){"post": func(p *peer) { p.send(ofLength("0123456789")); p.response("POST") }})
}

// TestReadDeadlineBehindAFiltersEnd: the end of a filter's body is not that of net/http's, whose rest the handler's own read deadline
// bounds on. When it passes there, the client has not gone.
func TestReadDeadlineBehindAFiltersEnd(t *testing.T) {
	t.Parallel() // Mostly it waits.
	asPlain(t, serverConfig{
		outer: around(func(h http.Handler, w http.ResponseWriter, r *http.Request) {
			r = r.Clone(r.Context())
			r.Body = struct {
				io.Reader
				io.Closer
			}{io.LimitReader(r.Body, 5), r.Body}
			h.ServeHTTP(w, r)
		}),
		handler: func(w http.ResponseWriter, r *http.Request) {
			http.NewResponseController(w).SetReadDeadline(time.Now().Add(200 * time.Millisecond))
			b, err := io.ReadAll(r.Body)
			fmt.Fprint(w, string(b), err)
			w.(http.Flusher).Flush()
			<-time.After(2 * goneTime)
			fmt.Fprint(w, "more")
		}}, map[string]func(p *peer){
		"half": func(p *peer) {
			p.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n01234")
			p.response("POST")
		}})
}

// TestNextRequestBehindASlowFilter: what bounds the wait for a body that a filter has read may pass while that filter is at work. A
// request that has come by then is answered all the same.
func TestNextRequestBehindASlowFilter(t *testing.T) {
	t.Parallel() // Mostly it waits.
	const timeout = 300 * time.Millisecond
	s := newTestServer(t, "HTTP/1.1", serverConfig{timeout: timeout,
		handler: func(w http.ResponseWriter, r *http.Request) { io.Copy(w, r.Body) },
		outer: around(func(h http.Handler, w http.ResponseWriter, r *http.Request) {
			read, _ := io.ReadAll(r.Body)
			inner := r.Clone(r.Context())
			inner.Body = io.NopCloser(bytes.NewReader(read))
			h.ServeHTTP(w, inner)
			if r.Method == "POST" {
				<-time.After(timeout + flushTime)
			}
		})})
	p := s.peer()
	p.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(100) + "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	p.response("POST")
	p.response("GET")
	if got := p.got.String(); strings.Count(got, " 200 ") != 2 {
		t.Errorf("got %s", got)
	}
}
