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
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// brief is a bound of a handler's own. As a deadline of the request it might,
// on a busy machine, pass before the handler is started.
const brief = 30 * time.Millisecond

var protos = []string{"HTTP/1.1", "HTTP/2.0"}

// testServer is a TLS server whose handler stands behind a boundary, with
// HTTP/2 from golang.org/x/net as in apiserver's SecureServingInfo.Serve.
type testServer struct {
	*httptest.Server
	t        *testing.T
	proto    string
	boundary Boundary
	timedOut atomic.Int64
	late     chan any     // what a late handler panicked with, or nil
	outcomes chan Outcome // of each request, as its report is said
	mu       sync.Mutex
	requests []seen         // all that net/http took for one
	begun    chan struct{}  // has one for each of them
	served   chan time.Time // when net/http was returned to, of each of them
	closed   chan time.Time // when a connection was, of each
	handlers handlerCount
	hold     chan struct{} // closed at the end of the test
}

// handlerCount is how many handlers are running. Unlike a sync.WaitGroup it may
// be waited for while one that was left behind is yet to begin.
type handlerCount struct {
	mu   sync.Mutex
	n    int
	none chan struct{} // closed when there is none, if somebody waits
}

func (h *handlerCount) add(n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.n += n; h.n == 0 && h.none != nil {
		close(h.none)
		h.none = nil
	}
}

func (h *handlerCount) wait() {
	h.mu.Lock()
	none := make(chan struct{})
	if h.n == 0 {
		close(none)
	} else {
		h.none = none
	}
	h.mu.Unlock()
	<-none
}

type holdKey struct{}

type socketKey struct{}

// hold is for a handler that does not return before the test ends.
func hold(r *http.Request) { <-r.Context().Value(holdKey{}).(chan struct{}) }

type serverConfig struct {
	timeout       time.Duration                            // of each request
	outer         func(http.Handler) http.Handler          // an outer filter
	handler       func(http.ResponseWriter, *http.Request) // behind the boundary
	plain         bool                                     // no TLS
	noConnContext bool
	stallTime     time.Duration      // for ConnContext
	direct        bool               // no boundary: what net/http does by itself
	cuts          bool               // the handler's responses are cut, by itself
	configure     func(*http.Server) // before it starts
	buffer        int                // of the server's sockets, in bytes; 0 is small
}

// serverLog keeps what net/http has to say, for when a test fails.
type serverLog struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *serverLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *serverLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// outcomeKey is the key of the report that testServer.outcomes gets.
const outcomeKey = "outcome"

// seen is a request that a server has got.
type seen struct{ method, path string }

