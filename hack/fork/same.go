package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"fork.internal/apiserver/hack/internal/build"
	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/same"
)

func newSameCommand(co *checkout.Checkout) *cobra.Command {
	var o same.Options
	cmd := &cobra.Command{
		Use:   "same [SCENARIO]...",
		Short: "Compare what clients, handlers and records see of upstream and of the fork while no deadline is near",
		Args:  cobra.ArbitraryArgs,
	}
	out := outputFlag(cmd)
	tagFlag(cmd, &o.Tag, "the newest pinned one")
	cmd.Flags().IntVar(&o.Random, "random", 0, "how many random scenarios are played as well")
	cmd.Flags().Uint64Var(&o.Seed, "seed", 1, "what those are made of")
	cmd.RunE = func(cmd *cobra.Command, scenarios []string) error {
		o.Scenarios = scenarios
		report, err := same.Run(cmd.Context(), co, o)
		if err != nil && report.Cases == 0 && len(report.Failed) == 0 {
			return err // It has not come to compare them.
		}
		return errors.Join(err, out.print(co.Out, report, func() { printSame(co.Out, report) }))
	}
	return cmd
}

// printSame prints in a line each what there is of allowed differences, and then by scenario those that are not:
// the end of a long log is what is kept of it.
func printSame(w io.Writer, r same.Report) {
	fmt.Fprintf(w, "%d scenarios, %d cases; in %.0f s against upstream and the handler alone, and %.0f s against the fork\n",
		r.Scenarios, r.Cases, r.Seconds[build.Upstream], r.Seconds[build.Fork])
	for _, row := range slices.Sorted(maps.Keys(r.Allowed)) {
		fmt.Fprintf(w, "  %4d cases differ as %s allows\n", r.Allowed[row], row)
	}
	fmt.Fprintf(w, "  %4d cases differ from the handler alone upstream, and likewise in the fork\n", r.Own)
	if r.Hasty > 0 {
		fmt.Fprintf(w, "  %4d cases differed in the fork while the machine was busy, and not when they were played again in calm\n", r.Hasty)
	}
	last := ""
	for _, d := range r.Differences {
		if c := d.Scenario + " over " + d.Proto; c != last {
			fmt.Fprintf(w, "%s: %s\n", c, d.Script)
			last = c
		}
		fmt.Fprintf(w, "  %s", d.Field)
		if len(d.Near) > 0 {
			fmt.Fprintf(w, " (and not as %s allows)", strings.Join(d.Near, ", "))
		}
		fmt.Fprintln(w)
		for _, side := range []struct {
			name string
			seen []string
		}{{"plain", d.Plain}, {"upstream", d.Upstream}, {"fork", d.Fork}} {
			for _, value := range side.seen {
				if value == "" {
					value = "-"
				}
				fmt.Fprintf(w, "    %-9s %s\n", side.name, strings.ReplaceAll(value, "\n", "\n              "))
			}
		}
	}
	for _, s := range r.Stale {
		fmt.Fprintf(w, "%s over %s: %s allows a difference that is not there, in %s\n", s.Scenario, s.Proto, s.Row, strings.Join(s.Fields, ", "))
	}
	for _, f := range r.Failed {
		what := "could not be played: "
		if f.Scenario == "" { // It is of the whole run, such as a data race.
			what = ""
		}
		fmt.Fprintf(w, "%s%s\n", what, f)
	}
}
