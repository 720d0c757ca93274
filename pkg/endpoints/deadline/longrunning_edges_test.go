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
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// What a review of LongRunning by hostile eyes found, and its like.

// TestOwnWriteDeadlineOfALongRunningHandler is not lifted when it returns.
func TestOwnWriteDeadlineOfALongRunningHandler(t *testing.T) {
	t.Run("that has passed", func(t *testing.T) {
		handler := func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "what is not to leave")
			http.NewResponseController(w).SetWriteDeadline(longAgo)
		}
		with := newLongRunning(t, "HTTP/1.1", time.Minute, serverConfig{handler: handler})
		without := newTestServer(t, "HTTP/1.1", serverConfig{timeout: time.Minute, direct: true, handler: handler})
		if a, b := answered(with.testServer, "/"), answered(without, "/"); a[0] != b[0] {
			t.Errorf("got %q, want %q", a, b)
		}
	})
	t.Run("that is nearer", func(t *testing.T) {
		l, w := &LongRunning{WriteTimeout: time.Hour}, &boundedWriter{ResponseRecorder: httptest.NewRecorder()}
		l.Serve(w, servedRequest(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.NewResponseController(w).SetWriteDeadline(time.Now().Add(5 * time.Second))
		}))
		if in := time.Until(w.by); in > 5*time.Second {
			t.Errorf("it has become %v", in)
		}
	})
}

// TestServersOwnWriteTimeout bounds net/http's last flush, and nothing else does.
func TestServersOwnWriteTimeout(t *testing.T) {
	l, w := &LongRunning{WriteTimeout: time.Hour}, &boundedWriter{ResponseRecorder: httptest.NewRecorder()}
	r := httptest.NewRequest("GET", "/", nil)
	r = r.WithContext(context.WithValue(r.Context(), http.ServerContextKey, &http.Server{WriteTimeout: time.Minute}))
	l.Serve(w, r, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	if !w.by.IsZero() {
		t.Errorf("it has become %v", time.Until(w.by))
	}
}

// TestWriteThatIsUnderWayWhenItsRequestEnds has as long from then on as one that begins
// then.
func TestWriteThatIsUnderWayWhenItsRequestEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const end = time.Minute
		l := &LongRunning{WriteTimeout: time.Hour}
		w := &writing{ResponseRecorder: httptest.NewRecorder(), deadline: make(chan struct{})}
		l.Serve(w, httptest.NewRequest("GET", "/", nil), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			EndWrites(r.Context(), end, nil)
			start := time.Now()
			w.Write([]byte("x"))
			if took := time.Since(start); took < end+overTime || took > end+overTime+3*l.interval() {
				t.Errorf("took %v", took)
			}
		}))
	})
}

// servedRequest is one that a server without a write timeout has read.
func servedRequest() *http.Request {
	r := httptest.NewRequest("GET", "/", nil)
	return r.WithContext(context.WithValue(r.Context(), http.ServerContextKey, &http.Server{}))
}

// TestOwnReadDeadlineOfALongRunningHandler that passes is not the client's end to
// the next request on the connection.
func TestOwnReadDeadlineOfALongRunningHandler(t *testing.T) {
	l := &LongRunning{WriteTimeout: time.Minute}
	s := newTestServer(t, "HTTP/1.1", serverConfig{timeout: time.Minute, outer: func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/long" {
				h.ServeHTTP(w, r)
				return
			}
			l.Serve(w, r, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				http.NewResponseController(w).SetReadDeadline(time.Now().Add(brief))
				<-r.Context().Done() // net/http takes it for the client's.
				fmt.Fprint(w, "an answer")
			}))
		})
	}, handler: func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "an answer") }})
	c := s.client()
	for _, path := range []string{"/long", "/short"} {
		res, err := c.Get(s.URL + path)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if body, err := io.ReadAll(res.Body); string(body) != "an answer" || err != nil {
			t.Fatalf("%s: got %q, %v", path, body, err)
		}
		res.Body.Close()
	}
}

// opaque is a filter's writer that shows no way to net/http's.
type opaque struct{ w http.ResponseWriter }

func (o opaque) Header() http.Header         { return o.w.Header() }
func (o opaque) WriteHeader(n int)           { o.w.WriteHeader(n) }
func (o opaque) Write(p []byte) (int, error) { return o.w.Write(p) }
func (o opaque) Flush()                      { o.w.(http.Flusher).Flush() }

// leading shows it, and is no Hijacker itself.
type leading struct{ opaque }

func (l leading) Unwrap() http.ResponseWriter { return l.w }

