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
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// longRunning is a server whose requests are long-running, without a boundary.
type longRunning struct {
	*testServer
	LongRunning
	stalls  chan Outcome
	writes  chan error   // what ended a handler's writes
	decided chan Outcome // what a handler then finds decided
}

// newLongRunning has each request served by handler, and one without by one that
// writes until that fails.
func newLongRunning(t *testing.T, proto string, writeTimeout time.Duration, c serverConfig) *longRunning {
	t.Helper()
	s := &longRunning{stalls: make(chan Outcome, 1<<12), writes: make(chan error, 1<<12), decided: make(chan Outcome, 1<<12)}
	s.WriteTimeout = writeTimeout
	s.Stalled = func(_ *http.Request, o Outcome) { s.stalls <- o }
	c.timeout, c.direct = time.Minute, true
	c.outer = func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.Serve(w, r, h) })
	}
	if c.handler == nil {
		c.handler = func(w http.ResponseWriter, r *http.Request) { s.writeOn(w, r) }
	}
	s.testServer = newTestServer(t, proto, c)
	return s
}

// writeOn writes until that fails.
func (s *longRunning) writeOn(w http.ResponseWriter, r *http.Request) {
	chunk := make([]byte, 10<<10)
	for {
		if _, err := w.Write(chunk); err != nil {
			o, _ := Decided(r.Context())
			s.decided <- o
			s.writes <- err
			return
		}
		w.(http.Flusher).Flush()
	}
}

