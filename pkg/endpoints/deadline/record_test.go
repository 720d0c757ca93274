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
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// What is said of requests, and who waits for it.

// TestInformationalStatusIsNotTheStatus: what is recorded is what comes after.
func TestInformationalStatusIsNotTheStatus(t *testing.T) {
	for name, tt := range map[string]struct {
		handler func(w http.ResponseWriter)
		want    int
		only    string // the protocol, if not both
	}{
		"103, then 404":     {func(w http.ResponseWriter) { w.WriteHeader(103); w.WriteHeader(404) }, 404, ""},
		"100, then 409":     {func(w http.ResponseWriter) { w.WriteHeader(100); w.WriteHeader(409) }, 409, ""},
		"102, then a Write": {func(w http.ResponseWriter) { w.WriteHeader(102); io.WriteString(w, "x") }, 200, ""},
		"103, then nothing": {func(w http.ResponseWriter) { w.WriteHeader(103) }, 200, ""},
		"101, then 403":     {func(w http.ResponseWriter) { w.WriteHeader(101); w.WriteHeader(403) }, 403, "HTTP/2.0"},
		"nothing":           {func(http.ResponseWriter) {}, 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			eachProto(t, func(t *testing.T, proto string) {
				if tt.only != "" && tt.only != proto {
					t.Skip("there it is a final one")
				}
				s := newTestServer(t, proto, serverConfig{timeout: time.Minute,
					handler: func(w http.ResponseWriter, _ *http.Request) { tt.handler(w) }})
				res, _, err := s.do("GET", nil)
				if err != nil || res.StatusCode != tt.want {
					t.Errorf("got %v, %v, want %d", res, err, tt.want)
				}
				if o := s.outcome(); o.Kind != Answered || o.Status != tt.want || int(o.AuditStatus().Code) != tt.want {
					t.Errorf("reported %+v, want %d", o, tt.want)
				}
			})
		})
	}
}

// TestClientThatGoesInItsBody: the handler sees it first, and returns before
// anybody else has.
func TestClientThatGoesInItsBody(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"answers":         func(w http.ResponseWriter, r *http.Request) { http.Error(w, "bad", http.StatusBadRequest) },
		"answers nothing": func(http.ResponseWriter, *http.Request) {},
		"panics":          func(http.ResponseWriter, *http.Request) { panic("boom") },
	} {
		t.Run(name, func(t *testing.T) {
			eachProto(t, func(t *testing.T, proto string) {
				s := newTestServer(t, proto, serverConfig{timeout: time.Minute,
					handler: func(w http.ResponseWriter, r *http.Request) {
						if _, err := io.Copy(io.Discard, r.Body); err == nil {
							t.Error("the body has come to its end")
						}
						handler(w, r)
					}})
				c := s.client()
				for range 50 {
					if proto == "HTTP/2.0" {
						pr, pw := io.Pipe()
						go func() {
							io.WriteString(pw, "a part")
							<-s.begun
							pw.CloseWithError(io.ErrUnexpectedEOF) // Which resets the stream.
						}()
						if res, _, err := s.doWith(c, "POST", pr); err == nil {
							t.Fatalf("got %v", res)
						}
					} else {
						p := s.peer()
						p.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\na part")
						p.begun()
						p.conn.Close()
					}
					o := s.outcome()
					if o.Kind != ClientGone {
						t.Fatalf("reported %+v", o)
					}
					if status := o.AuditStatus(); status.Reason != "ClientGone" || status.Status != metav1.StatusFailure || int(status.Code) != o.Status {
						t.Fatalf("the audit event says %+v", status)
					}
				}
			})
		})
	}
}

