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
	"net/http"
	"net/http/httptest"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// tick is a moment of a bubble's time, in which nothing takes any. deadline
// is that of most requests: a few ticks.
const (
	tick     = 100 * time.Millisecond
	deadline = 5 * tick
)

// inBubbles runs a test over HTTP/1 and HTTP/2, each in a bubble of its own,
// which ends when all goroutines have.
func inBubbles(t *testing.T, f func(t *testing.T, http1 bool)) {
	t.Helper()
	for _, http1 := range []bool{true, false} {
		t.Run(fmt.Sprintf("http1=%v", http1), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { f(t, http1) })
		})
	}
}

// clientGoesAfter is for trial.wrap.
func clientGoesAfter(d time.Duration) func(context.Context) (context.Context, context.CancelFunc) {
	return func(ctx context.Context) (context.Context, context.CancelFunc) {
		ctx, cancel := context.WithCancel(ctx)
		time.AfterFunc(d, cancel)
		return ctx, cancel
	}
}

// fakeOf returns what is behind a handler's writer.
func fakeOf(w http.ResponseWriter) *fake { return w.(hijackable).w.(*fake) }

// wantSealed makes every call there is and checks that it fails with want, the
// body's with wantBody, or does nothing. The fake sees to it that none touches it.
func wantSealed(t *testing.T, w http.ResponseWriter, r *http.Request, want, wantBody error) {
	t.Helper()
	rc := http.NewResponseController(w)
	_, _, hijack := w.(http.Hijacker).Hijack()
	for name, got := range map[string]error{
		"Write":                   errOf(w.Write([]byte("late"))),
		"FlushError":              rc.Flush(),
		"Hijack":                  hijack,
		"controlled Hijack":       func() error { _, _, err := rc.Hijack(); return err }(),
		"SetReadDeadline":         rc.SetReadDeadline(time.Time{}),
		"SetWriteDeadline":        rc.SetWriteDeadline(time.Time{}),
		"EnableFullDuplex":        rc.EnableFullDuplex(),
		"Write of nothing":        errOf(w.Write(nil)),
		"Write after Header":      func() error { w.Header().Set("X-Inner", "late"); return errOf(w.Write(nil)) }(),
		"Write after WriteHeader": func() error { w.WriteHeader(500); return errOf(w.Write(nil)) }(),
		"Write after 1xx":         func() error { w.WriteHeader(103); return errOf(w.Write(nil)) }(),
		"Write after Flush":       func() error { w.(http.Flusher).Flush(); return errOf(w.Write(nil)) }(),
		"Write after CloseNotify": func() error { rcClosed(w); return errOf(w.Write(nil)) }(),
	} {
		if got != want {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
	if _, err := r.Body.Read(make([]byte, 1)); err != wantBody {
		t.Errorf("Read of the body: got %v, want %v", err, wantBody)
	}
	if err := r.Body.Close(); err != wantBody {
		t.Errorf("Close of the body: got %v, want %v", err, wantBody)
	}
}

// TestStates goes along every arrow of the diagram at the type state, and makes
// every call there is in the state where it ends.
func TestStates(t *testing.T) {
	commit := func(w http.ResponseWriter) { w.Header().Set("X-Inner", "x"); io.WriteString(w, "begun") }
	hijack := func(w http.ResponseWriter) {
		if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
			conn.Close()
		}
	}
	stay := func() { time.Sleep(3 * deadline) }
	for name, tt := range map[string]struct {
		handler  func(w http.ResponseWriter)
		clientAt time.Duration // when the client goes, if it does
		want     state
		err      error
		body     error
	}{
		"open to done":              {func(http.ResponseWriter) {}, 0, done, errReturned, http.ErrBodyReadAfterClose},
		"by an informational to it": {func(w http.ResponseWriter) { w.WriteHeader(103) }, 0, done, errReturned, http.ErrBodyReadAfterClose},
		"committed to done":         {commit, 0, done, errReturned, http.ErrBodyReadAfterClose},
		"open to timed out":         {func(http.ResponseWriter) { stay() }, 0, timedOut, http.ErrHandlerTimeout, http.ErrHandlerTimeout},
		"open to gone":              {func(http.ResponseWriter) { stay() }, tick, gone, errGone, errGone},
		"committed to aborted":      {func(w http.ResponseWriter) { commit(w); stay() }, 0, aborted, http.ErrHandlerTimeout, http.ErrHandlerTimeout},
		"the same by WriteHeader":   {func(w http.ResponseWriter) { w.WriteHeader(202); stay() }, 0, aborted, http.ErrHandlerTimeout, http.ErrHandlerTimeout},
		"the same by Flush":         {func(w http.ResponseWriter) { w.(http.Flusher).Flush(); stay() }, 0, aborted, http.ErrHandlerTimeout, http.ErrHandlerTimeout},
		"the same as the client":    {func(w http.ResponseWriter) { commit(w); stay() }, tick, aborted, errGone, errGone},
		"open to hijacked":          {hijack, 0, hijacked, http.ErrHijacked, http.ErrHijacked},
		"committed to hijacked":     {func(w http.ResponseWriter) { commit(w); hijack(w) }, 0, hijacked, http.ErrHijacked, http.ErrHijacked},
		"for good":                  {func(w http.ResponseWriter) { hijack(w); stay() }, 2 * tick, hijacked, http.ErrHijacked, http.ErrHijacked},
	} {
		t.Run(name, func(t *testing.T) {
			inBubbles(t, func(t *testing.T, http1 bool) {
				var inner http.ResponseWriter
				var innerRequest *http.Request
				tr := newTrial(t, http1, deadline, func(w http.ResponseWriter, r *http.Request) {
					inner, innerRequest = w, r
					tt.handler(w)
					if tt.want != done {
						wantSealed(t, w, r, tt.err, tt.body)
					}
				})
				if tt.clientAt != 0 {
					tr.wrap = clientGoesAfter(tt.clientAt)
				}
				tr.run()
				tr.want(tt.want)
				<-tr.returned
				synctest.Wait()
				wantSealed(t, inner, innerRequest, tt.err, tt.body)
				tr.want(tt.want)
			})
		})
	}
}

// TestWhoWins is about the moment of the deadline.
func TestWhoWins(t *testing.T) {
	for name, tt := range map[string]struct {
		handler func(w http.ResponseWriter, r *http.Request)
		want    state
		body    string
	}{
		"a return before":                         {func(w http.ResponseWriter, r *http.Request) { time.Sleep(deadline - 1) }, done, ""},
		"a return that its context brought about": {func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, timedOut, ""},
		"a panic that its context brought about":  {func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done(); panic("x") }, timedOut, ""},
		"an error of its own": {func(w http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			http.Error(w, "mine", 500)
		}, timedOut, ""},
		"an informational response": {func(w http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			w.WriteHeader(103)
		}, timedOut, ""},
		"a response that is complete soon after": {func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "who")
			time.Sleep(deadline + commitTime/2)
			io.WriteString(w, "le")
		}, done, "whole"},
		"a response that is not": {func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "part")
			time.Sleep(deadline + 2*commitTime)
			io.WriteString(w, "not")
		}, aborted, "part"},
		"a part, and a return that its context brought about": {func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "part")
			<-r.Context().Done()
		}, aborted, "part"},
		"a status, and such a return": {func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(200)
			<-r.Context().Done()
		}, aborted, ""},
		"the last Write of a goroutine that is left behind": {func(w http.ResponseWriter, r *http.Request) {
			f := fakeOf(w)
			f.stall()
			time.AfterFunc(tick, f.unstall)
			go io.WriteString(w, "whole")
			time.Sleep(tick / 2)
		}, done, "whole"},
		"the same of a client that does not read": {func(w http.ResponseWriter, r *http.Request) {
			fakeOf(w).stall()
			go io.WriteString(w, "nothing of it")
			time.Sleep(tick / 2)
		}, aborted, ""},
	} {
		t.Run(name, func(t *testing.T) {
			inBubbles(t, func(t *testing.T, http1 bool) {
				tr := newTrial(t, http1, deadline, tt.handler).run()
				tr.want(tt.want)
				if got := tr.body.String(); tt.want != timedOut && got != tt.body {
					t.Errorf("got %q, want %q", got, tt.body)
				}
			})
		})
	}
}

