//go:build go1.26

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
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// memConn is one end of a connection in memory, with what TCP has and net.Pipe
// has not: a buffer in each direction, half-closes and resets. In a bubble of
// synctest all that waits for it does so durably.
type memConn struct {
	mu   *sync.Mutex // of both ends
	peer *memConn
	cond sync.Cond // of mu: something has changed at this end

	// Guarded by mu.
	in       []byte // what the peer has sent, and this end has not read
	most     int    // of that
	finished bool   // the peer sends no more
	reset    bool   // the connection has been reset by the peer
	closed   bool   // this end has been closed
	linger   bool   // and what it has sent is to arrive
	paused   bool   // this end does not read
	read     time.Time
	write    time.Time
}

// memPipe returns the two ends, of which each direction holds so many bytes.
func memPipe(toServer, toClient int) (server, client *memConn) {
	mu := &sync.Mutex{}
	server, client = &memConn{mu: mu, most: toServer, linger: true}, &memConn{mu: mu, most: toClient, linger: true}
	server.peer, client.peer = client, server
	server.cond.L, client.cond.L = mu, mu
	return server, client
}

// wait waits until ready says so, or a deadline passes. The caller holds mu.
func (c *memConn) wait(deadline *time.Time, ready func() bool) error {
	for {
		switch {
		case c.closed:
			return net.ErrClosed
		case passed(*deadline):
			return os.ErrDeadlineExceeded
		case ready():
			return nil
		}
		c.cond.Wait()
	}
}

func (c *memConn) Read(p []byte) (n int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.wait(&c.read, func() bool {
		return !c.paused && (len(c.in) > 0 || len(p) == 0 || c.finished || c.reset)
	}); err != nil {
		return 0, err
	}
	switch {
	case len(p) == 0:
	case len(c.in) > 0:
		n = copy(p, c.in)
		c.in = c.in[n:]
		c.peer.cond.Broadcast()
	case c.reset:
		return 0, syscall.ECONNRESET
	default:
		return 0, io.EOF
	}
	return n, nil
}

func (c *memConn) Write(p []byte) (n int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for to := c.peer; ; {
		if err := c.wait(&c.write, func() bool { return len(to.in) < to.most || to.finished || to.closed || c.reset }); err != nil {
			return n, err
		}
		if to.finished || to.closed || c.reset {
			return n, syscall.EPIPE
		}
		m := min(len(p)-n, to.most-len(to.in))
		to.in = append(to.in, p[n:n+m]...)
		n += m
		to.cond.Broadcast()
		if n == len(p) {
			return n, nil
		}
	}
}

// pause has reads at this end wait, or go on.
func (c *memConn) pause(paused bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.paused = paused
	c.cond.Broadcast()
}

// CloseWrite ends what this end sends.
func (c *memConn) CloseWrite() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.peer.finished = true
	c.peer.cond.Broadcast()
	return nil
}

// Close closes this end. It is a reset if there is something that it has not
// read, as Linux has it: what has been sent arrives before that, unless
// SetLinger says otherwise.
func (c *memConn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return net.ErrClosed
	}
	c.closed = true
	if c.peer.reset = len(c.in) > 0 || !c.linger; !c.linger {
		c.peer.in = nil
	}
	c.peer.finished = true
	c.cond.Broadcast()
	c.peer.cond.Broadcast()
	return nil
}

// SetLinger has Close be a reset for which nothing waits, with 0.
func (c *memConn) SetLinger(sec int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.linger = sec != 0
	return nil
}

func (c *memConn) SetReadDeadline(t time.Time) error  { return c.set(&c.read, t) }
func (c *memConn) SetWriteDeadline(t time.Time) error { return c.set(&c.write, t) }
func (c *memConn) SetDeadline(t time.Time) error {
	_ = c.set(&c.read, t)
	return c.set(&c.write, t)
}

func (c *memConn) set(deadline *time.Time, t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return net.ErrClosed
	}
	*deadline = t
	c.cond.Broadcast()
	if d := time.Until(t); !t.IsZero() && d > 0 {
		time.AfterFunc(d, func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.cond.Broadcast()
		})
	}
	return nil
}

func (c *memConn) LocalAddr() net.Addr  { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }
func (c *memConn) RemoteAddr() net.Addr { return c.LocalAddr() }

// memListener accepts one connection.
type memListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func listenTo(conn net.Conn) *memListener {
	l := &memListener{conns: make(chan net.Conn, 1), closed: make(chan struct{})}
	l.conns <- conn
	return l
}

func (l *memListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *memListener) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *memListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

// TestMemConn: a connection in memory does what the fuzz targets take it to do.
func TestMemConn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, client := memPipe(4, 4)
		buf := make([]byte, 10)
		server.SetWriteDeadline(time.Now().Add(time.Second))
		if n, err := server.Write([]byte("123456")); n != 4 || !os.IsTimeout(err) {
			t.Errorf("beyond the buffer: wrote %d, %v", n, err)
		}
		server.CloseWrite()
		client.pause(true)
		time.AfterFunc(time.Second, func() { client.pause(false) })
		start := time.Now()
		if n, err := client.Read(buf); string(buf[:n]) != "1234" || err != nil || time.Since(start) != time.Second {
			t.Errorf("read %q, %v", buf[:n], err)
		}
		if _, err := client.Read(buf); err != io.EOF {
			t.Errorf("after a half-close: %v", err)
		}
		if n, err := client.Write([]byte("12")); n != 2 || err != nil {
			t.Errorf("beside a half-close: wrote %d, %v", n, err)
		}
		server.Close()
		if _, err := client.Read(buf); err != syscall.ECONNRESET {
			t.Errorf("after a close with data that was not read: %v", err)
		}
		if _, err := client.Write(buf); err != syscall.EPIPE {
			t.Errorf("to a closed end: %v", err)
		}
		server, client = memPipe(4, 4)
		server.Write([]byte("1"))
		server.SetLinger(0)
		server.Close()
		if n, err := client.Read(buf); n != 0 || err != syscall.ECONNRESET {
			t.Errorf("after a reset: read %d, %v", n, err)
		}
	})
}
