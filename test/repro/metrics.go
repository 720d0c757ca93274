package main

import (
	"fmt"
	"maps"
	"strings"

	"k8s.io/apiserver/pkg/server/mux"
	"k8s.io/apiserver/pkg/server/routes"
	"k8s.io/component-base/metrics/legacyregistry"
)

// countMetrics has apiserver's metrics count, which they do only once they are
// registered: as kube-apiserver does it, when it serves them.
func countMetrics() { routes.DefaultMetrics{}.Install(mux.NewPathRecorderMux("repro")) }

// sample is the value of one time series: of a histogram, how many
// observations it has.
type sample struct {
	name   string
	labels map[string]string
	value  float64
}

// scrape reads apiserver's own metrics, by name: one that only the fork has is
// just not there on upstream.
func scrape() ([]sample, error) {
	families, err := legacyregistry.DefaultGatherer.Gather()
	if err != nil {
		return nil, fmt.Errorf("gathering metrics: %w", err)
	}
	var all []sample
	for _, family := range families {
		if !strings.HasPrefix(family.GetName(), "apiserver_") {
			continue
		}
		for _, m := range family.GetMetric() {
			s := sample{name: family.GetName(), labels: map[string]string{}}
			for _, l := range m.GetLabel() {
				s.labels[l.GetName()] = l.GetValue()
			}
			switch {
			case m.GetCounter() != nil:
				s.value = m.GetCounter().GetValue()
			case m.GetGauge() != nil:
				s.value = m.GetGauge().GetValue()
			case m.GetHistogram() != nil:
				s.value = float64(m.GetHistogram().GetSampleCount())
			}
			all = append(all, s)
		}
	}
	return all, nil
}

// sum adds up the time series of a metric, by the values of a label.
func sum(samples []sample, name, label string) tally {
	t := tally{}
	for _, s := range samples {
		if s.name == name && s.value != 0 {
			t[s.labels[label]] += int(s.value)
		}
	}
	return t
}

// account is what the metrics say of all requests of this process.
type account struct {
	requests     tally // by code
	terminations tally // by code
	aborts       int
	late         tally // handlers that returned after their requests, by status

	// anyLate is set in one that is wanted if it is a matter of chance which of
	// the handlers did, and anyRequests if it is left open whether requests that
	// have come to no answer are counted among the others.
	anyLate, anyRequests bool
}

// readAccount reads them.
func readAccount() (account, error) {
	samples, err := scrape()
	return account{
		requests:     sum(samples, "apiserver_request_total", "code"),
		terminations: sum(samples, "apiserver_request_terminations_total", "code"),
		aborts:       sum(samples, "apiserver_request_aborts_total", "resource").total(),
		late:         sum(samples, "apiserver_request_post_timeout_total", "status"),
	}, err
}

// equal reports whether a says what is wanted of the requests and of the
// terminations, which the rows are about.
func (a account) equal(want account) bool {
	return (want.anyRequests || maps.Equal(a.requests, want.requests)) && maps.Equal(a.terminations, want.terminations)
}

// lacks says what is asked of the fork beside that and is not so, or returns "".
// Of handlers that returned late, the number counts: how is for those rows to say
// which know.
func (a account) lacks(want account) string {
	var wrong []string
	if a.aborts != want.aborts {
		wrong = append(wrong, fmt.Sprintf("%d aborts in place of %d", a.aborts, want.aborts))
	}
	if !want.anyLate && a.late.total() != want.late.total() {
		wrong = append(wrong, fmt.Sprintf("post_timeout %v in place of %v", a.late.orNone(), want.late.orNone()))
	}
	return strings.Join(wrong, ", ")
}

// String lists them.
func (a account) String() string {
	return fmt.Sprintf("request_total %v, terminations %v, aborts %d, post_timeout %v",
		a.requests.orNone(), a.terminations.orNone(), a.aborts, a.late.orNone())
}

func (t tally) orNone() string {
	if len(t) == 0 {
		return "none"
	}
	return t.String()
}