// TestInterrupt is about calls that are under way at the deadline. None may be
// in net/http when Serve returns, or answers.
func TestInterrupt(t *testing.T) {
	read := func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) }
	write := func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "x") }
	for name, tt := range map[string]struct {
		handler func(w http.ResponseWriter, r *http.Request)
		client  func(f *fake)
		within  time.Duration // of the deadline
		want    state
	}{
		"a read":             {read, func(f *fake) { f.endless = true }, patience, timedOut},
		"a read that lags":   {read, func(f *fake) { f.endless, f.slow = true, patience/2 }, patience, timedOut},
		"a read, repeatedly": {read, func(f *fake) { f.endless, f.slow = true, 5*patience }, 10 * patience, timedOut},
		"a write":            {write, func(f *fake) { f.stalled = true }, commitTime + patience, aborted},
		"a write that lags":  {write, func(f *fake) { f.stalled, f.slow = true, 5*patience }, commitTime + 10*patience, aborted},
		"a write, at any price": {write, func(f *fake) { f.stalled, f.deaf = true, true },
			commitTime + stuckTime + patience, aborted},
		"an informational response, at any price": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(103) },
			func(f *fake) { f.stalled = true }, stuckTime + patience, timedOut},
	} {
		for _, conn := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s conn=%v", name, conn), func(t *testing.T) {
				inBubbles(t, func(t *testing.T, http1 bool) {
					tr := newTrial(t, http1, deadline, tt.handler)
					tr.conn = conn
					tt.client(tr.fake)
					if tr.deaf && !conn {
						t.Skip("nothing but the end of the connection helps")
					}
					tr.run()
					if tr.result() != tt.want {
						t.Errorf("ended in state %d, want %d", tr.result(), tt.want)
					}
					// On top comes what a client is waited for that does not read its answer.
					if late := tr.took - deadline; late > tt.within+DefaultJoinTime+answerTime {
						t.Errorf("released %v after the deadline", late)
					}
					if !tr.stalled {
						tr.want(tt.want)
					}
				})
			})
		}
	}
}

