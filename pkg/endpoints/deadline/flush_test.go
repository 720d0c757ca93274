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
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// What lies in net/http's buffers: who is held by it, and what is said of it.

// fill fills the socket of a handler's connection, whose client does not read,
// so that what net/http is to send after that waits.
func fill(r *http.Request) {
	conn, err := r.Context().Value(socketKey{}).(syscall.Conn).SyscallConn()
	if err != nil {
		panic(err)
	}
	chunk := make([]byte, 64<<10)
	// The kernel may still be on its way with what it has.
	for full := 0; full < 30; full++ {
		conn.Write(func(fd uintptr) bool {
			for {
				if _, err := syscall.Write(int(fd), chunk); err != nil {
					return true
				}
				full = 0
			}
		})
		time.Sleep(10 * time.Millisecond)
	}
}

// stalledPeer is a client of a small socket that it does not read from.
func (s *testServer) stalledPeer() *peer {
	p := s.peer()
	p.tcp().SetReadBuffer(16 << 10)
	return p
}

// wantReleased checks that a serve goroutine is back, and its connection closed,
// soon after the end of its request.
func wantReleased(t *testing.T, s *testServer, end time.Time, within time.Duration) {
	t.Helper()
	limit := time.After(time.Until(end) + within + 4*time.Second)
	for what, done := range map[string]chan time.Time{"the serve goroutine": s.served, "the connection": s.closed} {
		select {
		case at := <-done:
			t.Logf("%s was released %v after the end", what, at.Sub(end).Round(time.Millisecond))
		case <-limit:
			t.Errorf("%s is still held %v after the end", what, time.Since(end))
		}
	}
}

// TestBytesInBuffers has a socket that is full, a client that does not read, and
// bytes of the response in net/http's own buffer: nobody is in a call that could
// be interrupted, and net/http would wait for the client as it returns.
func TestBytesInBuffers(t *testing.T) {
	t.Parallel() // Mostly it waits.
	for name, tt := range map[string]struct {
		handler func(w http.ResponseWriter, r *http.Request)
		within  time.Duration // of the deadline
	}{
		"a part, and a handler that waits": {func(w http.ResponseWriter, r *http.Request) {
			w.Write(make([]byte, 3000))
			fill(r)
			bind(r.Context(), brief, "brief")
			hold(r)
		}, 0},
		"a part, and a handler that returns": {func(w http.ResponseWriter, r *http.Request) {
			w.Write(make([]byte, 3000))
			w.(http.Flusher).Flush()
			fill(r)
			w.Write(make([]byte, 1000))
			ctx, _ := bind(r.Context(), brief, "brief")
			<-ctx.Done()
		}, 0},
		"an answer": {func(w http.ResponseWriter, r *http.Request) {
			w.Write(make([]byte, 3000))
			fill(r)
		}, flushTime},
		"an answer that is complete, and a handler that stays": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "1000")
			w.Write(make([]byte, 1000))
			fill(r)
			bind(r.Context(), brief, "brief")
			hold(r)
		}, flushTime},
		"the 504": {func(w http.ResponseWriter, r *http.Request) {
			fill(r)
			bind(r.Context(), brief, "brief")
			hold(r)
		}, answerTime},
		"a panic": {func(w http.ResponseWriter, r *http.Request) {
			w.Write(make([]byte, 3000))
			fill(r)
			panic("boom")
		}, flushTime},
	} {
		for _, plain := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s,tls=%v", name, !plain), func(t *testing.T) {
				t.Parallel()
				ends := make(chan time.Time, 1)
				// An answer is bounded by the request's deadline, which so must be near.
				s := newTestServer(t, "HTTP/1.1", serverConfig{timeout: 2 * time.Second, plain: plain, buffer: 16 << 10,
					handler: func(w http.ResponseWriter, r *http.Request) {
						d, _ := r.Context().Deadline()
						ends <- d
						tt.handler(w, r)
					}})
				s.stalledPeer().send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
				wantReleased(t, s, <-ends, tt.within)
			})
		}
	}
}

