package demo

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"fork.internal/apiserver/test/cluster"
)

const (
	// requestTimeout is the client's own; every ?timeout= is far below it.
	requestTimeout = 10 * time.Second

	// retryInterval keeps a client from spinning while nobody listens.
	retryInterval = 20 * time.Millisecond

	// warmUp requests without a timeout give the steering its start.
	warmUp = 10
)

// load is what one server is put under: clients that each send one request at a time, each kind in turn,
// each on a connection of its own.
type load struct {
	url      string
	kinds    []Kind
	warnings []int           // per kind, what a whole answer carries
	start    []time.Duration // per kind, how long one takes
	clients  []*http.Client

	counts  counters
	current []atomic.Int64 // per kind, the timeout that some client tried last, in ns
}

// newLoad makes the clients and sends each kind a few times without a timeout, to see that it is answered
// over HTTP/2 and with warnings, and how fast.
func newLoad(ctx context.Context, cl *cluster.Cluster, kinds []Kind, clients int) (*load, error) {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(cl.CA()) {
		return nil, errors.New("the cluster's CA is not a PEM certificate")
	}
	l := &load{url: cl.URL(), kinds: kinds, current: make([]atomic.Int64, len(kinds))}
	for range clients {
		l.clients = append(l.clients, &http.Client{Transport: &http.Transport{
			TLSClientConfig:   &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			ForceAttemptHTTP2: true,
		}})
	}
	for _, k := range kinds {
		warnings, took, err := l.probe(ctx, k)
		if err != nil {
			l.close()
			return nil, err
		}
		l.warnings = append(l.warnings, warnings)
		l.start = append(l.start, took)
	}
	return l, nil
}

func (l *load) close() {
	for _, c := range l.clients {
		c.CloseIdleConnections()
	}
}

// probe is the number of warnings that a request of the kind is answered with, and the time of the fastest
// of a few.
func (l *load) probe(ctx context.Context, k Kind) (warnings int, fastest time.Duration, err error) {
	for range warmUp {
		begun := time.Now()
		resp, err := l.send(ctx, l.clients[0], k, 0)
		if err != nil {
			return 0, 0, fmt.Errorf("a %s without a timeout: %w", k.Name, err)
		}
		took := time.Since(begun)
		warnings = len(resp.Header.Values("Warning"))
		if o, detail := classify(resp, nil, warnings); o != answered {
			return 0, 0, fmt.Errorf("a %s without a timeout got no 2xx: %s", k.Name, detail)
		}
		if resp.ProtoMajor != 2 {
			return 0, 0, fmt.Errorf("a %s was answered over %s, not over HTTP/2", k.Name, resp.Proto)
		}
		if warnings == 0 {
			return 0, 0, fmt.Errorf("a %s was answered without warnings, so this load would prove nothing", k.Name)
		}
		if fastest == 0 || took < fastest {
			fastest = took
		}
	}
	return warnings, fastest, nil
}

// run sends until duration has passed, the server has exited or ctx is done, and returns how long that was.
// Requests under way at the end are awaited and counted.
func (l *load) run(ctx context.Context, exited <-chan struct{}, duration time.Duration, progress func(time.Duration)) time.Duration {
	begun := time.Now()
	sending, stop := context.WithTimeout(ctx, duration)
	defer stop()

	var wg sync.WaitGroup
	for i := range l.clients {
		wg.Go(func() { l.client(ctx, sending, i) })
	}
	ticker := time.NewTicker(progressInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			progress(time.Since(begun))
			continue
		case <-exited:
		case <-sending.Done():
		}
		break
	}
	took := time.Since(begun)
	stop()
	wg.Wait()
	return took
}

// client is one of the goroutines of run: it begins requests until sending is done, and ends them even
// then.
func (l *load) client(ctx, sending context.Context, i int) {
	rng := rand.New(rand.NewPCG(rand.Uint64(), uint64(i)))
	steer := make([]steering, len(l.kinds))
	for k := range steer {
		steer[k] = steering{at: l.start[k], rng: rng}
	}
	for n := i; sending.Err() == nil; n++ {
		k := n % len(l.kinds)
		timeout := steer[k].next()
		l.current[k].Store(int64(timeout))

		resp, err := l.send(ctx, l.clients[i], l.kinds[k], timeout)
		o, detail := classify(resp, err, l.warnings[k])
		if ctx.Err() != nil {
			return
		}
		l.counts.add(o, detail)
		steer[k].observe(o)
		if o == unreachable {
			pause(sending, retryInterval)
		}
	}
}

// send sends one request; a timeout of 0 asks for none. The response's body is the caller's.
func (l *load) send(ctx context.Context, c *http.Client, k Kind, timeout time.Duration) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	url := l.url + k.Path
	if timeout > 0 {
		url += fmt.Sprintf("&timeout=%dns", timeout.Nanoseconds())
	}
	req, err := http.NewRequestWithContext(ctx, k.Method, url, bytes.NewReader(k.Body))
	if err != nil {
		cancel()
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+k.Token)
	req.Header.Set("Content-Type", k.ContentType)
	resp, err := c.Do(req)
	if err != nil {
		cancel()
		return nil, err
	}
	resp.Body = &cancelingBody{resp.Body, cancel}
	return resp, nil
}

// after says, once the load is over, what keeps the server from being as good as new; "" when nothing does.
func (l *load) after(ctx context.Context, cl *cluster.Cluster) string {
	ctx, cancel := context.WithTimeout(ctx, afterTimeout)
	defer cancel()
	if err := cl.Ready(ctx); err != nil {
		return "not ready: " + err.Error()
	}
	for i, k := range l.kinds {
		warnings, _, err := l.probe(ctx, k)
		if err != nil {
			return err.Error()
		}
		if warnings != l.warnings[i] {
			return fmt.Sprintf("a %s is answered with %d warnings; before the load it was %d", k.Name, warnings, l.warnings[i])
		}
	}
	return ""
}

// status is a progress line.
func (l *load) status() string {
	r := l.counts.snapshot()
	s := fmt.Sprintf("%d requests, 2xx %d, 504 %d, reset %d, other %d", r.Sent, r.Answered, r.TimedOut, r.Reset,
		r.Short+r.Other+r.Silent+r.Unreachable)
	for i, k := range l.kinds {
		s += fmt.Sprintf(", %s timeout %v", k.Name, time.Duration(l.current[i].Load()).Round(10*time.Microsecond))
	}
	return s
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