// TestAbortIsNetHTTPs: a stream that no call waits for is reset by the panic with
// which Serve ends, when every filter has seen that.
func TestAbortIsNetHTTPs(t *testing.T) {
	for name, handler := range map[string]func(w http.ResponseWriter, r *http.Request){
		"stays":   func(http.ResponseWriter, *http.Request) { time.Sleep(3 * deadline) },
		"returns": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := newTrial(t, false, deadline, func(w http.ResponseWriter, r *http.Request) {
					io.WriteString(w, "x")
					w.(http.Flusher).Flush()
					handler(w, r)
				}).run()
				tr.want(aborted)
				if !tr.read.IsZero() || !tr.write.IsZero() {
					t.Errorf("the stream is reset before the panic: its deadlines are %v and %v", tr.read, tr.write)
				}
			})
		})
	}
}

// TestHijackInFlight has the deadline find a hijack under way that then succeeds.
func TestHijackInFlight(t *testing.T) {
	inBubbles(t, func(t *testing.T, http1 bool) {
		tr := newTrial(t, http1, deadline, func(w http.ResponseWriter, r *http.Request) {
			if conn, _, err := w.(http.Hijacker).Hijack(); err != http.ErrHandlerTimeout || conn != nil {
				t.Errorf("got %v, %v", conn, err)
			}
		})
		tr.hijacking = make(chan struct{})
		time.AfterFunc(deadline+tick, func() { close(tr.hijacking) })
		tr.run()
		if tr.panicked != http.ErrAbortHandler || tr.status != 0 || tr.timedOut != 0 {
			t.Errorf("got %d, %d calls of TimedOut, panic %v; want nothing answered", tr.status, tr.timedOut, tr.panicked)
		}
		if _, err := tr.client.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("the connection is not closed: %v", err)
		}
	})
}