func newTestServer(t *testing.T, proto string, c serverConfig) *testServer {
	t.Helper()
	if !slices.Contains(protos, proto) {
		t.Fatalf("no such protocol: %q", proto)
	}
	s := &testServer{t: t, proto: proto, late: make(chan any, 1<<16), hold: make(chan struct{}), outcomes: make(chan Outcome, 1<<16), begun: make(chan struct{}, 1<<16), served: make(chan time.Time, 1<<16), closed: make(chan time.Time, 1<<16)}
	s.boundary.Reporters = []Reporter{{Key: outcomeKey, Say: func(_ *http.Request, o Outcome) { s.outcomes <- o }}}
	s.boundary.Answer = timeoutStatus
	s.boundary.TimedOut = func(*http.Request) { s.timedOut.Add(1) }
	s.boundary.Late = func(_ *http.Request, _ time.Duration, o Outcome) { s.late <- o.Panicked }
	var handler http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(context.WithValue(r.Context(), holdKey{}, s.hold), c.timeout)
		defer cancel()
		if c.direct {
			c.handler(w, r.WithContext(ctx))
			return
		}
		s.boundary.Serve(w, r.WithContext(ctx), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s.handlers.add(1)
			defer s.handlers.add(-1)
			c.handler(w, r)
		}))
	})
	if c.outer != nil {
		handler = c.outer(handler)
	}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.requests = append(s.requests, seen{r.Method, r.URL.Path})
		s.mu.Unlock()
		s.begun <- struct{}{}
		defer func() { s.served <- time.Now() }()
		handler.ServeHTTP(w, r)
	}))
	s.Listener = Listener(s.Listener)
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			s.closed <- time.Now()
		}
	}
	said := &serverLog{}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("net/http said:\n%s", said.String())
		}
	})
	s.Config.ErrorLog = log.New(said, "", log.Lmicroseconds)
	if c.configure != nil {
		c.configure(s.Config)
	}
	s.Config.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		// Of a socket that is soon full, not after the megabytes that a kernel
		// may grant: a handler that writes to one is to be held, not busy.
		tcp := conn
		if conn, ok := conn.(*tls.Conn); ok {
			tcp = conn.NetConn()
		}
		ctx = context.WithValue(ctx, socketKey{}, tcp)
		tcp.(interface{ SetWriteBuffer(int) error }).SetWriteBuffer(cmp.Or(c.buffer, 64<<10))
		if c.buffer != 0 {
			tcp.(interface{ SetReadBuffer(int) error }).SetReadBuffer(c.buffer)
		}
		if c.noConnContext {
			return ctx
		}
		return ConnContext(c.stallTime)(ctx, conn)
	}
	if c.plain {
		s.Start()
	} else {
		s.EnableHTTP2 = false
		s.TLS = &tls.Config{NextProtos: []string{"http/1.1"}}
		if proto == "HTTP/2.0" {
			s.TLS.NextProtos = []string{"h2"}
			if err := http2.ConfigureServer(s.Config, &http2.Server{}); err != nil {
				t.Fatal(err)
			}
		}
		s.StartTLS()
	}
	t.Cleanup(func() {
		close(s.hold)
		s.CloseClientConnections()
		s.Close()
		s.handlers.wait()
	})
	return s
}

// client returns a client of its own connection.
func (s *testServer) client() *http.Client {
	config := &tls.Config{InsecureSkipVerify: true}
	var transport http.RoundTripper
	if s.proto == "HTTP/2.0" {
		// With a window that a handler is soon held by: net/http's own, as older minors have an x/net that gives no say.
		t1 := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true, HTTP2: &http.HTTP2Config{MaxReceiveBufferPerStream: 64 << 10}}
		s.t.Cleanup(t1.CloseIdleConnections)
		transport = t1
	} else {
		t1 := &http.Transport{TLSClientConfig: config, TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{}}
		s.t.Cleanup(t1.CloseIdleConnections)
		transport = t1
	}
	return &http.Client{Transport: transport, Timeout: 20 * time.Second}
}

func (s *testServer) do(method string, body io.Reader) (*http.Response, string, error) {
	return s.doWith(s.client(), method, body)
}

func (s *testServer) doWith(c *http.Client, method string, body io.Reader) (*http.Response, string, error) {
	req, err := http.NewRequest(method, s.URL, body)
	if err != nil {
		s.t.Fatal(err)
	}
	res, err := c.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	return res, string(got), err
}

// taken returns the requests that net/http has taken so far.
func (s *testServer) taken() []seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// outcome returns that of a next request, when it has been said.
func (s *testServer) outcome() Outcome {
	s.t.Helper()
	select {
	case o := <-s.outcomes:
		return o
	case <-time.After(20 * time.Second):
		s.t.Fatal("no outcome is said")
		return Outcome{}
	}
}

// wantAnswer sends a request whose handler gives "an answer", which is what its client is to have and, unless the handler
// is net/http's alone, what is to be reported.
func (s *testServer) wantAnswer(direct bool, method string, body io.Reader) {
	s.t.Helper()
	res, got, err := s.do(method, body)
	if err != nil || res.StatusCode != http.StatusOK || got != "an answer" {
		s.t.Errorf("direct: %t: got %v, %q, %v", direct, res, got, err)
	}
	if direct {
		return
	}
	if o := s.outcome(); o.Kind != Answered {
		s.t.Errorf("reported %+v", o)
	}
}

