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
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// What filters outside a boundary have put between it and net/http: bodies and
// ResponseWriters of their own, which show less than net/http has.

// wrapping is a filter that has those within use another writer.
func wrapping(wrap func(http.ResponseWriter) http.ResponseWriter) func(http.Handler) http.Handler {
	return func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(wrap(w), r) })
	}
}

func bare(w http.ResponseWriter) http.ResponseWriter { return own{w} }

// TestBodyThatAFilterHasTakenOver: where it ends says nothing of the client's, for
// which net/http waits for as long as that does not send.
func TestBodyThatAFilterHasTakenOver(t *testing.T) {
	t.Parallel() // Mostly it waits.
	const timeout = 300 * time.Millisecond
	for name, tt := range map[string]struct {
		of    func(io.ReadCloser) io.ReadCloser
		reads func(*http.Request)
	}{
		"taken out": {func(io.ReadCloser) io.ReadCloser { return http.NoBody }, func(*http.Request) {}},
		"closed":    {func(b io.ReadCloser) io.ReadCloser { return io.NopCloser(b) }, func(r *http.Request) { r.Body.Close() }},
		"read to an end of its own": {
			func(b io.ReadCloser) io.ReadCloser { return io.NopCloser(io.LimitReader(b, 3)) },
			func(r *http.Request) { io.Copy(io.Discard, r.Body) }},
	} {
		for _, late := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s,late=%v", name, late), func(t *testing.T) {
				t.Parallel()
				s := newTestServer(t, "HTTP/1.1", serverConfig{timeout: timeout,
					outer: func(h http.Handler) http.Handler {
						return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
							r = r.Clone(r.Context())
							r.Body = tt.of(r.Body)
							h.ServeHTTP(w, r)
						})
					},
					handler: func(w http.ResponseWriter, r *http.Request) {
						tt.reads(r)
						if late {
							<-r.Context().Done()
						}
						io.WriteString(w, "an answer")
					}})
				p, want := s.peer(), " 200 "
				if late {
					want = " 504 "
				}
				start := time.Now()
				p.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n01234")
				p.response("POST")
				if took := time.Since(start); !strings.Contains(p.got.String(), want) || took > timeout+lingerTime+4*time.Second {
					t.Errorf("got %s after %v", p.got.String(), took)
				}
				select {
				case <-s.closed:
				case <-time.After(timeout + lingerTime + 4*time.Second):
					t.Error("net/http still waits for the rest")
				}
			})
		}
	}
}

// TestBodyThatAFilterPassesOn: where no deadline strikes, a client and the next request on its connection get what
// they get of net/http behind that filter.
func TestBodyThatAFilterPassesOn(t *testing.T) {
	t.Parallel() // Mostly it waits.
	filters := map[string]func(http.ResponseWriter, *http.Request) (http.ResponseWriter, io.ReadCloser){
		"passes it on": func(w http.ResponseWriter, r *http.Request) (http.ResponseWriter, io.ReadCloser) {
			return w, struct{ io.ReadCloser }{r.Body}
		},
		"limits it": func(w http.ResponseWriter, r *http.Request) (http.ResponseWriter, io.ReadCloser) {
			return w, http.MaxBytesReader(w, r.Body, 1<<20)
		},
		"takes it out": func(w http.ResponseWriter, r *http.Request) (http.ResponseWriter, io.ReadCloser) {
			return w, http.NoBody
		},
		"has a writer too": func(w http.ResponseWriter, r *http.Request) (http.ResponseWriter, io.ReadCloser) {
			return own{w}, struct{ io.ReadCloser }{r.Body}
		},
	}
	clients := map[string]func(p *peer){}
	for name, head := range map[string]string{
		"a length": "Content-Length: 100\r\n\r\n" + strings.Repeat("b", 100),
		"chunks":   "Transfer-Encoding: chunked\r\n\r\n" + chunked(100),
		"expects":  "Content-Length: 100\r\nExpect: 100-continue\r\n\r\n" + strings.Repeat("b", 100),
	} {
		for _, what := range []string{"reads", "closes", "reads-and-closes"} {
			clients[name+", "+what] = func(p *peer) {
				p.send("POST /" + what + " HTTP/1.1\r\nHost: x\r\n" + head)
				p.response("POST")
				p.end()
			}
		}
	}
	for name, filter := range filters {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asPlain(t, serverConfig{
				outer: func(h http.Handler) http.Handler {
					return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						if r.Method == "POST" {
							r = r.Clone(r.Context())
							w, r.Body = filter(w, r)
						}
						h.ServeHTTP(w, r)
					})
				},
				handler: func(w http.ResponseWriter, r *http.Request) {
					if strings.HasPrefix(r.URL.Path, "/reads") {
						io.Copy(io.Discard, r.Body)
					}
					if strings.HasSuffix(r.URL.Path, "closes") {
						r.Body.Close()
					}
					io.WriteString(w, "an answer")
				}}, clients)
		})
	}
}