// TestSetDeadlineInFlight has the end of a request find a handler's
// SetReadDeadline under way, and wait for it: what it sets must not undo an
// interrupt, nor reach the next request. Not in a bubble, in which nobody may
// wait for a mutex.
func TestSetDeadlineInFlight(t *testing.T) {
	t.Parallel() // Mostly it waits.
	for _, http1 := range []bool{true, false} {
		tr := newTrial(t, http1, 0, func(w http.ResponseWriter, r *http.Request) {
			http.NewResponseController(w).SetReadDeadline(time.Time{})
		})
		setting := make(chan struct{})
		tr.setting = setting
		var leave context.CancelFunc
		tr.wrap = func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, leave = context.WithCancel(ctx)
			return ctx, leave
		}
		over := make(chan struct{})
		go func() { defer close(over); tr.run() }()
		<-setting
		leave()
		for tr.result() != gone {
			runtime.Gosched()
		}
		select {
		case <-over:
			t.Error("Serve has returned")
		case <-time.After(10 * time.Millisecond): // For it to do so by mistake.
		}
		setting <- struct{}{}
		<-over
		tr.want(gone)
	}
}

func TestGuardPanics(t *testing.T) {
	late := func() { time.Sleep(2 * deadline) }
	for name, tt := range map[string]struct {
		handler func(w http.ResponseWriter)
		want    state
		raised  string // the beginning of what Serve panics with
		late    string // and of what Late is told; "none" is no call of it
	}{
		"a value":                     {func(http.ResponseWriter) { panic("boom") }, done, "boom\ngoroutine ", "none"},
		"an error":                    {func(http.ResponseWriter) { panic(errReset) }, done, errReset.Error() + "\ngoroutine ", "none"},
		"http.ErrAbortHandler":        {func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, done, http.ErrAbortHandler.Error(), "none"},
		"runtime.Goexit":              {func(http.ResponseWriter) { runtime.Goexit() }, done, errGoexit.Error(), "none"},
		"nil":                         {func(http.ResponseWriter) { panic(nil) }, done, (&runtime.PanicNilError{}).Error(), "none"}, //nolint:govet // on purpose
		"a value after commit":        {func(w http.ResponseWriter) { w.WriteHeader(200); panic("boom") }, done, "boom\ngoroutine ", "none"},
		"a value after hijack":        {func(w http.ResponseWriter) { w.(http.Hijacker).Hijack(); panic("boom") }, hijacked, "boom\ngoroutine ", "none"},
		"late, a value":               {func(http.ResponseWriter) { late(); panic("boom") }, timedOut, "<nil>", "boom\ngoroutine "},
		"late, http.ErrAbortHandler":  {func(http.ResponseWriter) { late(); panic(http.ErrAbortHandler) }, timedOut, "<nil>", "<nil>"},
		"late, runtime.Goexit":        {func(http.ResponseWriter) { late(); runtime.Goexit() }, timedOut, "<nil>", errGoexit.Error()},
		"late, none":                  {func(http.ResponseWriter) { late() }, timedOut, "<nil>", "<nil>"},
		"late, a value, after commit": {func(w http.ResponseWriter) { w.WriteHeader(200); late(); panic("boom") }, aborted, http.ErrAbortHandler.Error(), "boom\ngoroutine "},
		"at once after its deadline":  {func(http.ResponseWriter) { time.Sleep(deadline + 1); panic("boom") }, timedOut, "<nil>", "boom\ngoroutine "},
	} {
		t.Run(name, func(t *testing.T) {
			inBubbles(t, func(t *testing.T, http1 bool) {
				tr := newTrial(t, http1, deadline, func(w http.ResponseWriter, _ *http.Request) { tt.handler(w) })
				tr.run()
				if tr.result() != tt.want || !strings.HasPrefix(fmt.Sprint(tr.panicked), tt.raised) {
					t.Errorf("state %d, panic %v; want %d, %s", tr.result(), tr.panicked, tt.want, tt.raised)
				}
				<-tr.returned
				synctest.Wait()
				got := "none"
				if len(tr.late) > 0 {
					got = fmt.Sprint(<-tr.late)
				}
				if !strings.HasPrefix(got, tt.late) || len(tr.late) > 0 {
					t.Errorf("Late was told %s, want %s", got, tt.late)
				}
			})
		})
	}
}

