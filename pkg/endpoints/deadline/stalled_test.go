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
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
)

// HTTP/2 clients that do not read their socket: what is to be sent on one stream
// waits behind what is to be sent on others.

// pausable is a client's connection, which reads only while it may.
type pausable struct {
	net.Conn
	mu   sync.Mutex
	cond sync.Cond
	// Guarded by mu.
	paused bool
	closed bool
	allows int // bytes that may be read although it is paused
}

func (p *pausable) Read(b []byte) (int, error) {
	p.mu.Lock()
	for p.paused && p.allows == 0 && !p.closed {
		p.cond.Wait()
	}
	if p.paused && !p.closed {
		b = b[:min(len(b), p.allows)]
		p.allows -= len(b)
	}
	p.mu.Unlock()
	return p.Conn.Read(b)
}

func (p *pausable) Close() error {
	p.set(func() { p.closed = true })
	return p.Conn.Close()
}

// pause has it read no more, and resume again.
func (p *pausable) pause()      { p.set(func() { p.paused = true }) }
func (p *pausable) resume()     { p.set(func() { p.paused = false }) }
func (p *pausable) allow(n int) { p.set(func() { p.allows += n }) }

func (p *pausable) set(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
	p.cond.Broadcast()
}

// pausableClient is an HTTP/2 client with one connection, and that.
func (s *testServer) pausableClient() (*http.Client, *pausable) {
	p := &pausable{}
	p.cond.L = &p.mu
	transport := &http2.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
		DialTLSContext: func(ctx context.Context, network, addr string, config *tls.Config) (net.Conn, error) {
			conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			conn.(*net.TCPConn).SetReadBuffer(32 << 10)
			p.Conn = conn
			return tls.Client(p, config), nil
		},
	}
	s.t.Cleanup(func() { p.Close(); transport.CloseIdleConnections() })
	return &http.Client{Transport: transport}, p
}

// stalled is a server with a watch at /watch, which sends what it is told to, and
// elsewhere a handler that writes until that fails, within a short deadline.
type stalled struct {
	*testServer
	events  chan string
	returns chan error // what its Write came to
}

// stalledDeadline is that of the other handler.
const stalledDeadline = 300 * time.Millisecond

func newStalled(t *testing.T, stallTime time.Duration) *stalled {
	s := &stalled{events: make(chan string, 10), returns: make(chan error, 10)}
	s.testServer = newTestServer(t, "HTTP/2.0", serverConfig{timeout: time.Minute, stallTime: stallTime, buffer: 32 << 10,
		handler: func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/watch" {
				w.(http.Flusher).Flush()
				for {
					select {
					case event := <-s.events:
						fmt.Fprintln(w, event)
						w.(http.Flusher).Flush()
					case <-r.Context().Done():
						return
					}
				}
			}
			w.(http.Flusher).Flush()
			bind(r.Context(), stalledDeadline, "stalled")
			var err error
			for chunk := make([]byte, 64<<10); err == nil; {
				_, err = w.Write(chunk)
			}
			s.returns <- err
		}})
	return s
}

// watch opens a watch, and returns what it gets.
func (s *stalled) watch(c *http.Client) *bufio.Reader {
	s.t.Helper()
	res, err := c.Get(s.URL + "/watch")
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { res.Body.Close() })
	return bufio.NewReader(res.Body)
}

// TestClientThatIsPaused has an HTTP/2 client read nothing of its socket for
// seconds beyond the deadline of one of its requests: that one is cut when it
// reads again, and its watch goes on.
func TestClientThatIsPaused(t *testing.T) {
	t.Parallel()
	s := newStalled(t, 20*time.Second)
	c, conn := s.pausableClient()
	watch := s.watch(c)
	res, err := c.Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	conn.pause()
	// Longer than the old bound, of a second, and what comes on top.
	time.Sleep(stalledDeadline + stuckTime + 2*time.Second)
	select {
	case err := <-s.returns:
		t.Fatalf("the handler's Write returned %v while the client was paused", err)
	default:
	}
	conn.resume()
	s.events <- "an event"
	if line, err := watch.ReadString('\n'); err != nil || line != "an event\n" {
		t.Errorf("the watch got %q, %v", line, err)
	}
	if err := <-s.returns; err != http.ErrHandlerTimeout {
		t.Errorf("the handler's Write returned %v", err)
	}
	if _, err := io.Copy(io.Discard, res.Body); err == nil {
		t.Error("the response is not cut")
	}
	if o := s.outcome(); o.Kind != Aborted {
		t.Errorf("reported %+v", o)
	}
}

// TestClientThatIsSlow takes some bytes now and then, and so is waited for.
func TestClientThatIsSlow(t *testing.T) {
	t.Parallel()
	const stallTime = 2 * time.Second
	s := newStalled(t, stallTime)
	c, conn := s.pausableClient()
	watch := s.watch(c)
	conn.pause()
	go c.Get(s.URL) // Its header may wait.
	<-s.begun
	// As little as the kernels still tell of: they make room by the half of a buffer.
	tick := time.NewTicker(stallTime / 20)
	defer tick.Stop()
	for start := time.Now(); time.Since(start) < stalledDeadline+stuckTime+2*stallTime; <-tick.C {
		conn.allow(4 << 10)
	}
	conn.resume()
	s.events <- "an event"
	if line, err := watch.ReadString('\n'); err != nil || line != "an event\n" {
		t.Errorf("the watch got %q, %v", line, err)
	}
}

