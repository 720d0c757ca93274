package monitoring

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/component-base/metrics/legacyregistry"

	"fork.internal/apiserver/pkg/endpoints/deadline"
	"fork.internal/apiserver/pkg/endpoints/deadline/policy"
)

// registered are the metrics of pkg/, with all their labels, from the registry that it puts them in.
func registered(t *testing.T) Metrics {
	t.Helper()
	deadline.RegisterMetrics()
	file := filepath.Join(t.TempDir(), "policy.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("apiVersion: deadline.apiserver.config.k8s.io/v1alpha1\nkind: DeadlinePolicy\nrules:\n- {name: a, verbs: [get], apiGroups: [\"\"], resources: [pods], timeout: 1s}\n")
	r, err := policy.NewReloader(file, "test")
	if err != nil {
		t.Fatal(err)
	}
	write("bad")
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	r.Run(ended) // It looks once.
	families, err := legacyregistry.DefaultGatherer.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all, own := Metrics{}, Metrics{}
	all.Add(families)
	for name, m := range all {
		for _, prefix := range []string{"apiserver_overdue_", "apiserver_reporting_", "apiserver_stalled_", "apiserver_deadline_policy_"} {
			if strings.HasPrefix(name, prefix) {
				own[name] = m
			}
		}
	}
	if len(own) != 7 {
		t.Fatalf("pkg/ has registered %q", slices.Sorted(maps.Keys(own)))
	}
	return own
}

// patched is the metric that the patches add, and what they say of it.
var patched = struct {
	name, source string
	Metric
}{
	"apiserver_stalled_requests_total",
	"+\t\tSubsystem:      APIServerComponent,\n+\t\tName:           \"stalled_requests_total\",\n",
	Metric{"counter", []string{"group", "resource", "subresource", "version"}},
}

func TestRecordedAreTheForksMetrics(t *testing.T) {
	own := registered(t)
	own[patched.name] = patched.Metric
	known := recorded(t)
	for name, m := range own {
		if got := known[name]; got.Type != m.Type || !slices.Equal(got.Labels, m.Labels) {
			t.Errorf("%s: the source has %v, and metrics.txt %v; next: %s", name, m, got, recordedBy)
		}
	}
	// The older minors share the patch.
	patches, err := filepath.Glob(filepath.Join("..", "..", "..", "patches", "v*", "*.patch"))
	if err != nil || len(patches) == 0 {
		t.Fatalf("%q: %v", patches, err)
	}
	if !slices.ContainsFunc(patches, func(patch string) bool {
		data, err := os.ReadFile(patch)
		_, after, ok := strings.Cut(string(data), patched.source)
		names, _, _ := strings.Cut(after, "+)\n")
		return err == nil && ok && strings.Contains(names, `[]string{"group", "version", "resource", "subresource"}`)
	}) {
		t.Errorf("no patch has %s with %q", patched.name, patched.Labels)
	}
}

// TestForksMetricsAreShown has nobody add a metric that nobody sees.
func TestForksMetricsAreShown(t *testing.T) {
	own, d := registered(t), loadDashboard(t)
	own[patched.name] = patched.Metric
	var all strings.Builder
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			all.WriteString(target.Expr)
		}
	}
	for name := range own {
		if !strings.Contains(all.String(), name) {
			t.Errorf("no panel shows %s", name)
		}
	}
}