// dial opens a connection to speak HTTP/1.1 on by hand.
func (s *testServer) dial() net.Conn {
	s.t.Helper()
	var conn net.Conn
	var err error
	// A timeout of the server's is one of the handshake too, for which a machine
	// that is busy may take longer.
	for tries := 0; tries == 0 || err != nil && tries < 20; tries++ {
		if s.TLS == nil {
			conn, err = net.Dial("tcp", s.Listener.Addr().String())
		} else {
			conn, err = tls.Dial("tcp", s.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
		}
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	return conn
}

// want504 checks that an answer is the complete Status of a timeout.
func want504(t *testing.T, res *http.Response, body string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("got %v, want a 504", err)
	}
	var status metav1.Status
	if err := json.Unmarshal([]byte(body), &status); err != nil {
		t.Fatalf("got body %q: %v", body, err)
	}
	if res.StatusCode != 504 || status.Kind != "Status" || status.Code != 504 || status.Reason != metav1.StatusReasonTimeout ||
		res.Header.Get("Content-Type") != "application/json" || res.ContentLength != int64(len(body)) {
		t.Fatalf("got %d, %v, %+v", res.StatusCode, res.Header, status)
	}
}

func eachProto(t *testing.T, f func(t *testing.T, proto string)) {
	for _, proto := range protos {
		t.Run(proto, func(t *testing.T) {
			t.Parallel() // Mostly they wait.
			f(t, proto)
		})
	}
}

func TestHandlerAnswersInTime(t *testing.T) {
	eachProto(t, func(t *testing.T, proto string) {
		s := newTestServer(t, proto, serverConfig{timeout: time.Minute,
			outer: withHeader("X-Outer", "kept", "X-Gone", "deleted"),
			handler: func(w http.ResponseWriter, r *http.Request) {
				w.Header().Del("X-Gone")
				w.Header().Set("X-Inner", "set")
				w.WriteHeader(http.StatusEarlyHints)
				w.WriteHeader(http.StatusTeapot)
				body, _ := io.ReadAll(r.Body)
				w.Write(body)
			}})
		res, body, err := s.do("POST", strings.NewReader("hello"))
		if err != nil || res.StatusCode != http.StatusTeapot || body != "hello" {
			t.Fatalf("got %v, %q, %v", res, body, err)
		}
		if res.Header.Get("X-Outer") != "kept" || res.Header.Get("X-Inner") != "set" || res.Header["X-Gone"] != nil {
			t.Errorf("got header %v", res.Header)
		}
	})
}

func withHeader(kv ...string) func(http.Handler) http.Handler {
	return func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for i := 0; i < len(kv); i += 2 {
				w.Header().Set(kv[i], kv[i+1])
			}
			h.ServeHTTP(w, r)
		})
	}
}

func TestImplicit200SendsTheHandlersHeader(t *testing.T) {
	eachProto(t, func(t *testing.T, proto string) {
		s := newTestServer(t, proto, serverConfig{timeout: time.Minute,
			outer: withHeader("X-Gone", "deleted"),
			handler: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("X-Inner", "set")
				w.Header().Del("X-Gone")
			}})
		res, body, err := s.do("GET", nil)
		if err != nil || res.StatusCode != 200 || body != "" || res.Header.Get("X-Inner") != "set" || res.Header["X-Gone"] != nil {
			t.Fatalf("got %v, %q, %v", res, body, err)
		}
	})
}

