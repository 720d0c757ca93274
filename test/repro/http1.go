package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"time"

	"fork.internal/apiserver/test/chain"
)

// conn1 is a connection of an HTTP/1.1 client that does as it is told: it may
// stall in its request, or never read the answer.
type conn1 struct {
	*tls.Conn
	r *bufio.Reader
}

// listener is whom clients connect to: a chain.Server, or another process's.
type listener interface{ Addr() string }

// dial1 connects. With a window of more than 0, the kernel takes in no more
// than about so many bytes for a client that does not read.
func dial1(ctx context.Context, s listener, window int) (*conn1, error) {
	tcp, err := new(net.Dialer).DialContext(ctx, "tcp", s.Addr())
	if err != nil {
		return nil, err
	}
	if window > 0 {
		if err := tcp.(*net.TCPConn).SetReadBuffer(window); err != nil {
			tcp.Close()
			return nil, err
		}
	}
	conn := tls.Client(tcp, chain.ClientTLS())
	if err := conn.HandshakeContext(ctx); err != nil {
		tcp.Close()
		return nil, fmt.Errorf("TLS handshake: %w", err)
	}
	return &conn1{Conn: conn, r: bufio.NewReader(conn)}, nil
}

// send sends a part of a request, formatted, with "\n" for line ends.
func (c *conn1) send(format string, args ...any) error {
	text := []byte(fmt.Sprintf(format, args...))
	wire := make([]byte, 0, len(text)+16)
	for _, b := range text {
		if b == '\n' {
			wire = append(wire, '\r')
		}
		wire = append(wire, b)
	}
	_, err := c.Write(wire)
	return err
}

// receive reads the next answer, 1xx ones included, waiting until deadline.
func (c *conn1) receive(method string, deadline time.Time) answer {
	if err := c.SetReadDeadline(deadline); err != nil {
		return answer{err: err}
	}
	res, err := http.ReadResponse(c.r, &http.Request{Method: method})
	if err != nil {
		return answer{err: err}
	}
	return read(res)
}

// drop closes the connection without a word.
func (c *conn1) drop() { c.NetConn().Close() }
