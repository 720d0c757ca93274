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
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The end of a context that is no client's going, and whose request it is.

// wait is for a handler that works for a time, whatever its context does.
func wait(d time.Duration) { <-time.After(d) }

// TestOwnDeadlines has handlers, and servers, set deadlines on the connection
// that pass. That is an error of the call that is under way, and no more.
func TestOwnDeadlines(t *testing.T) {
	t.Parallel() // Mostly it waits.
	const stalled = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc"
	whole := "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n" + strings.Repeat("b", 100)
	const none = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
	clients := func(requests map[string]string) map[string]func(p *peer) {
		clients := map[string]func(p *peer){}
		for name, request := range requests {
			clients[name] = func(p *peer) {
				p.send(request)
				p.response("POST")
			}
		}
		return clients
	}
	// A handler that leaves a stalled body is another matter.
	arriving := clients(map[string]string{"a whole body": whole, "no body": none})
	stalling := clients(map[string]string{"a stalled body": stalled, "a whole body": whole, "no body": none})
	answer := func(w http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		switch {
		case err == nil:
			io.WriteString(w, "all of it")
		case errors.Is(err, context.DeadlineExceeded), strings.Contains(err.Error(), "timeout"):
			http.Error(w, "too slow", http.StatusRequestTimeout)
		default:
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	}
	reading := func(d time.Duration) func(w http.ResponseWriter) {
		return func(w http.ResponseWriter) { http.NewResponseController(w).SetReadDeadline(time.Now().Add(d)) }
	}
	for name, c := range map[string]serverConfig{
		"a read deadline": {handler: func(w http.ResponseWriter, r *http.Request) {
			reading(brief)(w)
			answer(w, r)
		}},
		"a read deadline that passes after the body": {handler: func(w http.ResponseWriter, r *http.Request) {
			reading(brief)(w)
			io.Copy(io.Discard, r.Body)
			wait(2 * brief)
			io.WriteString(w, "done")
		}},
		"a read deadline, and an answer at length": {handler: func(w http.ResponseWriter, r *http.Request) {
			reading(brief)(w)
			io.Copy(io.Discard, r.Body)
			wait(2 * brief)
			io.WriteString(w, strings.Repeat("x", 5000))
		}},
		"a read deadline that has passed": {handler: func(w http.ResponseWriter, r *http.Request) {
			reading(-time.Second)(w)
			answer(w, r)
		}},
		"a read deadline that is taken back": {handler: func(w http.ResponseWriter, r *http.Request) {
			reading(brief)(w)
			io.ReadFull(r.Body, make([]byte, 3))
			http.NewResponseController(w).SetReadDeadline(time.Time{})
			wait(2 * brief)
			io.WriteString(w, "done")
		}},
		"a read timeout of the server": {handler: answer, configure: func(s *http.Server) { s.ReadTimeout = 100 * time.Millisecond }},
		"a read timeout of the server, that passes after the body": {
			handler: func(w http.ResponseWriter, r *http.Request) {
				answer(w, r)
				wait(200 * time.Millisecond)
				io.WriteString(w, "done")
			}, configure: func(s *http.Server) { s.ReadTimeout = 100 * time.Millisecond }},
		"a write deadline": {cuts: true, handler: func(w http.ResponseWriter, r *http.Request) {
			http.NewResponseController(w).SetWriteDeadline(time.Now().Add(brief))
			wait(2 * brief)
			io.WriteString(w, "done")
		}},
		"a write deadline that is taken back": {handler: func(w http.ResponseWriter, r *http.Request) {
			rc := http.NewResponseController(w)
			rc.SetWriteDeadline(time.Now().Add(brief))
			rc.SetWriteDeadline(time.Time{})
			wait(2 * brief)
			io.WriteString(w, "done")
		}},
		"a write timeout of the server": {handler: func(w http.ResponseWriter, r *http.Request) {
			wait(200 * time.Millisecond)
			io.WriteString(w, "done")
		}, configure: func(s *http.Server) { s.WriteTimeout = 100 * time.Millisecond }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if strings.Contains(name, "a read") && !strings.Contains(name, "taken back") {
				asPlain(t, c, stalling)
			} else {
				asPlain(t, c, arriving)
			}
		})
	}
}

