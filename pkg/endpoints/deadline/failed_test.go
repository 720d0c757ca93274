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
	"net"
	"net/http"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// TestOwnWriteDeadline has the write deadline pass that a handler has set. What
// is said of the request is what the client got.
func TestOwnWriteDeadline(t *testing.T) {
	const part = "of what the handler writes"
	control := http.NewResponseController
	pass := func(w http.ResponseWriter) { control(w).SetWriteDeadline(time.Now().Add(-time.Second)) }
	for name, tt := range map[string]struct {
		handler       func(w http.ResponseWriter, r *http.Request)
		http1, http2  Kind
		status, bytes int // of one that is not answered
	}{
		"a Write fails": {func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, part)
			control(w).Flush()
			pass(w)
			for i := 0; i < 100; i++ {
				if _, err := io.WriteString(w, strings.Repeat(part, 1000)); err != nil {
					return
				}
			}
			t.Error("no Write failed")
		}, Aborted, Aborted, 200, len(part)},
		"a Write of a known length fails": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100000")
			pass(w)
			io.WriteString(w, strings.Repeat("x", 100000))
		}, Aborted, Aborted, 200, -1},
		"what is left is sent too late": {func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, part)
			pass(w)
		}, Aborted, Aborted, 200, len(part)},
		"a known length is sent too late": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(len(part)))
			io.WriteString(w, part)
			pass(w)
		}, Aborted, Aborted, 200, len(part)},
		"the end is sent too late": {func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, part)
			control(w).Flush()
			pass(w)
		}, Aborted, Aborted, 200, len(part)},
		"nothing is written": {func(w http.ResponseWriter, _ *http.Request) { pass(w) }, Aborted, Aborted, 200, 0},
		"it is taken back": {func(w http.ResponseWriter, _ *http.Request) {
			// Over HTTP/2 it has reset the stream, and nobody writes as it does.
			pass(w)
			control(w).SetWriteDeadline(time.Time{})
			io.WriteString(w, part)
		}, Answered, Aborted, 200, -1},
		"all has been sent": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(len(part)))
			io.WriteString(w, part)
			control(w).Flush()
			pass(w)
		}, Answered, "", 200, len(part)},
	} {
		t.Run(name, func(t *testing.T) {
			eachProto(t, func(t *testing.T, proto string) {
				s := newTestServer(t, proto, serverConfig{timeout: time.Minute, handler: tt.handler})
				_, body, err := s.do("GET", nil)
				o, want := s.outcome(), tt.http1
				if proto == "HTTP/2.0" {
					want = tt.http2
				}
				if want != "" && o.Kind != want || o.Status != tt.status {
					t.Errorf("%s with %d, want %s with %d", o.Kind, o.Status, want, tt.status)
				}
				if o.Kind == Aborted && (err == nil || tt.bytes >= 0 && o.Bytes < int64(tt.bytes)) || want == Answered && (err != nil || body != part) {
					t.Errorf("%s after %d bytes; the client got %q, %v", o.Kind, o.Bytes, body, err)
				}
			})
		})
	}
}

// TestFailedWriteIsNoAnswer has a Write fail for the client's going, or a
// Flush, and the handler return as if nothing were: before the deadline, and
// in the time that is granted after it. So do calls that fail by themselves.
func TestFailedWriteIsNoAnswer(t *testing.T) {
	gone := map[bool][]error{
		true:  {&net.OpError{Op: "write", Net: "tcp", Err: syscall.ECONNRESET}, &net.OpError{Op: "write", Net: "tcp", Err: syscall.EPIPE}},
		false: {errors.New("http2: stream closed"), errors.New("client disconnected"), errors.New("stream error: stream ID 1; CANCEL")},
	}
	none := []error{http.ErrBodyNotAllowed, http.ErrContentLength, http.ErrNotSupported, errors.New("http2: request body closed due to handler exiting"),
		errors.New("http2: handler wrote more than declared Content-Length"), errors.New("stream error: stream ID 1; NO_ERROR")}
	inBubbles(t, func(t *testing.T, http1 bool) {
		for _, flush := range []bool{false, true} {
			for _, granted := range []bool{false, true} {
				try := func(failure error, want state, kind Kind) {
					t.Helper()
					tr := newTrial(t, http1, deadline, func(w http.ResponseWriter, r *http.Request) {
						io.WriteString(w, "a part")
						if granted {
							time.Sleep(deadline + commitTime/2)
						}
						fakeOf(w).broken = failure
						if flush {
							w.(http.Flusher).Flush()
						} else {
							io.WriteString(w, "of it")
						}
					})
					var got []Kind
					tr.boundary.Reporters = []Reporter{{Key: "", Say: func(_ *http.Request, o Outcome) { got = append(got, o.Kind) }}}
					tr.run()
					<-tr.returned
					synctest.Wait()
					if len(got) != 1 || got[0] != kind {
						t.Errorf("%v, flush %v, granted %v: said %v, want %s", failure, flush, granted, got, kind)
					}
					tr.want(want)
				}
				for _, err := range gone[http1] {
					try(err, aborted, ClientGone)
				}
				for _, err := range none {
					if !(granted && flush) { // What is flushed then is granted no time.
						try(err, done, Answered)
					}
				}
			}
		}
	})
}

