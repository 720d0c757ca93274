package monitoring

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"

	"fork.internal/apiserver/hack/internal/checkout"
)

// fakePromtool runs a shell script in promtool's place.
func fakePromtool(t *testing.T, script string) *Promtool {
	t.Helper()
	path := filepath.Join(t.TempDir(), "promtool")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	return &Promtool{path}
}

func TestCheck(t *testing.T) {
	c, err := fakePromtool(t, "exit 0").Check(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range c.Alerts {
		if c.Fired[name] == 0 || c.NearMisses[name] == 0 {
			t.Errorf("%s: %d, %d", name, c.Fired[name], c.NearMisses[name])
		}
	}
	if len(c.Alerts) != len(loadAlerts(t)) || c.Queries < 15 {
		t.Errorf("got %+v", c)
	}
}

// TestCheckSaysAllThatIsWrong has what promtool says, on both of its streams, and of each of the three.
func TestCheckSaysAllThatIsWrong(t *testing.T) {
	_, err := fakePromtool(t, `echo "a $1 of $(basename $(eval echo \${$#}))"; echo "b $1" >&2; exit 1`).Check(context.Background(), dir)
	for _, want := range []string{"promtool check rules: ", "a check of alerts.yaml\nb check", "a test of alerts_test.yaml\nb test", "a check of dashboard.yaml", "dashboard.json: "} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
	}
}

// TestPromtoolNotHad: there is nobody to have it from.
func TestPromtoolNotHad(t *testing.T) {
	for name, value := range map[string]string{"GOPROXY": "off", "GOMODCACHE": t.TempDir(), "GOFLAGS": "-modcacherw"} {
		t.Setenv(name, value)
	}
	_, err := NewPromtool(context.Background(), &checkout.Checkout{Root: t.TempDir(), Out: t.Output(), Err: t.Output()})
	for _, want := range []string{"no promtool: ", promtoolVersion, "next: have `go env GOPROXY` name a proxy", "make test-go"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
	}
}

func families(t *testing.T, text string) []*dto.MetricFamily {
	t.Helper()
	all, err := Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestMetricsAreRecordedAsTheyAre(t *testing.T) {
	m := Metrics{}
	for _, text := range []string{
		"# TYPE a counter\na{x=\"1\"} 1\n# TYPE b histogram\nb_bucket{y=\"1\",le=\"+Inf\"} 1\nb_sum{y=\"1\"} 1\nb_count{y=\"1\"} 1\n",
		"# TYPE a counter\na{w=\"1\"} 1\n# TYPE c gauge\nc 1\n",
	} {
		m.Add(families(t, text))
	}
	tmp := t.TempDir()
	if err := m.Record(tmp, "v1"); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(tmp, metricsFile))
	if want := "# The metrics of kube-apiserver v1, their types and their labels: make test-alerts RECORD=1.\na counter w x\nb histogram y\nc gauge\n"; err != nil || string(data) != want {
		t.Errorf("got %q, %v", data, err)
	}
	back, err := readRecord(tmp)
	if err != nil || len(back) != 3 {
		t.Errorf("got %v, %v", back, err)
	}
	if has, err := back.Labels("b_bucket"); err != nil || labels(has).String() != "instance, job, le, y" {
		t.Errorf("got %v, %v", has, err)
	}
	if _, err := readRecord(t.TempDir()); err == nil || !strings.Contains(err.Error(), "next: get it back from git, or make test-alerts") {
		t.Errorf("got %v", err)
	}
}
