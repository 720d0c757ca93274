package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	auditinternal "k8s.io/apiserver/pkg/apis/audit"

	"fork.internal/apiserver/test/chain"
)

// sendUntil sends events until stop is closed.
func sendUntil(p *chain.WatchedPods, stop <-chan struct{}) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			p.Send(0)
		case <-stop:
			return
		}
	}
}

// watchCrowd is clients that watch: healthy ones, and ones that take nothing of
// what they are sent. Over HTTP/2 there are a hundred on each connection.
type watchCrowd struct {
	ctx     context.Context
	leave   func()
	url     string
	stalled []string // their audit IDs

	transports map[string]*http.Transport // the one to be used next, by protocol
	joined     map[string]int             // over it
	watches    sync.WaitGroup
	latest     []*atomic.Int64 // the number of the last event that each healthy one has got, without one missing
	bodies     []io.Closer
}

const watchesPerConnection = 100

// newWatchCrowd has nobody yet. All leave at the end of ctx, or when leave is
// called, which waits for it.
func newWatchCrowd(ctx context.Context, url string) *watchCrowd {
	ctx, cancel := context.WithCancel(ctx)
	c := &watchCrowd{ctx: ctx, url: url, transports: map[string]*http.Transport{}, joined: map[string]int{}}
	c.leave = sync.OnceFunc(func() {
		cancel()
		c.watches.Wait()
		for _, b := range c.bodies {
			b.Close()
		}
		for _, t := range c.transports {
			t.CloseIdleConnections()
		}
	})
	return c
}

// join has one more client watch, with a timeout if that is not 0.
func (c *watchCrowd) join(proto string, timeout time.Duration, stall bool) error {
	id := fmt.Sprintf("watch-%s-%d", proto, c.joined[proto])
	req, err := http.NewRequestWithContext(c.ctx, http.MethodGet, c.url, nil)
	if err != nil {
		return err
	}
	req.Header.Set(auditinternal.HeaderAuditID, id)
	query := req.URL.Query()
	if timeout > 0 {
		query.Set("timeoutSeconds", fmt.Sprintf("%.0f", timeout.Seconds()))
	}
	if stall {
		query.Set("stall", "true")
		c.stalled = append(c.stalled, id)
	}
	req.URL.RawQuery = query.Encode()
	res, err := c.transport(proto).RoundTrip(req)
	if err != nil {
		return err
	}
	if c.bodies = append(c.bodies, res.Body); res.StatusCode != http.StatusOK || res.Proto != proto {
		return fmt.Errorf("a watch is answered with %s over %s", res.Status, res.Proto)
	}
	if stall {
		return nil
	}
	latest := &atomic.Int64{}
	c.latest = append(c.latest, latest)
	c.watches.Go(func() {
		for lines := bufio.NewReader(res.Body); ; latest.Add(1) {
			line, err := lines.ReadString('\n')
			if err != nil || !strings.Contains(line, fmt.Sprintf("%q", chain.PodName(int(latest.Load())+1))) {
				return
			}
		}
	})
	return nil
}

// transport returns the one that the next client is to use.
func (c *watchCrowd) transport(proto string) *http.Transport {
	n := c.joined[proto]
	c.joined[proto]++
	if t := c.transports[proto]; t != nil && (proto == "HTTP/1.1" || n%watchesPerConnection != 0) {
		return t
	}
	t := &http.Transport{
		TLSClientConfig:    chain.ClientTLS(),
		DisableCompression: true,
		Protocols:          &http.Protocols{},
		HTTP2:              &http.HTTP2Config{MaxReceiveBufferPerStream: 64 << 10},
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, addr)
			if err == nil && proto == "HTTP/1.1" {
				err = conn.(*net.TCPConn).SetReadBuffer(4 << 10)
			}
			return conn, err
		},
	}
	t.Protocols.SetHTTP1(proto == "HTTP/1.1")
	t.Protocols.SetHTTP2(proto != "HTTP/1.1")
	c.transports[proto] = t
	return t
}

// healthy returns how many of the healthy ones get all events up to that one.
func (c *watchCrowd) healthy(last int) (n int) {
	eventually(patience, func() bool {
		n = 0
		for _, latest := range c.latest {
			if latest.Load() >= int64(last) {
				n++
			}
		}
		return n == len(c.latest)
	})
	return n
}