// TestPipelinedAnswersThatAreNotRead: each is small, in time, and given to the
// kernel by net/http when the boundary has returned, until that takes no more.
func TestPipelinedAnswersThatAreNotRead(t *testing.T) {
	for _, plain := range []bool{true, false} {
		t.Run(fmt.Sprintf("tls=%v", !plain), func(t *testing.T) {
			t.Parallel()
			var last atomic.Int64
			s := newTestServer(t, "HTTP/1.1", serverConfig{timeout: time.Second, plain: plain, buffer: 16 << 10,
				handler: func(w http.ResponseWriter, _ *http.Request) {
					last.Store(time.Now().UnixNano())
					w.Write(make([]byte, 1000))
				}})
			p := s.stalledPeer()
			p.start(strings.Repeat("GET / HTTP/1.1\r\nHost: x\r\n\r\n", 20_000))
			select {
			case at := <-s.closed:
				if late := at.Sub(time.Unix(0, last.Load())); late > time.Second+flushTime+4*time.Second {
					t.Errorf("held %v after the last answer", late)
				} else {
					t.Logf("closed %v after the last answer", late)
				}
			case <-time.After(20 * time.Second):
				t.Error("still held")
			}
			p.conn.Close()
			p.busy.Wait()
		})
	}
}

// TestPartIsNotPassedOffAsTheWhole: a handler that has flushed a part returns
// because its context has ended. Nobody knows that there was more but the client
// that sees its connection cut.
func TestPartIsNotPassedOffAsTheWhole(t *testing.T) {
	for name, flush := range map[string]func(w http.ResponseWriter){
		"flushed": func(w http.ResponseWriter) {
			io.WriteString(w, "a part")
			w.(http.Flusher).Flush()
		},
		"flushed, then written": func(w http.ResponseWriter) {
			w.(http.Flusher).Flush()
			io.WriteString(w, "a part")
		},
		"flushed, not chunked": func(w http.ResponseWriter) {
			w.Header().Set("Transfer-Encoding", "identity")
			io.WriteString(w, "a part")
			w.(http.Flusher).Flush()
		},
	} {
		handler := func(w http.ResponseWriter, r *http.Request) {
			flush(w)
			ctx, _ := bind(r.Context(), brief, "brief")
			<-ctx.Done()
		}
		check := func(t *testing.T, s *testServer, err error) {
			if err == nil {
				t.Error("the client takes the part for the whole")
			}
			if o := s.outcome(); o.Kind != Aborted || o.Status != 200 || o.Bytes != 6 && o.Bytes != 0 {
				t.Errorf("reported %+v", o)
			}
		}
		t.Run(name, func(t *testing.T) {
			eachProto(t, func(t *testing.T, proto string) {
				s := newTestServer(t, proto, serverConfig{timeout: time.Minute, handler: handler})
				_, _, err := s.do("GET", nil)
				check(t, s, err)
			})
			for _, plain := range []bool{true, false} {
				t.Run(fmt.Sprintf("HTTP/1.0,tls=%v", !plain), func(t *testing.T) {
					t.Parallel()
					s := newTestServer(t, "HTTP/1.1", serverConfig{timeout: time.Minute, handler: handler, plain: plain})
					p := s.peer()
					p.send("GET / HTTP/1.0\r\n\r\n")
					_, err := io.Copy(io.Discard, p.r)
					check(t, s, err)
				})
			}
		})
	}
}

// TestUnsentBytesAreNotSaidToHaveArrived: what a handler has written, and
// net/http has not sent, is in the records as what it is.
func TestUnsentBytesAreNotSaidToHaveArrived(t *testing.T) {
	eachProto(t, func(t *testing.T, proto string) {
		s := newTestServer(t, proto, serverConfig{timeout: time.Minute,
			handler: func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(http.StatusCreated)
				io.WriteString(w, "eleven byte")
				bind(r.Context(), brief, "brief")
				hold(r)
			}})
		if res, _, err := s.do("GET", nil); err == nil {
			t.Errorf("got %v", res)
		}
		o := s.outcome()
		if o.Kind != Aborted || o.Status != http.StatusCreated || o.Bytes != 11 {
			t.Errorf("reported %+v", o)
		}
		if got := o.AuditStatus().Message; !strings.Contains(got, "11 bytes") || !strings.Contains(got, "may not have arrived") {
			t.Errorf("the audit event says %q", got)
		}
	})
}

