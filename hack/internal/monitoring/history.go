package monitoring

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// History is what a server's metrics were, look by look, of those that the alerts ask for. For the alerts a look is a minute, however
// little lies between two: what takes an hour in their rules takes sixty looks. It is for one goroutine at a time.
type History struct {
	wanted map[string]bool
	looks  int
	series map[string]*past
}

// past is one series' values, as promtool reads them.
type past struct {
	values []string
	there  bool // at the look before
}

// NewHistory is an empty one, for the alerts of a directory.
func NewHistory(dir string) (*History, error) {
	alerts, err := Alerts(dir)
	if err != nil {
		return nil, err
	}
	h := &History{wanted: map[string]bool{}, series: map[string]*past{}}
	for _, a := range alerts {
		_, names, err := Metrics{}.look(a.Expr)
		if names == nil {
			return nil, fmt.Errorf("%s: %w", a.Name, err)
		}
		for name := range names {
			h.wanted[name] = true
		}
	}
	return h, nil
}

// Looks is how many there were.
func (h *History) Looks() int { return h.looks }

// Add is a look. There are no families when the server did not answer.
func (h *History) Add(families []*dto.MetricFamily) error {
	now := map[string]string{}
	for _, f := range families {
		if !h.wanted[f.GetName()] {
			continue
		}
		samples, err := expfmt.ExtractSamples(&expfmt.DecodeOptions{}, f)
		if err != nil {
			return err
		}
		for _, s := range samples {
			s.Metric["job"], s.Metric["instance"] = "kube-apiserver", "live"
			for name, value := range s.Metric {
				if value == "" {
					delete(s.Metric, name)
				}
			}
			now[s.Metric.String()] = strconv.FormatFloat(float64(s.Value), 'f', -1, 64)
		}
	}
	for name := range now {
		if h.series[name] == nil {
			h.series[name] = &past{values: slices.Repeat([]string{"_"}, h.looks)}
		}
	}
	for name, p := range h.series {
		value, there := now[name]
		switch {
		case !there && p.there:
			value = "stale"
		case !there:
			value = "_"
		}
		p.values, p.there = append(p.values, value), there
	}
	h.looks++
	return nil
}

// Fired has promtool evaluate the alerts of a directory over the history. They must be those that are expected to fire after the first
// quiet looks, and none in these. The error is what promtool says of what differs.
func (p *Promtool) Fired(ctx context.Context, dir string, h *History, quiet int, expected []string) error {
	if quiet >= h.looks {
		return errors.New("there was nothing but quiet")
	}
	type series struct {
		Series string `json:"series"`
		Values string `json:"values"`
	}
	type sample struct {
		Labels string  `json:"labels"`
		Value  float64 `json:"value"`
	}
	type test struct {
		Expr    string   `json:"expr"`
		Time    string   `json:"eval_time"`
		Samples []sample `json:"exp_samples,omitempty"`
	}
	type group struct {
		Interval string   `json:"interval"`
		Series   []series `json:"input_series"`
		Tests    []test   `json:"promql_expr_test"`
	}
	firing := func(minutes int, samples []sample) test {
		at := (time.Duration(minutes) * time.Minute).String()
		return test{fmt.Sprintf(`group by (alertname) (max_over_time(ALERTS{alertstate="firing"}[%s]))`, at), at, samples}
	}
	var all []sample
	for _, name := range expected {
		all = append(all, sample{model.Metric{"alertname": model.LabelValue(name)}.String(), 1})
	}
	g := group{Interval: "1m", Tests: []test{firing(quiet-1, nil), firing(h.looks-1, all)}}
	for name, p := range h.series {
		g.Series = append(g.Series, series{name, strings.Join(p.values, " ")})
	}
	alerts, err := filepath.Abs(filepath.Join(dir, alertsFile))
	if err != nil {
		return err
	}
	return p.runOn(ctx, "live_test.yaml", map[string]any{"rule_files": []string{alerts}, "evaluation_interval": "1m", "tests": []group{g}}, "test", "rules")
}