// TestOwnDeadlineEndsNoContext: a handler that bounds a read of its own is not
// told that its client has gone.
func TestOwnDeadlineEndsNoContext(t *testing.T) {
	t.Parallel() // Mostly it waits.
	eachProto(t, func(t *testing.T, proto string) {
		s := newTestServer(t, proto, serverConfig{timeout: time.Minute,
			handler: func(w http.ResponseWriter, r *http.Request) {
				rc := http.NewResponseController(w)
				rc.SetReadDeadline(time.Now().Add(brief))
				_, err := io.Copy(io.Discard, r.Body)
				select {
				case <-r.Context().Done():
					t.Errorf("the handler's context has ended: %v", r.Context().Err())
				case <-time.After(goneTime + brief):
				}
				http.Error(w, fmt.Sprint(err), http.StatusRequestTimeout)
			}})
		pr, pw := io.Pipe()
		defer pw.Close()
		go pw.Write([]byte("something"))
		res, body, err := s.do("POST", pr)
		if err != nil || res.StatusCode != http.StatusRequestTimeout || !strings.Contains(body, "timeout") {
			t.Errorf("got %v, %q, %v", res, body, err)
		}
		if o := s.outcome(); o.Kind != Answered || o.Status != http.StatusRequestTimeout {
			t.Errorf("reported %+v", o)
		}
	})
}

// TestCauseAgreesWithTheEnd: what has ended the connection's context, if that is
// no more than a read that has timed out, is not why the handler's ends.
func TestCauseAgreesWithTheEnd(t *testing.T) {
	checked := make(chan struct{})
	s := newTestServer(t, "HTTP/1.1", serverConfig{timeout: time.Minute,
		handler: func(w http.ResponseWriter, r *http.Request) {
			defer close(checked)
			http.NewResponseController(w).SetReadDeadline(time.Now().Add(brief))
			io.Copy(io.Discard, r.Body)
			ctx := r.Context()
			child, cancel := context.WithCancel(context.WithValue(ctx, holdKey{}, nil))
			defer cancel()
			for _, ctx := range []context.Context{ctx, child} {
				if err, cause := ctx.Err(), context.Cause(ctx); err != nil || cause != nil {
					t.Errorf("after the read deadline it has ended: %v, because of %v", err, cause)
				}
			}
			bind(ctx, brief, "brief")
			for _, ctx := range []context.Context{ctx, child} {
				<-ctx.Done()
				if err, cause := ctx.Err(), context.Cause(ctx); err != context.DeadlineExceeded || cause != err {
					t.Errorf("after the bound it has ended: %v, because of %v", err, cause)
				}
			}
		}})
	p := s.peer()
	p.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\na part")
	p.response("POST")
	if got := p.got.String(); !strings.Contains(got, " 504 ") {
		t.Errorf("got %s", got)
	}
	<-checked
}