// TestPanicOfNetHTTP has what the guard stands in front of panic: nobody may
// wait for a claim that is not given back.
func TestPanicOfNetHTTP(t *testing.T) {
	inBubbles(t, func(t *testing.T, http1 bool) {
		tr := newTrial(t, http1, deadline, func(w http.ResponseWriter, r *http.Request) {
			defer func() { recover(); <-r.Context().Done() }()
			r.Body.(*body).real = panicBody{}
			r.Body.Read(nil)
		})
		tr.run()
		tr.want(timedOut)
	})
}

type panicBody struct{ io.ReadCloser }

func (panicBody) Read([]byte) (int, error) { panic("Read") }

func TestInformational(t *testing.T) {
	inBubbles(t, func(t *testing.T, http1 bool) {
		for name, tt := range map[string]struct {
			last func(w http.ResponseWriter)
			want state
		}{
			"then an answer": {func(w http.ResponseWriter) {
				w.WriteHeader(201)
				w.WriteHeader(103) // Too late.
			}, done},
			"then nothing":      {func(http.ResponseWriter) {}, done},
			"then the deadline": {func(w http.ResponseWriter) { time.Sleep(deadline + 1); w.WriteHeader(103) }, timedOut},
		} {
			tr := newTrial(t, http1, deadline, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Link", "early")
				w.Header().Set("X-Inner", "x")
				w.Header().Del("X-Gone")
				w.WriteHeader(100)
				w.WriteHeader(103)
				if h := w.Header(); h.Get("Link") != "early" || len(h["Content-Length"]) > 0 {
					t.Errorf("%s: the handler's header is %v", name, h)
				}
				tt.last(w)
			}).run()
			tr.want(tt.want)
			if !slices.Equal(tr.informational, []int{100, 103}) {
				t.Errorf("%s: got %d", name, tr.informational)
			}
			want := http.Header{"X-Outer": {"kept"}, "Link": {"early"}, "X-Inner": {"x"}}
			if tt.want == done && !reflect.DeepEqual(tr.header, want) {
				t.Errorf("%s: got header %v, want %v", name, tr.header, want)
			}
		}
	})
}

// TestHeaderIsolation checks that no one has an end of the other's header map,
// nor of a slice in it.
func TestHeaderIsolation(t *testing.T) {
	inBubbles(t, func(t *testing.T, http1 bool) {
		outer := http.Header{"X-Outer": {"kept"}, "X-Gone": {"deleted"}}
		for _, commits := range []bool{true, false} {
			tr := newTrial(t, http1, deadline, nil)
			outerOuter := tr.header["X-Outer"]
			tr.handler = func(w http.ResponseWriter, r *http.Request) {
				h := w.Header()
				h["X-Outer"][0] = "scribbled"
				h["X-Inner"] = []string{"a", "b"}
				h.Del("X-Gone")
				if !reflect.DeepEqual(tr.header, outer) {
					t.Errorf("before the commit the outer header is %v", tr.header)
				}
				tr.result() // The serve goroutine comes after this.
				h["X-Outer"][0] = "kept"
				if commits {
					w.WriteHeader(200)
				}
				h["X-Inner"][0] = "scribbled"
				h["X-Outer"][0] = "scribbled"
				h.Set("X-Late", "x")
				if h.Get("X-Late") != "x" {
					t.Error("the handler does not see its own header")
				}
				time.Sleep(deadline + commitTime/2)
			}
			tr.run()
			if outerOuter[0] != "kept" {
				t.Error("the handler has the outer filters' slice")
			}
			if !commits {
				tr.want(timedOut)
				continue
			}
			tr.want(done)
			if want := (http.Header{"X-Outer": {"kept"}, "X-Inner": {"a", "b"}}); !reflect.DeepEqual(tr.header, want) || !reflect.DeepEqual(tr.sent, want) {
				t.Errorf("got %v, sent %v, want %v", tr.header, tr.sent, want)
			}
		}
	})
}

// TestRequestIsolation checks that the handler has a request of its own.
func TestRequestIsolation(t *testing.T) {
	r := httptest.NewRequest("POST", "/path?query", strings.NewReader("body"))
	r.Header["X"] = []string{"outer"}
	body := r.Body
	b := Boundary{Answer: timeoutStatus}
	b.Serve(httptest.NewRecorder(), r, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		r.Header["X"][0] = "inner"
		r.Header.Set("Y", "inner")
		r.URL.Path, r.URL.RawQuery = "/inner", ""
		r.Body = http.NoBody
		r.Form = nil
	}))
	if len(r.Header) != 1 || r.Header.Get("X") != "outer" || r.URL.String() != "/path?query" || r.Body != body {
		t.Errorf("got %v, %v, %v", r.Header, r.URL, r.Body)
	}
}

