package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"

	"golang.org/x/net/http2"
)

// outcome is what a client saw of its request.
type outcome int

const (
	answered    outcome = iota // 2xx, with every warning
	timedOut                   // 504
	reset                      // the response was cut off, the connection lives
	short                      // 2xx, but not with the warnings that it should have
	other                      // any other status
	silent                     // nothing within requestTimeout
	unreachable                // no connection, or one that broke
	outcomes
)

// Requests counts requests by what the client saw. Sent is the sum of the others.
type Requests struct {
	Sent        int64 `json:"sent"`
	Answered    int64 `json:"answered"`    // 2xx, with every warning
	TimedOut    int64 `json:"timedOut"`    // 504
	Reset       int64 `json:"reset"`       // cut off, on a connection that lived on
	Short       int64 `json:"short"`       // 2xx with too few or too many warnings
	Other       int64 `json:"other"`       // any other HTTP status
	Silent      int64 `json:"silent"`      // no answer within ten seconds
	Unreachable int64 `json:"unreachable"` // no connection, or one that broke
}

// counters may be used by several goroutines.
type counters struct {
	mu       sync.Mutex
	n        [outcomes]int64
	anyOther string // the first other or short answer
}

func (c *counters) add(o outcome, detail string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n[o]++
	if c.anyOther == "" {
		c.anyOther = detail
	}
}

func (c *counters) example() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.anyOther
}

func (c *counters) snapshot() (r Requests) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.n {
		r.Sent += n
	}
	r.Answered, r.TimedOut, r.Reset, r.Short = c.n[answered], c.n[timedOut], c.n[reset], c.n[short]
	r.Other, r.Silent, r.Unreachable = c.n[other], c.n[silent], c.n[unreachable]
	return r
}

// classify reads a response to its end, where a late reset shows. The string tells an outcome apart that
// should not occur; it is empty for the usual ones.
func classify(resp *http.Response, err error, wantWarnings int) (outcome, string) {
	if err != nil {
		return broken(err), ""
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	switch {
	case err != nil:
		return broken(err), ""
	case resp.StatusCode == http.StatusGatewayTimeout:
		return timedOut, ""
	case resp.StatusCode/100 != 2:
		return other, fmt.Sprintf("HTTP status %d: %.300s", resp.StatusCode, body)
	}
	if got := len(resp.Header.Values("Warning")); got != wantWarnings {
		return short, fmt.Sprintf("HTTP status %d with %d warnings in place of %d", resp.StatusCode, got, wantWarnings)
	}
	return answered, ""
}

func broken(err error) outcome {
	var stream http2.StreamError
	switch {
	case errors.As(err, &stream):
		return reset
	case errors.Is(err, context.DeadlineExceeded):
		return silent
	}
	return unreachable
}
