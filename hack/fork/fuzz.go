package main

import (
	"errors"

	"github.com/spf13/cobra"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/fuzz"
)

func newFuzzCommand(co *checkout.Checkout) *cobra.Command {
	var o fuzz.Options
	cmd := &cobra.Command{
		Use:   "fuzz [TARGET]...",
		Short: "Run the fuzz targets of pkg/, of the tool and of test/, one after the other",
		Args:  cobra.ArbitraryArgs,
	}
	out := outputFlag(cmd)
	cmd.Flags().StringVar(&o.Time, "time", "30s", "for how long each is run, such as 10m, or 1000x for so many executions")
	cmd.Flags().BoolVar(&o.Race, "race", false, "with the race detector")
	cmd.RunE = func(cmd *cobra.Command, ids []string) error {
		o.IDs = ids
		report, err := fuzz.Run(cmd.Context(), co, o)
		if len(report) == 0 {
			return err
		}
		return errors.Join(err, out.judge(co.Out, report))
	}
	return cmd
}