// TestClientThatGoesWhileItIsWrittenTo, and has not sent all of its body: net/http
// tells of that by an error of the Write only.
func TestClientThatGoesWhileItIsWrittenTo(t *testing.T) {
	for _, plain := range []bool{true, false} {
		t.Run(fmt.Sprintf("tls=%v", !plain), func(t *testing.T) {
			t.Parallel()
			s := newTestServer(t, "HTTP/1.1", serverConfig{timeout: time.Minute, plain: plain,
				handler: func(w http.ResponseWriter, _ *http.Request) {
					var err error
					for chunk := make([]byte, 64<<10); err == nil; {
						_, err = w.Write(chunk)
					}
				}})
			for range 5 {
				p := s.peer()
				p.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\na part")
				io.CopyN(io.Discard, p.r, 100_000)
				p.conn.Close()
				if o := s.outcome(); o.Kind != ClientGone || o.Status != 200 || o.Bytes == 0 {
					t.Fatalf("reported %+v", o)
				}
			}
		})
	}
}

// TestFiltersAnswerAfterTheirHandler: what the handler's side writes before it
// returns is the answer, and what is recorded, whoever within has unwound.
func TestFiltersAnswerAfterTheirHandler(t *testing.T) {
	type filter func(next http.HandlerFunc) http.HandlerFunc
	for name, tt := range map[string]struct {
		filter filter
		inner  http.HandlerFunc
		status int
		body   string
	}{
		"a compressor": {func(next http.HandlerFunc) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) { next(w, r); io.WriteString(w, ", closed") }
		}, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "written") }, 200, "written, closed"},
		"a 404 of its own": {func(next http.HandlerFunc) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				next(w, r)
				http.Error(w, "nothing", http.StatusNotFound)
			}
		}, func(http.ResponseWriter, *http.Request) {}, 404, "nothing\n"},
		"a header of its own": {func(next http.HandlerFunc) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) { next(w, r); w.Header().Set("Warning", "late") }
		}, func(http.ResponseWriter, *http.Request) {}, 200, ""},
		"a panic that it recovers": {func(next http.HandlerFunc) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) { recovering(next).ServeHTTP(w, r) }
		}, func(http.ResponseWriter, *http.Request) { panic("boom") }, 500, "recovered\n"},
		"the same, after a part": {func(next http.HandlerFunc) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) { recovering(next).ServeHTTP(w, r) }
		}, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "a part, "); panic("boom") }, 200, "a part, recovered\n"},
	} {
		t.Run(name, func(t *testing.T) {
			eachProto(t, func(t *testing.T, proto string) {
				said := make(chan Outcome, 2)
				audited := func(w http.ResponseWriter, r *http.Request) {
					Report(r.Context(), "audit", func(_ *http.Request, o Outcome) { said <- o })
					defer func() {
						if o, ok := Decided(r.Context()); ok {
							t.Errorf("decided: %+v", o)
						}
					}()
					tt.inner(w, r)
				}
				s := newTestServer(t, proto, serverConfig{timeout: time.Minute, handler: tt.filter(audited)})
				res, body, err := s.do("GET", nil)
				if err != nil || res.StatusCode != tt.status || body != tt.body || strings.Contains(name, "header") != (res.Header.Get("Warning") == "late") {
					t.Errorf("got %v, %q, %v", res, body, err)
				}
				for _, o := range []Outcome{<-said, s.outcome()} {
					if o.Kind != Answered || o.Status != tt.status || int(o.Bytes) != len(tt.body) || o.Panicked != nil {
						t.Errorf("reported %+v", o)
					}
				}
			})
		})
	}
}

// TestInvalidStatusAfterTheCommit is ignored, as any that comes too late; before
// that it is the handler's error.
func TestInvalidStatusAfterTheCommit(t *testing.T) {
	eachProto(t, func(t *testing.T, proto string) {
		for _, direct := range []bool{true, false} {
			s := newTestServer(t, proto, serverConfig{timeout: time.Minute, direct: direct,
				handler: func(w http.ResponseWriter, r *http.Request) {
					if r.Method == "POST" {
						w.WriteHeader(202)
					}
					w.WriteHeader(0)
					w.WriteHeader(1000)
				}})
			if res, _, err := s.do("POST", nil); err != nil || res.StatusCode != 202 {
				t.Errorf("direct=%v: got %v, %v", direct, res, err)
			}
			if res, _, err := s.do("GET", nil); err == nil {
				t.Errorf("direct=%v: got %v, want a panic", direct, res)
			}
		}
	})
}