// TestTrailersOfTheGuard has the handler answer with the trailer of its
// request, which net/http fills in at the end of the body.
func TestTrailersOfTheGuard(t *testing.T) {
	for _, announced := range []bool{true, false} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest("POST", "/", nil)
		if announced {
			r.Trailer = http.Header{"X-Sent": nil}
		}
		r.Body = io.NopCloser(readerFunc(func(p []byte) (int, error) {
			r.Trailer = http.Header{"X-Sent": {"sent"}}
			return 0, io.EOF
		}))
		b := Boundary{Answer: timeoutStatus}
		b.Serve(w, r, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			derived := r.WithContext(context.WithValue(r.Context(), "a", "b")) //nolint:staticcheck // SA1029
			w.Header().Set("Trailer", "X-Announced, x-unset")
			w.Header().Add("Trailer", "X-Second")
			w.WriteHeader(200)
			io.Copy(io.Discard, derived.Body)
			if announced {
				r = derived
			}
			w.Header()["X-Announced"] = r.Trailer["X-Sent"]
			w.Header().Set("X-Second", "second")
			w.Header().Set(http.TrailerPrefix+"X-Prefixed", "prefixed")
			w.Header().Set("X-Late", "late")
			r.Trailer.Set("X-Sent", "scribbled")
		}))
		if got := r.Trailer.Get("X-Sent"); got != "sent" {
			t.Errorf("the handler has net/http's trailer: %s", got)
		}
		want := http.Header{"X-Announced": {"sent"}, "X-Second": {"second"}, "X-Prefixed": {"prefixed"}}
		if got := w.Result().Trailer; !reflect.DeepEqual(got, want) {
			t.Errorf("got trailer %v, want %v", got, want)
		}
		if got := w.Header(); got["X-Late"] != nil {
			t.Errorf("got header %v", got)
		}
	}
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestOverOnArrivalStartsNothing(t *testing.T) {
	for name, tt := range map[string]struct {
		ctx  func(context.Context) (context.Context, context.CancelFunc)
		want state
	}{
		"the deadline": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithDeadline(ctx, time.Now())
		}, timedOut},
		"the deadline, before its timer": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			return pastContext{ctx}, func() {}
		}, timedOut},
		"the client": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			return ctx, cancel
		}, gone},
	} {
		t.Run(name, func(t *testing.T) {
			inBubbles(t, func(t *testing.T, http1 bool) {
				said := 0
				tr := newTrial(t, http1, 0, func(http.ResponseWriter, *http.Request) { t.Error("the handler was started") })
				tr.wrap = tt.ctx
				tr.boundary.Reporters = []Reporter{{Key: "key", Say: func(_ *http.Request, o Outcome) {
					said++
					if want := map[state]Kind{timedOut: TimedOut, gone: ClientGone}[tt.want]; o.Kind != want {
						t.Errorf("reported as %q, want %q", o.Kind, want)
					}
				}}}
				tr.run()
				tr.want(tt.want)
				synctest.Wait() // An answer waits for no report.
				if said != 1 || tr.boundary.Overdue() != 0 || len(tr.late) != 0 {
					t.Errorf("reported %d times, %d overdue, %d late", said, tr.boundary.Overdue(), len(tr.late))
				}
			})
		})
	}
}

// pastContext is one whose deadline has passed, which nobody has told it.
type pastContext struct{ context.Context }

func (pastContext) Deadline() (time.Time, bool) { return time.Now(), true }

