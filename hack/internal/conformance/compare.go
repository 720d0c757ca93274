package conformance

import (
	"context"
	"slices"
	"strings"
)

// again is how often what has failed with the fork and not without it is run with it once more, and what then still
// differs without it: a busy machine has many a spec fail once.
const again = 3

// Outcome is what became of a spec.
type Outcome string

// The outcomes.
const (
	Passed  Outcome = "passed"
	Skipped Outcome = "skipped" // by itself, as the cluster does not offer what it wants
	// NoImage is a spec that fails on both, and an image could not be had on either.
	NoImage Outcome = "no image"
	// Unmodified is one that fails on both otherwise.
	Unmodified Outcome = "fails unmodified too"
	// Once is one that failed with the fork, and not again.
	Once Outcome = "failed once"
	// Differs is one that fails with the fork more than once, and never without it.
	Differs Outcome = "FAILED"
)

// Spec is one spec and what became of it.
type Spec struct {
	Name string `json:"name"`
	// Group is its special interest group.
	Group   string  `json:"group"`
	Outcome Outcome `json:"result"`
	// Seconds is how long it took with the fork, the first time.
	Seconds float64 `json:"seconds"`
	// Why is what it said when it failed with the fork or was skipped, and Image what could not be had then.
	Why   string `json:"why,omitempty"`
	Image string `json:"image,omitempty"`
}

// verdict is what is known of the specs.
type verdict struct {
	all        specs // with the fork, the first time
	unmodified specs // what fails without it, of those that failed
	again      specs // what has failed with the fork more than once, of the rest
}

// tester is a runner.
type tester interface {
	run(ctx context.Context, s selection, n int) (specs, error)
}

// compare runs again what has failed.
func (v *verdict) compare(ctx context.Context, fork, plain tester) error {
	failed := v.all.failures()
	var err error
	if v.unmodified, err = failures(ctx, plain, failed, 1); err != nil {
		return err
	}
	if v.again, err = failures(ctx, fork, failed.without(v.unmodified), again); err != nil {
		return err
	}
	often, err := failures(ctx, plain, v.again, again)
	v.unmodified = append(v.unmodified, often...)
	return err
}

// failures runs some specs n times, and returns those that have failed at all.
func failures(ctx context.Context, t tester, some specs, n int) (specs, error) {
	var failed specs
	for range n {
		if len(some) == 0 {
			break
		}
		ran, err := t.run(ctx, exactly(some.names()), len(some))
		if err != nil {
			return nil, err
		}
		now := ran.failures()
		failed = append(failed, now...)
		some = some.without(now)
	}
	return failed, nil
}

// specs are all of them, by name.
func (v *verdict) specs() []Spec {
	var all []Spec
	for _, s := range v.all {
		all = append(all, Spec{Name: s.name, Group: s.group(), Outcome: v.outcome(s), Seconds: s.seconds, Why: firstLines(s.why), Image: s.image})
	}
	slices.SortFunc(all, func(a, b Spec) int { return strings.Compare(a.Name, b.Name) })
	return all
}

func (v *verdict) outcome(s spec) Outcome {
	switch plain := v.unmodified.find(s.name); {
	case s.state == "skipped":
		return Skipped
	case !s.failed():
		return Passed
	case plain != nil && plain.image != "" && s.image != "":
		return NoImage
	case plain != nil:
		return Unmodified
	case v.again.find(s.name) != nil:
		return Differs
	}
	return Once
}
