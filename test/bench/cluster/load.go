package cluster

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// workers send one request at a time each: enough that a small machine is never idle, and few enough
	// that the latencies are not those of a queue.
	workers = 16

	// connections are shared evenly by the workers, as controllers share one of theirs.
	connections = 4

	// requestTimeout ends the measurement with an error; no request comes near it.
	requestTimeout = 30 * time.Second

	// errorText is how much of an unexpected answer an error quotes.
	errorText = 512
)

// request is one to send, and the status that it must be answered with.
type request struct {
	method, path string
	contentType  string
	body         []byte
	want         int
}

// load sends requests as one user, over HTTP/2 connections that it keeps. Its methods may be called from
// several goroutines.
type load struct {
	url           string
	authorization string
	clients       []*http.Client // one connection each
}

// newLoad sends nothing yet. ca is PEM; the token is sent with each request.
func newLoad(url string, ca []byte, token string) (*load, error) {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		return nil, errors.New("the certificate authority of the server is not a PEM certificate")
	}
	l := &load{url: url, authorization: "Bearer " + token}
	for range connections {
		l.clients = append(l.clients, &http.Client{Transport: &http.Transport{
			TLSClientConfig:   &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			ForceAttemptHTTP2: true,
			// The server compresses a large LIST for whoever takes it, which costs several times
			// what the rest does and has nothing to do with what is compared here.
			DisableCompression: true,
		}})
	}
	return l, nil
}

func (l *load) close() {
	for _, c := range l.clients {
		c.CloseIdleConnections()
	}
}

// connect sends a request on each connection, so that none is dialled while something is measured, and sees
// that it is HTTP/2.
func (l *load) connect(ctx context.Context, r request) error {
	for _, c := range l.clients {
		proto, err := l.send(ctx, c, r)
		if err != nil {
			return err
		}
		if proto != 2 {
			return fmt.Errorf("%s %s was answered over HTTP/%d, not over HTTP/2", r.method, r.path, proto)
		}
	}
	return nil
}

// result is what a run took.
type result struct {
	took      time.Duration
	latencies []time.Duration // of each request, sorted
}

// percentile is the least latency that p percent of the requests did not exceed.
func (r result) percentile(p int) time.Duration {
	return r.latencies[max(0, (len(r.latencies)*p+99)/100-1)]
}

// run sends the requests that next returns for 0 to n-1 and returns when all have been answered. It calls
// next from several goroutines. The first error ends it.
func (l *load) run(ctx context.Context, n int, next func(i int) request) (result, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	var taken atomic.Int64
	var wg sync.WaitGroup
	latencies := make([][]time.Duration, min(workers, n))
	begun := time.Now()
	for w := range latencies {
		wg.Go(func() {
			// Each worker's own until all are done: shared memory would be part of the measurement.
			mine := make([]time.Duration, 0, 2*n/workers)
			for ctx.Err() == nil {
				i := int(taken.Add(1) - 1)
				if i >= n {
					break
				}
				r := next(i)
				sent := time.Now()
				if _, err := l.send(ctx, l.clients[w%connections], r); err != nil {
					cancel(err)
					break
				}
				mine = append(mine, time.Since(sent))
			}
			latencies[w] = mine
		})
	}
	wg.Wait()
	took := time.Since(begun)
	if err := context.Cause(ctx); err != nil {
		return result{}, err
	}
	all := slices.Concat(latencies...)
	slices.Sort(all)
	return result{took: took, latencies: all}, nil
}

// send returns the major version of HTTP once the answer has been read whole; a status other than the wanted
// one is an error.
func (l *load) send(ctx context.Context, c *http.Client, r request) (proto int, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, r.method, l.url+r.path, bytes.NewReader(r.body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", l.authorization)
	if r.contentType != "" {
		req.Header.Set("Content-Type", r.contentType)
	}
	resp, err := c.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != r.want {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, errorText))
		return 0, &statusError{r, resp.StatusCode, text}
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return 0, fmt.Errorf("%s %s: %w", r.method, r.path, err)
	}
	return resp.ProtoMajor, nil
}

// statusError is an answer with another status than the request's want.
type statusError struct {
	request request
	code    int
	text    []byte
}

func (e *statusError) Error() string {
	return fmt.Sprintf("%s %s: status %d, want %d: %s", e.request.method, e.request.path, e.code, e.request.want, e.text)
}
