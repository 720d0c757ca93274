package bench

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fork.internal/apiserver/hack/internal/build"
	"fork.internal/apiserver/hack/internal/checkout"
)

// costs are what the peers of one benchmark cost, in ns, bytes and allocations.
type costs map[string][3]float64

// output is what a test binary prints of these benchmarks.
func output(benchmarks map[string]costs) string {
	var b strings.Builder
	b.WriteString("goos: linux\ngoarch: amd64\npkg: fork.internal/apiserver/test/bench/filter\ncpu: Toy <CPU> & co\n")
	var names []string
	for name := range benchmarks {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for peer, c := range benchmarks[name] {
			fmt.Fprintf(&b, "Benchmark%s/peer=%s-2 \t 1000\t %g ns/op\t %g B/op\t %g allocs/op\n", name, peer, c[0], c[1], c[2])
		}
	}
	b.WriteString("PASS\n")
	return b.String()
}

// filterNames are the benchmarks of level 1.
func filterNames() []string {
	var names []string
	for _, frames := range []int{0, 60} {
		for _, parallel := range []int{1, 2, 8} {
			names = append(names, fmt.Sprintf("Filter/frames=%d/parallel=%d", frames, parallel))
		}
	}
	return names
}

// filterRounds has upstream cost 100 ns and 10 allocations over a direct call, and the fork those.
func filterRounds(t *testing.T, n int, ns, allocs float64) rounds {
	t.Helper()
	var r rounds
	for i := range n {
		upstream, fork := map[string]costs{}, map[string]costs{}
		none := [3]float64{50, 0, 0}
		for _, name := range filterNames() {
			upstream[name] = costs{"upstream": {150, 1000, 10}, "timeouthandler": {140, 900, 8}, "none": none}
			fork[name] = costs{"fork": {50 + ns + float64(i%2), 500, allocs}, "none": none}
		}
		r.upstream, r.fork = append(r.upstream, parsed(t, output(upstream))), append(r.fork, parsed(t, output(fork)))
	}
	return r
}

func parsed(t *testing.T, out string) *measured {
	t.Helper()
	m, err := parse(out)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func find(t *testing.T, cases []Case, name, unit string) Case {
	t.Helper()
	for _, c := range cases {
		if c.Name == name && c.Unit == unit {
			return c
		}
	}
	t.Fatalf("there is no case %s, %s", name, unit)
	return Case{}
}

// toy is a checkout with nothing in it.
func toy(t *testing.T) *checkout.Checkout {
	return &checkout.Checkout{Root: t.TempDir(), Out: io.Discard, Err: io.Discard}
}

// script is a program that answers to -test.bench with what it is given.
func script(t *testing.T, body string) string {
	name := filepath.Join(t.TempDir(), "bench")
	if err := os.WriteFile(name, []byte("#!/bin/sh\n"+body), 0o755); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestProgramsTakeTurns(t *testing.T) {
	co := toy(t)
	if err := os.MkdirAll(filepath.Join(co.Root, "test/bench/filter"), 0o755); err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(t.TempDir(), "log")
	var halves [2]program
	for i, v := range []build.Variant{build.Upstream, build.Fork} {
		halves[i] = program{variant: v, env: []string{"WHO=" + string(v)},
			path: script(t, "echo $WHO $* >>"+log+"\necho 'BenchmarkX/peer='$WHO' 1 5 ns/op'\necho PASS\n")}
	}
	l := levels[0]
	l.rounds = 3
	r, err := measure(t.Context(), co, l, halves, keepRaw(co, l))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.upstream) != 3 || len(r.fork) != 3 {
		t.Errorf("got %d and %d rounds", len(r.upstream), len(r.fork))
	}
	ran, _ := os.ReadFile(log)
	var who []string
	for line := range strings.Lines(string(ran)) {
		who = append(who, strings.Fields(line)[0])
		for _, want := range []string{"-test.benchtime=200ms", "-test.count=1", "-test.bench=^BenchmarkFilter$"} {
			if !strings.Contains(line, want) {
				t.Errorf("%q lacks %s", line, want)
			}
		}
	}
	if got := strings.Join(who, " "); got != "upstream fork fork upstream upstream fork" {
		t.Errorf("order: %s", got)
	}
	raw, err := os.ReadFile(filepath.Join(Dir(co), "1", "fork.txt"))
	if err != nil || strings.Count(string(raw), "BenchmarkX/peer=fork 1 5 ns/op") != 3 {
		t.Errorf("got %q, %v", raw, err)
	}
}

func TestAProgramThatFailsFailsTheRun(t *testing.T) {
	co := toy(t)
	if err := os.MkdirAll(filepath.Join(co.Root, "test/bench/filter"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct{ body, want string }{
		"exit status": {"echo no listener >&2; exit 2", "no listener"},
		"says FAIL":   {"echo 'BenchmarkX/peer=fork 1 5 ns/op'\necho '--- FAIL: BenchmarkY'\necho '  y_test.go:3: status 500'\n", "status 500"},
		"says little": {"echo PASS", "no benchmark"},
	} {
		_, _, err := program{variant: build.Fork, path: script(t, tt.body)}.run(t.Context(), co, levels[0])
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "the fork program of ./test/bench/filter") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestBadOptions(t *testing.T) {
	for _, tt := range []struct {
		o    Options
		want string
	}{
		{Options{Level: 7}, "there is no level 7"},
		{Options{Level: -1}, "there is no level -1"},
		{Options{Rounds: -2}, "at least one"},
	} {
		if err := Run(t.Context(), toy(t), tt.o, nil); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: got %v", tt.o, err)
		}
	}
}
