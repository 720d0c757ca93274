package conformance

import (
	"context"
	"fmt"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/kindtest"
)

// run is one run.
type run struct {
	co       *checkout.Checkout
	programs *programs
	dir      string
	report   *Report
	images   map[string]v1.Image
}

// onClusters runs what s chooses on a cluster of the fork's and, what fails there, on an unmodified one beside it.
func (r *run) onClusters(ctx context.Context, s selection, chosen specs) error {
	return r.with(ctx, kindtest.Options{Name: forkCluster}, func(ctx context.Context, c *kindtest.Cluster, fork *runner) error {
		r.report.Server = c.Server()
		var all specs
		if err := c.Part("the specs", func() (err error) {
			all, err = fork.run(ctx, s, len(chosen))
			return err
		}); err != nil {
			return err
		}
		v := verdict{all: all}
		if len(all.failures()) > 0 {
			if err := r.with(ctx, kindtest.Options{Name: unmodifiedCluster, Unmodified: true}, func(ctx context.Context, c *kindtest.Cluster, plain *runner) error {
				return c.Part("what has failed", func() error { return v.compare(ctx, fork, plain) })
			}); err != nil {
				return err
			}
		}
		r.report.Specs = v.specs()
		return r.report.verdict()
	})
}

// verdict is an error if a spec differs, or if none passes, which shows nothing.
func (r *Report) verdict() error {
	var differ []string
	passed := 0
	for _, s := range r.Specs {
		switch s.Outcome {
		case Differs:
			differ = append(differ, s.Name)
		case Passed:
			passed++
		}
	}
	if len(differ) > 0 {
		return fmt.Errorf("%d specs fail with the fork, and pass unmodified:\n  %s\nnext: see %s for what they say", len(differ), strings.Join(differ, "\n  "), r.Logs)
	}
	if passed == 0 {
		return fmt.Errorf("of %d specs none passes with the fork, which shows nothing; next: see %s for why they fail on both, or skip themselves", len(r.Specs), r.Logs)
	}
	return nil
}

// with makes a cluster that has the tests' images.
func (r *run) with(ctx context.Context, o kindtest.Options, use func(context.Context, *kindtest.Cluster, *runner) error) error {
	o.Tag, o.Nodes = r.report.Tag, 1
	report, err := kindtest.With(ctx, r.co, o, func(ctx context.Context, c *kindtest.Cluster) error {
		if err := c.Part("the tests' images", func() (err error) {
			if r.images == nil {
				if r.images, err = r.programs.makeImages(ctx, r.co, r.dir, c.Arch()); err != nil {
					return err
				}
			}
			return c.Load(ctx, r.images)
		}); err != nil {
			return err
		}
		return use(ctx, c, &runner{co: r.co, programs: r.programs, dir: r.dir, name: o.Name, kubeconfig: c.Kubeconfig()})
	})
	for _, p := range report.Parts {
		r.report.Parts = append(r.report.Parts, kindtest.Part{Name: o.Name + ": " + p.Name, Seconds: p.Seconds})
	}
	return err
}
