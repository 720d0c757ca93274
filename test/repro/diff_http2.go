package main

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"fork.internal/apiserver/test/chain"
)

// newHTTP2 returns a client whose streams take in 64 KiB before they are read,
// and tells of its connections.
func newHTTP2(dialed func(net.Conn)) *http.Client {
	protocols := &http.Protocols{}
	protocols.SetHTTP2(true)
	return &http.Client{Transport: &http.Transport{
		Protocols:          protocols,
		HTTP2:              &http.HTTP2Config{MaxReceiveBufferPerStream: 64 << 10},
		DisableCompression: true,
		DialTLSContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			config := chain.ClientTLS()
			config.NextProtos = []string{"h2"}
			conn, err := (&tls.Dialer{Config: config}).DialContext(ctx, network, addr)
			if err == nil && dialed != nil {
				dialed(conn.(*tls.Conn).NetConn())
			}
			return conn, err
		},
	}}
}

// visit2 is visit over HTTP/2. A connection on which a request was refused for
// want of authentication takes no more of them: they are sent again.
func (c *diffClients) visit2(ctx context.Context, x *randomRequest) (seen view, err error) {
	for range 10 {
		seen, err = c.visitOnce2(ctx, x)
		if err != nil || seen.status != 0 || seen.left > 0 || x.arrived.Load() > 0 {
			break
		}
	}
	return seen, err
}

func (c *diffClients) visitOnce2(ctx context.Context, x *randomRequest) (view, error) {
	client := c.http2
	var mu sync.Mutex
	var own net.Conn
	if x.client == neverReads || x.leaves() && x.reset {
		// What this does to its connection should be nobody else's business.
		client = newHTTP2(func(conn net.Conn) {
			mu.Lock()
			defer mu.Unlock()
			own = conn
		})
		defer client.CloseIdleConnections()
	}
	v := newVisit(x)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	v.watch(func() {
		mu.Lock()
		defer mu.Unlock()
		if own != nil {
			own.Close()
			return
		}
		cancel()
	})
	req, err := http.NewRequestWithContext(ctx, x.method, c.server.URL+x.path, nil)
	if err != nil {
		return view{}, err
	}
	req.Header = x.header()
	if x.body > 0 {
		content := x.content()
		req.ContentLength = int64(len(content))
		req.Body = &sending{visit: v, r: strings.NewReader(content), stop: make(chan struct{})}
	} else if x.client == leavesSending {
		v.leave()
	}
	res, err := client.Do(req)
	if err != nil {
		return v.end(view{err: err}), nil
	}
	return v.end(v.read(res)), nil
}

// sending is the body of a request, sent as its client does.
type sending struct {
	*visit
	r    *strings.Reader
	sent int
	once sync.Once
	stop chan struct{}
}

// Read implements io.Reader.
func (s *sending) Read(p []byte) (int, error) {
	switch s.client {
	case leavesSending, stopsSending:
		if s.sent >= s.offset {
			if s.client == leavesSending {
				s.leave()
			}
			<-s.stop
			return 0, errors.New("the client sends no more")
		}
		p = p[:min(len(p), s.offset-s.sent)]
	case sendsSlowly:
		p = p[:min(len(p), s.body/4+1)]
		time.Sleep(s.after / 8)
	}
	n, err := s.r.Read(p)
	s.sent += n
	return n, err
}

// Close implements io.Closer.
func (s *sending) Close() error {
	s.once.Do(func() { close(s.stop) })
	return nil
}

var _ io.ReadCloser = &sending{}
