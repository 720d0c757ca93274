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
	"strings"
	"testing"
)

// The body that a handler has not read: when it is waited for, and what becomes
// of the connection, is as net/http alone would have it, and nothing of it is
// ever taken for a request.

// deny answers without reading, with that many bytes.
func deny(n int) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, strings.Repeat("x", n), http.StatusForbidden)
	}
}

// chunked is a body of n bytes in chunks.
func chunked(n int) string {
	var b strings.Builder
	for n > 0 {
		size := min(n, 32<<10)
		fmt.Fprintf(&b, "%x\r\n%s\r\n", size, strings.Repeat("b", size))
		n -= size
	}
	return b.String() + "0\r\n\r\n"
}

// TestUnreadBody has clients send bodies in various ways that handlers do not
// read, or not all of.
func TestUnreadBody(t *testing.T) {
	const k = 1 << 10
	handlers := map[string]func(http.ResponseWriter, *http.Request){
		"answers nothing":  func(http.ResponseWriter, *http.Request) {},
		"denies":           deny(10),
		"denies at length": deny(3 * k),
		"answers with a length": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "5000")
			io.WriteString(w, strings.Repeat("y", 5000))
		},
		"flushes": func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "a")
			w.(http.Flusher).Flush()
			io.WriteString(w, "b")
		},
		"reads a part": func(w http.ResponseWriter, r *http.Request) {
			io.ReadFull(r.Body, make([]byte, 100))
			deny(3*k)(w, r)
		},
		"reads after WriteHeader": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusAccepted)
			n, err := io.Copy(io.Discard, r.Body)
			fmt.Fprint(w, n, err)
		},
		"reads after 3 KiB": func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, strings.Repeat("z", 3*k))
			n, err := io.Copy(io.Discard, r.Body)
			fmt.Fprint(w, n, err)
		},
		"reads after a flush": func(w http.ResponseWriter, r *http.Request) {
			w.(http.Flusher).Flush()
			n, err := io.Copy(io.Discard, r.Body)
			fmt.Fprint(w, n, err)
		},
		"reads it beside its answer": func(w http.ResponseWriter, r *http.Request) {
			http.NewResponseController(w).EnableFullDuplex()
			w.(http.Flusher).Flush()
			n, err := io.Copy(io.Discard, r.Body)
			fmt.Fprint(w, n, err)
		},
		"closes it": func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, r.Body.Close())
		},
		"asks for the end": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Connection", "close")
			deny(3*k)(w, r)
		},
		"reads all": func(w http.ResponseWriter, r *http.Request) {
			n, err := io.Copy(io.Discard, r.Body)
			fmt.Fprint(w, n, err)
		},
	}
	requests := map[string]struct {
		head string
		body string
	}{
		"none":                    {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", ""},
		"100 bytes":               {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n", strings.Repeat("b", 100)},
		"200 KiB":                 {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 204800\r\n\r\n", strings.Repeat("b", 200*k)},
		"256 KiB":                 {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 262144\r\n\r\n", strings.Repeat("b", 256*k)},
		"300 KiB":                 {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 307200\r\n\r\n", strings.Repeat("b", 300*k)},
		"100 bytes in chunks":     {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", chunked(100)},
		"200 KiB in chunks":       {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", chunked(200 * k)},
		"300 KiB in chunks":       {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", chunked(300 * k)},
		"no chunks":               {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", "not hexadecimal\r\n\r\n"},
		"HTTP/1.0":                {"POST / HTTP/1.0\r\nHost: x\r\nContent-Length: 100\r\n\r\n", strings.Repeat("b", 100)},
		"HTTP/1.0, kept alive":    {"POST / HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\nContent-Length: 100\r\n\r\n", strings.Repeat("b", 100)},
		"HTTP/1.0, 300 KiB":       {"POST / HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\nContent-Length: 307200\r\n\r\n", strings.Repeat("b", 300*k)},
		"of a client that closes": {"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 100\r\n\r\n", strings.Repeat("b", 100)},
		"that was not waited for": {"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 100\r\n\r\n", strings.Repeat("b", 100)},
		"of a HEAD":               {"HEAD / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n", strings.Repeat("b", 100)},
		"that another follows":    {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n", strings.Repeat("b", 100) + "GET /next HTTP/1.1\r\nHost: x\r\n\r\n"},
	}
	for name, handler := range handlers {
		t.Run(name, func(t *testing.T) {
			clients := map[string]func(p *peer){}
			for name, request := range requests {
				method, _, _ := strings.Cut(request.head, " ")
				clients[name] = func(p *peer) {
					p.start(request.head + request.body)
					p.response(method)
				}
				half := len(request.body) / 2
				clients[name+", half of it on its way"] = func(p *peer) {
					p.send(request.head + request.body[:half])
					p.begun()
					p.start(request.body[half:])
					p.response(method)
				}
			}
			asPlain(t, serverConfig{handler: handler}, clients)
		})
	}
}
