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
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestSlowSenderGetsItsAnswer: a client that sends all of its body before it reads, and makes pauses that are too long to
// be waited for, finds the answer there.
func TestSlowSenderGetsItsAnswer(t *testing.T) {
	for what, handler := range map[string]http.HandlerFunc{
		"a rejection": deny(10),
		"a timeout":   func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body); <-r.Context().Done() },
	} {
		for _, plain := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, tls=%v", what, !plain), func(t *testing.T) {
				t.Parallel()
				s := newTestServer(t, "HTTP/1.1", serverConfig{timeout: 500 * time.Millisecond, handler: handler, plain: plain})
				p := s.peer()
				p.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n")
				for range 4 {
					if _, err := io.WriteString(p.conn, strings.Repeat("b", 15000)); err != nil {
						t.Errorf("it cannot send: %v", err)
					}
					time.Sleep(700 * time.Millisecond) // It is slow.
				}
				res, err := http.ReadResponse(p.r, &http.Request{Method: "POST"})
				if err != nil {
					t.Fatal(err)
				}
				defer res.Body.Close()
				if _, err := io.ReadAll(res.Body); err != nil || res.StatusCode < 400 {
					t.Errorf("got %d, %v", res.StatusCode, err)
				}
			})
		}
	}
}

// TestAnswerOfAnOldClientThatStalls: HTTP/1.0 has no Expect, and more than one token in its Connection. net/http asks for
// the rest of the body before the header leaves there, too.
func TestAnswerOfAnOldClientThatStalls(t *testing.T) {
	for _, header := range []string{"Connection: keep-alive", "Connection: keep-alive\r\nExpect: 100-continue", "Connection: keep-alive, te", "Connection: Keep-Alive"} {
		t.Run(header, func(t *testing.T) {
			t.Parallel()
			s := newTestServer(t, "HTTP/1.1", serverConfig{timeout: 1500 * time.Millisecond, handler: deny(10), plain: true})
			p := s.peer()
			start := time.Now()
			p.send("POST / HTTP/1.0\r\nHost: x\r\n" + header + "\r\nContent-Length: 100\r\n\r\nabc")
			p.response("POST")
			if took := time.Since(start); !strings.Contains(p.got.String(), " 403 ") || took > lingerTime-time.Second {
				t.Errorf("got %s after %v", p.got.String(), took)
			}
		})
	}
}

// TestEarlierAnswerOfAClientThatGoes: what net/http has of an answer before the one that nobody waits for any more is
// delivered.
func TestEarlierAnswerOfAClientThatGoes(t *testing.T) {
	const size = 200_000
	for _, plain := range []bool{true, false} {
		t.Run(fmt.Sprintf("tls=%v", !plain), func(t *testing.T) {
			t.Parallel()
			s := newTestServer(t, "HTTP/1.1", serverConfig{timeout: time.Minute, plain: plain, buffer: 512 << 10,
				handler: func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path == "/second" {
						<-r.Context().Done()
						return
					}
					w.Header().Set("Content-Length", fmt.Sprint(size))
					w.Write(make([]byte, size))
				}})
			p := s.peer()
			p.send("GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /second HTTP/1.1\r\nHost: x\r\n\r\n")
			p.begun()
			p.begun()
			if err := p.tcp().CloseWrite(); err != nil {
				t.Fatal(err)
			}
			if first, second := s.outcome(), s.outcome(); first.Kind != Answered || second.Kind != ClientGone {
				t.Fatalf("got %v and %v", first, second)
			}
			<-s.closed
			res, err := http.ReadResponse(p.r, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if got, err := io.Copy(io.Discard, res.Body); got != size || err != nil {
				t.Errorf("got %d bytes, %v", got, err)
			}
		})
	}
}

// TestBodyOfAHeadWhoseAnswerHasNone: a handler that writes what net/http refuses has read nothing of its request by that.
func TestBodyOfAHeadWhoseAnswerHasNone(t *testing.T) {
	for _, status := range []int{http.StatusOK, http.StatusNoContent, http.StatusNotModified} {
		var read [2]int64
		for i := range read {
			var handler http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(status)
				w.Write(make([]byte, 2*headerBuffer))
				read[i], _ = io.Copy(io.Discard, r.Body)
			})
			if i > 0 {
				inner, b := handler, &Boundary{Answer: timeoutStatus}
				handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { b.Serve(w, r, inner) })
			}
			s := httptest.NewServer(handler)
			req, err := http.NewRequest(http.MethodHead, s.URL, strings.NewReader("hello"))
			if err != nil {
				t.Fatal(err)
			}
			res, err := s.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			s.Close()
		}
		if read[0] != read[1] {
			t.Errorf("%d: it reads %d bytes, and without a boundary %d", status, read[1], read[0])
		}
	}
}
