package monitoring

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Metrics are the types and labels of metrics, by their names. It is not safe for use while it is added to.
type Metrics map[string]Metric

// Metric is what is known of one.
type Metric struct {
	// Type is counter, gauge, histogram, summary or untyped.
	Type string
	// Labels are those that some series has, sorted; not those of a target, or of a bucket.
	Labels []string
}

// Parse reads what a server has said, in Prometheus' text format.
func Parse(text io.Reader) ([]*dto.MetricFamily, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(text)
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	return slices.Collect(maps.Values(families)), nil
}

// Add adds what a server has said, or a registry has gathered. A metric has series only once something has happened.
func (m Metrics) Add(families []*dto.MetricFamily) {
	for _, f := range families {
		labels := map[string]bool{}
		for _, l := range m[f.GetName()].Labels {
			labels[l] = true
		}
		for _, series := range f.GetMetric() {
			for _, pair := range series.GetLabel() {
				labels[pair.GetName()] = true
			}
		}
		m[f.GetName()] = Metric{strings.ToLower(f.GetType().String()), slices.Sorted(maps.Keys(labels))}
	}
}

// find is the metric that has a series of that name, which may be that of its buckets, sum or count.
func (m Metrics) find(series string) (labels []string, ok bool) {
	if known, ok := m[series]; ok && known.Type != "histogram" {
		return known.Labels, true
	}
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		name, cut := strings.CutSuffix(series, suffix)
		if known := m[name]; cut && (known.Type == "histogram" || known.Type == "summary" && suffix != "_bucket") {
			if suffix == "_bucket" {
				return append(slices.Clone(known.Labels), "le"), true
			}
			return known.Labels, true
		}
	}
	return nil, false
}

const recordedBy = "make test-alerts RECORD=1"

// Record writes what is known of the metrics of the server of that version to a directory.
func (m Metrics) Record(dir, version string) error {
	var b bytes.Buffer
	w := bufio.NewWriter(&b)
	fmt.Fprintf(w, "# The metrics of kube-apiserver %s, their types and their labels: %s.\n", version, recordedBy)
	for _, name := range slices.Sorted(maps.Keys(m)) {
		fmt.Fprintln(w, strings.Join(append([]string{name, m[name].Type}, m[name].Labels...), " "))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, metricsFile), b.Bytes(), 0o644)
}

// Has says which of the metrics and labels that the alerts and the dashboard of a directory ask for m has not.
func (m Metrics) Has(dir string) error {
	alerts, err := Alerts(dir)
	if err != nil {
		return err
	}
	d, err := LoadDashboard(dir)
	if err != nil {
		return err
	}
	var wrong []error
	all := d.queries()
	for _, a := range alerts {
		all = append(all, asked{a.Name, []string{a.Expr}})
	}
	for _, a := range all {
		for _, expr := range a.exprs {
			if _, err := m.Labels(expr); err != nil {
				wrong = append(wrong, fmt.Errorf("%s: %w", a.by, err))
			}
		}
	}
	return errors.Join(wrong...)
}
