package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/conformance"
)

func newTestConformanceCommand(co *checkout.Checkout) *cobra.Command {
	var o conformance.Options
	cmd := &cobra.Command{
		Use:   "test-conformance",
		Short: "Run upstream's own end-to-end tests on a kind cluster with the fork and, what fails there, on one without it",
		Long: "By default those are run that are Conformance of sig-api-machinery, sig-auth, sig-cli and sig-node. Serial and Disruptive ones are\n" +
			"left out. What fails is run again on a cluster of the unmodified kube-apiserver, and only a difference is a failure.\n" +
			"The images that the tests want are made here, as far as they can be; a test that wants another fails on both.",
		Args: cobra.NoArgs,
	}
	out := outputFlag(cmd)
	tagFlag(cmd, &o.Tag, "the newest pinned one")
	cmd.Flags().StringVar(&o.Focus, "focus", "", "a regular expression: run the tests whose names it matches, whatever they are of")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		report, err := conformance.Run(cmd.Context(), co, o)
		if report == nil {
			return err
		}
		return errors.Join(out.print(co.Out, report, func() { printConformance(co, report) }), err)
	}
	return cmd
}

// outcomes are the columns of the table.
var outcomes = []conformance.Outcome{
	conformance.Passed, conformance.Skipped, conformance.NoImage, conformance.Unmodified, conformance.Once, conformance.Differs,
}

func printConformance(co *checkout.Checkout, r *conformance.Report) {
	if len(r.Specs) == 0 {
		return
	}
	counts := map[string]map[conformance.Outcome]int{"all": {}}
	for _, s := range r.Specs {
		if counts[s.Group] == nil {
			counts[s.Group] = map[conformance.Outcome]int{}
		}
		counts[s.Group][s.Outcome]++
		counts["all"][s.Outcome]++
		if s.Outcome == conformance.Passed {
			continue
		}
		why := s.Why
		if s.Outcome == conformance.NoImage {
			why = s.Image
		}
		fmt.Fprintf(co.Out, "%s: %s\n    %s\n", s.Outcome, s.Name, why)
	}
	fmt.Fprintln(co.Out)
	w := tabwriter.NewWriter(co.Out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "group\t")
	for _, o := range outcomes {
		fmt.Fprintf(w, "%s\t", o)
	}
	fmt.Fprintln(w)
	for _, group := range slices.Sorted(maps.Keys(counts)) {
		if group != "all" {
			printCounts(w, group, counts[group])
		}
	}
	printCounts(w, "all", counts["all"])
	w.Flush()
	var seconds float64
	for _, p := range r.Parts {
		seconds += p.Seconds
	}
	fmt.Fprintf(co.Out, "\n%s in %s; %d more are Serial or Disruptive, and left out; logs in %s\n", r.Server, duration(seconds), r.LeftOut, r.Logs)
}

func printCounts(w *tabwriter.Writer, group string, counts map[conformance.Outcome]int) {
	fmt.Fprintf(w, "%s\t", group)
	for _, o := range outcomes {
		fmt.Fprintf(w, "%d\t", counts[o])
	}
	fmt.Fprintln(w)
}
