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
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestReadDeadlineAfterTheBody: what a handler sets when it has come to the end of the body is not taken back by net/http,
// and when it has passed, and so has ended the context that net/http gave the request, the client has not gone.
func TestReadDeadlineAfterTheBody(t *testing.T) {
	t.Parallel() // Mostly it waits.
	for _, direct := range []bool{true, false} {
		s := newTestServer(t, "HTTP/1.1", serverConfig{timeout: time.Minute, direct: direct, handler: func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			http.NewResponseController(w).SetReadDeadline(time.Now().Add(-time.Second))
			io.ReadAll(r.Body)
			r.Body.Close()
			time.Sleep(2 * goneTime)
			io.WriteString(w, "an answer")
		}})
		s.wantAnswer(direct, "POST", strings.NewReader("a body"))
	}
}

// TestAnswerToAClientThatHasNoMoreToSend leaves when it is complete, whatever its handler does next.
func TestAnswerToAClientThatHasNoMoreToSend(t *testing.T) {
	for _, plain := range []bool{true, false} {
		committed := make(chan struct{})
		s := newTestServer(t, "HTTP/1.1", serverConfig{timeout: time.Minute, plain: plain, handler: func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusNoContent)
			close(committed)
			hold(r)
		}})
		p := s.peer()
		p.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		<-committed
		p.conn.(interface{ CloseWrite() error }).CloseWrite()
		p.conn.SetReadDeadline(time.Now().Add(20 * time.Second))
		p.response("GET")
		if got := p.got.String(); !strings.HasPrefix(got, "HTTP/1.1 204 No Content\n") {
			t.Errorf("plain: %v: got %q", plain, got)
		}
		if o := s.outcome(); o.Kind != Answered || o.Status != http.StatusNoContent {
			t.Errorf("reported %+v", o)
		}
	}
}

// TestAnswerAboveTheCapWaitsForNoBody: it is complete when its deadline strikes, and its handler, which stays, cannot be left
// behind; the client gets it, whether or not it sends the rest of its request.
func TestAnswerAboveTheCapWaitsForNoBody(t *testing.T) {
	s := newTestServer(t, "HTTP/1.1", serverConfig{timeout: 200 * time.Millisecond, handler: func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "2")
		io.WriteString(w, "ok")
		hold(r)
	}})
	s.boundary.MaxOverdue = -1
	p := s.peer()
	p.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nsome of it")
	p.conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	p.response("POST")
	if got := p.got.String(); got != "HTTP/1.1 200 OK\nConnection: close\nContent-Length: 2\nContent-Type: text/plain; charset=utf-8\n\nok\n" {
		t.Errorf("got %q", got)
	}
	if o := s.outcome(); o.Kind != Answered || o.Status != http.StatusOK {
		t.Errorf("reported %+v", o)
	}
}

// TestTrailerOfAnAnswerWithoutBody: one is announced that will never come, but over HTTP/2 where it is no HEAD; so the answer
// is whole once it is flushed.
func TestTrailerOfAnAnswerWithoutBody(t *testing.T) {
	t.Parallel() // Mostly it waits.
	for _, tt := range []struct {
		proto, method string
		status        int
		want          Kind
	}{
		{"HTTP/1.1", "HEAD", http.StatusOK, Answered},
		{"HTTP/1.1", "GET", http.StatusNoContent, Answered},
		{"HTTP/1.1", "GET", http.StatusNotModified, Answered},
		{"HTTP/1.1", "GET", http.StatusOK, Aborted},
		{"HTTP/2.0", "HEAD", http.StatusOK, Answered},
		{"HTTP/2.0", "GET", http.StatusNoContent, Aborted},
		{"HTTP/2.0", "GET", http.StatusOK, Aborted},
	} {
		s := newTestServer(t, tt.proto, serverConfig{timeout: 200 * time.Millisecond, handler: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Trailer", "X-Trailer")
			w.WriteHeader(tt.status)
			w.(http.Flusher).Flush()
			hold(r)
		}})
		_, _, err := s.do(tt.method, nil)
		if o := s.outcome(); o.Kind != tt.want || (err == nil) != (tt.want == Answered) {
			t.Errorf("%s %s %d: reported %+v, and the client had %v", tt.proto, tt.method, tt.status, o, err)
		}
	}
}
