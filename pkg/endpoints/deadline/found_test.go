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
	"net"
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// What the model of the boundary (test/model) has found, in the code.

// brokenWriter is net/http's of a connection whose client has gone.
type brokenWriter struct{ http.ResponseWriter }

func (brokenWriter) Write([]byte) (int, error) {
	return 0, &net.OpError{Op: "write", Err: syscall.ECONNRESET}
}

// TestEndingThatHasBeenSaid: a write fails because the client has gone, and the
// handler returns as the deadline passes. All that is said of it agrees.
func TestEndingThatHasBeenSaid(t *testing.T) {
	t.Parallel() // Mostly it waits.
	differ := 0
	for range 500 {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Millisecond)
		said := make(chan Outcome, 2)
		b := Boundary{Answer: timeoutStatus, Reporters: []Reporter{
			{Key: "outer", Say: func(_ *http.Request, o Outcome) { said <- o }},
			{Key: "inner", Say: func(_ *http.Request, o Outcome) { said <- o; time.Sleep(time.Millisecond) }},
		}}
		func() {
			defer func() { _ = recover() }()
			b.Serve(brokenWriter{httptest.NewRecorder()}, httptest.NewRequest("GET", "/", nil).WithContext(ctx), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Write([]byte("x"))
				<-ctx.Done()
			}))
		}()
		if first, second := <-said, <-said; first.Kind != second.Kind {
			differ++
			t.Logf("said %q, and then %q", first.Kind, second.Kind)
		}
		cancel()
	}
	if differ > 0 {
		t.Errorf("of 500 requests, %d were said to have ended in two ways", differ)
	}
}

// slowFlush is an outer filter's writer whose Flush takes its time, as one whose
// client does not read for a moment.
type slowFlush struct {
	http.ResponseWriter
	d time.Duration
}

func (w slowFlush) Unwrap() http.ResponseWriter { return w.ResponseWriter }
func (w slowFlush) FlushError() error {
	time.Sleep(w.d)
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// TestNextRequestAfterAWriteThatStays: a complete response is being flushed as its
// deadline passes, the client has it all a little later, and asks again.
func TestNextRequestAfterAWriteThatStays(t *testing.T) {
	s := newTestServer(t, "HTTP/1.1", serverConfig{
		timeout: 100 * time.Millisecond,
		plain:   true,
		outer: func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/slow" {
					w = slowFlush{w, 200 * time.Millisecond}
				}
				h.ServeHTTP(w, r)
			})
		},
		handler: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "2")
			io.WriteString(w, "ok")
			if r.URL.Path == "/slow" {
				w.(http.Flusher).Flush()
			}
		},
	})
	conn := s.dial()
	r := bufio.NewReader(conn)
	for _, path := range []string{"/slow", "/next"} {
		start := time.Now()
		fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path)
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatalf("%s: %v after %v", path, err, time.Since(start))
		}
		body, err := io.ReadAll(res.Body)
		t.Logf("%s: %d %q close=%v %v after %v", path, res.StatusCode, body, res.Close, err, time.Since(start))
		if res.StatusCode != 200 || string(body) != "ok" {
			t.Errorf("%s: got %d, %q", path, res.StatusCode, body)
		}
	}
}

// TestLateArrivalWaitsForNoReport: a request whose deadline has passed when it comes
// gets its 504, and a report on it takes its time.
func TestLateArrivalWaitsForNoReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		defer close(hold)
		b := Boundary{Answer: timeoutStatus, Reporters: []Reporter{{Key: "slow", Say: func(*http.Request, Outcome) { <-hold }}}}
		ctx, cancel := context.WithDeadline(context.Background(), time.Now().Add(-time.Second))
		defer cancel()
		returned := make(chan struct{})
		go func() {
			defer close(returned)
			b.Serve(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil).WithContext(ctx), http.NotFoundHandler())
		}()
		select {
		case <-returned:
		case <-time.After(2 * time.Second):
			t.Error("Serve waits for the report")
		}
	})
}

// TestStayWaitsForNoReport: no more handlers may be left behind, the handler returns
// a little later, and a report on it takes its time.
func TestStayWaitsForNoReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		outlastKept(t)
		defer close(hold)
		b := Boundary{Answer: timeoutStatus, MaxOverdue: -1, Reporters: []Reporter{{Key: "slow", Say: func(*http.Request, Outcome) { <-hold }}}}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
		defer cancel()
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			defer func() { _ = recover() }()
			b.Serve(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil).WithContext(ctx), http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
				time.Sleep(cappedJoinTime + 200*time.Millisecond)
			}))
		}()
		select {
		case <-ended:
		case <-time.After(cappedJoinTime + 3*time.Second):
			t.Error("the serve goroutine stays in the report, when its handler has returned")
		}
	})
}

// TestFlushThatWaitsForTheBody: a complete answer is being flushed behind a body
// that trickles in, as its bound passes. The client gets it, and not a second later.
func TestFlushThatWaitsForTheBody(t *testing.T) {
	s := newTestServer(t, "HTTP/1.1", serverConfig{
		timeout: 20 * time.Second,
		plain:   true,
		handler: func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithTimeout(r.Context(), 100*time.Millisecond)
			defer cancel()
			release, _ := Bind(ctx, nil)
			defer release()
			w.Header().Set("Content-Length", "2")
			io.WriteString(w, "ok")
			w.(http.Flusher).Flush()
		},
	})
	conn := s.dial()
	fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(200 * time.Millisecond):
				fmt.Fprint(conn, "x")
			}
		}
	}()
	start := time.Now()
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("%v after %v", err, time.Since(start))
	}
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK || string(body) != "ok" || !res.Close {
		t.Errorf("got %d, %q, close=%v, %v", res.StatusCode, body, res.Close, err)
	}
}

// TestEndOfAContextAfterAFailedWrite: a complete response whose client has gone in a
// further write, as its handler panics, waits for its reports no longer than its
// context lasts, whoever ends that.
func TestEndOfAContextAfterAFailedWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		outlastKept(t)
		defer close(hold)
		b := Boundary{Answer: timeoutStatus, Reporters: []Reporter{{Key: "slow", Say: func(*http.Request, Outcome) { <-hold }}}}
		ctx, giveUp := context.WithCancel(context.Background())
		defer giveUp()
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			defer func() { _ = recover() }()
			b.Serve(&breaking{ResponseWriter: httptest.NewRecorder()}, httptest.NewRequest("GET", "/", nil).WithContext(ctx), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", "2")
				io.WriteString(w, "ok")
				w.(http.Flusher).Flush()
				_ = http.NewResponseController(w).Flush()
				panic("too late")
			}))
		}()
		synctest.Wait()
		select {
		case <-ended:
			t.Fatal("the answer does not wait for its reports")
		default:
		}
		giveUp()
		synctest.Wait()
		select {
		case <-ended:
		default:
			t.Error("it waits for them when its context has ended")
		}
	})
}

// breaking is net/http's of a client that goes after the first flush.
type breaking struct {
	http.ResponseWriter
	flushed bool
}

func (w *breaking) FlushError() error {
	if w.flushed {
		return &net.OpError{Op: "write", Err: syscall.ECONNRESET}
	}
	w.flushed = true
	return nil
}