// TestRefusedDeadline changes nothing, though it passes.
func TestRefusedDeadline(t *testing.T) {
	eachProto(t, func(t *testing.T, proto string) {
		const passes = 20 * time.Millisecond
		handler := func(w http.ResponseWriter, r *http.Request) {
			rc := http.NewResponseController(w)
			for _, set := range []func(time.Time) error{rc.SetReadDeadline, rc.SetWriteDeadline} {
				if err := set(time.Now().Add(passes)); !errors.Is(err, errors.ErrUnsupported) {
					t.Errorf("got %v", err)
				}
			}
			<-time.After(2 * passes)
			io.WriteString(w, "an answer")
		}
		for _, direct := range []bool{true, false} {
			s := newTestServer(t, proto, serverConfig{timeout: time.Minute, direct: direct, outer: wrapping(bare), handler: handler})
			s.wantAnswer(direct, "GET", nil)
		}
	})
}

// TestRefusedFlush sends nothing, and what comes next is the response.
func TestRefusedFlush(t *testing.T) {
	eachProto(t, func(t *testing.T, proto string) {
		sent := make(chan int, 1)
		handler := func(w http.ResponseWriter, r *http.Request) {
			err := http.NewResponseController(w).Flush()
			if !errors.Is(err, errors.ErrUnsupported) {
				t.Errorf("got %v", err)
			}
			http.Error(w, "not found", http.StatusNotFound)
			o, _ := Sent(r.Context())
			sent <- o.Status
		}
		s := newTestServer(t, proto, serverConfig{timeout: time.Minute, outer: wrapping(bare), handler: handler})
		if res, _, err := s.do("GET", nil); err != nil || res.StatusCode != http.StatusNotFound {
			t.Errorf("got %v, %v", res, err)
		}
		if o := s.outcome(); o.Kind != Answered || o.Status != http.StatusNotFound {
			t.Errorf("reported %+v", o)
		}
		<-sent

		l := &LongRunning{WriteTimeout: time.Minute}
		s = newTestServer(t, proto, serverConfig{timeout: time.Minute, direct: true, handler: func(w http.ResponseWriter, r *http.Request) {
			l.Serve(own{w}, r, http.HandlerFunc(handler))
		}})
		if res, _, err := s.do("GET", nil); err != nil || res.StatusCode != http.StatusNotFound {
			t.Errorf("long-running: got %v, %v", res, err)
		}
		if status := <-sent; status != http.StatusNotFound {
			t.Errorf("long-running: sent %d", status)
		}
	})
}

