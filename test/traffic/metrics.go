package traffic

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// What is measured of a server.
const (
	Seats      = "apiserver_flowcontrol_current_executing_seats"
	Overdue    = "apiserver_overdue_requests"
	Reporting  = "apiserver_reporting_requests"
	Goroutines = "go_goroutines"
	// LongRunning has series only when there was a first request.
	LongRunning = "apiserver_longrunning_requests"
)

// Get is the body of what the server answers with 200.
func (c *Clients) Get(ctx context.Context, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL+path, nil)
	if err != nil {
		return nil, err
	}
	res, err := c.HTTP["HTTP/2"].Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s: %s", path, res.Status)
	}
	return data, nil
}

// AtRest are the metrics of which a server that is at rest has as much as before, of those that it has: an unmodified one knows
// of no overdue handlers.
func AtRest(patched bool) []string {
	if patched {
		return []string{Goroutines, Seats, Overdue, Reporting}
	}
	return []string{Goroutines, Seats}
}

// Sums adds up the series of each of the metrics in the text of a server's. That one has none is an error: it would be taken
// for 0, which is what most ought to be.
func Sums(text []byte, metrics ...string) (map[string]float64, error) {
	sum := map[string]float64{}
	for line := range bytes.Lines(text) {
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
	for _, name := range metrics {
		if _, ok := sum[name]; !ok {
			return nil, fmt.Errorf("the server has no metric %s; next: look in its /metrics for what it is called now", name)
		}
	}
	return sum, nil
}
