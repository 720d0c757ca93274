package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/consumer"
	"fork.internal/apiserver/hack/internal/foreign"
	"fork.internal/apiserver/hack/internal/pins"
	"fork.internal/apiserver/hack/internal/suite"
)

// Servers that are built on the pinned module: upstream's, which have its tags, and others'.
var (
	consumersAtTag   = []string{consumer.Sample, "k8s.io/kube-aggregator", "k8s.io/apiextensions-apiserver"}
	consumersOfTheir = []string{"sigs.k8s.io/metrics-server", "sigs.k8s.io/custom-metrics-apiserver"}
)

func newTestConsumersCommand(co *checkout.Checkout) *cobra.Command {
	var tag string
	cmd := &cobra.Command{
		Use:   "test-consumers [NAME...]",
		Short: "Run the tests of other people's servers with the fork, and without it what fails there",
		Long: "Each server is built with the fork as `make replace` has it, and all of its tests are run; what fails is run again unmodified, and\n" +
			"only a difference is a failure. Those of upstream's are taken at the tag, others at their newest release that\n" +
			"requires a pinned tag up to it. A NAME is the last part of a module's path; without any, all are run.\n" +
			"What has passed on the same files is not run again.",
	}
	out := outputFlag(cmd)
	tagFlag(cmd, &tag, "the newest pinned one")
	cmd.RunE = func(cmd *cobra.Command, names []string) error {
		p, pin, err := pins.Find(co.Pins(), tag)
		if err != nil {
			return err
		}
		modules, err := consumers(cmd.Context(), co, p, pin, names)
		if err != nil {
			return err
		}
		results := []suite.Result{}
		var failed error
		for _, m := range modules {
			requires, err := p.Lookup(m.Requires)
			if err != nil {
				return err
			}
			// Each with the tag that it requires: it is that one's files which its tests depend on.
			some, err := runSuite(cmd.Context(), co, suite.Options{
				Pins: p, Tags: []pins.Tag{requires}, Resume: true,
				Steps: []suite.Step{m.Step(p.Module, func(line string) { fmt.Fprintf(co.Err, "    %s\n", line) })},
				Next:  "look into the log, and when that is put right, make test-consumers ID=" + m.Short(),
			})
			results, failed = append(results, some...), errors.Join(failed, err)
			if cmd.Context().Err() != nil {
				break
			}
		}
		return errors.Join(out.print(co.Out, results, func() { printResults(co, results) }), failed)
	}
	return cmd
}

// consumers are those of the names, or all, at the versions that go with the tag. One of which no release does is
// told of, and left out unless it was asked for.
func consumers(ctx context.Context, co *checkout.Checkout, p *pins.Pins, pin pins.Tag, names []string) ([]foreign.Module, error) {
	asked := map[string]bool{}
	for _, name := range names {
		asked[name] = true
	}
	var modules []foreign.Module
	take := func(path string, find func() (foreign.Module, error)) error {
		name := foreign.Module{Path: path}.Short()
		if len(names) > 0 && !asked[name] {
			return nil
		}
		m, err := find()
		if none := new(foreign.NoneError); errors.As(err, &none) && !asked[name] {
			fmt.Fprintf(co.Err, "%s is left out: %v\n", name, none)
			return nil
		}
		if err == nil {
			modules = append(modules, m)
			delete(asked, name)
		}
		return err
	}
	for _, path := range consumersAtTag {
		if err := take(path, func() (foreign.Module, error) { return foreign.AtTag(path, pin), nil }); err != nil {
			return nil, err
		}
	}
	for _, path := range consumersOfTheir {
		if err := take(path, func() (foreign.Module, error) { return foreign.Newest(ctx, co, p, path, pin) }); err != nil {
			return nil, err
		}
	}
	for name := range asked {
		return nil, fmt.Errorf("%q is none of the servers whose tests are known; next: make test-consumers without ID=, or with the last part of a path of %v", name, append(consumersAtTag, consumersOfTheir...))
	}
	return modules, nil
}