// TestContextThatAnOuterFilterCancels: that a request is given up is no client
// that goes, whatever the filter says for it.
func TestContextThatAnOuterFilterCancels(t *testing.T) {
	t.Parallel() // Mostly it waits.
	for name, cause := range map[string]error{"a deadline": context.DeadlineExceeded, "another cause": errors.New("another"), "none": nil} {
		for _, committed := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, committed=%v", name, committed), func(t *testing.T) {
				eachProto(t, func(t *testing.T, proto string) {
					var cancel context.CancelCauseFunc
					s := newTestServer(t, proto, serverConfig{timeout: time.Minute,
						outer: func(h http.Handler) http.Handler {
							return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
								var ctx context.Context
								ctx, cancel = context.WithCancelCause(r.Context())
								defer cancel(nil)
								h.ServeHTTP(w, r.WithContext(ctx))
							})
						},
						handler: func(w http.ResponseWriter, r *http.Request) {
							if committed {
								w.WriteHeader(http.StatusOK)
							}
							cancel(cause)
							<-r.Context().Done()
							if err := r.Context().Err(); err != context.Canceled {
								t.Errorf("the handler's context has ended with %v", err)
							}
							if got := context.Cause(r.Context()); got != cmp.Or(cause, context.Canceled) {
								t.Errorf("the handler's context has ended because of %v, want %v", got, cause)
							}
						}})
					res, body, err := s.do("GET", nil)
					want := TimedOut
					if committed {
						// What it returns with may be a part.
						if want = Aborted; err == nil {
							t.Errorf("got %v with %q, as if it were whole", res, body)
						}
					} else {
						want504(t, res, body, err)
					}
					if o := s.outcome(); o.Kind != want {
						t.Errorf("reported %+v, want %s", o, want)
					}
				})
			})
		}
	}
}

// TestInterruptThatCameTooLate: a read that the boundary interrupts may have left by itself, just before, and the
// connection goes on. To net/http the deadline is then one that ends the context of every request that comes on it.
func TestInterruptThatCameTooLate(t *testing.T) {
	var g *guard
	s := newTestServer(t, "HTTP/1.1", serverConfig{timeout: time.Minute,
		outer: func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				h.ServeHTTP(w, r)
				if r.Method == "POST" {
					g.setDeadlines(&longAgo, nil)
					<-r.Context().Done()
				}
			})
		},
		handler: func(w http.ResponseWriter, r *http.Request) {
			g = guardFrom(r.Context())
			io.Copy(w, r.Body)
		}})
	c := s.client()
	for _, method := range []string{"POST", "GET", "PUT"} {
		res, body, err := s.doWith(c, method, strings.NewReader("a body"))
		if err != nil || res.StatusCode != http.StatusOK || body != "a body" {
			t.Errorf("%s: got %v, %q, %v", method, res, body, err)
		}
		if o := s.outcome(); o.Kind != Answered {
			t.Errorf("%s: reported %+v", method, o)
		}
	}
}

// TestHalfClosedClient: over HTTP/1 a client that has closed its sending side
// cannot be told from one that has gone. It gets the end of the connection, and
// the records say that it went.
func TestHalfClosedClient(t *testing.T) {
	for _, plain := range []bool{true, false} {
		s := newTestServer(t, "HTTP/1.1", serverConfig{timeout: time.Minute, plain: plain,
			handler: func(w http.ResponseWriter, r *http.Request) {
				<-r.Context().Done()
				io.WriteString(w, "late")
			}})
		p := s.peer()
		p.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		p.begun()
		p.conn.(interface{ CloseWrite() error }).CloseWrite()
		if got, _ := io.ReadAll(p.r); len(got) != 0 {
			t.Errorf("tls=%v: got %q", !plain, got)
		}
		if o := s.outcome(); o.Kind != ClientGone || o.Status != 0 {
			t.Errorf("tls=%v: reported %+v", !plain, o)
		}
	}
}