func TestDeadlineWithNothingCommitted(t *testing.T) {
	handlers := map[string]func(http.ResponseWriter, *http.Request){
		"honours its context": func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"reports its context's error": func(w http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			http.Error(w, r.Context().Err().Error(), 500)
		},
		"panics when its context ends": func(w http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			panic(http.ErrAbortHandler)
		},
		"never returns": func(w http.ResponseWriter, r *http.Request) { w.Header().Set("X-Inner", "x"); hold(r) },
		"reads a body that does not end": func(w http.ResponseWriter, r *http.Request) {
			_, err := io.Copy(io.Discard, r.Body)
			w.Header().Set("X-Inner", fmt.Sprint(err))
			w.WriteHeader(400)
		},
		"never reads a body that does not end": func(w http.ResponseWriter, r *http.Request) { hold(r) },
		"has sent an informational answer": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Inner", "x")
			w.WriteHeader(http.StatusEarlyHints)
			hold(r)
		},
	}
	eachProto(t, func(t *testing.T, proto string) {
		for name, handler := range handlers {
			t.Run(name, func(t *testing.T) {
				s := newTestServer(t, proto, serverConfig{timeout: 50 * time.Millisecond,
					outer: withHeader("X-Outer", "kept"), handler: handler})
				method, body := "GET", io.Reader(nil)
				if strings.Contains(name, "body") {
					pr, pw := io.Pipe()
					t.Cleanup(func() { pw.Close() })
					go pw.Write([]byte("something"))
					method, body = "POST", pr
				}
				start := time.Now()
				res, got, err := s.do(method, body)
				want504(t, res, got, err)
				if res.Header.Get("X-Outer") != "kept" || res.Header["X-Inner"] != nil {
					t.Errorf("got header %v", res.Header)
				}
				close(s.hold)
				s.hold = make(chan struct{})
				s.Close()
				if n := s.timedOut.Load(); n != 1 {
					t.Errorf("counted %d times", n)
				}
				t.Logf("answered %v after the deadline", time.Since(start)-50*time.Millisecond)
			})
		}
	})
}

func TestUnauthenticatedClientThatStallsInItsBodyIsAnswered(t *testing.T) {
	t.Parallel() // Mostly it waits.
	for _, size := range []int{10, 1 << 20} {
		s := newTestServer(t, "HTTP/1.1", serverConfig{timeout: 10 * time.Second,
			handler: func(w http.ResponseWriter, _ *http.Request) { http.Error(w, strings.Repeat("x", size), 401) }})
		conn := s.dial()
		fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc")
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		if res.StatusCode != 401 || len(body) != size+1 || err != nil {
			t.Errorf("got %d, %d bytes, %v", res.StatusCode, len(body), err)
		}
		// What follows is the rest of the body, and must not be taken for a request.
		fmt.Fprintf(conn, "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n")
		if n, _ := io.Copy(io.Discard, conn); n != 0 {
			t.Errorf("got %d bytes more", n)
		}
	}
}

func TestConnectionIsUsedAgainAfterAnUnreadBody(t *testing.T) {
	var conns sync.Map
	s := newTestServer(t, "HTTP/1.1", serverConfig{timeout: time.Minute,
		handler: func(w http.ResponseWriter, r *http.Request) {
			conns.Store(r.RemoteAddr, true)
			http.Error(w, "no", 401)
		}})
	c := s.client()
	for range 5 {
		if res, _, err := s.doWith(c, "POST", strings.NewReader("small")); err != nil || res.StatusCode != 401 || res.ContentLength < 0 {
			t.Fatal(res, err)
		}
	}
	n := 0
	conns.Range(func(any, any) bool { n++; return true })
	if n != 1 {
		t.Errorf("used %d connections, want 1", n)
	}
}

func TestConnectionIsUsedAgainAfterA504(t *testing.T) {
	var conns sync.Map
	s := newTestServer(t, "HTTP/1.1", serverConfig{timeout: time.Minute,
		handler: func(w http.ResponseWriter, r *http.Request) {
			conns.Store(r.RemoteAddr, true)
			io.ReadAll(r.Body)
			// Not before: a deadline in a body ends the connection.
			bind(r.Context(), brief, "brief")
			hold(r)
		}})
	c := s.client()
	for range 5 {
		res, body, err := s.doWith(c, "POST", strings.NewReader("read"))
		want504(t, res, body, err)
	}
	n := 0
	conns.Range(func(any, any) bool { n++; return true })
	if n != 1 {
		t.Errorf("used %d connections, want 1", n)
	}
}

