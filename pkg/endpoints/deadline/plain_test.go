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
	"bufio"
	"bytes"
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// peer is a client that speaks HTTP/1 by hand, on one connection, and notes
// what it gets.
type peer struct {
	t    *testing.T
	s    *testServer
	conn net.Conn
	r    *bufio.Reader
	raw  bytes.Buffer // all that was read from the connection
	at   int          // how much of it has been noted
	got  strings.Builder
	busy sync.WaitGroup // sends that are under way
}

func (s *testServer) peer() *peer {
	s.t.Helper()
	p := &peer{t: s.t, s: s, conn: s.dial()}
	p.r = bufio.NewReader(io.TeeReader(p.conn, &p.raw))
	return p
}

// tcp is the connection below TLS.
func (p *peer) tcp() *net.TCPConn {
	if c, ok := p.conn.(*tls.Conn); ok {
		return c.NetConn().(*net.TCPConn)
	}
	return p.conn.(*net.TCPConn)
}

// send sends that, as far as the server takes it.
func (p *peer) send(s string) {
	p.busy.Wait()
	io.WriteString(p.conn, s)
}

// start starts to send that, while the client does something else.
func (p *peer) start(s string) {
	p.busy.Wait()
	p.busy.Go(func() { io.WriteString(p.conn, s) })
}

// begun waits until the server has begun with a next request.
func (p *peer) begun() {
	p.t.Helper()
	select {
	case <-p.s.begun:
	case <-time.After(20 * time.Second):
		p.t.Fatal("the request has not come")
	}
}

// response reads one response, of a request with that method, and notes it: its
// header as it came, but for dates and the order of its fields, which mean
// nothing, and its body, whatever chunks it came in.
func (p *peer) response(method string) {
	p.t.Helper()
	res, err := http.ReadResponse(p.r, &http.Request{Method: method})
	if err != nil {
		fmt.Fprintf(&p.got, "[%s]", kindOf(err))
		return
	}
	header := string(p.raw.Bytes()[p.at:])
	header, _, _ = strings.Cut(header, "\r\n\r\n")
	lines := strings.Split(header, "\r\n")
	fields := slices.DeleteFunc(lines[1:], func(line string) bool { return strings.HasPrefix(line, "Date:") })
	slices.Sort(fields)
	fmt.Fprintf(&p.got, "%s\n%s\n\n", lines[0], strings.Join(fields, "\n"))
	_, err = io.Copy(&p.got, res.Body)
	if len(res.Trailer) > 0 {
		fmt.Fprintf(&p.got, "%v", res.Trailer)
	}
	if err != nil || res.ContentLength < 0 && res.TransferEncoding == nil {
		fmt.Fprintf(&p.got, "[%s]", kindOf(err))
	}
	p.got.WriteString("\n")
	p.at = p.raw.Len() - p.r.Buffered()
}

// end notes what comes of the connection: whether the server ends it, or serves
// a next request on it, and what comes before that.
func (p *peer) end() {
	p.t.Helper()
	p.send("GET /next HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	for {
		if _, err := p.r.Peek(1); err != nil {
			fmt.Fprintf(&p.got, "[%s]", kindOf(err))
			return
		}
		p.response("GET")
	}
}

// kindOf names an error of a read in as far as a client can rely on it. Whether
// the end of a connection that has been said to come is a reset is for the
// kernels to decide; and when a write has timed out, crypto/tls says goodbye in a
// record that nobody can read.
func kindOf(err error) string {
	switch {
	case err == nil, errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE),
		strings.Contains(err.Error(), "tls: bad record MAC"):
		return "end"
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "nothing came"
	}
	return err.Error()
}

// asPlain runs what clients do against a server with a boundary, and against
// net/http alone, each on a connection of its own, over TLS and without. What a
// client gets, whether and how its connection ends, what the next request on it
// gets, and which requests the server sees, are the same, and all of them are
// answered, if their handler does not cut them.
func asPlain(t *testing.T, c serverConfig, clients map[string]func(p *peer)) {
	t.Helper()
	c.timeout = cmp.Or(c.timeout, time.Minute)
	handler := c.handler
	c.handler = func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/next" {
			io.WriteString(w, "next")
			return
		}
		handler(w, r)
	}
	for _, plain := range []bool{true, false} {
		t.Run(fmt.Sprintf("tls=%v", !plain), func(t *testing.T) {
			t.Parallel()
			c := c
			c.plain = plain
			ours := newTestServer(t, "HTTP/1.1", c)
			c.direct = true
			alone := newTestServer(t, "HTTP/1.1", c)
			for name, client := range clients {
				run := func(s *testServer) (got string, requests []seen) {
					before := len(s.taken())
					for len(s.begun) > 0 {
						<-s.begun
					}
					p := s.peer()
					client(p)
					p.end()
					return p.got.String(), s.taken()[before:]
				}
				want, wantRequests := run(alone)
				got, requests := run(ours)
				// A client whose goroutine waits for a processor for longer than
				// idleBodyTime is one that stalls. That does not happen each time.
				for tries := 1; tries < 5 && (got != want || !slices.Equal(requests, wantRequests)); tries++ {
					want, wantRequests = run(alone)
					got, requests = run(ours)
				}
				if got != want {
					t.Errorf("%s: got:\n%s\nnet/http alone gives:\n%s", name, abridged(got), abridged(want))
				}
				if !slices.Equal(requests, wantRequests) {
					t.Errorf("%s: the server saw %v, and without a boundary %v", name, requests, wantRequests)
				}
				for len(ours.outcomes) > 0 {
					if o := <-ours.outcomes; o.Kind != Answered && !(c.cuts && o.Kind == Aborted) {
						t.Errorf("%s: reported %+v", name, o)
					}
				}
			}
		})
	}
}

// abridged leaves out most of a long text.
func abridged(s string) string {
	const most = 600
	if len(s) <= 2*most {
		return s
	}
	return fmt.Sprintf("%s[... %d bytes]%s", s[:most], len(s)-2*most, s[len(s)-most:])
}