// TestContextOfAHandler is about when it ends, and as what.
func TestContextOfAHandler(t *testing.T) {
	type value struct{}
	for name, tt := range map[string]struct {
		handler  func(ctx context.Context)
		clientAt time.Duration
		want     error
		at       time.Duration
	}{
		"at the deadline":          {func(context.Context) { time.Sleep(2 * deadline) }, 0, context.DeadlineExceeded, deadline},
		"when the client goes":     {func(context.Context) { time.Sleep(2 * deadline) }, tick, context.Canceled, tick},
		"when a bound passes":      {func(ctx context.Context) { bind(ctx, tick, "a"); time.Sleep(2 * deadline) }, 0, context.DeadlineExceeded, tick},
		"when the request is over": {func(context.Context) { time.Sleep(tick) }, 0, context.Canceled, tick},
	} {
		t.Run(name, func(t *testing.T) {
			inBubbles(t, func(t *testing.T, http1 bool) {
				start := time.Now()
				ended := make(chan error, 3)
				tr := newTrial(t, http1, deadline, func(_ http.ResponseWriter, r *http.Request) {
					ctx := r.Context()
					if d, ok := ctx.Deadline(); !ok || !d.Equal(start.Add(deadline)) || ctx.Value(value{}) != "a value" || ctx.Err() != nil {
						t.Errorf("the context is %v, %v, %v, %v", d, ok, ctx.Value(value{}), ctx.Err())
					}
					see := func(ctx context.Context) {
						go func() {
							<-ctx.Done()
							if after := time.Since(start); after != tt.at {
								t.Errorf("ended after %v, want %v", after, tt.at)
							}
							ended <- ctx.Err()
						}()
					}
					see(ctx)
					derived, cancel := context.WithCancel(ctx)
					defer context.AfterFunc(ctx, cancel)
					see(derived)
					never, cancelNever := context.WithCancel(ctx)
					stop := context.AfterFunc(never, func() {
						if ctx.Err() == nil {
							t.Error("called before its time")
						}
					})
					if !stop() {
						t.Error("there was nothing to stop")
					}
					cancelNever()
					context.AfterFunc(ctx, func() { ended <- ctx.Err() })
					tt.handler(ctx)
				})
				tr.wrap = func(ctx context.Context) (context.Context, context.CancelFunc) {
					ctx = context.WithValue(ctx, value{}, "a value")
					if tt.clientAt != 0 {
						return clientGoesAfter(tt.clientAt)(ctx)
					}
					return ctx, func() {}
				}
				tr.run()
				<-tr.returned
				synctest.Wait()
				for range 3 {
					if err := <-ended; err != tt.want {
						t.Errorf("ended as %v, want %v", err, tt.want)
					}
				}
				if ctx := tr.guard.Load().inner.Context(); ctx.Err() != tt.want {
					t.Errorf("has ended as %v", ctx.Err())
				} else {
					<-ctx.Done()
					late, cancel := context.WithCancel(ctx)
					defer cancel()
					<-late.Done()
				}
			})
		})
	}
}

// TestContextCostsNoGoroutine: nor do those that a handler derives from it,
// though filters have put values in between.
func TestContextCostsNoGoroutine(t *testing.T) {
	b := Boundary{Answer: timeoutStatus}
	b.Serve(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		for range 10 {
			ctx := context.WithValue(r.Context(), guardKey{}, "a filter's")
			ctx, cancel := context.WithTimeout(context.WithValue(ctx, connKey{}, "another's"), time.Hour)
			defer cancel()
			defer context.AfterFunc(ctx, func() {})()
		}
		var stacks bytes.Buffer
		pprof.Lookup("goroutine").WriteTo(&stacks, 1)
		if strings.Contains(stacks.String(), "propagateCancel") {
			t.Errorf("a goroutine waits for the end of a context:\n%s", &stacks)
		}
	}))
}

// TestContextIsAskedByManyAtItsEnd: those who ask for its Done first, and derive
// from it, have one and the same, which ends however that falls together.
func TestContextIsAskedByManyAtItsEnd(t *testing.T) {
	for range 2000 {
		g := &guard{ctx: context.Background()}
		ctx := (*guardContext)(g)
		var asked [4]<-chan struct{}
		var all sync.WaitGroup
		for i := range asked {
			all.Go(func() {
				asked[i] = ctx.Done()
				derived, cancel := context.WithCancel(context.WithValue(ctx, holdKey{}, nil))
				defer cancel()
				<-derived.Done()
				if err, cause := derived.Err(), context.Cause(derived); err != context.DeadlineExceeded || cause != err || ctx.Err() != err {
					t.Errorf("ended as %v, because of %v", err, cause)
				}
			})
		}
		all.Go(func() { g.endContext(context.DeadlineExceeded) })
		all.Wait()
		if other := slices.IndexFunc(asked[:], func(done <-chan struct{}) bool { return done != asked[0] }); other >= 0 {
			t.Fatal("there were two")
		}
	}
}

