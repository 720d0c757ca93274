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

package heldheader

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestMain fails the package when a test leaves a goroutine behind.
func TestMain(m *testing.M) {
	code := m.Run()
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > 1; {
		if time.Now().After(deadline) {
			buf := make([]byte, 1<<20)
			fmt.Fprintf(os.Stderr, "goroutines left behind:\n%s\n", buf[:runtime.Stack(buf, true)])
			os.Exit(1)
		}
		runtime.Gosched()
	}
	os.Exit(code)
}

func TestCommit(t *testing.T) {
	tests := []struct {
		name   string
		commit func(h *Header, w http.ResponseWriter)
		status int
	}{
		{"WriteHeader", func(_ *Header, w http.ResponseWriter) { w.WriteHeader(http.StatusTeapot) }, http.StatusTeapot},
		{"Write", func(_ *Header, w http.ResponseWriter) { io.WriteString(w, "x") }, http.StatusOK},
		{"Flush", func(_ *Header, w http.ResponseWriter) { w.(http.Flusher).Flush() }, http.StatusOK},
		{"ResponseController.Flush", func(_ *Header, w http.ResponseWriter) { http.NewResponseController(w).Flush() }, http.StatusOK},
		{"return without a write", func(h *Header, _ http.ResponseWriter) { h.Commit() }, http.StatusOK},
		{"after an informational response", func(_ *Header, w http.ResponseWriter) {
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusTeapot)
		}, http.StatusTeapot},
	}
	for _, proto := range []string{"HTTP/1.1", "HTTP/2.0"} {
		for _, tt := range tests {
			t.Run(proto+" "+tt.name, func(t *testing.T) {
				var mu sync.Mutex
				res := serve(t, proto, func(w http.ResponseWriter, _ *http.Request) {
					h := New(w, "Warning", &mu)
					add(h, &mu, "one")
					w.Header().Add("Warning", "direct")
					add(h, &mu, "two")
					tt.commit(h, h.ResponseWriter())
					add(h, &mu, "late")
					h.Commit()
				})
				if res.Proto != proto || res.StatusCode != tt.status {
					t.Errorf("got %s %d, want %s %d", res.Proto, res.StatusCode, proto, tt.status)
				}
				if want := []string{"one", "two", "direct"}; !reflect.DeepEqual(res.Header["Warning"], want) {
					t.Errorf("got %q, want %q", res.Header["Warning"], want)
				}
			})
		}
	}
}

// TestWhatCommits: an informational response does not, but 101, which is the last one; and a flush goes on to the writer.
func TestWhatCommits(t *testing.T) {
	for status, want := range map[int]bool{http.StatusEarlyHints: false, http.StatusSwitchingProtocols: true, http.StatusNoContent: true} {
		rec := httptest.NewRecorder()
		var mu sync.Mutex
		h := New(rec, "Warning", &mu)
		add(h, &mu, "one")
		h.ResponseWriter().WriteHeader(status)
		if _, got := rec.Header()["Warning"]; got != want {
			t.Errorf("%d: committed: %t", status, got)
		}
	}
	rec := httptest.NewRecorder()
	New(rec, "Warning", &sync.Mutex{}).ResponseWriter().(http.Flusher).Flush()
	if !rec.Flushed {
		t.Error("not flushed")
	}
}

// plain is a writer that cannot be flushed, and around one that can.
type plain struct{ http.ResponseWriter }

type around struct{ plain }

func (a around) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// TestFlusherIsTheInnerOne, however deep it is, or there is none.
func TestFlusherIsTheInnerOne(t *testing.T) {
	for _, test := range []struct {
		w    http.ResponseWriter
		want bool
	}{
		{plain{httptest.NewRecorder()}, false},
		{around{plain{httptest.NewRecorder()}}, true},
		{around{plain{plain{httptest.NewRecorder()}}}, false},
	} {
		var mu sync.Mutex
		h := New(test.w, "Warning", &mu)
		add(h, &mu, "one")
		w := h.ResponseWriter()
		if _, ok := w.(http.Flusher); ok != test.want {
			t.Errorf("%T can be flushed: %t", test.w, ok)
		}
		w.WriteHeader(http.StatusOK)
		if got := test.w.Header()["Warning"]; len(got) != 1 {
			t.Errorf("%T: got %q", test.w, got)
		}
	}
}

type broken struct{ *httptest.ResponseRecorder }

var errBroken = errors.New("broken")

func (broken) FlushError() error { return errBroken }