// TestClientThatTakesNothing is let go of, and everybody is told. TestWhenAWriteIsEnded
// has the times.
func TestClientThatTakesNothing(t *testing.T) {
	const bound = 500 * time.Millisecond
	eachProto(t, func(t *testing.T, proto string) {
		s := newLongRunning(t, proto, bound, serverConfig{})
		res, err := s.client().Get(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		start := time.Now()
		if err := <-s.writes; !errors.Is(err, os.ErrDeadlineExceeded) || err != errStalled {
			t.Errorf("the handler's Write returned %v", err)
		}
		if took := time.Since(start); took < bound-100*time.Millisecond || took > bound+20*time.Second {
			t.Errorf("it took %v", took)
		}
		if o := <-s.stalls; o.Kind != Stalled || o.Status != 200 || o.Bytes == 0 || o.ByHandler() {
			t.Errorf("told of %+v", o)
		}
		o := <-s.decided
		if o.Kind != Stalled || o.Status != 200 || o.Bytes == 0 {
			t.Errorf("the handler finds %+v", o)
		}
		want := fmt.Sprintf("the client took nothing for %v: cut off after %d bytes of its body, of which the last may not have arrived", bound, o.Bytes)
		if status := o.AuditStatus(); status.Code != 200 || status.Reason != "ClientStalled" || status.Message != want {
			t.Errorf("to be audited as %+v", status)
		}
		if _, err := io.Copy(io.Discard, res.Body); err == nil {
			t.Error("the client has what looks like all of it")
		}
	})
}

// TestOtherStreamsGoOn: on one HTTP/2 connection a stream whose client takes
// nothing is reset alone.
func TestOtherStreamsGoOn(t *testing.T) {
	t.Parallel()
	var s *longRunning
	events := make(chan string)
	s = newLongRunning(t, "HTTP/2.0", 300*time.Millisecond, serverConfig{handler: func(w http.ResponseWriter, r *http.Request) {
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
	client := s.client()
	get := func(path string) *http.Response {
		res, err := client.Get(s.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { res.Body.Close() })
		return res
	}
	watch := get("/watch")
	lines := bufio.NewReader(watch.Body)
	const stalled = 5
	for range stalled {
		get("/")
	}
	for range stalled {
		<-s.writes
		events <- "an event"
		if line, err := lines.ReadString('\n'); err != nil || line != "an event\n" {
			t.Errorf("the watch got %q, %v", line, err)
		}
	}
	close(events)
	if rest, err := io.ReadAll(lines); len(rest) > 0 || err != nil {
		t.Errorf("the watch ended with %q, %v", rest, err)
	}
	select {
	case <-s.closed:
		t.Error("the connection was closed")
	default:
	}
}

// TestClientThatTakesSome within the bound is healthy, however long a Write takes.
func TestClientThatTakesSome(t *testing.T) {
	t.Parallel() // Mostly it waits.
	eachProto(t, func(t *testing.T, proto string) {
		const bound, size = time.Second, 1 << 20
		done := make(chan error, 1)
		s := newLongRunning(t, proto, bound, serverConfig{handler: func(w http.ResponseWriter, _ *http.Request) {
			_, err := w.Write(make([]byte, size))
			done <- err
		}})
		res, err := s.client().Get(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		got := 0
		tick := time.NewTicker(bound / 5)
		defer tick.Stop()
		for start := time.Now(); time.Since(start) < 3*bound; <-tick.C {
			n, err := io.ReadFull(res.Body, make([]byte, size/20))
			if got += n; err != nil {
				t.Fatalf("after %d bytes: %v", got, err)
			}
		}
		rest, err := io.Copy(io.Discard, res.Body)
		if got += int(rest); got != size || err != nil {
			t.Errorf("got %d bytes, %v", got, err)
		}
		if err := <-done; err != nil {
			t.Errorf("the handler's Write returned %v", err)
		}
	})
}

// TestConnectionThatTakesNothing: no stream of an HTTP/2 connection can be reset
// of which nothing is taken. It is closed when both bounds have passed, once.
func TestConnectionThatTakesNothing(t *testing.T) {
	t.Parallel()
	const bound, stallTime = time.Second, 2 * time.Second
	var s *longRunning
	paused := make(chan struct{})
	s = newLongRunning(t, "HTTP/2.0", bound, serverConfig{stallTime: stallTime, buffer: 32 << 10, handler: func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		<-paused
		s.writeOn(w, r)
	}})
	c, conn := s.pausableClient()
	for range 2 {
		res, err := c.Get(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
	}
	conn.pause()
	start := time.Now()
	close(paused)
	for range 2 {
		if err := <-s.writes; err != errStalled {
			t.Errorf("a handler's Write returned %v", err)
		}
	}
	if took := time.Since(start); took < bound+stallTime {
		t.Errorf("the connection was closed after %v", took)
	}
	<-s.closed
}

// TestHandlerThatStaysAfterAStall does not have the connection taken for one that
// takes nothing.
func TestHandlerThatStaysAfterAStall(t *testing.T) {
	t.Parallel()
	var s *longRunning
	s = newLongRunning(t, "HTTP/2.0", 200*time.Millisecond, serverConfig{stallTime: time.Nanosecond, handler: func(w http.ResponseWriter, r *http.Request) {
		s.writeOn(w, r)
		hold(r)
	}})
	res, err := s.client().Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	<-s.writes
	select {
	case <-s.closed:
		t.Error("the connection was closed")
	case <-time.After(answerTime + 2*sweepInterval):
	}
}

// TestWriteEndsWithItsRequest: what a client takes nothing of does not outlast
// what its request ends with.
func TestWriteEndsWithItsRequest(t *testing.T) {
	t.Parallel() // Mostly it waits.
	const after = 100 * time.Millisecond
	for name, by := range map[string]func() (timeout time.Duration, shutdown <-chan struct{}){
		"a timeout of its own": func() (time.Duration, <-chan struct{}) { return after, nil },
		"the server's shutdown": func() (time.Duration, <-chan struct{}) {
			shutdown := make(chan struct{})
			time.AfterFunc(after, func() { close(shutdown) })
			return 0, shutdown
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachProto(t, func(t *testing.T, proto string) {
				var s *longRunning
				s = newLongRunning(t, proto, 0, serverConfig{handler: func(w http.ResponseWriter, r *http.Request) {
					timeout, shutdown := by()
					EndWrites(r.Context(), timeout, shutdown)
					s.writeOn(w, r)
				}})
				res, err := s.client().Get(s.URL)
				if err != nil {
					t.Fatal(err)
				}
				defer res.Body.Close()
				start := time.Now()
				if err := <-s.writes; err != errStalled {
					t.Errorf("the handler's Write returned %v", err)
				}
				if took := time.Since(start); took > overTime+20*time.Second {
					t.Errorf("it took %v", took)
				}
			})
		})
	}
}

// TestWhatIsLeftIsBounded: what net/http has still to send when the handler has
// returned, and nobody could end.
func TestWhatIsLeftIsBounded(t *testing.T) {
	t.Parallel() // Mostly it waits.
	const bound = time.Second
	t.Run("HTTP/2.0", func(t *testing.T) {
		t.Parallel()
		s := newLongRunning(t, "HTTP/2.0", bound, serverConfig{handler: func(w http.ResponseWriter, _ *http.Request) {
			w.Write(make([]byte, 64<<10)) // All that the client's window has room for.
			w.(http.Flusher).Flush()
			fmt.Fprint(w, "what is left")
		}})
		res, err := s.client().Get(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		select {
		case <-s.served:
		case <-time.After(bound + 3*time.Second):
			t.Error("the request is still being served")
		}
	})
	t.Run("HTTP/1.1", func(t *testing.T) {
		for _, over := range []bool{false, true} {
			l, w := &LongRunning{WriteTimeout: time.Hour}, &boundedWriter{ResponseRecorder: httptest.NewRecorder()}
			l.Serve(w, servedRequest(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if over {
					ended := make(chan struct{})
					close(ended)
					EndWrites(r.Context(), 0, ended)
				}
			}))
			want := time.Hour
			if over {
				want = overTime
			}
			if in := time.Until(w.by); in > want || in < want-time.Minute {
				t.Errorf("bounded to %v, want %v", in, want)
			}
		}
	})
}

// boundedWriter notes its write deadline.
type boundedWriter struct {
	*httptest.ResponseRecorder
	by time.Time
}

func (w *boundedWriter) SetWriteDeadline(t time.Time) error { w.by = t; return nil }

// TestConnectionIsUsedAgain, with no bound left on it.
func TestConnectionIsUsedAgain(t *testing.T) {
	const bound = 100 * time.Millisecond
	s := newLongRunning(t, "HTTP/1.1", bound, serverConfig{handler: func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "an answer") }})
	c := s.client()
	for range 3 {
		if _, body, err := s.doWith(c, "GET", nil); body != "an answer" || err != nil {
			t.Fatalf("got %q, %v", body, err)
		}
		select {
		case <-s.closed:
			t.Fatal("the connection was closed")
		case <-time.After(2 * bound):
		}
	}
}

// TestHijackerHasTheConnection, and its deadlines.
func TestHijackerHasTheConnection(t *testing.T) {
	t.Parallel() // Mostly it waits.
	const bound = 100 * time.Millisecond
	wrote := make(chan error, 1)
	s := newLongRunning(t, "HTTP/1.1", bound, serverConfig{plain: true, handler: func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		go func() {
			defer conn.Close()
			_, err := conn.Write(make([]byte, 16<<20))
			wrote <- err
		}()
	}})
	conn := s.dial()
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	select {
	case err := <-wrote:
		t.Fatalf("its Write returned %v", err)
	case <-time.After(bound + time.Second):
	}
	n, err := io.Copy(io.Discard, conn)
	if n != 16<<20 || err != nil || <-wrote != nil {
		t.Errorf("the client got %d bytes, %v", n, err)
	}
}

// TestHijackersWriteMayTimeOut: what he has written by then reaches the client, as it does without any of this.
func TestHijackersWriteMayTimeOut(t *testing.T) {
	t.Parallel() // Mostly it waits.
	wrote := make(chan int, 1)
	c := serverConfig{plain: true, timeout: time.Minute, handler: func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		conn.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
		n, err := conn.Write(make([]byte, 64<<20))
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("its Write returned %v", err)
		}
		wrote <- n
	}}
	alone := httptest.NewServer(http.HandlerFunc(c.handler))
	defer alone.Close()
	for name, s := range map[string]*httptest.Server{
		"net/http alone":      alone,
		"within a boundary":   newTestServer(t, "HTTP/1.1", c).Server,
		"of a long-running's": newLongRunning(t, "HTTP/1.1", time.Minute, c).Server,
	} {
		conn, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		want := <-wrote
		if n, err := io.Copy(io.Discard, conn); int(n) != want || err != nil {
			t.Errorf("%s: the client got %d bytes of %d, %v", name, n, want, err)
		}
	}
}

