package main

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/mutate"
)

func newMutantsCommand(co *checkout.Checkout) *cobra.Command {
	o := mutate.Options{Dir: filepath.Join(co.Pkg(), "endpoints", "deadline")}
	cmd := &cobra.Command{
		Use:   "mutants [FILE|FUNCTION|ID]...",
		Short: "Negate each condition and leave out each statement of pkg/endpoints/deadline, and see whether a test notices",
		Args:  cobra.ArbitraryArgs,
	}
	out := outputFlag(cmd)
	cmd.Flags().IntVar(&o.Jobs, "jobs", 1, "how many are tried at a time")
	cmd.Flags().DurationVar(&o.Within, "within", 0, "leave out tests that take longer, such as 1s: a first look (default: none)")
	cmd.RunE = func(cmd *cobra.Command, only []string) error {
		if o.Jobs < 1 {
			return fmt.Errorf("--jobs %d: at least one; next: JOBS=1", o.Jobs)
		}
		o.Only = only
		report, err := mutate.Run(cmd.Context(), co, o)
		if err != nil && len(report.Results) == 0 {
			return err
		}
		return errors.Join(err, out.judge(co.Out, report))
	}
	return cmd
}
