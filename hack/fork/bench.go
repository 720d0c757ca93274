package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"fork.internal/apiserver/hack/internal/bench"
	"fork.internal/apiserver/hack/internal/checkout"
)

func newBenchCommand(co *checkout.Checkout) *cobra.Command {
	var o bench.Options
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure unmodified upstream and the fork in turn, and compare them",
		Args:  cobra.NoArgs,
	}
	out := outputFlag(cmd)
	tagFlag(cmd, &o.Tag, "the newest pinned one")
	cmd.Flags().IntVar(&o.Level, "level", 0, fmt.Sprintf("measure this level alone, one of %v (default: all)", bench.Levels()))
	cmd.Flags().IntVar(&o.Rounds, "rounds", 0, "how often each program runs (default: each level's own number)")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		for _, flag := range []struct {
			name  string
			value int
		}{{"level", o.Level}, {"rounds", o.Rounds}} {
			if cmd.Flags().Changed(flag.name) && flag.value == 0 {
				return fmt.Errorf("--%s 0 (in make, in capitals): leave it out for the default, or give a number from 1", flag.name)
			}
		}
		o.Servers = func(ctx context.Context) (etcd, upstream, fork string, err error) {
			cmd.SetContext(ctx) // It holds the checkout's lock.
			return kubeAPIServers(cmd, co, o.Tag, false)
		}
		var report bench.Report
		err := bench.Run(cmd.Context(), co, o, func(l bench.Level) {
			report.Levels = append(report.Levels, l)
			if *out != "json" {
				l.WriteTable(co.Out)
				fmt.Fprintln(co.Out)
			}
		})
		printErr := out.print(co.Out, report, func() { summarize(co, report) })
		return errors.Join(err, printErr)
	}
	cmd.AddCommand(newBenchCheckCommand(co), newBenchPublishCommand(co))
	return cmd
}

// summarize says which goals are missed, and where the results are.
func summarize(co *checkout.Checkout, report bench.Report) {
	if len(report.Levels) == 0 {
		return
	}
	missed := report.Missed()
	if len(missed) == 0 {
		fmt.Fprintln(co.Out, "All goals are met.")
	} else {
		fmt.Fprintf(co.Out, "Goals missed: %d\n", len(missed))
		for _, m := range missed {
			fmt.Fprintf(co.Out, "  %s\n", m)
		}
	}
	fmt.Fprintf(co.Out, "Data, chart and raw output are in %s\n", co.Rel(bench.Dir(co)))
}

func newBenchCheckCommand(co *checkout.Checkout) *cobra.Command {
	var tag string
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Fail if the timeout filter has become far slower, compared with upstream's",
		Args:  cobra.NoArgs,
	}
	out := outputFlag(cmd)
	tagFlag(cmd, &tag, "the newest pinned one")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cases, err := bench.Check(cmd.Context(), co, tag)
		printErr := out.print(co.Out, cases, func() { bench.WriteCheck(co.Out, cases) })
		return errors.Join(err, printErr)
	}
	return cmd
}

func newBenchPublishCommand(co *checkout.Checkout) *cobra.Command {
	return &cobra.Command{
		Use:   "publish",
		Short: "Copy the data, the chart and the table of the last bench to test/bench, which the README shows",
		Args:  cobra.NoArgs,
		RunE:  func(*cobra.Command, []string) error { return bench.Publish(co) },
	}
}
