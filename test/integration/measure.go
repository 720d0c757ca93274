package integration

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What is measured of a server, each the sum of a metric's series.
const (
	seats      = "apiserver_flowcontrol_current_executing_seats"
	overdue    = "apiserver_overdue_requests"
	reporting  = "apiserver_reporting_requests"
	goroutines = "go_goroutines"
)

// measure asks the server for these of its metrics. What a server does not have is 0.
func (e *env) measure(ctx context.Context) (map[string]float64, error) {
	data, err := e.metrics(ctx)
	if err != nil {
		return nil, err
	}
	return sums(data, seats, overdue, reporting, goroutines), nil
}

// metrics is what the server says when it is asked for its metrics.
func (e *env) metrics(ctx context.Context) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, e.cl.URL()+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	res, err := e.clients["HTTP/2"].Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET /metrics: %s", res.Status)
	}
	return data, nil
}

// sums adds up the series of each of the metrics.
func sums(data []byte, metrics ...string) map[string]float64 {
	sum := map[string]float64{}
	for line := range bytes.Lines(data) {
		text := strings.TrimSpace(string(line))
		name, _, _ := strings.Cut(text, " ")
		name, _, _ = strings.Cut(name, "{")
		if !slices.Contains(metrics, name) {
			continue
		}
		if v, err := strconv.ParseFloat(text[strings.LastIndexByte(text, ' ')+1:], 64); err == nil {
			sum[name] += v
		}
	}
	return sum
}

const (
	// settles bounds how long a server may take after a phase until nothing of it is left.
	settles = 30 * time.Second

	// spare is how many goroutines may have come that are nobody's request: connections that are idle, caches of what
	// was asked for the first time.
	spare = 200
)

// settled waits until the server holds nothing of the phase any more: no seat, no overdue handler, no goroutine.
func (e *env) settled(ctx context.Context) {
	for _, c := range e.clients {
		c.CloseIdleConnections()
	}
	deadline := time.Now().Add(settles)
	for {
		now, err := e.measure(ctx)
		held := held(now, e.baseline)
		if err == nil && len(held) == 0 {
			return
		}
		if ctx.Err() != nil {
			return
		}
		if time.Now().After(deadline) {
			e.wrongf("%v after the phase the server still holds %v (%v)", settles, held, err)
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// held says what there is beyond what there was. The writer of the watches may have a request under way.
func held(now, before map[string]float64) []string {
	var what []string
	for name, least := range map[string]float64{seats: 1, overdue: 0, reporting: 0, goroutines: spare} {
		if n := now[name] - before[name]; n > least {
			what = append(what, fmt.Sprintf("%v more of %s", n, name))
		}
	}
	slices.Sort(what)
	return what
}