// TestNoDoneIsOpenAfterAnErr, of the handler's context and of what was and is
// derived from it, nor does the cause change, however that falls together.
func TestNoDoneIsOpenAfterAnErr(t *testing.T) {
	open := func(ctx context.Context) bool {
		select {
		case <-ctx.Done():
			return ctx.Err() != context.DeadlineExceeded || context.Cause(ctx) != context.DeadlineExceeded
		default:
			return true
		}
	}
	for i := range 20000 {
		g := &guard{ctx: context.Background()}
		ctx := (*guardContext)(g)
		var before context.Context = ctx
		if i%2 == 0 {
			derived, cancel := context.WithCancel(context.WithValue(ctx, holdKey{}, nil))
			defer cancel()
			before = derived
		}
		var all sync.WaitGroup
		for range 2 {
			all.Go(func() {
				for ctx.Err() == nil {
					runtime.Gosched()
				}
				after, cancel := context.WithCancel(ctx)
				defer cancel()
				if open(before) || open(after) || open(ctx) {
					t.Error("there is a Done that is open, or another cause")
				}
			})
		}
		if i%3 == 0 {
			all.Go(func() { ctx.Done() })
		}
		all.Go(func() { g.endContext(context.DeadlineExceeded) })
		all.Wait()
		if t.Failed() {
			t.Fatalf("in try %d", i)
		}
	}
}

// TestSubRequest has a handler serve another request in its own process, with
// its own context and a ResponseWriter of that one's own, through filters that
// have a boundary, reports and bounds: it is a request of its own.
func TestSubRequest(t *testing.T) {
	eachProto(t, func(t *testing.T, proto string) {
		said := make(chan string, 10)
		say := func(what string) func(*http.Request, Outcome) {
			return func(_ *http.Request, o Outcome) { said <- fmt.Sprint(what, " ", o.Kind, " ", o.Status) }
		}
		inner := Boundary{Answer: func(*http.Request) *metav1.Status { return boundStatus() }, Reporters: []Reporter{{Key: "inner", Say: say("inner")}}}
		sub := func(w http.ResponseWriter, r *http.Request, timeout time.Duration, h http.HandlerFunc) {
			ctx, cancel := context.WithTimeout(r.Context(), timeout)
			defer cancel()
			inner.Serve(w, r.WithContext(ctx), h)
		}
		s := newTestServer(t, proto, serverConfig{timeout: time.Minute,
			handler: func(w http.ResponseWriter, r *http.Request) {
				Report(r.Context(), "own", say("outer"))
				io.WriteString(w, "a")

				rec := httptest.NewRecorder()
				sub(rec, r, time.Minute, func(w http.ResponseWriter, r *http.Request) { http.Error(w, "inner", http.StatusNotFound) })
				if rec.Code != http.StatusNotFound || rec.Body.String() != "inner\n" {
					t.Errorf("the sub-request got %d, %q", rec.Code, rec.Body)
				}
				rec = httptest.NewRecorder()
				sub(rec, r, brief, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
				if rec.Code != http.StatusGatewayTimeout || !strings.Contains(rec.Body.String(), boundStatus().Message) {
					t.Errorf("the sub-request got %d, %q", rec.Code, rec.Body)
				}
				if err := r.Context().Err(); err != nil {
					t.Errorf("the outer context has ended: %v", err)
				}
				if _, err := io.WriteString(w, "b"); err != nil {
					t.Errorf("the outer Write: %v", err)
				}
			}})
		res, body, err := s.do("POST", strings.NewReader("x"))
		if err != nil || res.StatusCode != 200 || body != "ab" {
			t.Errorf("got %v, %q, %v", res, body, err)
		}
		if o := s.outcome(); o.Kind != Answered || o.Status != 200 || o.Bytes != 2 {
			t.Errorf("reported %+v", o)
		}
		got := []string{<-said, <-said, <-said}
		slices.Sort(got)
		if want := []string{"inner answered 404", "inner timed out 504", "outer answered 200"}; !slices.Equal(got, want) || len(said) != 0 {
			t.Errorf("said %q, want %q", got, want)
		}
	})
}

// TestSubRequestOutsideOfABoundary: what is set on a connection for the sake of a
// request is not, for one that a handler makes in its own process.
func TestSubRequestOutsideOfABoundary(t *testing.T) {
	t.Parallel() // Mostly it waits.
	b := Boundary{Answer: timeoutStatus}
	s := newTestServer(t, "HTTP/1.1", serverConfig{timeout: time.Minute, direct: true,
		handler: func(w http.ResponseWriter, r *http.Request) {
			for _, h := range []http.HandlerFunc{deny(10), func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }} {
				ctx, cancel := context.WithTimeout(r.Context(), brief)
				sub, err := http.NewRequestWithContext(ctx, "POST", "/", io.MultiReader(strings.NewReader("a body")))
				if err != nil {
					t.Error(err)
				}
				b.Serve(httptest.NewRecorder(), sub, h)
				cancel()
			}
			select {
			case <-r.Context().Done():
				t.Errorf("the context of the connection's request has ended: %v", r.Context().Err())
			case <-time.After(answerTime + brief): // Beyond what there is of deadlines.
			}
			io.WriteString(w, "fine")
		}})
	if res, body, err := s.do("GET", nil); err != nil || body != "fine" {
		t.Errorf("got %v, %q, %v", res, body, err)
	}
}

