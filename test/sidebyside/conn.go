package sidebyside

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"time"
)

// probePath is asked for after each answer, on the same connection: that it is answered shows that the one before
// has ended, on the server too, and has left the connection as it should. It is answered without the storage.
const probePath = "/livez/ping"

// conn sends requests one after the other on one connection for as long as that lasts, and then on another. It is
// used by one goroutine.
type conn interface {
	// send sends one step, with id to identify it, and returns what came back, with what became of the
	// connection. The error is one of ours; what the server does is in the answers.
	send(ctx context.Context, s step, id string, u identity) ([]*answer, error)

	close()
}

// target is a server to connect to. It is immutable.
type target struct {
	url   string
	addr  string
	roots *x509.CertPool
	probe identity // who asks for probePath
}

func (t target) dial(ctx context.Context, proto string) (*tls.Conn, error) {
	d := tls.Dialer{
		NetDialer: &net.Dialer{Timeout: requestTimeout},
		Config:    &tls.Config{RootCAs: t.roots, MinVersion: tls.VersionTLS12, NextProtos: []string{proto}},
	}
	c, err := d.DialContext(ctx, "tcp", t.addr)
	if err != nil {
		return nil, err
	}
	conn := c.(*tls.Conn)
	if got := conn.ConnectionState().NegotiatedProtocol; got != proto && !(got == "" && proto == "http/1.1") {
		conn.Close()
		return nil, fmt.Errorf("the server speaks %q where %q was asked for", got, proto)
	}
	return conn, nil
}

func (t target) conn(p protocol) conn {
	if p == http1 {
		return &conn1{target: t}
	}
	return newConn2(t)
}

func (t target) probeRequest(id string) (*http.Request, error) {
	req, err := http.NewRequest(http.MethodGet, t.url+probePath, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", "sidebyside/probe")
	req.Header.Set("Audit-Id", id+".probe")
	req.Header.Set("Authorization", t.probe.authorization)
	return req, nil
}

// until is the earlier of the deadline of ctx and d from now.
func until(ctx context.Context, d time.Duration) time.Time {
	at := time.Now().Add(d)
	if deadline, ok := ctx.Deadline(); ok && deadline.Before(at) {
		return deadline
	}
	return at
}
