package bench

import (
	"math"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	m := parsed(t, "goos: linux\ncpu: Toy\nsome log\nBenchmarkChain/proto=HTTP2/verb=get/peer=arming-8  12  1500 ns/op  0.25 p99-ms  300.5 req/s\nPASS\n")
	got := m.values["Chain/proto=HTTP2/verb=get"]["arming"]
	if got["ns/op"] != 1500 || got["p99-ms"] != 0.25 || got["req/s"] != 300.5 || m.cpu != "Toy" || m.procs != "8" {
		t.Errorf("got %+v", m)
	}
	if m := parsed(t, "BenchmarkX/peer=fork 1 1 ns/op\n"); m.procs != "1" {
		t.Errorf("got GOMAXPROCS %s", m.procs)
	}
	for name, tt := range map[string]struct{ out, want string }{
		"FAIL":         {"BenchmarkX/peer=fork-2 1 1 ns/op\nFAIL\n", "FAIL"},
		"one failed":   {"BenchmarkX/peer=fork-2 1 1 ns/op\n--- FAIL: BenchmarkY\n", "BenchmarkY"},
		"panic":        {"BenchmarkX/peer=fork-2 1 1 ns/op\npanic: no\n", "panic: no"},
		"nothing":      {"PASS\n", "no benchmark"},
		"no peer":      {"BenchmarkX/frames=0-2 1 1 ns/op\n", "names no peer"},
		"twice":        {"BenchmarkX/peer=fork-2 1 1 ns/op\nBenchmarkX/peer=fork-2 1 1 ns/op\n", "ran twice"},
		"not a number": {"BenchmarkX/peer=fork-2 1 x ns/op\n", "parsing"},
	} {
		if _, err := parse(tt.out); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestEstimate(t *testing.T) {
	e := estimate([]float64{3, 1, 2})
	if e.Median != 2 || e.Low != 1 || e.High != 3 || e.Spread != "range" || e.Rounds != 3 {
		t.Errorf("three rounds: got %+v", e)
	}
	e = estimate([]float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 100})
	if e.Median != 5.5 || e.Low < 1 || e.Low > 3 || e.High < 8 || e.High > 9 || e.Spread != "95% CI" {
		t.Errorf("ten rounds: got %+v", e)
	}
	if e = estimate([]float64{7, math.NaN()}); e.Median != 7 || e.Rounds != 1 {
		t.Errorf("one round that tells: got %+v", e)
	}
	if e = estimate([]float64{math.NaN()}); e != nil {
		t.Errorf("none: got %+v", e)
	}
}

func TestOverheadIsOverTheDirectCallOfTheSameRound(t *testing.T) {
	cases, err := compare(levels[0], filterRounds(t, 4, 20, 5))
	if err != nil {
		t.Fatal(err)
	}
	c := find(t, cases, "Filter/frames=60/parallel=2", "ns/op")
	if c.Over != "none" || c.Peers["upstream"].Median != 100 || c.Peers["fork"].Median != 20.5 || c.Peers["none"].Median != 50 || math.Abs(c.Ratio.Median-0.205) > 1e-9 {
		t.Errorf("got %+v", c)
	}
	if len(c.Goals) != 2 || !c.Goals[0].Met || !c.Goals[1].Met {
		t.Errorf("got the goals %v", c.Goals)
	}
	if want := 3 * len(filterNames()); len(cases) != want {
		t.Errorf("got %d cases, want %d", len(cases), want)
	}
}

func TestGoals(t *testing.T) {
	for _, tt := range []struct {
		ns, allocs float64
		missed     []string
	}{
		{20, 5, nil},
		{40, 6, []string{"frames=60/parallel=1, ns/op: fork/upstream", "frames=60/parallel=2, ns/op: fork/upstream", "frames=60/parallel=8, ns/op: fork/upstream"}},
		{20, 7, []string{"allocs/op", "allocs/op", "allocs/op", "allocs/op", "allocs/op", "allocs/op"}},
	} {
		cases, err := compare(levels[0], filterRounds(t, 3, tt.ns, tt.allocs))
		if err != nil {
			t.Fatal(err)
		}
		missed := Report{Levels: []Level{{Number: 1, Cases: cases}}}.Missed()
		if len(missed) != len(tt.missed) {
			t.Fatalf("%g ns, %g allocations: got %q", tt.ns, tt.allocs, missed)
		}
		for i := range missed {
			if !strings.Contains(missed[i], tt.missed[i]) {
				t.Errorf("got %q, want %q in it", missed[i], tt.missed[i])
			}
		}
	}
	for _, tt := range []struct {
		b    bound
		v    float64
		want bool
	}{{atMost(1), 1, true}, {atMost(1), 1.01, false}, {atLeast(1.05), 1.05, true}, {atLeast(1.05), 1.04, false}, {atMost(1), math.NaN(), false}} {
		if got := tt.b.met(tt.v); got != tt.want {
			t.Errorf("%v, %g: got %t", tt.b, tt.v, got)
		}
	}
}

// round is one round of programs that print these lines.
func round(t *testing.T, upstream, fork string) rounds {
	t.Helper()
	return rounds{upstream: []*measured{parsed(t, upstream)}, fork: []*measured{parsed(t, fork)}}
}

func TestGoalsOfTheOtherLevels(t *testing.T) {
	for _, tt := range []struct {
		level          int
		upstream, fork string
		want           []string
	}{
		{2, "BenchmarkChain/verb=get/peer=upstream 1 100 req/s 2 p99-ms\nBenchmarkChain/verb=create/peer=upstream 1 100 req/s 2 p99-ms\n",
			"BenchmarkChain/verb=get/peer=fork 1 103 req/s 2.2 p99-ms\nBenchmarkChain/verb=create/peer=fork 1 103 req/s 1 p99-ms\n",
			[]string{">= 1.02 met", "<= 1 MISSED", ">= 1.05 MISSED", "<= 1 met"}},
		{3, "BenchmarkCluster/verb=list/peer=upstream 1 100 req/s\nBenchmarkCluster/verb=patch/peer=upstream 1 100 req/s\n",
			"BenchmarkCluster/verb=list/peer=fork 1 99 req/s\nBenchmarkCluster/verb=patch/peer=fork 1 110 req/s\n",
			[]string{">= 1 MISSED", ">= 1.05 met"}},
		{4, "Benchmark504/proto=HTTP1/cpu=idle/peer=upstream 1 9 p99-ms\nBenchmark504/proto=HTTP1/cpu=busy/peer=upstream 1 9 p99-ms\nBenchmarkStalled/clients=10/peer=upstream 1 10 goroutines-before 400 goroutines-after 90 seats-after\n",
			"Benchmark504/proto=HTTP1/cpu=idle/peer=fork 1 6 p99-ms\nBenchmark504/proto=HTTP1/cpu=busy/peer=fork 1 60 p99-ms\nBenchmarkStalled/clients=10/peer=fork 1 10 goroutines-before 12 goroutines-after 1 seats-after\n",
			[]string{"fork's p99-ms <= 5: 6 MISSED", "fork's goroutines held <= 20: 2 met", "fork's seats held <= 0: 1 MISSED"}},
		{5, "BenchmarkGrowth/inflight=1/peer=upstream 1 10 ns/op\nBenchmarkGrowth/inflight=10000/peer=upstream 1 90 ns/op\nBenchmarkGrowth/overdue=10000/peer=upstream 1 90 ns/op\n",
			"BenchmarkGrowth/inflight=1/peer=fork 1 10 ns/op\nBenchmarkGrowth/inflight=10000/peer=fork 1 12 ns/op\nBenchmarkGrowth/overdue=10000/peer=fork 1 30 ns/op\n",
			[]string{"growth of fork <= 1.5: 1.2 met", "growth of fork <= 1.5: 3 MISSED"}},
	} {
		l := levels[tt.level-1]
		cases, err := compare(l, round(t, tt.upstream, tt.fork))
		if err != nil {
			t.Errorf("level %d: %v", tt.level, err)
			continue
		}
		var got []string
		for _, c := range cases {
			for _, g := range c.Goals {
				got = append(got, g.String())
			}
		}
		if strings.Join(got, "\n") != strings.Join(tt.want, "\n") {
			t.Errorf("level %d: got %q", tt.level, got)
		}
	}
}

func TestWhatIsMissingIsAnError(t *testing.T) {
	const name = "Filter/frames=60/parallel=8"
	for what, tt := range map[string]struct {
		spoil func(r rounds)
		want  string
	}{
		"the fork's":     {func(r rounds) { delete(r.fork[0].values, name) }, "the fork program of ./test/bench/filter has not measured Benchmark" + name + "/peer=fork in round 1"},
		"upstream's":     {func(r rounds) { delete(r.upstream[0].values[name], "upstream") }, "/peer=upstream in round 1"},
		"a direct call":  {func(r rounds) { delete(r.fork[0].values[name], "none") }, "/peer=none in round 1"},
		"a unit":         {func(r rounds) { delete(r.fork[0].values[name]["fork"], "allocs/op") }, "/peer=fork, allocs/op in round 1"},
		"a later round":  {func(r rounds) { delete(r.fork[2].values, name) }, "in round 3"},
		"more for later": {func(r rounds) { r.fork[1].names = append(r.fork[1].names, "X") }, "7 in round 2"},
	} {
		r := filterRounds(t, 3, 20, 5)
		tt.spoil(r)
		if _, err := compare(levels[0], r); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v", what, err)
		}
	}
	if _, err := compare(levels[1], filterRounds(t, 1, 20, 5)); err == nil || !strings.Contains(err.Error(), "no benchmark of ./test/bench/chain has what the goal") {
		t.Errorf("goals for nothing: got %v", err)
	}
	free := round(t, "BenchmarkFilter/frames=0/peer=upstream 1 5 ns/op\nBenchmarkFilter/frames=0/peer=none 1 5 ns/op\n",
		"BenchmarkFilter/frames=0/peer=fork 1 5 ns/op\nBenchmarkFilter/frames=0/peer=none 1 5 ns/op\n")
	if _, err := compare(levels[0], free); err == nil || !strings.Contains(err.Error(), "upstream is above 0 in 0 of 1 rounds") {
		t.Errorf("nothing to divide by: got %v", err)
	}
	// As many of three rounds have nothing to divide by.
	for n, want := range []string{"", "", "upstream is above 0 in 1 of 3 rounds", "upstream is above 0 in 0 of 3 rounds"} {
		r := filterRounds(t, 3, 20, 5)
		for _, m := range r.upstream[:n] {
			m.values[name]["upstream"]["ns/op"] = m.values[name]["none"]["ns/op"]
		}
		if _, err := compare(levels[0], r); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%d of 3 rounds: got %v", n, err)
		}
	}
}
