/*
Copyright The Kubernetes Authors.

Licensed under the Apache License, Version 2.0 (the "License");
you may not use this file except in compliance with the License.
You may obtain a copy of the License at

    http://www.apache.org/licenses/LICENSE-2.0

Unless required by applicable law or agreed to in writing, software
distributed under the License is distributed on an "AS IS" BASIS,
WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
See the License for the specific language governing permissions and
limitations under the License.
*/

package deadline

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"k8s.io/component-base/metrics"
	"k8s.io/component-base/metrics/legacyregistry"
	"k8s.io/klog/v2"
)

const (
	// overdueInterval is how long a handler has been overdue when it is logged
	// again for the first time, and the boundary's Late is called.
	overdueInterval = 10 * time.Second
	// overdueLogTime is how late a handler may return with nothing achieved and
	// no line in the log.
	overdueLogTime = DefaultJoinTime
	// overdueMaxInterval bounds the intervals after that, each twice the one
	// before.
	overdueMaxInterval = 10 * time.Minute
)

var (
	overdueHandlers = metrics.NewGaugeVec(&metrics.GaugeOpts{
		Subsystem:      "apiserver",
		Name:           "overdue_requests",
		Help:           "Number of request handlers that are still running although their request has been answered or aborted, by whether they count for the number that may be left behind.",
		StabilityLevel: metrics.ALPHA,
	}, []string{"capped"})
	overdueDuration = metrics.NewHistogram(&metrics.HistogramOpts{
		Subsystem:      "apiserver",
		Name:           "overdue_request_duration_seconds",
		Help:           "Time in seconds from the end of a request until its handler, which was still running then, returned.",
		Buckets:        []float64{.005, .01, .05, .1, .5, 1, 5, 10, 30, 60, 300, 1800, 7200},
		StabilityLevel: metrics.ALPHA,
	})
	reportingRequests = metrics.NewGauge(&metrics.GaugeOpts{
		Subsystem:      "apiserver",
		Name:           "reporting_requests",
		Help:           "Number of requests that are over, and that wait only for what is to be said of them, such as by an audit log that blocks.",
		StabilityLevel: metrics.ALPHA,
	})
	stalledConnections = metrics.NewCounter(&metrics.CounterOpts{
		Subsystem:      "apiserver",
		Name:           "stalled_connections_closed_total",
		Help:           "Number of HTTP/2 connections that were closed with all their requests because their client had taken nothing for too long.",
		StabilityLevel: metrics.ALPHA,
	})
	registerMetrics sync.Once
)

// RegisterMetrics registers the metrics of this package with the legacy
// registry, once. Before that they count nothing.
func RegisterMetrics() {
	registerMetrics.Do(func() {
		legacyregistry.MustRegister(overdueHandlers, overdueDuration, reportingRequests, stalledConnections)
		for _, capped := range []string{"false", "true"} {
			overdueHandlers.WithLabelValues(capped).Set(0)
		}
	})
}

// overdue is a handler that is running after its request has ended: left
// behind, or with the serve goroutine staying for it. It begins when the
// handler has not returned within the join, and ends when it returns, on the
// handler goroutine.
type overdue struct {
	// Immutable.
	g      *guard
	capped bool // it has a place among those that MaxOverdue bounds

	mu       sync.Mutex // held while it is logged, so that end waits for that
	ended    bool
	interval time.Duration
	timer    *time.Timer
}

// begin registers the handler as overdue, unless it has returned.
func (o *overdue) begin() (returned bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.g.outlast(o.end) {
		o.free()
		return true
	}
	o.gauge().Inc()
	overdueNow.add(o)
	o.interval = overdueInterval
	o.timer = time.AfterFunc(o.interval, o.again)
	return false
}

// free gives its place back, if it has one.
func (o *overdue) free() {
	if o.capped {
		o.g.b.overdue.Add(-1)
	}
}

// gauge returns the gauge of those that are capped, or not, as this one is.
func (o *overdue) gauge() metrics.GaugeMetric {
	return overdueHandlers.WithLabelValues(strconv.FormatBool(o.capped))
}

// outlast has the handler goroutine call left when the handler returns, unless
// it has returned.
func (g *guard) outlast(left func()) (returned bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.returned {
		g.left = left
	}
	return g.returned
}

// end is called by the handler goroutine when the handler has returned.
func (o *overdue) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended = true
	o.timer.Stop()
	overdueNow.remove(o)
	o.gauge().Dec()
	after, _ := o.g.overdueBy()
	overdueDuration.Observe(after.Seconds())
	o.free()
}

// left says what there is to say without the handler, which is overdue.
func (o *overdue) left() {
	o.tell()
	o.g.report()
}

// tell logs that the handler is still running, if it is.
func (o *overdue) tell() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.ended && o.g.b.Describe != nil {
		after, outcome := o.g.overdueBy()
		klog.InfoS("Request handler is overdue", append(o.g.describeRunning(), "ended", outcome.Kind, "overdue", after)...)
	}
}

func (o *overdue) again() {
	o.tell()
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended {
		return
	}
	after, outcome := o.g.overdueBy()
	if o.interval == overdueInterval && o.g.b.Late != nil && !outcome.ByHandler() {
		contain("lateness", func() { o.g.b.Late(o.g.outer, after, outcome) })
	}
	o.interval = min(2*o.interval, overdueMaxInterval)
	o.timer.Reset(o.interval)
}

// returnedLate tells of a handler that has returned after its request had ended.
func (g *guard) returnedLate(after time.Duration, o Outcome) {
	if g.b.Late != nil {
		g.b.Late(g.outer, after, o)
	}
	// One that saw its deadline and gave up has nothing to tell.
	achieved := o.Attempted != 0 && o.Attempted < http.StatusBadRequest
	if g.b.Describe == nil || !achieved && o.Panicked == nil && after <= overdueLogTime {
		return
	}
	keysAndValues := append(g.describe(), "ended", o.Kind, "overdue", after, "result", o.Result())
	if o.Panicked != nil {
		reason, stack, _ := strings.Cut(fmt.Sprint(o.Panicked), "\n")
		keysAndValues = append(keysAndValues, "panic", reason, "stacktrace", stack)
	}
	klog.InfoS("Overdue request handler returned", keysAndValues...)
}

// overdueBy returns how long ago the request ended, and how.
func (g *guard) overdueBy() (time.Duration, Outcome) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return time.Since(g.sealedAt), g.outcome()
}
