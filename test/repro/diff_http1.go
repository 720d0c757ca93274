package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"strings"
	"sync"
	"time"
)

// pool keeps HTTP/1.1 connections that can be used again. net/http's own would
// send some requests twice, with the same audit ID.
type pool struct {
	mu   sync.Mutex
	idle []*pooled
}

// pooled is a connection, and the request that it was last used for.
type pooled struct {
	*conn1
	last *randomRequest
}

func (p *pool) get() *pooled {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.idle)
	if n == 0 {
		return nil
	}
	conn := p.idle[n-1]
	p.idle = p.idle[:n-1]
	return conn
}

func (p *pool) put(conn *pooled) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append(p.idle, conn)
}

func (p *pool) close() {
	for conn := p.get(); conn != nil; conn = p.get() {
		conn.drop()
	}
}

// visit1 is visit over HTTP/1.1.
func (c *diffClients) visit1(ctx context.Context, x *randomRequest) (view, error) {
	if conn := c.http1.get(); conn != nil && x.client != neverReads {
		seen := c.visitOn(conn.conn1, x)
		if seen.status != 0 || seen.left > 0 || x.arrived.Load() > 0 {
			return seen, nil
		}
		// The server had closed the connection.
		conn.last.unusable.Store(true)
	} else if conn != nil {
		conn.drop()
	}
	window := 0
	if x.client == neverReads {
		window = 4 << 10
	}
	conn, err := dial1(ctx, c.server, window)
	if err != nil {
		return view{}, err
	}
	return c.visitOn(conn, x), nil
}

func (c *diffClients) visitOn(conn *conn1, x *randomRequest) view {
	v := newVisit(x)
	v.watch(func() {
		if tcp, ok := conn.NetConn().(*net.TCPConn); ok && x.reset {
			_ = tcp.SetLinger(0)
		}
		conn.drop()
	})
	sent := make(chan bool, 1)
	go func() { sent <- v.send(conn) }()
	if x.client == neverReads {
		select {
		case <-x.over:
		case <-time.After(x.deadline() + diffPatience):
		}
	}
	reuse := false
	seen := func() view {
		for {
			res, err := http.ReadResponse(conn.r, &http.Request{Method: x.method})
			if err != nil {
				return view{err: err}
			}
			if res.StatusCode < 200 {
				continue
			}
			seen := v.read(res)
			reuse = seen.whole && !res.Close
			return seen
		}
	}()
	seen = v.end(seen)
	if x.client == stopsSending || !reuse || x.leaves() {
		conn.drop()
		<-sent
		return seen
	}
	if <-sent {
		c.http1.put(&pooled{conn, x})
	} else {
		conn.drop()
	}
	return seen
}

// send sends the request as the client does, and reports whether it has sent
// all of it.
func (v *visit) send(conn net.Conn) bool {
	var head strings.Builder
	fmt.Fprintf(&head, "%s %s HTTP/1.1\r\nHost: test\r\n", v.method, v.path)
	body := v.content()
	h := v.header()
	switch {
	case v.chunked:
		h.Set("Transfer-Encoding", "chunked")
		body = inChunks(body)
	case v.body > 0:
		h.Set("Content-Length", fmt.Sprint(len(body)))
	}
	if v.expects {
		h.Set("Expect", "100-continue") // It sends it all the same, as it may.
	}
	_ = h.Write(&head)
	head.WriteString("\r\n")
	wire := head.String() + body
	end := len(wire)
	switch v.client {
	case leavesSending:
		end = head.Len() + v.offset
		if v.offset == 0 {
			end = head.Len() / 2
		}
	case stopsSending:
		end = head.Len() + v.offset
	case sendsSlowly:
		for range 4 {
			n := min(len(wire), end/4)
			if _, err := conn.Write([]byte(wire[:n])); err != nil {
				return false
			}
			wire, end = wire[n:], end-n
			time.Sleep(v.after / 4)
		}
		end = len(wire)
	}
	if _, err := conn.Write([]byte(wire[:end])); err != nil {
		return false
	}
	if v.client == leavesSending {
		v.leave()
		return false
	}
	return v.client != stopsSending
}

// inChunks is a body as it is sent whose length is not told before.
func inChunks(body string) string {
	const size = 16 << 10
	var wire strings.Builder
	w := httputil.NewChunkedWriter(&wire)
	for len(body) > 0 {
		n := min(size, len(body))
		_, _ = io.WriteString(w, body[:n])
		body = body[n:]
	}
	_ = w.Close()
	return wire.String() + "\r\n" // No trailer.
}