// TestStreamThatCannotBeReset is left alone, and so is its connection.
func TestStreamThatCannotBeReset(t *testing.T) {
	t.Parallel()
	const bound = 200 * time.Millisecond
	var s *longRunning
	events := make(chan string)
	s = newLongRunning(t, "HTTP/2.0", bound, serverConfig{stallTime: time.Nanosecond, handler: func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		if r.URL.Path != "/watch" {
			s.writeOn(w, r)
			return
		}
		for event := range events {
			fmt.Fprintln(w, event)
			w.(http.Flusher).Flush()
		}
	}})
	inner := s.Config.Handler
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { inner.ServeHTTP(opaque{w}, r) })
	c := s.client()
	watch, err := c.Get(s.URL + "/watch")
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Body.Close()
	stalled, err := c.Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer stalled.Body.Close()
	select {
	case <-s.closed:
		t.Fatal("the connection was closed, of which another client takes all")
	case <-time.After(answerTime + 2*bound):
	}
	events <- "an event"
	if line, err := bufio.NewReader(watch.Body).ReadString('\n'); line != "an event\n" || err != nil {
		t.Errorf("the healthy watch got %q, %v", line, err)
	}
	close(events)
}

// TestHijackByResponseController, where a filter's writer is no Hijacker itself.
func TestHijackByResponseController(t *testing.T) {
	const bound = 200 * time.Millisecond
	wrote := make(chan error, 1)
	s := newLongRunning(t, "HTTP/1.1", bound, serverConfig{plain: true, handler: func(w http.ResponseWriter, _ *http.Request) {
		if _, ok := w.(http.Hijacker); ok {
			t.Error("it is a Hijacker now")
		}
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			wrote <- err
			return
		}
		go func() {
			defer conn.Close()
			time.Sleep(2 * bound)
			_, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
			wrote <- err
		}()
	}})
	inner := s.Config.Handler
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { inner.ServeHTTP(leading{opaque{w}}, r) })
	conn := s.dial()
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	if err := <-wrote; err != nil {
		t.Errorf("the hijacker got %v", err)
	}
}

// TestNoBound is for ever, however that is said, and holds for the rest as well.
func TestNoBound(t *testing.T) {
	for _, bound := range []time.Duration{0, -1, math.MaxInt64} {
		synctest.Test(t, func(t *testing.T) {
			l := &LongRunning{WriteTimeout: bound}
			w := &writing{ResponseRecorder: httptest.NewRecorder(), deadline: make(chan struct{})}
			time.AfterFunc(time.Hour, func() { w.SetWriteDeadline(time.Time{}) })
			l.Serve(w, httptest.NewRequest("GET", "/", nil), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				start := time.Now()
				w.Write([]byte("x"))
				if took := time.Since(start); took < time.Hour {
					t.Errorf("bound %v: ended after %v", bound, took)
				}
			}))
		})
	}
	l, w := &LongRunning{}, &boundedWriter{ResponseRecorder: httptest.NewRecorder()}
	l.Serve(w, servedRequest(), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		shutdown := make(chan struct{})
		close(shutdown)
		EndWrites(r.Context(), 0, shutdown)
	}))
	if w.by.IsZero() {
		t.Error("the request is over, and net/http's last flush has no bound")
	}
}

// TestWriterWithoutCloseNotify has one that tells of the request's context.
func TestWriterWithoutCloseNotify(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	l := &LongRunning{WriteTimeout: time.Second}
	l.Serve(discard{http.Header{}}, httptest.NewRequest("GET", "/", nil).WithContext(ctx), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		gone := w.(http.CloseNotifier).CloseNotify() //nolint:staticcheck // SA1019: handlers still use it
		cancel()
		<-gone
	}))
}

// TestSwitchingProtocolsOverHTTP2 is informational there.
func TestSwitchingProtocolsOverHTTP2(t *testing.T) {
	statuses := make(chan int, 1)
	s := newLongRunning(t, "HTTP/2.0", time.Minute, serverConfig{handler: func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusSwitchingProtocols)
		w.WriteHeader(http.StatusTeapot)
		o, _ := Sent(r.Context())
		statuses <- o.Status
	}})
	s.do("GET", nil)
	if status := <-statuses; status != http.StatusTeapot {
		t.Errorf("sent %d", status)
	}
}

// TestLargeWriteOfMoreThanWasDeclared: nothing of it is sent, and not a part.
func TestLargeWriteOfMoreThanWasDeclared(t *testing.T) {
	eachProto(t, func(t *testing.T, proto string) {
		handler := func(w http.ResponseWriter, r *http.Request) {
			w.Header()["Date"] = nil
			w.Header().Set("Content-Length", fmt.Sprint(3*piece))
			w.Write(make([]byte, 6*piece))
		}
		with := newLongRunning(t, proto, time.Minute, serverConfig{handler: handler})
		without := newTestServer(t, proto, serverConfig{timeout: time.Minute, direct: true, handler: handler})
		if a, b := answered(with.testServer, "/"), answered(without, "/"); fmt.Sprint(a) != fmt.Sprint(b) {
			t.Errorf("got %.300q, want %.300q", a, b)
		}
	})
}

