package suite

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Metrics is one look at a server's.
type Metrics map[string]*dto.MetricFamily

// L are labels, by their names.
type L map[string]string

// String is as a query has them.
func (l L) String() string {
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(l)) {
		pairs = append(pairs, fmt.Sprintf("%s=%q", name, l[name]))
	}
	return "{" + strings.Join(pairs, ",") + "}"
}

func parseMetrics(data []byte) (Metrics, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(data))
	return families, err
}

// Metrics asks the server for them.
func (s *Suite) Metrics() (Metrics, error) {
	c, err := s.NewClient(HTTP1, nil)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return s.metrics(c)
}

func (s *Suite) metrics(c *Client) (Metrics, error) {
	a, err := c.Do(s.ctx, Request{Path: "/metrics"})
	if err != nil {
		return nil, err
	}
	if a.Code != http.StatusOK {
		return nil, fmt.Errorf("GET /metrics: %s", a)
	}
	return parseMetrics(a.Body)
}

// Has is whether there is a metric of that name.
func (m Metrics) Has(name string) bool { return m[name] != nil }

// Sum is that of all series of a metric that have the labels; of a histogram, of its counts.
func (m Metrics) Sum(name string, labels L) (sum float64) {
	for _, series := range m[name].GetMetric() {
		has := map[string]string{}
		for _, pair := range series.GetLabel() {
			has[pair.GetName()] = pair.GetValue()
		}
		matches := true
		for k, v := range labels {
			matches = matches && has[k] == v
		}
		if !matches {
			continue
		}
		switch {
		case series.Counter != nil:
			sum += series.Counter.GetValue()
		case series.Gauge != nil:
			sum += series.Gauge.GetValue()
		case series.Untyped != nil:
			sum += series.Untyped.GetValue()
		case series.Histogram != nil:
			sum += float64(series.Histogram.GetSampleCount())
		}
	}
	return sum
}