func TestNestedBoundary(t *testing.T) {
	inBubbles(t, func(t *testing.T, http1 bool) {
		start := time.Now()
		came, counted := make(chan *http.Request, 1), make(chan *http.Request, 2)
		tr := newTrial(t, http1, deadline, func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithTimeout(r.Context(), tick)
			defer cancel()
			nested := &Boundary{
				Answer:   func(*http.Request) *metav1.Status { return boundStatus() },
				TimedOut: func(r *http.Request) { r.Context().Value(trialKey{}).(*trial).timedOut++; counted <- r },
			}
			r = r.WithContext(ctx)
			came <- r
			nested.Serve(w, r, http.HandlerFunc(func(inner http.ResponseWriter, r *http.Request) {
				if inner != w {
					t.Error("there is a second guard")
				}
				<-r.Context().Done()
				if took := time.Since(start); took != tick {
					t.Errorf("the inner context ended after %v", took)
				}
				time.Sleep(deadline)
				r.Header.Set("A", "header of the handler's own") // Which others do not read.
			}))
		})
		tr.boundary.TimedOut = func(*http.Request) { t.Error("the outer boundary has counted it") }
		tr.run()
		tr.want(timedOut)
		if !strings.Contains(tr.body.String(), boundStatus().Message) || tr.took < tick || tr.took > tick+DefaultJoinTime {
			t.Errorf("answered after %v with %s", tr.took, tr.body.String())
		}
		// In a way that has it count at once, and not when it is known what was sent.
		if r := <-counted; r.URL != (<-came).URL || r.Header.Get("A") != "" || ownerFrom(r.Context()) != nil || len(counted) > 0 {
			t.Errorf("counted as another request than came, or %d times", 1+len(counted))
		}
	})
}

// TestNestedBoundaryDoesWhatItWouldDo around its own handlers: it reports on their
// requests, but for what the outer one does, and has what they hold be held.
func TestNestedBoundaryDoesWhatItWouldDo(t *testing.T) {
	inBubbles(t, func(t *testing.T, http1 bool) {
		for _, tighter := range []bool{true, false} {
			said := make(chan string, 9)
			say := func(what string) func(*http.Request, Outcome) {
				return func(r *http.Request, o Outcome) {
					said <- fmt.Sprint(what, " ", r.Context().Value(holdKey{}), " ", o.Kind, " ", r.Header.Get("A"))
				}
			}
			held := make(chan time.Time, 1)
			tr := newTrial(t, http1, deadline, func(w http.ResponseWriter, r *http.Request) {
				if Hold(r.Context(), func() {}) {
					t.Error("the outer boundary has something be held")
				}
				ctx := context.WithValue(r.Context(), holdKey{}, "of the inner's")
				if tighter {
					bound, cancel := context.WithTimeout(ctx, tick)
					defer cancel()
					ctx = bound
				}
				nested := &Boundary{
					Answer:    func(*http.Request) *metav1.Status { return boundStatus() },
					Reporters: []Reporter{{Key: "a", Say: say("inner a")}, {Key: "b", Say: say("inner b"), Last: true}, {Key: "nothing"}},
				}
				nested.Serve(w, r.WithContext(ctx), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					r.Header.Set("A", "header of the handler's own")
					if !Hold(r.Context(), func() { held <- time.Now() }) {
						t.Error("the inner boundary has nothing be held")
					}
					<-r.Context().Done()
					time.Sleep(holdTime + deadline)
				}))
			})
			tr.boundary.NoHold = true
			tr.boundary.Reporters = []Reporter{{Key: "a", Say: say("outer a")}}
			start := time.Now()
			tr.run().want(timedOut)
			<-tr.returned
			synctest.Wait()
			if took := (<-held).Sub(start); took != tr.took+holdTime {
				t.Errorf("held for %v, want %v more than %v", took, holdTime, tr.took)
			}
			close(said)
			var got []string
			for s := range said {
				got = append(got, s)
			}
			if want := []string{"inner b of the inner's timed out ", "outer a <nil> timed out "}; !slices.Equal(got, want) {
				t.Errorf("said %q, want %q", got, want)
			}
		}
	})
}