func TestClientThatDoesNotRead(t *testing.T) {
	t.Parallel() // Mostly it waits.
	const timeout = time.Second
	for name, proto := range map[string]string{"HTTP/1.1": "HTTP/1.1", "HTTP/2.0": "HTTP/2.0", "plain": "HTTP/1.1", "no ConnContext": "HTTP/1.1"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			returned := make(chan error, 1)
			served := make(chan time.Time, 1)
			s := newTestServer(t, proto, serverConfig{timeout: timeout, plain: name == "plain", noConnContext: name == "no ConnContext",
				outer: func(h http.Handler) http.Handler {
					return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						defer func() { served <- time.Now() }()
						h.ServeHTTP(w, r)
					})
				},
				handler: func(w http.ResponseWriter, _ *http.Request) {
					var err error
					for chunk := make([]byte, 1<<20); err == nil; {
						_, err = w.Write(chunk)
					}
					returned <- err
				}})
			start := time.Now()
			if proto == "HTTP/2.0" {
				res, err := s.client().Get(s.URL)
				if err != nil {
					t.Fatal(err)
				}
				defer res.Body.Close()
			} else {
				fmt.Fprintf(s.dial(), "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
			}
			err := <-returned
			if err != http.ErrHandlerTimeout {
				t.Errorf("Write returned %v, want http.ErrHandlerTimeout", err)
			}
			end := <-served
			if late := end.Sub(start) - timeout; late > 4*time.Second {
				t.Errorf("released %v after the deadline", late)
			} else {
				t.Logf("released %v after the deadline", late)
			}
			if s.timedOut.Load() != 0 {
				t.Error("counted as answered with 504")
			}
		})
	}
}

func TestDeadlineInMidResponse(t *testing.T) {
	eachProto(t, func(t *testing.T, proto string) {
		s := newTestServer(t, proto, serverConfig{timeout: time.Minute,
			handler: func(w http.ResponseWriter, r *http.Request) {
				io.WriteString(w, "partial")
				w.(http.Flusher).Flush()
				bind(r.Context(), brief, "brief")
				hold(r)
			}})
		res, body, err := s.do("GET", nil)
		if res == nil || res.StatusCode != 200 || body != "partial" || err == nil {
			t.Errorf("got %v, %q, %v; want 200, a part, and an error", res, body, err)
		}
	})
}

func TestHandlerReturnsAsTheDeadlineStrikes(t *testing.T) {
	eachProto(t, func(t *testing.T, proto string) {
		const timeout = 20 * time.Millisecond
		whole := strings.Repeat("x", 10_000)
		s := newTestServer(t, proto, serverConfig{timeout: timeout,
			handler: func(w http.ResponseWriter, r *http.Request) {
				deadline, _ := r.Context().Deadline()
				time.Sleep(time.Until(deadline) + time.Duration(time.Now().UnixNano()%400-200)*time.Microsecond)
				io.WriteString(w, whole)
			}})
		c := s.client()
		var n200, n504, cut int
		for range 60 {
			res, body, err := s.doWith(c, "GET", nil)
			switch {
			case err == nil && res.StatusCode == 200 && body == whole:
				n200++
			case err == nil && res.StatusCode == 504:
				want504(t, res, body, err)
				n504++
			case err != nil:
				cut++
			default:
				t.Fatalf("got %v, %d bytes", res, len(body))
			}
		}
		// A machine that is busy enough may hold a handler up for longer than
		// it is granted to return: that it is granted that is for TestWhoWins.
		t.Logf("%d whole answers, %d times 504, %d cut off", n200, n504, cut)
	})
}

func TestDeadlinePassedOnArrivalStartsNothing(t *testing.T) {
	eachProto(t, func(t *testing.T, proto string) {
		s := newTestServer(t, proto, serverConfig{timeout: time.Nanosecond,
			handler: func(w http.ResponseWriter, _ *http.Request) { t.Error("the handler was started") }})
		c := s.client()
		for range 100 {
			res, body, err := s.doWith(c, "GET", nil)
			want504(t, res, body, err)
		}
	})
}