// TestClientThatGoesWhenItHasItAll: an answer whose length is met is answered,
// whatever its client and its handler do next; one of which a part is missing is
// not.
func TestClientThatGoesWhenItHasItAll(t *testing.T) {
	t.Parallel() // Mostly it waits.
	answer := func(w http.ResponseWriter, length, n int, flush bool) {
		w.Header().Set("Content-Length", fmt.Sprint(length))
		w.Write(make([]byte, n))
		if flush {
			w.(http.Flusher).Flush()
		}
	}
	for name, tt := range map[string]struct {
		method  string
		handler func(w http.ResponseWriter)
		size    int64 // of what the client waits for
		want    Kind
	}{
		"flushed":    {"GET", func(w http.ResponseWriter) { answer(w, 100, 100, true) }, 100, Answered},
		"at length":  {"GET", func(w http.ResponseWriter) { answer(w, 100_000, 100_000, false) }, 100_000, Answered},
		"HEAD":       {"HEAD", func(w http.ResponseWriter) { answer(w, 100, 0, true) }, 0, Answered},
		"no content": {"GET", func(w http.ResponseWriter) { w.WriteHeader(204); w.(http.Flusher).Flush() }, 0, Answered},
		"a part":     {"GET", func(w http.ResponseWriter) { answer(w, 200, 100, true) }, 100, ClientGone},
		"a part, of a length that is not known": {"GET", func(w http.ResponseWriter) {
			w.Write(make([]byte, 100))
			w.(http.Flusher).Flush()
		}, 100, ClientGone},
	} {
		for _, panics := range []bool{false, true} {
			for _, plain := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s,panics=%v,tls=%v", name, panics, !plain), func(t *testing.T) {
					t.Parallel()
					s := newTestServer(t, "HTTP/1.1", serverConfig{timeout: time.Minute, plain: plain,
						handler: func(w http.ResponseWriter, r *http.Request) {
							tt.handler(w)
							<-r.Context().Done()
							if panics {
								panic("boom")
							}
						}})
					for range 20 {
						p := s.peer()
						p.send(tt.method + " / HTTP/1.1\r\nHost: x\r\n\r\n")
						res, err := http.ReadResponse(p.r, &http.Request{Method: tt.method})
						if err != nil {
							t.Fatal(err)
						}
						if n, err := io.CopyN(io.Discard, res.Body, tt.size); err != nil {
							t.Fatal(n, err)
						}
						p.conn.Close()
						if o := s.outcome(); o.Kind != tt.want || o.Status != res.StatusCode {
							t.Fatalf("reported %+v, want %s with %d", o, tt.want, res.StatusCode)
						}
					}
				})
			}
		}
	}
}

// TestCompleteAnswerAtTheDeadline: it is delivered, whatever its handler does
// next, and the connection goes on.
func TestCompleteAnswerAtTheDeadline(t *testing.T) {
	for name, next := range map[string]func(w http.ResponseWriter, r *http.Request){
		"stays":        func(_ http.ResponseWriter, r *http.Request) { hold(r) },
		"returns":      func(_ http.ResponseWriter, r *http.Request) {},
		"panics":       func(http.ResponseWriter, *http.Request) { panic("boom") },
		"exits":        func(http.ResponseWriter, *http.Request) { runtime.Goexit() },
		"flushes more": func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush() },
	} {
		t.Run(name, func(t *testing.T) {
			eachProto(t, func(t *testing.T, proto string) {
				s := newTestServer(t, proto, serverConfig{timeout: time.Minute,
					handler: func(w http.ResponseWriter, r *http.Request) {
						w.Header().Set("Content-Length", "5")
						io.WriteString(w, "whole")
						ctx, _ := bind(r.Context(), brief, "brief")
						<-ctx.Done()
						next(w, r) // Which net/http may still see: nobody is faster than the handler.
					}})
				c := s.client()
				for range 3 {
					res, body, err := s.doWith(c, "GET", nil)
					if err != nil || res.StatusCode != 200 || body != "whole" {
						t.Fatalf("got %v, %q, %v", res, body, err)
					}
					if o := s.outcome(); o.Kind != Answered || o.Status != 200 || o.Bytes != 5 {
						t.Fatalf("reported %+v", o)
					}
				}
			})
		})
	}
}