// TestGoexitIsNoAnswer has a handler end by runtime.Goexit below a filter that
// writes as it unwinds.
func TestGoexitIsNoAnswer(t *testing.T) {
	filter := func(write func(w http.ResponseWriter)) func(w http.ResponseWriter, _ *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) {
			defer write(w)
			runtime.Goexit()
		}
	}
	for name, tt := range map[string]struct {
		write  func(w http.ResponseWriter)
		kind   Kind
		status int
	}{
		"that writes nothing": {func(http.ResponseWriter) {}, Aborted, 0},
		"that writes":         {func(w http.ResponseWriter) { io.WriteString(w, "the end") }, Aborted, 200},
		"that flushes":        {func(w http.ResponseWriter) { io.WriteString(w, "the end"); w.(http.Flusher).Flush() }, Aborted, 200},
		"that sends a whole answer": {func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "7")
			io.WriteString(w, "the end")
			w.(http.Flusher).Flush()
		}, Answered, 200},
	} {
		t.Run(name, func(t *testing.T) {
			eachProto(t, func(t *testing.T, proto string) {
				s := newTestServer(t, proto, serverConfig{timeout: time.Minute, handler: filter(tt.write)})
				req, _ := http.NewRequestWithContext(context.Background(), "GET", s.URL, nil)
				res, err := s.client().Do(req)
				if err == nil {
					_, err = io.ReadAll(res.Body)
					res.Body.Close()
				}
				o := s.outcome()
				if o.Kind != tt.kind || o.Status != tt.status || o.Panicked != errGoexit || o.Kind == Aborted && err == nil {
					t.Errorf("%s with %d, %v; the client got %v, want %s with %d", o.Kind, o.Status, o.Panicked, err, tt.kind, tt.status)
				}
				if status := o.AuditStatus(); status.Status != "Failure" || o.Kind == Aborted && !strings.Contains(status.Message, errGoexit.Error()) {
					t.Errorf("audited as %+v", status)
				}
			})
		})
	}
}

// TestAnswerWithoutBodyIsWholeOnceItIsFlushed: over HTTP/2 it ends with its
// header, and what becomes of the handler's own deadline then is nobody's business.
func TestAnswerWithoutBodyIsWholeOnceItIsFlushed(t *testing.T) {
	type begun struct {
		left         time.Duration // of the handler's deadline, once it had flushed
		write, flush error
	}
	for name, size := range map[string]int{"nothing written": 0, "written": 20, "more than fits": 100_000} {
		for next, then := range map[string]func(w http.ResponseWriter){
			"returns":         func(http.ResponseWriter) {},
			"flushes":         func(w http.ResponseWriter) { w.(http.Flusher).Flush() },
			"sets another":    func(w http.ResponseWriter) { http.NewResponseController(w).SetWriteDeadline(time.Time{}) },
			"writes, flushes": func(w http.ResponseWriter) { io.WriteString(w, "more"); w.(http.Flusher).Flush() },
			"panics":          func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
			"sets and flushes": func(w http.ResponseWriter) {
				http.NewResponseController(w).SetWriteDeadline(time.Time{})
				w.(http.Flusher).Flush()
			},
		} {
			t.Run(name+", "+next, func(t *testing.T) {
				t.Parallel()
				began := make(chan begun, 1)
				s := newTestServer(t, "HTTP/2.0", serverConfig{timeout: time.Minute, handler: func(w http.ResponseWriter, r *http.Request) {
					by := time.Now().Add(20 * time.Millisecond)
					http.NewResponseController(w).SetWriteDeadline(by)
					// A header that is empty net/http does not wait for, so that a
					// flush may return long before anything has been sent.
					w.Header().Set("A", "header")
					var b begun
					if size > 0 {
						_, b.write = w.Write(make([]byte, size))
					}
					b.flush = http.NewResponseController(w).Flush()
					b.left = time.Until(by)
					began <- b
					time.Sleep(time.Until(by) + time.Millisecond)
					then(w)
				}})
				c := s.client()
				for range 20 {
					res, _, err := s.doWith(c, "HEAD", nil)
					o := s.outcome()
					b := <-began
					if b.left <= 10*time.Millisecond {
						continue // On a busy machine it is flushed as the deadline passes, or after.
					}
					if err != nil || res.StatusCode != http.StatusOK || o.Kind != Answered || o.Status != http.StatusOK {
						t.Fatalf("got %v, %v; reported %+v; the handler saw %+v", res, err, o, b)
					}
				}
			})
		}
	}
}
