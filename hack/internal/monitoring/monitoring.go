// Package monitoring checks what operators watch the fork's servers with: the alerts and the dashboard in hack/monitoring. Their
// metrics and labels are compared with those of a real server by the package itself; PromQL, and what fires an alert, are for
// promtool to say, which is built where it is wanted: as a library, Prometheus would raise forty modules that pkg/ is tested with,
// golang.org/x/net among them.
package monitoring

import (
	"path/filepath"

	"fork.internal/apiserver/hack/internal/checkout"
)

// The files of a directory such as Dir.
const (
	alertsFile    = "alerts.yaml"
	testsFile     = "alerts_test.yaml"
	dashboardFile = "dashboard.json"
	metricsFile   = "metrics.txt"
)

// Dir is the checkout's directory of alerts, their tests, the dashboard, and what is known of a server's metrics.
func Dir(co *checkout.Checkout) string { return filepath.Join(co.Root, "hack", "monitoring") }
