package bench

import (
	"bytes"
	"strings"
	"testing"
)

// tries answers each measurement with the next of these, and notes the rounds that were asked for.
func tries(asked *[]int, rs ...rounds) func(level) (rounds, error) {
	return func(l level) (rounds, error) {
		*asked = append(*asked, l.rounds)
		r := rs[0]
		rs = rs[1:]
		return r, nil
	}
}

func TestCheckHasASecondTry(t *testing.T) {
	good, slow, greedy := filterRounds(t, 3, 60, 5), filterRounds(t, 3, 170, 5), filterRounds(t, 3, 20, 9)
	for name, tt := range map[string]struct {
		first, second rounds
		tries         int
		want          string
	}{
		"good":        {good, slow, 1, ""},
		"noise":       {slow, good, 2, ""},
		"slow":        {slow, slow, 2, "Filter/frames=0/parallel=1, ns/op: fork/upstream is 1.7, not <= 1.5 (and 5 more); next: `make bench LEVEL=1`"},
		"allocates":   {greedy, greedy, 2, "Filter/frames=0/parallel=1, allocs/op: fork/upstream is 0.9, not <= 0.6"},
		"slow deeper": {filterRounds(t, 3, 80, 5), filterRounds(t, 3, 80, 5), 2, "Filter/frames=60/parallel=1, ns/op: fork/upstream is 0.8, not <= 0.7"},
	} {
		var asked []int
		cases, err := check(toy(t), checked, tries(&asked, tt.first, tt.second))
		if got := len(asked); got != tt.tries || got == 2 && asked[1] != again*asked[0] {
			t.Errorf("%s: rounds %v", name, asked)
		}
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v", name, err)
		}
		var out bytes.Buffer
		WriteCheck(&out, cases)
		for _, c := range mustCheck {
			if !strings.Contains(out.String(), c) {
				t.Errorf("%s: %s is not in\n%s", name, c, &out)
			}
		}
	}
}

func TestCheckNeedsItsCases(t *testing.T) {
	const gone = "Filter/frames=0/parallel=2"
	r := filterRounds(t, 1, 20, 5)
	for _, m := range []*measured{r.upstream[0], r.fork[0]} {
		delete(m.values, gone)
		for i, name := range m.names {
			if name == gone {
				m.names = append(m.names[:i:i], m.names[i+1:]...)
				break
			}
		}
	}
	var asked []int
	if _, err := check(toy(t), checked, tries(&asked, r)); err == nil || !strings.Contains(err.Error(), "no Benchmark"+gone) {
		t.Errorf("got %v", err)
	}
}
