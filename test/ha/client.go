package ha

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"
)

// What clients see in place of a whole 2xx answer. Any other status is "HTTP status" and its number.
const (
	noConnection = "no connection"               // none could be made
	noAnswer     = "connection ended, no answer" // after the request had been given to it
	crossed      = "kept connection closed"      // the same over HTTP/1.1, on a connection used before: its close and the request may have crossed
	cutOff       = "answer cut off"              // in mid-answer
	streamReset  = "stream reset"                // before any answer, on a connection that lives
	silent       = "no answer in time"
	turnedAway   = "503, shutting down" // with Retry-After: the client is asked to come again
)

const (
	// requestTimeout is an ordinary client's own.
	requestTimeout = 10 * time.Second

	// answerLimit, in bytes, is beyond what an ordinary client asks for.
	answerLimit = 8 << 20
)

// client is an ordinary client, on connections of its own.
type client struct {
	http  *http.Client
	url   string
	token string
	http1 bool
}

func newClient(url string, ca []byte, token string, http1 bool) (*client, error) {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		return nil, errors.New("the cluster's CA is not a PEM certificate")
	}
	return &client{url: url, token: token, http1: http1, http: &http.Client{Transport: &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2: !http1,
	}}}, nil
}

// reconnect has the next request use a new connection, so that the balancer has a say.
func (c *client) reconnect() { c.http.CloseIdleConnections() }

// send sends a request and returns its answer, whose body is the caller's, or what kind of failure came in its place.
func (c *client) send(ctx context.Context, method, path, contentType, body string) (resp *http.Response, kind string, err error) {
	var connected, reused atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		connected.Store(true)
		reused.Store(info.Reused)
	}})
	req, err := http.NewRequestWithContext(ctx, method, c.url+path, strings.NewReader(body))
	if err != nil {
		return nil, "no request", err
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err = c.http.Do(req)
	var stream http2.StreamError
	switch {
	case err == nil:
	case ctx.Err() != nil:
		kind = silent
	case !connected.Load():
		kind = noConnection
	case errors.As(err, &stream):
		kind = streamReset
	case c.http1 && reused.Load():
		kind = crossed
	default:
		kind = noAnswer
	}
	return resp, kind, err
}

// ask sends a request and reads the whole answer. kind is "" for a 2xx, and the error nil.
func (c *client) ask(ctx context.Context, method, path, contentType, body string) (answer []byte, kind string, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	resp, kind, err := c.send(ctx, method, path, contentType, body)
	if err != nil {
		return nil, kind, err
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(resp.Body, answerLimit))
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, silent, err
	case err != nil:
		return nil, cutOff, err
	case resp.StatusCode/100 != 2:
		kind, err = refusal(resp, answer)
	}
	return answer, kind, err
}

// refusal is the kind of an answer other than 2xx.
func refusal(resp *http.Response, body []byte) (kind string, err error) {
	err = fmt.Errorf("%s %s: HTTP status %d: %.300s", resp.Request.Method, resp.Request.URL.Path, resp.StatusCode, body)
	if resp.StatusCode == http.StatusServiceUnavailable && resp.Header.Get("Retry-After") != "" && strings.Contains(string(body), "apiserver is shutting down") {
		return turnedAway, err
	}
	return fmt.Sprintf("HTTP status %d", resp.StatusCode), err
}
