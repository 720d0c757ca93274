package main

import (
	"flag"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	auditinternal "k8s.io/apiserver/pkg/apis/audit"
	"k8s.io/klog/v2"
)

// sinkTime is what a slow sink takes for an event. It is far more than an answer takes.
const sinkTime = 300 * time.Millisecond

// sink is an audit backend that gives each event to its run, fast or not.
type sink struct{ speed string }

// ProcessEvents implements audit.Sink.
func (s sink) ProcessEvents(events ...*auditinternal.Event) bool {
	for _, e := range events {
		r, n := findRun(string(e.AuditID))
		if r == nil {
			continue
		}
		if n == "0" && e.Stage != auditinternal.StageRequestReceived {
			switch s.speed {
			case "slow":
				time.Sleep(sinkTime)
			case "blocked":
				r.until("release", longest)
			}
			r.taken.Store(true)
		}
		r.audited(n, e)
	}
	return true
}

// Run implements audit.Backend.
func (sink) Run(<-chan struct{}) error { return nil }

// Shutdown implements audit.Backend.
func (sink) Shutdown() {}

// String implements audit.Backend.
func (sink) String() string { return "same" }

// annotations are those of an event, without those about how long it took.
func annotations(e *auditinternal.Event) string {
	var text strings.Builder
	for _, k := range slices.Sorted(maps.Keys(e.Annotations)) {
		if strings.HasPrefix(k, "authorization.k8s.io/") || strings.HasPrefix(k, "apiserver.latency.k8s.io/") {
			continue
		}
		fmt.Fprintf(&text, " %s=%s", k, e.Annotations[k])
	}
	return text.String()
}

// captureLog has the lines of the HTTP log given to their runs, and all else
// that is logged dropped.
func captureLog() error {
	flags := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(flags)
	for name, value := range map[string]string{"logtostderr": "false", "stderrthreshold": "FATAL", "v": "3"} {
		if err := flags.Set(name, value); err != nil {
			return err
		}
	}
	klog.SetOutput(httpLog{})
	return nil
}

// httpLog is where klog writes.
type httpLog struct{}

var (
	logged = regexp.MustCompile(`(?s)"HTTP" .*audit-ID="([^"]*)"`)
	resp   = regexp.MustCompile(`(hijacked=true|resp=\d+)( ended="[^"]*" bytes=\d+)?`)
)

// Write implements io.Writer.
func (httpLog) Write(p []byte) (int, error) {
	m := logged.FindSubmatch(p)
	if m == nil {
		return len(p), nil
	}
	if r, n := findRun(string(m[1])); r != nil && n == "0" {
		line := string(resp.Find(p))
		if line == "" {
			line = "no status"
		}
		r.change(func() { r.log = append(r.log, plainly(line)) })
	}
	return len(p), nil
}
