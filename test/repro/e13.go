package main

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
	"time"

	"fork.internal/apiserver/test/chain"
)

func init() {
	register(Case{
		ID:    "E13",
		Title: "an HTTP/2 client that does not read its socket holds a handler, its seat and its connection for as long as it likes, and nothing tells of it",
		Plain: true, // It is one of seconds.
		run:   unreadSockets,
	})
}

// stalledMetric counts the connections that were closed for that, and
// stalledLine is what the log says of each.
const (
	stalledMetric = "apiserver_stalled_connections_closed_total"
	stalledLine   = "Closing a connection"
)

// unreadSockets has a client be paused for some seconds, during which the
// deadline of one of its requests passes: its watch goes on. Another one is
// never heard of again: its handler is released, and it is told of, within the
// bound that the server has for that.
func unreadSockets(ctx context.Context) (Result, error) {
	const (
		timeout = 2 * time.Second
		pause   = 2 * time.Second  // after the deadline
		bound   = 45 * time.Second // after the deadline: the server's own, and half as much again
	)
	var streaming, watching chain.Calls
	events, progress := make(chan string), make(chan struct{}, 1)
	handler := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("watch") != "" {
			defer watching.Begin()()
			for {
				select {
				case e := <-events:
					fmt.Fprintln(w, e)
					w.(http.Flusher).Flush()
				case <-r.Context().Done():
					return
				}
			}
		}
		defer streaming.Begin()()
		for chunk := make([]byte, 16<<10); ; {
			if _, err := w.Write(chunk); err != nil {
				return
			}
			select {
			case progress <- struct{}{}:
			default:
			}
		}
	}
	w, err := watchServer(chain.Config{Handler: http.HandlerFunc(handler), SendBuffer: 8 << 10})
	if err != nil {
		return Result{}, err
	}
	defer w.Stop()
	over := func(c chain.Count) bool { return c.Running == 0 }
	stream := w.URL + chain.PodsPath + "?timeout=" + timeout.String()

	// The one that is paused.
	paused := newGated()
	defer paused.close()
	watch, err := paused.get(ctx, w.URL+chain.PodsPath+"?watch=true", func() { events <- "first" })
	if err != nil {
		return Result{}, err
	}
	defer watch.Body.Close()
	lines := bufio.NewScanner(watch.Body)
	if !lines.Scan() {
		return Result{}, fmt.Errorf("the watch has broken off: %v", lines.Err())
	}
	if err := paused.stall(ctx, stream, progress); err != nil {
		return Result{}, err
	}
	time.Sleep(timeout + pause)
	paused.open()
	released := streaming.Wait(10*time.Second, over)
	survived := watching.Count().Running == 1 && within(5*time.Second, async(func() { events <- "second" })) &&
		within(5*time.Second, async(func() { lines.Scan() })) && lines.Text() == "second"

	// And the one that is not heard of again.
	lost := newGated()
	defer lost.close()
	if err := lost.stall(ctx, stream, progress); err != nil {
		return Result{}, err
	}
	deadline := time.Now().Add(timeout)
	freed := streaming.Wait(time.Until(deadline.Add(bound)), over)
	took := time.Since(deadline)
	told := eventually(time.Second, func() bool {
		samples, err := scrape()
		return err == nil && sum(samples, stalledMetric, "").total() == 1 && len(w.log.lines(stalledLine)) == 1
	})

	seen := fmt.Sprintf("a client is paused for %v after a deadline: the handler is released: %t, its watch goes on: %t; another does not come back: ", pause, released, survived)
	if freed {
		seen += fmt.Sprintf("its handler is released %.0f s after the deadline, metric and log say so: %t", took.Seconds(), told)
	} else {
		seen += fmt.Sprintf("its handler is still held %.0f s after the deadline", bound.Seconds())
	}
	lacks := ""
	if !released || !survived || !told {
		lacks = "that one who comes back goes on, or a word of the other"
	}
	return Result{Defect: !freed, Lacks: lacks, Seen: seen}, nil
}

// async tells when f has returned.
func async(f func()) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	return done
}

// gated is an HTTP/2 client that can be kept from reading its socket. It has
// one connection.
type gated struct {
	*http.Client
	mu   sync.Mutex
	gate chan struct{} // closed while it reads
	conn net.Conn
}

func newGated() *gated {
	g := &gated{gate: make(chan struct{})}
	close(g.gate)
	protocols := &http.Protocols{}
	protocols.SetHTTP2(true)
	g.Client = &http.Client{Transport: &http.Transport{
		Protocols:          protocols,
		DisableCompression: true,
		DialTLSContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			tcp, err := new(net.Dialer).DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			g.mu.Lock()
			g.conn = tcp
			g.mu.Unlock()
			if err := tcp.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
				tcp.Close()
				return nil, err
			}
			config := chain.ClientTLS()
			config.NextProtos = []string{"h2"}
			conn := tls.Client(gatedConn{tcp, g}, config)
			return conn, conn.HandshakeContext(ctx)
		},
	}}
	return g
}

// gatedConn is a connection from which nothing is read while the gate is shut.
type gatedConn struct {
	net.Conn
	g *gated
}

// Read implements net.Conn.
func (c gatedConn) Read(p []byte) (int, error) {
	c.g.mu.Lock()
	gate := c.g.gate
	c.g.mu.Unlock()
	<-gate
	return c.Conn.Read(p)
}

func (g *gated) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.gate = make(chan struct{})
}

func (g *gated) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-g.gate:
	default:
		close(g.gate)
	}
}

// close ends the connection without a word.
func (g *gated) close() {
	g.open()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.conn != nil {
		g.conn.Close()
	}
}

// get sends a request; its answer does not begin before meanwhile was called.
func (g *gated) get(ctx context.Context, url string, meanwhile func()) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	go meanwhile()
	return g.Do(req)
}

// stall asks for an answer without an end, and stops reading in the midst of
// it. It returns when the handler does not come to write any more.
func (g *gated) stall(ctx context.Context, url string, progress <-chan struct{}) error {
	res, err := g.get(ctx, url, func() {})
	if err != nil {
		return err
	}
	go func() {
		defer res.Body.Close()
		_, _ = io.Copy(io.Discard, res.Body)
	}()
	g.shut()
	end := time.Now().Add(10 * time.Second)
	for within(300*time.Millisecond, progress) {
		if time.Now().After(end) {
			return errors.New("the handler goes on writing: the sockets take in too much")
		}
	}
	if res.StatusCode != http.StatusOK || !strings.HasPrefix(res.Proto, "HTTP/2") {
		return fmt.Errorf("the answer is %s over %s", res.Status, res.Proto)
	}
	return nil
}
