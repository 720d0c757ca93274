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
	"errors"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

type connKey struct{}

// connection is a server's connection, as ConnContext has noted it.
type connection struct {
	net.Conn
	stallTime time.Duration

	// readBound is whether a read deadline has been set on it, by a handler or a
	// boundary. One that passes has net/http cancel the context of this HTTP/1
	// connection's requests, and go on to serve more of them.
	readBound atomic.Bool

	// closing is whether it has been closed because it had stalled.
	closing atomic.Bool
}

// ConnContext is for http.Server.ConnContext. With it, a boundary can close an
// HTTP/1 connection at once when its client does not read. And where a request
// can only be ended by closing its HTTP/2 connection, that is closed when it has
// taken no byte for stallTime, or has taken some but has held the request up for
// ten times as long. Zero means DefaultStallTime.
//
// Without it, closing an HTTP/1 connection takes a few milliseconds, and an
// HTTP/2 connection is not closed. An HTTP/1.0 response without a length ends with
// its connection, which net/http may close first: without TLS, a part of it then
// passes for the whole. A request that comes on an HTTP/1 connection on which a
// read deadline has passed, a handler's own or a boundary's, is taken for one whose
// client has gone, or that is to time out. And where a filter's ResponseWriter has no
// way to net/http's (no Unwrap), nothing can be interrupted, and no response can
// be cut.
//
// A handler may copy a request that came over a connection (http.Request.Clone),
// to serve it in its own process, outside of any boundary. If it serves the copy
// with another ResponseWriter, the copy must not have the context of the
// original: it would be taken for what that connection is busy with.
func ConnContext(stallTime time.Duration) func(ctx context.Context, conn net.Conn) context.Context {
	if stallTime <= 0 {
		stallTime = DefaultStallTime
	}
	return func(ctx context.Context, conn net.Conn) context.Context {
		return context.WithValue(ctx, connKey{}, &connection{Conn: conn, stallTime: stallTime})
	}
}

func connFrom(ctx context.Context) *connection {
	conn, _ := ctx.Value(connKey{}).(*connection)
	return conn
}

// boundReads notes that a read deadline is about to be set. c may be nil.
func (c *connection) boundReads() {
	if c != nil {
		c.readBound.Store(true)
	}
}

// mayTimeOut is asked about a request on the connection, an HTTP/1 one, whose
// context had ended before the request came. It reports whether a read that timed
// out may have ended it: then the client has not gone.
func (c *connection) mayTimeOut(server *http.Server) bool {
	return c != nil && c.readBound.Load() || c.readsOver() || server != nil && server.ReadTimeout > 0
}

// close closes the connection at once; if gently, the kernel still sends what it
// has of it. crypto/tls is not asked: it would wait to say goodbye.
func (c *connection) close(gently bool) {
	if gently {
		_ = raw(c.Conn).Close()
		return
	}
	reset(c.Conn)
}

// reset closes a connection at once, whatever waits to be sent on it, in this
// process or in the kernel. It may be called while others use the connection.
func reset(conn net.Conn) {
	conn = raw(conn)
	if tcp, ok := conn.(interface{ SetLinger(sec int) error }); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// raw is the connection below TLS.
func raw(conn net.Conn) net.Conn {
	if tls, ok := conn.(interface{ NetConn() net.Conn }); ok {
		return tls.NetConn()
	}
	return conn
}

// Listener is for the server's listener, below TLS. With it, and ConnContext, a
// connection on which a write has not ended by the deadline that a boundary, or a
// LongRunning, has set for it is closed at once: it is of no more use to net/http,
// and crypto/tls would wait for 5 s to say goodbye to a client that does not read.
// And a boundary can bound how long net/http waits for the rest of a request body
// after an answer that was given while the body was being read (full duplex), or
// behind an outer filter that has a ResponseWriter or body of its own. By other
// deadlines, such as a handler's or crypto/tls's own, nothing is closed that
// would not be without. Only TCP connections are changed; they keep their methods.
func Listener(l net.Listener) net.Listener { return listener{l} }

type listener struct{ net.Listener }

func (l listener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if tcp, ok := conn.(*net.TCPConn); ok {
		return &tcpConn{TCPConn: tcp}, err
	}
	return conn, err
}

// tcpConn knows which of its deadlines are a boundary's: whoever sets another one
// in the place of such a deadline takes it back, as net/http does before the next
// request and for a hijacker.
type tcpConn struct {
	*net.TCPConn

	// deadlines keeps a deadline and what is said of it together. A Read or Write
	// looks at the latter when it has been stopped.
	deadlines sync.Mutex

	// lastRead is whether the read deadline that stands ends all reading when it
	// stops a read, and readOut whether one has; lastWrite is whether the
	// connection ends with the write deadline that stands.
	lastRead, readOut, lastWrite atomic.Bool
}

// endReadsBy sets a read deadline after which nothing is read of the connection
// any more, when it has stopped a read: net/http may not look at how that read
// ends, and read on. What there is to be written is still sent. It reports whether
// it can: c is not nil, and has come from a Listener.
func (c *connection) endReadsBy(t time.Time) bool {
	if c == nil {
		return false
	}
	tcp, ok := raw(c.Conn).(*tcpConn)
	if ok {
		_ = tcp.setReadDeadline(t, true)
	}
	return ok
}

// readsOver reports whether nothing is read of the connection any more: of its
// client's going net/http then says nothing that is to be believed. c may be nil.
func (c *connection) readsOver() bool {
	if c == nil {
		return false
	}
	tcp, ok := raw(c.Conn).(*tcpConn)
	return ok && tcp.readOut.Load()
}

// SetWriteDeadline sets one of a boundary's own: it closes the connection when it
// stops a write, where that can be, with all that waits to be sent on it.
func (c *connection) SetWriteDeadline(t time.Time) error {
	tcp, ok := raw(c.Conn).(*tcpConn)
	if !ok {
		return c.Conn.SetWriteDeadline(t)
	}
	return tcp.setWriteDeadline(t, true)
}

func (c *tcpConn) SetReadDeadline(t time.Time) error  { return c.setReadDeadline(t, false) }
func (c *tcpConn) SetWriteDeadline(t time.Time) error { return c.setWriteDeadline(t, false) }

func (c *tcpConn) setReadDeadline(t time.Time, last bool) error {
	c.deadlines.Lock()
	defer c.deadlines.Unlock()
	c.lastRead.Store(last)
	return c.TCPConn.SetReadDeadline(t)
}

func (c *tcpConn) setWriteDeadline(t time.Time, last bool) error {
	c.deadlines.Lock()
	defer c.deadlines.Unlock()
	c.lastWrite.Store(last)
	return c.TCPConn.SetWriteDeadline(t)
}

func (c *tcpConn) SetDeadline(t time.Time) error {
	c.deadlines.Lock()
	defer c.deadlines.Unlock()
	c.lastRead.Store(false)
	c.lastWrite.Store(false)
	return c.TCPConn.SetDeadline(t)
}

func (c *tcpConn) Read(p []byte) (n int, err error) {
	if c.readOut.Load() {
		return 0, os.ErrDeadlineExceeded
	}
	n, err = c.TCPConn.Read(p)
	if errors.Is(err, os.ErrDeadlineExceeded) && c.lastRead.Load() {
		c.readOut.Store(true)
	}
	return n, err
}

func (c *tcpConn) Write(p []byte) (n int, err error) {
	n, err = c.TCPConn.Write(p)
	if errors.Is(err, os.ErrDeadlineExceeded) && c.lastWrite.Load() {
		reset(c.TCPConn)
	}
	return n, err
}