// TestPathValuesAreTheHandlers: what a handler sets on its request is not set on
// the one that others have, whoever has routed that.
func TestPathValuesAreTheHandlers(t *testing.T) {
	b := Boundary{Answer: timeoutStatus}
	outer := func(w http.ResponseWriter, r *http.Request) {
		b.Serve(w, r, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if got := r.PathValue("name"); got != "outer" {
				t.Errorf("the handler sees %q", got)
			}
			r.SetPathValue("name", "inner")
			r.SetPathValue("other", "inner")
		}))
		if got := r.PathValue("name") + r.PathValue("other"); got != "outer" {
			t.Errorf("the outer request has %q", got)
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/{name}", outer)
	mux.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/outer", nil))
	r := httptest.NewRequest("GET", "/outer", nil)
	r.SetPathValue("name", "outer")
	outer(httptest.NewRecorder(), r)
}

// TestContextIsPrinted as its name, while what is behind it changes: fmt walks
// what it prints, and a map that is written meanwhile ends the process.
func TestContextIsPrinted(t *testing.T) {
	b := Boundary{Answer: timeoutStatus}
	b.Serve(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		derived, cancel := context.WithCancel(context.WithValue(r.Context(), "k", "v")) //nolint:staticcheck // SA1029
		defer cancel()
		var printing sync.WaitGroup
		defer printing.Wait()
		for _, ctx := range []context.Context{r.Context(), derived} {
			printing.Go(func() {
				for range 100 {
					for _, format := range []string{"%v", "%+v", "%s", "%#v"} {
						if format == "%#v" {
							continue // It walks package context's own.
						}
						if got := fmt.Sprintf(format, ctx); len(got) > 1000 {
							t.Errorf("%s prints %s", format, got)
							return
						}
					}
				}
			})
		}
		for n := range 1000 {
			w.Header().Set(fmt.Sprint("X-", n), "x")
		}
	}))
}