// TestGoexitIsNoSuccess, nor is it in the records.
func TestGoexitIsNoSuccess(t *testing.T) {
	eachProto(t, func(t *testing.T, proto string) {
		for name, commit := range map[string]bool{"nothing written": false, "a part written": true} {
			s := newTestServer(t, proto, serverConfig{timeout: time.Minute,
				handler: func(w http.ResponseWriter, r *http.Request) {
					if commit {
						io.WriteString(w, "a part")
					}
					runtime.Goexit()
				}})
			if res, _, err := s.do("GET", nil); err == nil {
				t.Errorf("%s: got %v", name, res)
			}
			o := s.outcome()
			if want := map[bool]int{true: 200}[commit]; o.Kind != Aborted || o.Panicked != errGoexit || o.Status != want {
				t.Errorf("%s: reported %+v, want %d", name, o, want)
			}
			if status := o.AuditStatus(); status.Status != metav1.StatusFailure || status.Code != int32(o.Status) || status.Reason != metav1.StatusReasonInternalError {
				t.Errorf("%s: the audit event says %+v", name, status)
			}
		}
	})
}

// TestAnswersWaitForSlowReports, as a sink that blocks is documented to have
// them do, while there is time; but for what is said beside them, which nothing
// that is last waits for either.
func TestAnswersWaitForSlowReports(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"a small answer":       func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "small") },
		"an implicit status":   func(http.ResponseWriter, *http.Request) {},
		"a small one, flushed": func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "small"); w.(http.Flusher).Flush() },
	} {
		for _, tt := range []struct {
			name              string
			beside, takenOver bool
		}{{"a report", false, false}, {"one beside", true, false}, {"one beside that is taken over", true, true}} {
			t.Run(name+", "+tt.name, func(t *testing.T) {
				eachProto(t, func(t *testing.T, proto string) {
					saying, release, log := make(chan struct{}), make(chan struct{}), make(chan struct{})
					slow := func(*http.Request, Outcome) { saying <- struct{}{}; <-release }
					s := newTestServer(t, proto, serverConfig{timeout: time.Minute, handler: func(w http.ResponseWriter, r *http.Request) {
						if tt.takenOver {
							Report(r.Context(), "slow", slow)
						}
						handler(w, r)
					}})
					s.boundary.Reporters = append([]Reporter{{Key: "slow", Beside: tt.beside, Say: slow}}, append(s.boundary.Reporters,
						Reporter{Key: "log", Last: true, Say: func(*http.Request, Outcome) { close(log) }})...)
					got := make(chan error, 1)
					go func() {
						_, _, err := s.do("GET", nil)
						got <- err
					}()
					<-saying
					if tt.beside && !tt.takenOver {
						if err := <-got; err != nil {
							t.Error(err)
						}
						<-log
						close(release)
						return
					}
					select {
					case err := <-got:
						t.Errorf("the client has its answer (%v) before the event is out", err)
					case <-log:
						t.Error("the last has been said before it")
					case <-time.After(50 * time.Millisecond): // For it to come by mistake.
					}
					close(release)
					if err := <-got; err != nil {
						t.Error(err)
					}
				})
			})
		}
	}
}