// TestLongRunningIsAsWithout compares what a client gets, byte for byte over
// HTTP/1.1, with what net/http sends alone, for handlers that write what a random
// number says.
func TestLongRunningIsAsWithout(t *testing.T) {
	t.Parallel() // Mostly it waits.
	eachProto(t, func(t *testing.T, proto string) {
		seed := func(r *http.Request) uint64 {
			var n uint64
			fmt.Sscanf(r.URL.Path, "/%d", &n)
			return n
		}
		handler := func(w http.ResponseWriter, r *http.Request) {
			rnd := rand.New(rand.NewPCG(seed(r), 1))
			w.Header()["Date"] = nil
			if rnd.IntN(2) == 0 {
				w.Header().Set("Trailer", "X-After")
				defer w.Header().Set("X-After", "all")
			}
			if rnd.IntN(3) == 0 {
				w.WriteHeader(http.StatusEarlyHints)
			}
			if rnd.IntN(2) == 0 {
				w.WriteHeader(200 + rnd.IntN(10))
			}
			for range rnd.IntN(8) {
				switch rnd.IntN(5) {
				case 0:
					w.(http.Flusher).Flush()
				case 1:
					w.Write(bytes.Repeat([]byte("a"), rnd.IntN(5*piece)))
				case 2:
					io.WriteString(w, strings.Repeat("b", rnd.IntN(100)))
				case 3:
					http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Minute))
				default:
					w.Write(make([]byte, rnd.IntN(10000)))
				}
			}
			if rnd.IntN(10) == 0 {
				panic(http.ErrAbortHandler)
			}
		}
		with := newLongRunning(t, proto, time.Minute, serverConfig{handler: handler})
		without := newTestServer(t, proto, serverConfig{timeout: time.Minute, direct: true, handler: handler})
		for n := range 60 {
			path := fmt.Sprint("/", n)
			if a, b := answered(with.testServer, path), answered(without, path); !reflect.DeepEqual(a, b) {
				t.Fatalf("%s: got %.300q, want %.300q", path, a, b)
			}
		}
	})
}

