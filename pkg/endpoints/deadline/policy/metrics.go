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

package policy

import (
	"sync"
	"sync/atomic"

	"k8s.io/component-base/metrics"
	"k8s.io/component-base/metrics/legacyregistry"
)

// Names and labels are those of the other configuration files that are reloaded.
const (
	namespace = "apiserver"
	subsystem = "deadline_policy_config_controller"
)

var (
	reloadsTotal = metrics.NewCounterVec(
		&metrics.CounterOpts{
			Namespace:      namespace,
			Subsystem:      subsystem,
			Name:           "automatic_reloads_total",
			Help:           "Total number of automatic reloads of the deadline policy split by status and apiserver identity.",
			StabilityLevel: metrics.ALPHA,
		},
		[]string{"status", "apiserver_id_hash"},
	)

	reloadLastTimestampSeconds = metrics.NewGaugeVec(
		&metrics.GaugeOpts{
			Namespace:      namespace,
			Subsystem:      subsystem,
			Name:           "automatic_reload_last_timestamp_seconds",
			Help:           "Timestamp of the last automatic reload of the deadline policy split by status and apiserver identity.",
			StabilityLevel: metrics.ALPHA,
		},
		[]string{"status", "apiserver_id_hash"},
	)

	lastConfigInfo = &configInfo{desc: metrics.NewDesc(
		metrics.BuildFQName(namespace, subsystem, "last_config_info"),
		"Information about the last applied deadline policy with hash as label, split by apiserver identity.",
		[]string{"apiserver_id_hash", "hash"},
		nil,
		metrics.ALPHA,
		"",
	)}
)

var registerMetrics = sync.OnceFunc(func() {
	legacyregistry.MustRegister(reloadsTotal, reloadLastTimestampSeconds)
	legacyregistry.CustomMustRegister(lastConfigInfo)
})

func recordReload(status, apiServerID string) {
	reloadsTotal.WithLabelValues(status, hash([]byte(apiServerID))).Inc()
	reloadLastTimestampSeconds.WithLabelValues(status, hash([]byte(apiServerID))).SetToCurrentTime()
}

func recordInForce(p *Policy, apiServerID string) {
	lastConfigInfo.labels.Store(&[2]string{hash([]byte(apiServerID)), p.hash})
}

// configInfo collects a gauge of one, whose labels are those of the policy in force: when another takes its place, at
// no time are there two gauges, or none. It does what configmetrics of apiserver does as of v0.34.
type configInfo struct {
	metrics.BaseStableCollector
	desc   *metrics.Desc
	labels atomic.Pointer[[2]string] // Nil before there is a policy.
}

func (c *configInfo) DescribeWithStability(ch chan<- *metrics.Desc) {
	ch <- c.desc
}

func (c *configInfo) CollectWithStability(ch chan<- metrics.Metric) {
	if labels := c.labels.Load(); labels != nil {
		ch <- metrics.NewLazyConstMetric(c.desc, metrics.GaugeValue, 1, labels[:]...)
	}
}
