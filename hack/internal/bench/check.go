package bench

import (
	"context"
	"fmt"
	"io"
	"slices"

	"fork.internal/apiserver/hack/internal/build"
	"fork.internal/apiserver/hack/internal/checkout"
)

// checked is what Check measures, and its bounds. They are far from what an idle machine shows (1.2 with little
// stack, 0.5 with much of it), which one that has other work to do may miss by chance: a handler with much stack has to
// cost clearly less than upstream's, as it does with no filter that grows a new stack for each request, and one with
// little not clearly more. Allocations are counted, not timed, so that their bound can be close to what they are, 0.5.
var checked = level{
	number: 1, title: "bench-check", pkg: "./test/bench/filter",
	turns: turns("Filter", []string{"frames=0", "frames=60"}, []string{"parallel=1", "parallel=2"}, []string{"peer=(fork|upstream|none)"}),
	time:  "50ms", rounds: 11, overhead: true,
	goals: []rule{
		ratio("frames=0", "ns/op", atMost(1.5)),
		ratio("frames=60", "ns/op", atMost(0.7)),
		ratio("", "allocs/op", atMost(0.6)),
	},
}

// mustCheck is the cases without which a check says nothing.
var mustCheck = []string{
	"Filter/frames=0/parallel=1", "Filter/frames=0/parallel=2",
	"Filter/frames=60/parallel=1", "Filter/frames=60/parallel=2",
}

// again is how many times the rounds a second try has.
const again = 2

// Check measures what the timeout filter costs, for a minute, and returns the cases. The error names those
// for which the fork is past its bound in two tries, the second of which is longer: a busy machine may well
// be the reason of one.
func Check(ctx context.Context, co *checkout.Checkout, tag string) ([]Case, error) {
	ctx, unlock, err := co.Lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	halves, err := programs(ctx, co, checked, Options{Tag: tag})
	if err != nil {
		return nil, err
	}
	return check(co, checked, func(l level) (rounds, error) {
		return measure(ctx, co, l, halves, func(build.Variant, string) error { return nil })
	})
}

// check has the level measured, once or twice.
func check(co *checkout.Checkout, l level, measure func(level) (rounds, error)) ([]Case, error) {
	cases, past, err := checkOnce(l, measure)
	if err != nil || len(past) == 0 {
		return cases, err
	}
	fmt.Fprintf(co.Err, "past its bound: %s; once more, with %d times the rounds\n", firstOf(past), again)
	l.rounds *= again
	if cases, past, err = checkOnce(l, measure); err != nil || len(past) == 0 {
		return cases, err
	}
	return cases, fmt.Errorf("the timeout filter has become too slow, by what upstream's costs over a direct call: %s; next: `make bench LEVEL=1`, which measures it at length", firstOf(past))
}

// firstOf names one of them, and says how many others there are: WriteCheck shows all.
func firstOf(past []string) string {
	if len(past) == 1 {
		return past[0]
	}
	return fmt.Sprintf("%s (and %d more)", past[0], len(past)-1)
}

// checkOnce returns what is past its bound.
func checkOnce(l level, measure func(level) (rounds, error)) (cases []Case, past []string, err error) {
	r, err := measure(l)
	if err != nil {
		return nil, nil, err
	}
	if cases, err = compare(l, r); err != nil {
		return nil, nil, err
	}
	for _, name := range mustCheck {
		for _, unit := range []string{"ns/op", "allocs/op"} {
			if !slices.ContainsFunc(cases, func(c Case) bool { return c.Name == name && c.Unit == unit && len(c.Goals) > 0 }) {
				return nil, nil, fmt.Errorf("%s has no Benchmark%s that reports %s: without it nothing is checked", l.pkg, name, unit)
			}
		}
	}
	for _, c := range cases {
		for _, g := range c.Goals {
			if !g.Met {
				past = append(past, fmt.Sprintf("%s, %s: %s is %.4g, not %s", c.Name, c.Unit, g.What, g.Value, g.Bound))
			}
		}
	}
	return cases, past, nil
}

// WriteCheck writes what Check has found for people.
func WriteCheck(w io.Writer, cases []Case) {
	for _, c := range cases {
		if len(c.Goals) > 0 {
			fmt.Fprintf(w, "%-28s %-10s fork/upstream %s, %s\n", c.Name, c.Unit, number3(c.Ratio), goals(c))
		}
	}
}