// TestHijackThroughAFilter whose writer leads to one that can be hijacked, and cannot by itself.
func TestHijackThroughAFilter(t *testing.T) {
	for _, direct := range []bool{true, false} {
		s := newTestServer(t, "HTTP/1.1", serverConfig{timeout: time.Minute, direct: direct,
			outer: wrapping(func(w http.ResponseWriter) http.ResponseWriter { return leading{opaque{w}} }),
			handler: func(w http.ResponseWriter, r *http.Request) {
				if _, ok := w.(http.Hijacker); ok {
					t.Error("it can be hijacked by itself")
				}
				conn, _, err := http.NewResponseController(w).Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nmy own")
				conn.Close()
			}})
		if res, got, err := s.do("GET", nil); err != nil || got != "my own" {
			t.Errorf("direct: %t: got %v, %q, %v", direct, res, got, err)
		}
	}
}

// TestLastFlushThroughAFilter of a long-running response is bounded, though the filter's writer has no way to the connection.
func TestLastFlushThroughAFilter(t *testing.T) {
	l := &LongRunning{WriteTimeout: time.Minute}
	conn := &noting{}
	r := servedRequest()
	r = r.WithContext(ConnContext(0)(r.Context(), conn))
	l.Serve(own{discard{http.Header{}}}, r, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "a little") }))
	if in := time.Until(conn.writeBy); conn.writeBy.IsZero() || in > l.WriteTimeout {
		t.Errorf("bounded by %v, in %v", conn.writeBy, in)
	}
}

// noting is a connection that notes the write deadline.
type noting struct {
	fakeConn
	writeBy time.Time
}

func (n *noting) SetWriteDeadline(t time.Time) error { n.writeBy = t; return nil }

// TestFilesOfForms are removed as net/http does, though the handler's request is not the one that it has made.
func TestFilesOfForms(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	files := func() int {
		t.Helper()
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	handler := func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseMultipartForm(1); err != nil || files() != 1 {
			t.Errorf("%v, %d files", err, files())
		}
	}
	nested := &Boundary{Answer: timeoutStatus}
	long := &LongRunning{WriteTimeout: time.Minute}
	for name, c := range map[string]serverConfig{
		"net/http":     {direct: true, handler: handler},
		"boundary":     {handler: handler},
		"long-running": {direct: true, handler: func(w http.ResponseWriter, r *http.Request) { long.Serve(w, r, http.HandlerFunc(handler)) }},
		"nested": {handler: func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithTimeout(r.Context(), time.Second/2)
			defer cancel()
			nested.Serve(w, r.WithContext(ctx), http.HandlerFunc(handler))
		}},
	} {
		for _, proto := range protos {
			c.timeout = time.Minute
			s := newTestServer(t, proto, c)
			var body bytes.Buffer
			form := multipart.NewWriter(&body)
			w, _ := form.CreateFormFile("file", "a")
			w.Write(make([]byte, 10<<10))
			form.Close()
			res, err := s.client().Post(s.URL, form.FormDataContentType(), &body)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			s.Close() // Which waits for net/http.
			if n := files(); n != 0 && name != "net/http" {
				t.Errorf("%s, %s: %d files are left", name, proto, n)
			}
			os.RemoveAll(dir)
			os.Mkdir(dir, 0o755)
		}
	}
}

// TestFullDuplexAtTheDeadline: no deadline of the boundary's stays on a connection
// that goes on, where net/http would take it for the end of the body.
func TestFullDuplexAtTheDeadline(t *testing.T) {
	inBubbles(t, func(t *testing.T, http1 bool) {
		tr := newTrial(t, http1, deadline, func(w http.ResponseWriter, r *http.Request) {
			rc := http.NewResponseController(w)
			rc.EnableFullDuplex()
			w.Header().Set("Content-Length", "5")
			io.WriteString(w, "whole")
			f := fakeOf(w)
			f.stall()
			time.AfterFunc(deadline+5*patience, f.unstall)
			rc.Flush()
		})
		tr.conn = true
		tr.run().want(done)
		if tr.fake.read.Equal(longAgo) || tr.body.String() != "whole" {
			t.Errorf("the read deadline is %v, and the body %q", tr.fake.read, tr.body.String())
		}
	})
}