func TestClientGone(t *testing.T) {
	eachProto(t, func(t *testing.T, proto string) {
		started, write := make(chan struct{}), make(chan error, 1)
		s := newTestServer(t, proto, serverConfig{timeout: time.Minute,
			handler: func(w http.ResponseWriter, r *http.Request) {
				close(started)
				<-r.Context().Done()
				_, err := io.WriteString(w, "x")
				write <- err
			}})
		ctx, cancel := context.WithCancel(context.Background())
		req, _ := http.NewRequestWithContext(ctx, "GET", s.URL, nil)
		go func() { <-started; cancel() }()
		if _, err := s.client().Do(req); err == nil {
			t.Fatal("the request did not fail")
		}
		if err := <-write; err == nil || err == http.ErrHandlerTimeout {
			t.Errorf("Write returned %v, want that the client has gone", err)
		}
		<-s.late
		if s.timedOut.Load() != 0 {
			t.Error("counted as a 504")
		}
	})
}

func TestPanics(t *testing.T) {
	eachProto(t, func(t *testing.T, proto string) {
		tests := map[string]struct {
			handler http.HandlerFunc
			want    string // the beginning of what an outer filter recovers
		}{
			"value":            {func(http.ResponseWriter, *http.Request) { panic("boom") }, "boom\ngoroutine "},
			"ErrAbortHandler":  {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, http.ErrAbortHandler.Error()},
			"Goexit":           {func(http.ResponseWriter, *http.Request) { runtime.Goexit() }, "<nil>"},
			"after the commit": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(200); panic("boom") }, "boom\ngoroutine "},
		}
		for name, tt := range tests {
			t.Run(name, func(t *testing.T) {
				got := make(chan any, 1)
				s := newTestServer(t, proto, serverConfig{timeout: time.Minute, handler: tt.handler,
					outer: func(h http.Handler) http.Handler {
						return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
							defer func() { got <- recover(); panic(http.ErrAbortHandler) }()
							h.ServeHTTP(w, r)
						})
					}})
				if _, _, err := s.do("POST", strings.NewReader("x")); err == nil {
					t.Error("the client did not see it")
				}
				if p := <-got; !strings.HasPrefix(fmt.Sprint(p), tt.want) {
					t.Errorf("recovered %v, want %s", p, tt.want)
				}
			})
		}
	})
}

func TestLatePanicIsReported(t *testing.T) {
	eachProto(t, func(t *testing.T, proto string) {
		release := make(chan struct{})
		s := newTestServer(t, proto, serverConfig{timeout: time.Minute,
			handler: func(_ http.ResponseWriter, r *http.Request) {
				bind(r.Context(), brief, "brief")
				<-release
				panic("late")
			}})
		res, body, err := s.do("GET", nil)
		want504(t, res, body, err)
		if n := s.boundary.Overdue(); n != 1 {
			t.Errorf("%d overdue, want 1", n)
		}
		close(release)
		if p := fmt.Sprint(<-s.late); !strings.HasPrefix(p, "late\n") {
			t.Errorf("got %v", p)
		}
		// Who joins the handler, or the handler, frees the place a moment later.
		for end := time.Now().Add(5 * time.Second); s.boundary.Overdue() != 0; runtime.Gosched() {
			if time.Now().After(end) {
				t.Fatalf("%d overdue, want 0", s.boundary.Overdue())
			}
		}
	})
}

func TestHijack(t *testing.T) {
	s := newTestServer(t, "HTTP/1.1", serverConfig{timeout: time.Minute,
		handler: func(w http.ResponseWriter, r *http.Request) {
			conn, rw, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			if _, err := w.Write([]byte("x")); err != http.ErrHijacked {
				t.Errorf("Write returned %v", err)
			}
			ctx, _ := bind(r.Context(), brief, "brief")
			<-ctx.Done()
			rw.WriteString("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
			rw.Flush()
		}})
	res, _, err := s.do("GET", nil)
	if err != nil || res.StatusCode != 204 || s.timedOut.Load() != 0 {
		t.Errorf("got %v, %v, %d timed out; want the hijacker's own answer", res, err, s.timedOut.Load())
	}
}

func TestTrailers(t *testing.T) {
	eachProto(t, func(t *testing.T, proto string) {
		s := newTestServer(t, proto, serverConfig{timeout: time.Minute,
			handler: func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Trailer", "X-Announced, x-lower")
				io.Copy(io.Discard, r.Body)
				io.WriteString(w, "body")
				w.(http.Flusher).Flush()
				w.Header().Set("X-Announced", r.Trailer.Get("X-Sent"))
				w.Header().Set("X-Lower", "l")
				w.Header().Set(http.TrailerPrefix+"X-Prefixed", "p")
				w.Header().Set("X-Late", "dropped")
			}})
		req, _ := http.NewRequest("POST", s.URL, io.NopCloser(strings.NewReader("x")))
		req.Trailer = http.Header{"X-Sent": {"sent"}}
		res, err := s.client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		io.Copy(io.Discard, res.Body)
		if res.Trailer.Get("X-Announced") != "sent" || res.Trailer.Get("X-Lower") != "l" || res.Trailer.Get("X-Prefixed") != "p" || res.Header["X-Late"] != nil {
			t.Errorf("got trailer %v, header %v", res.Trailer, res.Header)
		}
	})
}