// TestNestedBoundaryEdges: without a tighter deadline it adds nothing, and it starts nothing that is over.
func TestNestedBoundaryEdges(t *testing.T) {
	inBubbles(t, func(t *testing.T, http1 bool) {
		for name, tt := range map[string]struct {
			timeout time.Duration // of the inner request, 0 for none of its own
			starts  bool
			took    time.Duration
			answer  string
		}{
			"none of its own": {0, true, deadline, timeoutStatus(nil).Message},
			"looser":          {2 * deadline, true, deadline, timeoutStatus(nil).Message},
			"equal":           {deadline, true, deadline, timeoutStatus(nil).Message},
			"passed":          {-tick, false, 0, boundStatus().Message},
		} {
			starts, counted := false, 0
			tr := newTrial(t, http1, deadline, func(w http.ResponseWriter, r *http.Request) {
				if tt.timeout != 0 {
					ctx, cancel := context.WithTimeout(r.Context(), tt.timeout)
					defer cancel()
					r = r.WithContext(ctx)
				}
				nested := &Boundary{
					Answer:   func(*http.Request) *metav1.Status { return boundStatus() },
					TimedOut: func(r *http.Request) { r.Context().Value(trialKey{}).(*trial).timedOut++; counted++ },
				}
				nested.Serve(w, r, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
					starts = true
					<-r.Context().Done()
				}))
			})
			outer := 0
			tr.boundary.TimedOut = func(*http.Request) { tr.timedOut++; outer++ }
			tr.run().want(timedOut)
			<-tr.returned
			if starts != tt.starts || tr.took != tt.took || !strings.Contains(tr.body.String(), tt.answer) {
				t.Errorf("%s: started: %t, answered after %v with %s", name, starts, tr.took, tr.body.String())
			}
			if inner := tt.answer == boundStatus().Message; inner && (counted != 1 || outer != 0) || !inner && (counted != 0 || outer != 1) {
				t.Errorf("%s: the inner boundary has counted it %d times, the outer one %d times", name, counted, outer)
			}
		}
	})
}

func TestMaxOverdue(t *testing.T) {
	inBubbles(t, func(t *testing.T, http1 bool) {
		const stays = 5 * deadline
		b := newBoundary()
		b.MaxOverdue = 1
		serve := func(commit bool) *trial {
			tr := newTrial(t, http1, deadline, func(w http.ResponseWriter, r *http.Request) {
				if commit {
					w.WriteHeader(200)
				}
				time.Sleep(stays)
			})
			tr.boundary = b
			return tr.run()
		}
		first := serve(false)
		first.want(timedOut)
		if n := b.Overdue(); n != 1 || first.took >= stays {
			t.Errorf("%d overdue, want 1; took %v", n, first.took)
		}
		for _, commit := range []bool{true, false} {
			over := serve(commit)
			if over.panicked != http.ErrAbortHandler || over.status == 504 || over.timedOut != 0 || over.took != stays {
				t.Errorf("got %d, %d calls of TimedOut, panic %v after %v; want an abort that stays", over.status, over.timedOut, over.panicked, over.took)
			}
			first = serve(false) // Its predecessor has returned meanwhile.
			first.want(timedOut)
		}
		time.Sleep(stays)
		if n := b.Overdue(); n != 0 {
			t.Errorf("%d overdue, want 0", n)
		}
	})
}

// TestMaxOverdueSparesWhoReturns: above the cap, a handler that honours its
// context costs its client no answer.
func TestMaxOverdueSparesWhoReturns(t *testing.T) {
	inBubbles(t, func(t *testing.T, http1 bool) {
		tr := newTrial(t, http1, deadline, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		tr.boundary.MaxOverdue = -1
		tr.run()
		tr.want(timedOut)
	})
}

func TestCloseNotify(t *testing.T) {
	inBubbles(t, func(t *testing.T, http1 bool) {
		for _, d := range []time.Duration{tick, 2 * deadline} {
			tr := newTrial(t, http1, deadline, func(w http.ResponseWriter, _ *http.Request) {
				ch := rcClosed(w)
				if rcClosed(w) != ch {
					t.Error("got a second channel")
				}
				start := time.Now()
				<-ch
				if took := time.Since(start); took != min(d, deadline) {
					t.Errorf("notified after %v", took)
				}
			})
			tr.wrap = clientGoesAfter(d)
			tr.run()
		}
	})
}

func TestErrGone(t *testing.T) {
	if !errors.Is(errGone, context.Canceled) || !errors.Is(errGone, http.ErrHandlerTimeout) {
		t.Error("not what handlers look for")
	}
}