// answered returns all that can be told of an answer: over HTTP/1.1 what came over the connection.
func answered(s *testServer, path string) []string {
	if s.proto == "HTTP/1.1" {
		conn := s.dial()
		defer conn.Close()
		fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path)
		got, err := io.ReadAll(conn)
		return []string{string(got), fmt.Sprint(err)}
	}
	res, err := s.client().Get(s.URL + path)
	if err != nil {
		return []string{fmt.Sprint(err != nil)}
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return []string{res.Status, fmt.Sprint(res.Header), fmt.Sprint(res.ContentLength), string(body), fmt.Sprint(res.Trailer), fmt.Sprint(err)}
}

// writing is a ResponseWriter whose Write blocks until a deadline is set.
type writing struct {
	*httptest.ResponseRecorder
	mu       sync.Mutex
	deadline chan struct{}
	entered  func()
}

func (w *writing) Write(p []byte) (int, error) {
	if w.entered != nil {
		w.entered()
	}
	<-w.deadline
	return 0, os.ErrDeadlineExceeded
}

func (w *writing) SetReadDeadline(time.Time) error { return nil }

func (w *writing) SetWriteDeadline(time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-w.deadline:
	default:
		close(w.deadline)
	}
	return nil
}

// TestWhenAWriteIsEnded: at the bound, and not before; none is while it is idle.
func TestWhenAWriteIsEnded(t *testing.T) {
	for _, bound := range []time.Duration{8 * time.Millisecond, time.Second, time.Minute, DefaultWriteTimeout} {
		synctest.Test(t, func(t *testing.T) {
			l := &LongRunning{WriteTimeout: bound}
			w := &writing{ResponseRecorder: httptest.NewRecorder(), deadline: make(chan struct{})}
			r := httptest.NewRequest("GET", "/", nil)
			l.Serve(w, r, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				time.Sleep(3*bound + 7*time.Millisecond)
				start := time.Now()
				if _, err := w.Write([]byte("x")); err != errStalled {
					t.Errorf("bound %v: Write returned %v", bound, err)
				}
				if took := time.Since(start); took < bound || took > bound+2*l.interval() {
					t.Errorf("bound %v: took %v", bound, took)
				}
				for _, err := range []error{
					http.NewResponseController(w).Flush(),
					http.NewResponseController(w).SetWriteDeadline(time.Time{}),
				} {
					if err != errStalled {
						t.Errorf("after it: %v", err)
					}
				}
			}))
			if l.streams != nil {
				t.Error("it is still being looked at")
			}
			time.Sleep(2 * l.interval())
			l.mu.Lock()
			defer l.mu.Unlock()
			if l.timer != nil {
				t.Error("the sweeper goes on")
			}
		})
	}
}