func TestNestedBoundaryStepsAside(t *testing.T) {
	eachProto(t, func(t *testing.T, proto string) {
		inner := Boundary{
			Answer:   timeoutStatus,
			TimedOut: func(*http.Request) { t.Error("the inner boundary has answered") },
		}
		s := newTestServer(t, proto, serverConfig{timeout: 50 * time.Millisecond,
			handler: func(w http.ResponseWriter, r *http.Request) {
				ctx, cancel := context.WithTimeout(r.Context(), 50*time.Millisecond)
				defer cancel()
				inner.Serve(w, r.WithContext(ctx), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
			}})
		c := s.client()
		for range 10 {
			res, body, err := s.doWith(c, "GET", nil)
			want504(t, res, body, err)
		}
	})
}

func TestBind(t *testing.T) {
	eachProto(t, func(t *testing.T, proto string) {
		for name, handler := range map[string]http.HandlerFunc{
			"honoured": func(w http.ResponseWriter, r *http.Request) {
				ctx, cancel := context.WithTimeout(r.Context(), 30*time.Millisecond)
				defer cancel()
				release, ok := Bind(ctx, boundStatus)
				if !ok {
					t.Error("not ok")
					return
				}
				<-ctx.Done()
				release()
				http.Error(w, "storage: context deadline exceeded", 500)
			},
			"ignored": func(w http.ResponseWriter, r *http.Request) {
				ctx, cancel := context.WithTimeout(r.Context(), 30*time.Millisecond)
				defer cancel()
				Bind(ctx, boundStatus)
				hold(r)
			},
		} {
			t.Run(name, func(t *testing.T) {
				s := newTestServer(t, proto, serverConfig{timeout: time.Minute, handler: handler})
				c := s.client()
				for range 10 {
					res, body, err := s.doWith(c, "GET", nil)
					want504(t, res, body, err)
					if !strings.Contains(body, "the bound") {
						t.Fatalf("got %s", body)
					}
				}
			})
		}
		t.Run("released", func(t *testing.T) {
			s := newTestServer(t, proto, serverConfig{timeout: time.Minute,
				handler: func(w http.ResponseWriter, r *http.Request) {
					ctx, cancel := context.WithTimeout(r.Context(), time.Second)
					release, _ := Bind(ctx, boundStatus)
					release()
					cancel()
					io.WriteString(w, "in time")
				}})
			if res, body, err := s.do("GET", nil); err != nil || res.StatusCode != 200 || body != "in time" {
				t.Errorf("got %v, %q, %v", res, body, err)
			}
		})
	})
	if _, ok := Bind(context.Background(), boundStatus); ok {
		t.Error("ok outside a boundary")
	}
}

func TestOverdueHandlersAreCapped(t *testing.T) {
	eachProto(t, func(t *testing.T, proto string) {
		s := newTestServer(t, proto, serverConfig{timeout: time.Minute,
			handler: func(_ http.ResponseWriter, r *http.Request) { bind(r.Context(), brief, "brief"); hold(r) }})
		s.boundary.MaxOverdue = 3
		for range 3 {
			res, body, err := s.do("GET", nil)
			want504(t, res, body, err)
		}
		if res, body, err := s.do("GET", nil); err == nil {
			t.Errorf("got %v, %q; want an aborted request", res, body)
		}
		if n := s.boundary.Overdue(); n != 3 {
			t.Errorf("%d overdue, want 3", n)
		}
	})
}

func TestRetainedWriter(t *testing.T) {
	eachProto(t, func(t *testing.T, proto string) {
		type retained struct {
			w http.ResponseWriter
			r *http.Request
		}
		for _, name := range []string{"done", "timed out"} {
			t.Run(name, func(t *testing.T) {
				kept := make(chan retained, 1)
				s := newTestServer(t, proto, serverConfig{timeout: time.Minute,
					handler: func(w http.ResponseWriter, r *http.Request) {
						kept <- retained{w, r}
						if name == "timed out" {
							ctx, _ := bind(r.Context(), brief, "brief")
							<-ctx.Done()
							return
						}
						io.WriteString(w, "answer")
					}})
				c := s.client()
				if _, _, err := s.doWith(c, "POST", strings.NewReader("x")); err != nil {
					t.Fatal(err)
				}
				old := <-kept
				old.w.Header().Set("X", "y")
				old.w.WriteHeader(500)
				if _, err := old.w.Write([]byte("late")); err == nil {
					t.Error("Write did not fail")
				}
				old.w.(http.Flusher).Flush()
				rc := http.NewResponseController(old.w)
				for i, err := range []error{rc.Flush(), rc.SetReadDeadline(longAgo), rc.SetWriteDeadline(longAgo), rc.EnableFullDuplex(), errOf(old.r.Body.Read(make([]byte, 1)))} {
					if err == nil {
						t.Errorf("call %d did not fail", i)
					}
				}
				if _, _, err := rc.Hijack(); err == nil {
					t.Error("Hijack did not fail")
				}
				<-rcClosed(old.w)
				if _, _, err := s.doWith(c, "POST", strings.NewReader("x")); err != nil {
					t.Errorf("the next request on the connection: %v", err)
				}
			})
		}
	})
}

func TestAnswerToAStalledBodyIsPrompt(t *testing.T) {
	const timeout = 100 * time.Millisecond
	s := newTestServer(t, "HTTP/1.1", serverConfig{timeout: timeout,
		handler: func(_ http.ResponseWriter, r *http.Request) { io.ReadAll(r.Body) }})
	conn := s.dial()
	start := time.Now()
	fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc")
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	want504(t, res, string(body), err)
	if late := time.Since(start) - timeout; late > 4*time.Second {
		t.Errorf("answered %v after the deadline", late)
	}
	if n, err := io.Copy(io.Discard, conn); n != 0 || err != nil {
		t.Errorf("got %d bytes more and %v, want the end of the connection", n, err)
	}
}

func errOf(_ int, err error) error { return err }

func rcClosed(w http.ResponseWriter) <-chan bool {
	return w.(http.CloseNotifier).CloseNotify() //nolint:staticcheck // SA1019
}

// TestManyClientsThatDoNotRead has each of them hold a handler in its Write.
// What counts is their number, not how much they are sent: over HTTP/2 their
// windows are small, so that a handler is held at once and not by megabytes.
func TestManyClientsThatDoNotRead(t *testing.T) {
	const clients = 200
	chunk := make([]byte, 2<<20)
	for _, proto := range protos {
		t.Run(proto, func(t *testing.T) {
			t.Parallel()
			returned := make(chan error, clients)
			s := newTestServer(t, proto, serverConfig{timeout: 2 * time.Second,
				handler: func(w http.ResponseWriter, _ *http.Request) {
					_, err := w.Write(chunk)
					returned <- err
				}})
			c := s.client()
			for range clients {
				if proto == "HTTP/1.1" {
					fmt.Fprintf(s.dial(), "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
					continue
				}
				res, err := c.Get(s.URL)
				if err != nil {
					t.Fatal(err)
				}
				defer res.Body.Close()
			}
			for range clients {
				if err := <-returned; err != http.ErrHandlerTimeout {
					t.Fatalf("Write returned %v", err)
				}
			}
		})
	}
}
