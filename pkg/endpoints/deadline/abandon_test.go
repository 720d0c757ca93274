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
	"testing"
	"time"
)

// TestShutdownAfterAClientThatWent: a handler that does not notice that its client
// has gone is none of http.Server.Shutdown's business: its connection ends.
func TestShutdownAfterAClientThatWent(t *testing.T) {
	for name, answers := range map[string]func(http.ResponseWriter){
		"nothing": func(http.ResponseWriter) {},
		"a part":  func(w http.ResponseWriter) { w.Write([]byte("a part")); w.(http.Flusher).Flush() },
		"all": func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "3")
			w.Write([]byte("all"))
			w.(http.Flusher).Flush()
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newTestServer(t, "HTTP/1.1", serverConfig{timeout: time.Minute, plain: true, handler: func(w http.ResponseWriter, r *http.Request) {
				answers(w)
				hold(r)
			}})
			conn := s.dial()
			fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
			<-s.begun
			if name != "nothing" {
				if _, err := io.ReadAtLeast(conn, make([]byte, 1<<10), len("HTTP/1.1 200 OK")); err != nil {
					t.Fatal(err)
				}
			}
			conn.Close()
			select {
			case <-s.served:
			case <-time.After(10 * time.Second):
				t.Fatal("the serve goroutine stays with the handler")
			}
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			if err := s.Config.Shutdown(ctx); err != nil {
				t.Error(err)
			}
			if n := s.boundary.Overdue(); n != 0 {
				t.Errorf("it has %d places of those that may be left behind", n)
			}
		})
	}
}