// TestSweeperAndReturn: a write that ends by itself while the sweeper is about to
// end it is one or the other, and nothing is touched after the handler's return.
func TestSweeperAndReturn(t *testing.T) {
	l := &LongRunning{WriteTimeout: 8 * time.Millisecond}
	var wg sync.WaitGroup
	for range 200 {
		wg.Go(func() {
			var mu sync.Mutex
			returned := false
			w := &touched{ResponseRecorder: httptest.NewRecorder(), touch: func() {
				mu.Lock()
				defer mu.Unlock()
				if returned {
					t.Error("touched after the handler's return")
				}
			}}
			l.Serve(w, httptest.NewRequest("GET", "/", nil), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, err := w.Write([]byte("x"))
				if o, ok := Decided(r.Context()); ok != (err == errStalled) || ok && o.Kind != Stalled {
					t.Errorf("Write returned %v, decided is %+v", err, o)
				}
			}))
			mu.Lock()
			returned = true
			mu.Unlock()
		})
	}
	wg.Wait()
}

// touched has writes that take about as long as they may.
type touched struct {
	*httptest.ResponseRecorder
	touch func()
}

func (w *touched) Write(p []byte) (int, error) {
	time.Sleep(10 * time.Millisecond)
	return len(p), nil
}

func (w *touched) SetReadDeadline(time.Time) error  { return nil }
func (w *touched) SetWriteDeadline(time.Time) error { w.touch(); return nil }

// TestPanicPassesWithItsFrames, and Goexit.
func TestPanicPassesWithItsFrames(t *testing.T) {
	l := &LongRunning{WriteTimeout: time.Second}
	defer func() {
		if p := recover(); p != "its own" || l.streams != nil {
			t.Errorf("recovered %v, and has %v", p, l.streams)
		}
	}()
	l.Serve(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil), http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("its own") }))
}

// TestSubRequestOfOneThatIsOver finds out that it is one without net/http's writer,
// which is somebody else's by then.
func TestSubRequestOfOneThatIsOver(t *testing.T) {
	eachProto(t, func(t *testing.T, proto string) {
		requests := make(chan *http.Request, 1)
		s := newLongRunning(t, proto, time.Minute, serverConfig{handler: func(_ http.ResponseWriter, r *http.Request) { requests <- r }})
		if res, _, err := s.do("GET", nil); err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("got %v, %v", res, err)
		}
		r := <-requests
		if ownerFrom(r.Context()) == nil || ownerFrom(For(httptest.NewRecorder(), r).Context()) != nil {
			t.Error("a sub-request is taken for the request itself")
		}
	})
}

// TestBoundaryWithinLongRunning: which of the two a request within both belongs
// to is told by what it is served with.
func TestBoundaryWithinLongRunning(t *testing.T) {
	l := &LongRunning{WriteTimeout: time.Second}
	b := &Boundary{Answer: timeoutStatus}
	r := httptest.NewRequest("GET", "/", nil)
	r = r.WithContext(ConnContext(0)(r.Context(), nil))
	l.Serve(httptest.NewRecorder(), r, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		outer := ownerFrom(r.Context())
		if For(w, r) != r || ownerFrom(For(httptest.NewRecorder(), r).Context()) != nil {
			t.Error("For finds another owner than the one that leads")
		}
		if connFrom(r.Context()) == nil || connFrom(For(httptest.NewRecorder(), r).Context()) != nil {
			t.Error("For leaves a sub-request the connection of the one that leads")
		}
		l.Serve(w, r, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if ownerFrom(r.Context()) != outer {
				t.Error("Serve within Serve does not step aside")
			}
		}))
		b.Serve(httptest.NewRecorder(), r, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, ok := ownerFrom(r.Context()).(*guard); !ok {
				t.Error("a sub-request is not the boundary's")
			}
			l.Serve(w, r, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if _, ok := ownerFrom(r.Context()).(*guard); !ok {
					t.Error("Serve within a boundary does not step aside")
				}
			}))
		}))
	}))
}

func BenchmarkLongRunningWrite(b *testing.B) {
	b.ReportAllocs()
	l := &LongRunning{WriteTimeout: time.Minute}
	l.Serve(discard{}, httptest.NewRequest("GET", "/", nil), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for b.Loop() {
			w.Write(nil)
		}
	}))
}

// BenchmarkSweep is of 100,000 watches, of which a hundredth is in a write.
func BenchmarkSweep(b *testing.B) {
	l := &LongRunning{WriteTimeout: time.Hour}
	for n := range 100_000 {
		s := newStream(l, discard{}, httptest.NewRequest("GET", "/", nil))
		l.add(s)
		if n%100 == 0 {
			s.begin()
		}
	}
	l.timer.Stop()
	b.ReportAllocs()
	for b.Loop() {
		l.sweep()
		l.timer.Stop()
	}
}

var _ net.Error = &stalledError{}
