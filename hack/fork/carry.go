package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/queue"
)

func newCarryCommand(co *checkout.Checkout) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "carry",
		Short: "Write the newest minor's tree back, and carry its patches to all other minors",
		Long: "Write the newest minor's tree back to pkg/ and patches/, and carry its patches to all other minors.\n" +
			"Repeated, it goes on where it stopped.",
		Args: cobra.NoArgs,
	}
	out := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		minors := []queue.Carried{}
		err := queue.Carry(cmd.Context(), co, func(c queue.Carried) {
			minors = append(minors, c)
			if *out != "json" {
				printCarried(co.Out, c)
			}
		})
		return errors.Join(out.print(co.Out, minors, func() {}), err)
	}
	return cmd
}

func printCarried(w io.Writer, c queue.Carried) {
	s := c.Series
	switch {
	case s.Base == c.Minor:
		fmt.Fprintf(w, "%s: %d patches\n", c.Tag, len(s.Own))
	default:
		fmt.Fprintf(w, "%s: %d patches of %s's, %d of its own", c.Tag, s.Shared, s.Base, len(s.Own))
		if len(s.Lent) > 0 {
			fmt.Fprintf(w, ", %d of the minors' between", len(s.Lent))
		}
		if len(s.Without) > 0 {
			fmt.Fprintf(w, ", without %d", len(s.Without))
		}
		fmt.Fprintln(w, "; they apply")
	}
	for _, change := range c.Changes {
		fmt.Fprintln(w, "  "+change)
	}
	for _, warning := range c.Warnings {
		fmt.Fprintln(w, "  warning:", warning)
	}
}
