package soak

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"fork.internal/apiserver/test/traffic"
)

const (
	// idle is how many connections there are that say nothing, in each of three states.
	idle = 400

	// patience is what those ask for who do not read or send.
	patience = 3 * time.Second

	// watchWriteTimeout is how long a patched server waits for a client to take something of a watch.
	watchWriteTimeout = 3 * time.Second

	// smallBuffer is what a client's kernel takes that does not read, in bytes.
	smallBuffer = 64 << 10
)

// hostileDialer makes connections that take little when they are not read, and that are reset when they are closed with
// something on its way.
func (s *server) hostileDialer() *net.Dialer {
	return &net.Dialer{Control: func(_, _ string, conn syscall.RawConn) (err error) {
		if controlErr := conn.Control(func(fd uintptr) {
			err = errors.Join(
				syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, smallBuffer),
				syscall.SetsockoptLinger(int(fd), syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{Onoff: 1}),
			)
		}); controlErr != nil {
			return controlErr
		}
		return err
	}}
}

// idleConnections are held open: some say nothing at all, some nothing after TLS's handshake, some nothing after half a
// request. One that the server closes is made anew.
func idleConnections(_, during context.Context, s *server) error {
	u, err := url.Parse(s.cl.URL())
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(s.cl.CA())
	conf := &tls.Config{RootCAs: roots, ServerName: u.Hostname(), MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
	var failed atomic.Int64
	hold := func(says func(net.Conn) (net.Conn, error)) {
		conn, err := (&net.Dialer{}).DialContext(during, "tcp4", u.Host)
		if err != nil {
			if during.Err() == nil {
				failed.Add(1)
				traffic.Pause(during, time.Second)
			}
			return
		}
		defer conn.Close()
		defer context.AfterFunc(during, func() { conn.Close() })()
		if conn, err = says(conn); err == nil {
			io.Copy(io.Discard, conn)
		}
		traffic.Pause(during, 100*time.Millisecond)
	}
	handshake := func(conn net.Conn) (net.Conn, error) {
		secure := tls.Client(conn, conf)
		return secure, secure.HandshakeContext(during)
	}
	var wg sync.WaitGroup
	for range idle {
		for _, says := range []func(net.Conn) (net.Conn, error){
			func(conn net.Conn) (net.Conn, error) { return conn, nil },
			handshake,
			func(conn net.Conn) (net.Conn, error) {
				conn, err := handshake(conn)
				if err == nil {
					_, err = io.WriteString(conn, "GET /version HTTP/1.1\r\nHost: half\r\nX-")
				}
				return conn, err
			},
		} {
			wg.Go(func() {
				for during.Err() == nil {
					hold(says)
				}
			})
		}
	}
	wg.Wait()
	if n := failed.Load(); n > 0 {
		s.lief("%d connections were refused", n)
	}
	return nil
}

// unreadLists are asked for, and not read before their time has long passed: by then the server must have let go of them, and
// the rest must not come.
func unreadLists(ctx, during context.Context, s *server) error {
	return s.repeat(during, 3, func(c *traffic.Clients, proto string) {
		held := false
		x := c.Send(ctx, proto, traffic.Request{Method: "GET", Path: traffic.ConfigMaps(hostile), Timeout: patience, Receive: func(x *traffic.Exchange, res *http.Response) {
			if res.StatusCode == http.StatusOK {
				traffic.Pause(ctx, patience+traffic.Slack)
			}
			x.Read(res)
			held = x.Whole && x.Status == http.StatusOK
		}})
		switch {
		case held:
			s.lief("the server waited %v for a reader that had asked for %v: %v", traffic.Slack, patience, x)
		case x.Left, x.CutOff(): // It was cut before it had begun to come.
		case x.Status == http.StatusOK: // It was cut, as it is to be, and its client has come back too late to see when.
			x.Cut = true
		default:
			c.Answered(x, http.StatusGatewayTimeout)
		}
	})
}

// unreadWatches are not read, and of more than any buffer takes: what is there comes first. Some end by themselves, some by
// their clients' going, and some are cut by a patched server, as stalled.
func unreadWatches(ctx, during context.Context, s *server) error {
	stalledBefore, err := s.stalled(ctx)
	if err != nil {
		return err
	}
	var begun atomic.Int64
	err = s.repeat(during, 10, func(c *traffic.Clients, proto string) {
		going, cancel := context.WithTimeout(ctx, watchWriteTimeout/2+rand.N(2*watchWriteTimeout))
		defer cancel()
		path := "/api/v1/configmaps?watch=1&resourceVersion=0" // Of all namespaces: there is what is large, and what changes.
		if rand.N(2) == 0 {
			path += fmt.Sprintf("&timeoutSeconds=%d", 1+rand.N(5))
		}
		unread := traffic.Unread(going)
		x := c.Send(going, proto, traffic.Request{Method: "GET", Path: path, Receive: func(x *traffic.Exchange, res *http.Response) {
			if res.StatusCode != http.StatusOK {
				x.Read(res)
				return
			}
			begun.Add(1)
			unread(x, res)
		}})
		if x.Status != http.StatusOK && !x.Left {
			s.lief("no watch to leave unread: %v: %.300s", x, x.Body)
		}
	})
	if err != nil || ctx.Err() != nil {
		return err
	}
	if begun.Load() == 0 {
		return errors.New("no watch has begun: nothing was tried")
	}
	stalled, err := s.stalled(ctx)
	if err == nil && s.side.mustHold && stalled == stalledBefore {
		s.lief("none of %d watches that are not read was cut as stalled, by a server that waits %v for a client to take something", begun.Load(), watchWriteTimeout)
	}
	return err
}

// stalled is how many long-running requests a patched server says it has cut because their clients took nothing.
func (s *server) stalled(ctx context.Context) (float64, error) {
	text, err := s.clients.Get(ctx, "/metrics")
	if err != nil {
		return 0, err
	}
	const metric = "apiserver_stalled_requests_total"
	if !bytes.Contains(text, []byte(metric)) {
		return 0, nil // It has no series before the first.
	}
	sums, err := traffic.Sums(text, metric)
	return sums[metric], err
}

// unsentBodies are promised, and come a byte a second, or not at all.
func unsentBodies(ctx, during context.Context, s *server) error {
	rare := &rarity{}
	err := s.repeat(during, 10, func(c *traffic.Clients, proto string) {
		body, w := io.Pipe()
		defer w.Close()
		// The transport comes back to a caller that has given up when the body has come to an end.
		bounded, cancel := context.WithTimeout(ctx, patience+traffic.GiveUp)
		defer cancel()
		defer context.AfterFunc(bounded, func() { w.CloseWithError(bounded.Err()) })()
		drips := rand.N(2) == 0
		go func() {
			if _, err := io.WriteString(w, `{"apiVersion":"v1","kind":"ConfigMap",`); err != nil || !drips {
				return
			}
			for traffic.Pause(bounded, time.Second) {
				if _, err := io.WriteString(w, " "); err != nil {
					return
				}
			}
		}()
		x := c.Send(ctx, proto, traffic.Request{Method: "POST", Path: traffic.ConfigMaps(hostile), Timeout: patience, Body: body})
		if !rare.cut(x) {
			c.Answered(x, http.StatusGatewayTimeout)
		}
	})
	rare.check(s)
	return err
}

// goneClients leave in the middle of what would take long, or long to send.
func goneClients(ctx, during context.Context, s *server) error {
	return s.repeat(during, 10, func(c *traffic.Clients, proto string) {
		going, cancel := context.WithTimeout(ctx, rand.N(500*time.Millisecond))
		defer cancel()
		switch rand.N(4) {
		case 0:
			c.Send(going, proto, traffic.Request{Method: "POST", Path: traffic.ConfigMaps(hostile), Body: hooked("hangs"), Timeout: 20 * time.Second})
		case 1:
			c.Send(going, proto, traffic.Request{Method: "GET", Path: traffic.ConfigMaps(hostile), Timeout: 20 * time.Second, Receive: traffic.Unread(going)})
		case 2:
			c.Send(going, proto, traffic.Request{Method: "GET", Path: traffic.ConfigMaps(watched) + "?watch=1"})
		case 3:
			body, w := io.Pipe()
			defer context.AfterFunc(going, func() { w.CloseWithError(going.Err()) })()
			c.Send(going, proto, traffic.Request{Method: "POST", Path: traffic.ConfigMaps(hostile), Body: body, Timeout: 20 * time.Second})
		}
	})
}

// rarity counts the requests that were cut off at their deadline: a few may be, because an answer had just begun. It may be
// used by several goroutines.
type rarity struct{ all, cuts atomic.Int64 }

// cut counts an exchange, and reports whether it was cut off.
func (r *rarity) cut(x *traffic.Exchange) bool {
	r.all.Add(1)
	if !x.CutOff() {
		return false
	}
	r.cuts.Add(1)
	return true
}

func (r *rarity) check(s *server) {
	if most := traffic.Rarely(r.all.Load()); r.cuts.Load() > most {
		s.lief("%d of %d requests were cut off at their deadline, of which at most %d may be", r.cuts.Load(), r.all.Load(), most)
	}
}
