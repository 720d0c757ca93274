//go:build go1.25

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
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/component-base/metrics/legacyregistry"
	"k8s.io/component-base/metrics/testutil"
	"k8s.io/klog/v2"
	"k8s.io/klog/v2/ktesting"
)

const (
	good   = header + "rules:\n- {name: good, timeout: 5s}\n"
	better = header + "rules:\n- {name: better, timeout: 6s}\n"
	bad    = header + "rules:\n- {name: bad, timeout: 5}\n"
)

func write(t testing.TB, file, data string) {
	t.Helper()
	if err := os.WriteFile(file+".new", []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
}

// reloading has a Reloader run on a file with the policy good, until the test ends.
// logged returns what it has logged since it was last asked.
func reloading(t *testing.T) (r *Reloader, file string, logged func() string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "policy.yaml")
	write(t, file, good)
	r, err := NewReloader(file, "server")
	if err != nil {
		t.Fatal(err)
	}
	reloadsTotal.Reset()
	reloadLastTimestampSeconds.Reset()
	logger := ktesting.NewLogger(t, ktesting.NewConfig(ktesting.BufferLogs(true)))
	buffer := logger.GetSink().(ktesting.Underlier).GetBuffer()
	ctx, stop := context.WithCancel(klog.NewContext(context.Background(), logger))
	var done sync.WaitGroup
	done.Add(1)
	go func() {
		defer done.Done()
		r.Run(ctx)
	}()
	t.Cleanup(done.Wait)
	t.Cleanup(stop)
	told := 0
	return r, file, func() string {
		all := buffer.String()
		defer func() { told = len(all) }()
		return all[told:]
	}
}

// inForce is the name of the one rule of the policy in force.
func inForce(r *Reloader) string {
	return r.Policy().Outer(&request.RequestInfo{Verb: "get", Path: "/"}, DefaultBound(time.Minute)).Rule
}

// checkMetrics has the registry say how many reloads there were, and which policy is in force.
func checkMetrics(t *testing.T, failures, successes int, inForce string) {
	t.Helper()
	const server = `apiserver_id_hash="sha256:b3eacd33433b31b5252351032c9b3e7a2e7aa7738d5decdf0dd6c62680853c06"`
	want := "# HELP apiserver_deadline_policy_config_controller_automatic_reloads_total [ALPHA] Total number of automatic reloads of the deadline policy split by status and apiserver identity.\n" +
		"# TYPE apiserver_deadline_policy_config_controller_automatic_reloads_total counter\n"
	for status, n := range map[string]int{"failure": failures, "success": successes} {
		if n > 0 {
			want += fmt.Sprintf("apiserver_deadline_policy_config_controller_automatic_reloads_total{%s,status=%q} %d\n", server, status, n)
		}
	}
	if failures+successes == 0 {
		want = ""
	}
	want += "# HELP apiserver_deadline_policy_config_controller_last_config_info [ALPHA] Information about the last applied deadline policy with hash as label, split by apiserver identity.\n" +
		"# TYPE apiserver_deadline_policy_config_controller_last_config_info gauge\n" +
		fmt.Sprintf("apiserver_deadline_policy_config_controller_last_config_info{%s,hash=%q} 1\n", server, hash([]byte(inForce)))
	if err := testutil.GatherAndCompare(legacyregistry.DefaultGatherer, strings.NewReader(want),
		"apiserver_deadline_policy_config_controller_automatic_reloads_total", "apiserver_deadline_policy_config_controller_last_config_info"); err != nil {
		t.Error(err)
	}
	families, err := legacyregistry.DefaultGatherer.Gather()
	if err != nil {
		t.Fatal(err)
	}
	last := 0
	for _, f := range families {
		if f.GetName() == "apiserver_deadline_policy_config_controller_automatic_reload_last_timestamp_seconds" {
			for _, m := range f.Metric {
				if m.Gauge.GetValue() > 0 {
					last++
				}
			}
		}
	}
	if want := min(failures, 1) + min(successes, 1); last != want {
		t.Errorf("the time is known of %d kinds of reloads, want %d", last, want)
	}
}

func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, file, logged := reloading(t)
		interval := func() {
			time.Sleep(ReloadInterval)
			synctest.Wait()
		}
		check := func(want string, lines ...string) {
			t.Helper()
			if got := inForce(r); got != want {
				t.Errorf("%s is in force, want %s", got, want)
			}
			got := strings.TrimSpace(logged())
			if n := len(strings.Split(got, "\n")); got == "" && len(lines) > 0 || got != "" && n != 1 {
				t.Errorf("logged %d lines, want one of %q:\n%s", n, lines, got)
			}
			for _, line := range lines {
				if !strings.Contains(got, line) {
					t.Errorf("logged %q, want %q in it", got, line)
				}
			}
			if len(lines) == 0 && got != "" {
				t.Errorf("logged %s", got)
			}
		}
		interval()
		check("good")
		checkMetrics(t, 0, 0, good)

		write(t, file, better)
		check("good")
		interval()
		check("better", "Reloaded the deadline policy", file, hash([]byte(better)))
		checkMetrics(t, 0, 1, better)

		// Once for as long as it stays as it is.
		write(t, file, bad)
		interval()
		check("better", "Refused the deadline policy, the one before stays in force", file, "rules[0].timeout: Invalid value: 5", hash([]byte(better)))
		checkMetrics(t, 1, 1, better)
		interval()
		interval()
		check("better")
		checkMetrics(t, 1, 1, better)

		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		interval()
		check("better", "Refused the deadline policy", "no such file")
		interval()
		check("better")
		checkMetrics(t, 2, 1, better)

		// Something else is wrong.
		if err := os.Mkdir(file, 0o755); err != nil {
			t.Fatal(err)
		}
		interval()
		check("better", "Refused the deadline policy", "is a directory")
		checkMetrics(t, 3, 1, better)
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}

		// What is in force is there again.
		write(t, file, better)
		interval()
		check("better", "Reloaded the deadline policy")
		checkMetrics(t, 3, 2, better)

		write(t, file, good)
		interval()
		check("good", "Reloaded the deadline policy")
		checkMetrics(t, 3, 3, good)
		interval()
		check("good")
	})
}

// TestReloadUnderLoad: whoever asks has one policy or the other, whole.
func TestReloadUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, file, _ := reloading(t)
		stop := make(chan struct{})
		var asking sync.WaitGroup
		for range 4 {
			asking.Add(1)
			go func() {
				defer asking.Done()
				i := &request.RequestInfo{Verb: "get", Path: "/"}
				for {
					select {
					case <-stop:
						return
					case <-time.After(ReloadInterval / 100):
					}
					switch b := r.Policy().Outer(i, DefaultBound(time.Minute)); b.Request {
					case Limit{5 * time.Second, "good"}, Limit{6 * time.Second, "better"}:
					default:
						t.Errorf("got %+v", b)
					}
				}
			}()
		}
		for n := range 50 {
			write(t, file, []string{good, bad, better}[n%3])
			time.Sleep(ReloadInterval)
		}
		close(stop)
		asking.Wait()
	})
}

func TestNewReloaderRefuses(t *testing.T) {
	dir := t.TempDir()
	if _, err := NewReloader(filepath.Join(dir, "none.yaml"), "server"); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "none.yaml") {
		t.Errorf("no file: got %v", err)
	}
	file := filepath.Join(dir, "bad.yaml")
	write(t, file, bad)
	want := "deadline policy " + file + `: rules[0].timeout: Invalid value: 5: must be a duration with its unit, such as "2s" or "5m"`
	if _, err := NewReloader(file, "server"); err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}