// TestFlushError is the inner one's, and that is flushed once.
func TestFlushError(t *testing.T) {
	h := New(broken{httptest.NewRecorder()}, "Warning", &sync.Mutex{})
	if err := http.NewResponseController(h.ResponseWriter()).Flush(); err != errBroken {
		t.Errorf("got %v", err)
	}
}

func TestNothingHeldSetsNothing(t *testing.T) {
	rec := httptest.NewRecorder()
	h := New(rec, "Warning", &sync.Mutex{})
	h.ResponseWriter().WriteHeader(http.StatusOK)
	if _, ok := rec.Header()["Warning"]; ok {
		t.Error("the header is set although no value was collected")
	}
}

func TestOptionalInterfacesAreTheInnerOnes(t *testing.T) {
	for proto, hijackable := range map[string]bool{"HTTP/1.1": true, "HTTP/2.0": false} {
		serve(t, proto, func(w http.ResponseWriter, _ *http.Request) {
			w = New(w, "Warning", &sync.Mutex{}).ResponseWriter()
			if _, ok := w.(http.Hijacker); ok != hijackable {
				t.Errorf("%s: http.Hijacker is %t, want %t", proto, ok, hijackable)
			}
			if _, ok := w.(http.Flusher); !ok {
				t.Errorf("%s: not an http.Flusher", proto)
			}
			if err := http.NewResponseController(w).SetWriteDeadline(time.Time{}); err != nil {
				t.Errorf("%s: SetWriteDeadline: %v", proto, err)
			}
		})
	}
}

func TestHijackPassesThrough(t *testing.T) {
	var hijackErr error
	res := serve(t, "HTTP/1.1", func(w http.ResponseWriter, _ *http.Request) {
		var conn net.Conn
		conn, _, hijackErr = New(w, "Warning", &sync.Mutex{}).ResponseWriter().(http.Hijacker).Hijack()
		if hijackErr == nil {
			io.WriteString(conn, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
			conn.Close()
		}
	})
	if hijackErr != nil || res.StatusCode != http.StatusNoContent {
		t.Errorf("got %v and status %d, want the hijacker's own answer", hijackErr, res.StatusCode)
	}
}

// TestConcurrentAdd is for the race detector: values are added before, while
// and after the response is committed and sent, by goroutines that outlive it.
// The header map and its slices must be touched by nobody but the committer.
func TestConcurrentAdd(t *testing.T) {
	for _, proto := range []string{"HTTP/1.1", "HTTP/2.0"} {
		t.Run(proto, func(t *testing.T) {
			var mu sync.Mutex
			var adders sync.WaitGroup
			stop := make(chan struct{})
			res := serve(t, proto, func(w http.ResponseWriter, _ *http.Request) {
				h := New(w, "Warning", &mu)
				var started sync.WaitGroup
				for g := range 4 {
					started.Add(1)
					adders.Add(1)
					go func() {
						defer adders.Done()
						for i := 0; ; i++ {
							select {
							case <-stop:
								return
							default:
							}
							// Bounded, so that the header stays below the client's limit.
							mu.Lock()
							if held := h.Header()["Warning"]; len(held) < 100 {
								h.Header().Add("Warning", strconv.Itoa(g)+"-"+strconv.Itoa(i))
							} else {
								h.Header().Del("Warning")
							}
							mu.Unlock()
							if i == 0 {
								started.Done()
							}
							runtime.Gosched()
						}
					}()
				}
				started.Wait()
				rw := h.ResponseWriter()
				rw.Header().Set("Content-Type", "text/plain")
				rw.WriteHeader(http.StatusCreated)
				for range 10 {
					io.WriteString(rw, strings.Repeat("x", 1<<10))
					rw.(http.Flusher).Flush()
				}
			})
			close(stop)
			adders.Wait()
			if res.StatusCode != http.StatusCreated {
				t.Errorf("got status %d", res.StatusCode)
			}
		})
	}
}

func add(h *Header, mu *sync.Mutex, value string) {
	mu.Lock()
	defer mu.Unlock()
	h.Header().Add(h.name, value)
}

// serve answers one request over real TLS and returns the response, read to its end.
func serve(t *testing.T, proto string, handler http.HandlerFunc) *http.Response {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.EnableHTTP2 = proto == "HTTP/2.0"
	server.StartTLS()
	defer server.Close()
	client := server.Client()
	defer client.CloseIdleConnections()
	res, err := client.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Fatal(err)
	}
	return res
}
