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
	"io"
	"net/http"
	"testing"
	"time"
)

// netHTTPsKey is the key of the context that net/http has made.
type netHTTPsKey struct{}

// showsItsContext is an outer filter that shows handlers that context.
func showsItsContext(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), netHTTPsKey{}, r.Context())))
	})
}

// outlivesItsContext is for a handler: it has a read deadline pass, and returns
// when net/http's context has ended for that.
func outlivesItsContext(w http.ResponseWriter, r *http.Request) {
	if err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
		io.WriteString(w, err.Error())
	}
	<-r.Context().Value(netHTTPsKey{}).(context.Context).Done()
}

// TestRequestAfterReadDeadline has the next request served on a connection
// whose context a read deadline of a handler's has ended.
func TestRequestAfterReadDeadline(t *testing.T) {
	asPlain(t, serverConfig{
		outer: showsItsContext,
		handler: func(w http.ResponseWriter, r *http.Request) {
			outlivesItsContext(w, r)
			io.WriteString(w, "late")
		},
	}, map[string]func(*peer){
		"a next request": func(p *peer) {
			p.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
			p.response("GET")
		},
		"two more": func(p *peer) {
			for range 2 {
				p.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
				p.response("GET")
			}
		},
	})
}

// TestClientThatGoesAfterReadDeadline has a client go while such a next request
// is served.
func TestClientThatGoesAfterReadDeadline(t *testing.T) {
	s := newTestServer(t, "HTTP/1.1", serverConfig{
		timeout: time.Minute,
		outer:   showsItsContext,
		handler: func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/next" {
				<-r.Context().Done()
				return
			}
			outlivesItsContext(w, r)
		},
	})
	p := s.peer()
	p.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	p.response("GET")
	if o := <-s.outcomes; o.Kind != Answered {
		t.Errorf("the first was %q", o.Kind)
	}
	<-s.begun
	p.send("GET /next HTTP/1.1\r\nHost: x\r\n\r\n")
	p.begun()
	p.conn.Close()
	if o := <-s.outcomes; o.Kind != ClientGone {
		t.Errorf("the second was %q", o.Kind)
	}
}