// TestNoTimeoutWaitsForReports: neither the 504, nor an answer whose reports
// outlast the deadline, above the bounds of what is left behind or not.
func TestNoTimeoutWaitsForReports(t *testing.T) {
	const timeout = 300 * time.Millisecond
	for name, tt := range map[string]struct {
		handler http.HandlerFunc
		status  int
		max     int64
		proto   string // if not both
	}{
		"a 504":                            {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, 504, 0, ""},
		"a 504, and nobody is left behind": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, 504, -1, ""},
		"a 504 of one that stays":          {func(_ http.ResponseWriter, r *http.Request) { hold(r) }, 504, 0, ""},
		"an answer":                        {func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "in time") }, 200, 0, ""},
		"an answer, and no more may wait": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "7")
			io.WriteString(w, "in time")
		}, 200, -1, "HTTP/1.1"},
		"an answer, and one of them may": {func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "in time") }, 200, 1, ""},
		"a complete one of one that is held": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "1")
			io.WriteString(w, "a")
			hold(r)
		}, 200, -1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			eachProto(t, func(t *testing.T, proto string) {
				if tt.proto != "" && tt.proto != proto {
					t.Skip("there its end is sent when the serve goroutine returns, which waits")
				}
				s := newTestServer(t, proto, serverConfig{timeout: timeout, handler: tt.handler})
				s.boundary.MaxOverdue = tt.max
				release := make(chan struct{})
				t.Cleanup(func() { close(release) })
				s.boundary.Reporters = append(s.boundary.Reporters, Reporter{Key: "blocked", Say: func(*http.Request, Outcome) { <-release }})
				start := time.Now()
				res, body, err := s.do("GET", nil)
				if err != nil || res.StatusCode != tt.status {
					t.Fatalf("got %v, %q, %v", res, body, err)
				}
				if took := time.Since(start); took > timeout+2*time.Second {
					t.Errorf("answered after %v", took)
				}
			})
		})
	}
}

// bindWith binds the response to a time from now, with that answer.
func bindWith(r *http.Request, answer func() *metav1.Status) (bound context.Context, release func()) {
	bound, cancel := context.WithTimeout(r.Context(), brief)
	release, _ = Bind(bound, answer)
	context.AfterFunc(r.Context(), cancel)
	return bound, release
}

// TestCallbacksThatPanic, and those that have nothing to say, cost no client its
// answer, and never the process.
func TestCallbacksThatPanic(t *testing.T) {
	boom := func() { panic("boom") }
	handlers := map[string]http.HandlerFunc{
		"its deadline": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"a bound that panics": func(_ http.ResponseWriter, r *http.Request) {
			ctx, _ := bindWith(r, func() *metav1.Status { panic("boom") })
			<-ctx.Done()
		},
		"a bound that says nothing": func(_ http.ResponseWriter, r *http.Request) {
			ctx, _ := bindWith(r, func() *metav1.Status { return nil })
			<-ctx.Done()
		},
	}
	boundaries := map[string]func(b *Boundary){
		"Answer panics":       func(b *Boundary) { b.Answer = func(*http.Request) *metav1.Status { panic("boom") } },
		"Answer says nothing": func(b *Boundary) { b.Answer = func(*http.Request) *metav1.Status { return nil } },
		"TimedOut panics":     func(b *Boundary) { b.TimedOut = func(*http.Request) { boom() } },
		"Late panics":         func(b *Boundary) { b.Late = func(*http.Request, time.Duration, Outcome) { boom() } },
		"Describe panics":     func(b *Boundary) { b.Describe = func(*http.Request) []any { panic("boom") } },
		"a report panics": func(b *Boundary) {
			b.Reporters = append(b.Reporters, Reporter{Key: "bad", Say: func(*http.Request, Outcome) { boom() }})
		},
	}
	eachProto(t, func(t *testing.T, proto string) {
		for ends, handler := range handlers {
			for name, set := range boundaries {
				s := newTestServer(t, proto, serverConfig{timeout: 100 * time.Millisecond, handler: handler})
				set(&s.boundary)
				res, body, err := s.do("GET", nil)
				if err != nil || res.StatusCode != http.StatusGatewayTimeout || !strings.Contains(body, `"reason":"Timeout"`) {
					t.Errorf("%s, %s: got %v, %q, %v", name, ends, res, body, err)
				}
				if o := s.outcome(); o.Kind != TimedOut || o.Message == "" {
					t.Errorf("%s, %s: reported %+v", name, ends, o)
				}
			}
		}
	})
}