// panicking panics when it is written to.
type panicking struct{ *httptest.ResponseRecorder }

func (panicking) Write([]byte) (int, error) { panic("in Write") }

// unending has a Write that takes long, and cannot be ended.
type unending struct{ *httptest.ResponseRecorder }

func (unending) Write(p []byte) (int, error)      { time.Sleep(time.Minute); return len(p), nil }
func (unending) SetReadDeadline(time.Time) error  { return nil }
func (unending) SetWriteDeadline(time.Time) error { panic("in SetWriteDeadline") }

// TestWriteThatPanics has ended.
func TestWriteThatPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &LongRunning{WriteTimeout: time.Minute}
		l.Serve(panicking{httptest.NewRecorder()}, httptest.NewRequest("GET", "/", nil), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			func() {
				defer func() { recover() }()
				w.Write(nil)
			}()
			time.Sleep(time.Hour) // There is nothing to send.
			if _, stalled := Decided(r.Context()); stalled {
				t.Error("it is taken for one that goes on")
			}
		}))
	})
}

// TestSweeperContainsWhatItCalls: one writer that panics, and a Stalled that
// blocks, keep nobody from being let go of.
func TestSweeperContainsWhatItCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		block := make(chan struct{})
		l := &LongRunning{WriteTimeout: time.Second, Stalled: func(*http.Request, Outcome) { <-block }}
		l.Serve(unending{httptest.NewRecorder()}, httptest.NewRequest("GET", "/", nil), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write(nil) }))
		for range 2 {
			w := &writing{ResponseRecorder: httptest.NewRecorder(), deadline: make(chan struct{})}
			l.Serve(w, httptest.NewRequest("GET", "/", nil), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				start := time.Now()
				w.Write(nil)
				if took := time.Since(start); took > 2*time.Second {
					t.Errorf("let go of after %v", took)
				}
			}))
		}
		close(block)
	})
}

// TestSendRest: what is recorded when a handler has returned is what will be so.
func TestSendRest(t *testing.T) {
	found := make(chan bool, 1)
	s := newLongRunning(t, "HTTP/2.0", 300*time.Millisecond, serverConfig{handler: func(w http.ResponseWriter, r *http.Request) {
		w.Write(make([]byte, 64<<10)) // All that the client's window has room for.
		w.(http.Flusher).Flush()
		fmt.Fprint(w, "what is left")
		SendRest(r.Context())
		_, stalled := Decided(r.Context())
		found <- stalled
	}})
	res, err := s.client().Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if !<-found {
		t.Error("it is recorded as sent")
	}
}

// TestLongRunningStress is for the race detector, and leaves nothing behind.
func TestLongRunningStress(t *testing.T) {
	eachProto(t, func(t *testing.T, proto string) {
		s := newLongRunning(t, proto, 8*time.Millisecond, serverConfig{buffer: 8 << 10, handler: func(w http.ResponseWriter, r *http.Request) {
			EndWrites(r.Context(), time.Duration(rand.IntN(20))*time.Millisecond, nil)
			for range rand.IntN(20) {
				switch rand.IntN(4) {
				case 0:
					w.(http.Flusher).Flush()
				case 1:
					http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Duration(rand.IntN(20)) * time.Millisecond))
				case 2:
					Decided(r.Context())
				default:
					w.Write(make([]byte, rand.IntN(300<<10)))
				}
			}
		}})
		clients := []*http.Client{s.client(), s.client(), s.client()}
		var wg sync.WaitGroup
		for n := range 60 {
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(context.Background(), time.Duration(rand.IntN(200))*time.Millisecond)
				defer cancel()
				req, err := http.NewRequestWithContext(ctx, "GET", s.URL, nil)
				if err != nil {
					t.Error(err)
					return
				}
				res, err := clients[n%len(clients)].Do(req)
				if err != nil {
					return
				}
				time.Sleep(time.Duration(rand.IntN(50)) * time.Millisecond)
				io.Copy(io.Discard, io.LimitReader(res.Body, int64(rand.IntN(1<<20))))
				res.Body.Close()
			})
		}
		wg.Wait()
		s.CloseClientConnections()
		s.Close()
		for range s.taken() {
			<-s.served // Over HTTP/2 a connection ends before its handlers do.
		}
		s.LongRunning.mu.Lock()
		defer s.LongRunning.mu.Unlock()
		if s.streams != nil {
			t.Error("a stream is still being looked after")
		}
	})
}
