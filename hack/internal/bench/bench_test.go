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

// halvesOf are a level's two programs, which run body with their variant in $WHO.
func halvesOf(t *testing.T, co *checkout.Checkout, l level, body string) (halves [2]program) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(co.Root, l.pkg), 0o755); err != nil {
		t.Fatal(err)
	}
	path := script(t, body)
	for i, v := range []build.Variant{build.Upstream, build.Fork} {
		halves[i] = program{variant: v, env: []string{"WHO=" + string(v)}, path: path}
	}
	return halves
}

func TestProgramsTakeTurns(t *testing.T) {
	co := toy(t)
	l := levels[0]
	l.rounds, l.turns = 3, []string{"^BenchmarkX$", "^BenchmarkY$"}
	log := filepath.Join(t.TempDir(), "log")
	halves := halvesOf(t, co, l, "echo $WHO $* >>"+log+"\ncase $* in *BenchmarkX*) n=X ;; *) n=Y ;; esac\necho 'Benchmark'$n'/peer='$WHO' 1 5 ns/op'\necho PASS\n")
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
		turn := "Y"
		if strings.Contains(line, "-test.bench=^BenchmarkX$") {
			turn = "X"
		}
		who = append(who, turn+" "+strings.Fields(line)[0])
		for _, want := range []string{"-test.benchtime=200ms", "-test.count=1", "-test.bench=^Benchmark" + turn + "$"} {
			if !strings.Contains(line, want) {
				t.Errorf("%q lacks %s", line, want)
			}
		}
	}
	const one, two = "X upstream, X fork, Y upstream, Y fork", "X fork, X upstream, Y fork, Y upstream"
	if got := strings.Join(who, ", "); got != one+", "+two+", "+one {
		t.Errorf("order: %s", got)
	}
	for _, m := range append(r.upstream, r.fork...) {
		if got := strings.Join(m.names, " "); got != "X Y" {
			t.Errorf("a round has measured %s", got)
		}
	}
	raw, err := os.ReadFile(filepath.Join(Dir(co), "1", "fork.txt"))
	if err != nil || strings.Count(string(raw), "BenchmarkX/peer=fork 1 5 ns/op") != 3 {
		t.Errorf("got %q, %v", raw, err)
	}
}

// TestOneProgramHasBothServers: it is run once a round, and what it prints is of both.
func TestOneProgramHasBothServers(t *testing.T) {
	co := toy(t)
	l := levels[2]
	l.rounds = 3
	log := filepath.Join(t.TempDir(), "log")
	halves := halvesOf(t, co, l, "echo $WHO >>"+log+"\necho 'BenchmarkX/peer=upstream 1 5 ns/op'\necho 'BenchmarkX/peer=fork 1 3 ns/op'\necho PASS\n")
	r, err := measure(t.Context(), co, l, halves, keepRaw(co, l))
	if err != nil {
		t.Fatal(err)
	}
	if ran, _ := os.ReadFile(log); string(ran) != "upstream\nfork\nupstream\n" {
		t.Errorf("ran first: %s", ran)
	}
	for variant, other := range map[string]string{"upstream": "fork", "fork": "upstream"} {
		raw, err := os.ReadFile(filepath.Join(Dir(co), "3", variant+".txt"))
		if err != nil || strings.Count(string(raw), "peer="+variant+" ") != 3 || strings.Contains(string(raw), "peer="+other) {
			t.Errorf("%s: got %q, %v", variant, raw, err)
		}
	}
	for round := range l.rounds {
		if u, f := r.upstream[round].values["X"]["upstream"]["ns/op"], r.fork[round].values["X"]["fork"]["ns/op"]; u != 5 || f != 3 {
			t.Errorf("round %d: got %v and %v", round, u, f)
		}
	}
}

func TestAProgramThatFailsFailsTheRun(t *testing.T) {
	co := toy(t)
	for name, tt := range map[string]struct{ body, want string }{
		"exit status": {"echo no listener >&2; exit 2", "no listener"},
		"says FAIL":   {"echo 'BenchmarkX/peer=fork 1 5 ns/op'\necho '--- FAIL: BenchmarkY'\necho '  y_test.go:3: status 500'\n", "status 500"},
		"says little": {"echo PASS", "no benchmark"},
	} {
		_, err := halvesOf(t, co, levels[0], tt.body)[1].run(t.Context(), co, levels[0], "^BenchmarkX$")
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