// TestClientThatNeverReadsAgain: its connection is closed, with all that is on
// it, when it has taken nothing for the stall time, and that is counted and
// logged. There is no other way to free the handler.
func TestClientThatNeverReadsAgain(t *testing.T) {
	const stallTime = 2 * time.Second
	log := captureLog(t)
	before := metric(t, "apiserver_stalled_connections_closed_total")
	s := newStalled(t, stallTime)
	c, conn := s.pausableClient()
	s.watch(c)
	res, err := c.Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	conn.pause()
	start := time.Now()
	if err := <-s.returns; err != http.ErrHandlerTimeout {
		t.Errorf("the handler's Write returned %v", err)
	}
	at := <-s.closed
	if took := at.Sub(start); took < stallTime || took > stalledDeadline+stuckTime+stallTime+4*time.Second {
		t.Errorf("closed %v after the client has stopped", took)
	} else {
		t.Logf("closed %v after the client has stopped", took)
	}
	if n := metric(t, "apiserver_stalled_connections_closed_total") - before; n != 1 {
		t.Errorf("counted %v times", n)
	}
	lines := log.lines("Closing a connection")
	if len(lines) != 1 || !strings.Contains(lines[0], conn.LocalAddr().String()) || !strings.Contains(lines[0], "userAgent=\"Go-http-client/2.0\"") {
		t.Errorf("logged %q", lines)
	}
}

// trickle is a connection to a client that takes some of what is sent when it is told to, and of which more waits.
type trickle struct {
	t      *testing.T
	conn   net.Conn // the server's end
	client *net.TCPConn
}

// connected are both ends of a connection; the test is skipped where the system does not say what a client has acknowledged.
func connected(t *testing.T) (server net.Conn, client *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	if _, _, _, ok := progress(server); !ok {
		t.Skip("this system does not say what a client has acknowledged")
	}
	return server, conn.(*net.TCPConn)
}

func newTrickle(t *testing.T) *trickle {
	server, client := connected(t)
	// Small ones: a kernel makes room, and says so, by a part of its buffer.
	if err := errors.Join(client.SetReadBuffer(32<<10), server.(*net.TCPConn).SetWriteBuffer(32<<10)); err != nil {
		t.Fatal(err)
	}
	go func() {
		for chunk := make([]byte, 1<<20); ; {
			if _, err := server.Write(chunk); err != nil {
				return
			}
		}
	}()
	tr := &trickle{t: t, conn: server, client: client}
	tr.take()
	return tr
}

// take has the client take some. It returns when the server's kernel knows, and has more that waits.
func (tr *trickle) take() {
	tr.t.Helper()
	before, _, _, _ := progress(tr.conn)
	if _, err := io.CopyN(io.Discard, tr.client, 256<<10); err != nil {
		tr.t.Fatal(err)
	}
	// Which tells nobody.
	for patience := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		if acked, waiting, _, _ := progress(tr.conn); acked != before && waiting {
			return
		}
		if time.Now().After(patience) {
			tr.t.Fatal("nothing more waits for the client")
		}
	}
}

// TestClientThatIsTooSlow: a client with a TCP of its own can acknowledge a byte
// now and then for ever. It is waited for slowTimes as long as one that takes none.
func TestClientThatIsTooSlow(t *testing.T) {
	t.Parallel()
	const stallTime = time.Hour
	tr := newTrickle(t)
	s := (&connection{Conn: tr.conn, stallTime: stallTime}).watchStall()
	begun := time.Now()
	for at := stallTime / 2; at < (slowTimes-1)*stallTime; at += stallTime / 2 {
		tr.take()
		if s.passed(begun.Add(at)) {
			t.Fatalf("it has stalled %v after it began, though it has just taken some", at)
		}
	}
	tr.take()
	if !s.passed(begun.Add(slowTimes * stallTime)) {
		t.Error("it is still waited for")
	}
}

// TestClientThatIsTooSlowForTheEnd of its long-running request: the same of one that is over by itself.
func TestClientThatIsTooSlowForTheEnd(t *testing.T) {
	t.Parallel()
	tr := newTrickle(t)
	l := &LongRunning{WriteTimeout: time.Hour}
	r := servedRequest()
	s := newStream(l, discard{http.Header{}}, r.WithContext(ConnContext(0)(r.Context(), tr.conn)))
	over := make(chan struct{})
	s.shutdown = over
	s.busy.Store(1) // A write that has begun then, and is under way.
	at := int64(2)
	looks := func(what string, later time.Duration, want bool) {
		t.Helper()
		tr.take()
		if at += l.ticks(later); s.look(at) != want {
			t.Errorf("%s: ended: %t, want %t", what, !want, want)
		}
	}
	looks("first", 0, false)
	looks("it is slow", 2*slowTimes*overTime, false)
	close(over)
	for range 2 * (slowTimes - 1) {
		looks("it is over, and takes some", overTime/2, false)
	}
	looks("it has been over for too long", 2*overTime, true)
	const want = "the client took next to nothing for 1m40s: cut off after 0 bytes of its body, of which the last may not have arrived"
	if got := s.outcome().AuditStatus().Message; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestClientThatHasTakenAll has not stalled, for however long it was sent nothing:
// it is the server that has not come to that.
func TestClientThatHasTakenAll(t *testing.T) {
	t.Parallel()
	const stallTime = time.Millisecond
	server, client := connected(t)
	one := make([]byte, 1)
	for _, send := range []struct{ from, to net.Conn }{{server, client}, {client, server}} { // Whose answer acknowledges it.
		if _, err := send.from.Write(one); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(send.to, one); err != nil {
			t.Fatal(err)
		}
	}
	s := (&connection{Conn: server, stallTime: stallTime}).watchStall()
	for _, after := range []time.Duration{stallTime, slowTimes * stallTime, time.Hour} {
		if s.passed(time.Now().Add(after)) {
			t.Errorf("it has stalled after %v", after)
		}
	}
}
