package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/queue"
)

func newRebaseCommand(co *checkout.Checkout) *cobra.Command {
	var from, to string
	cmd := &cobra.Command{
		Use:   "rebase",
		Short: "Carry the patches from one upstream tag to another, and pin that",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			info, err := queue.Rebase(cmd.Context(), co, from, to)
			if err != nil {
				return err
			}
			for _, subject := range info.Dropped {
				fmt.Fprintf(co.Out, "dropped, %s has it: %s\n", to, subject)
			}
			printRefresh(co.Out, info.Refresh)
			if info.Pinned {
				fmt.Fprintf(co.Out, "pinned %s\n", to)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "the pinned tag whose patches to take")
	cmd.Flags().StringVar(&to, "to", "", "the tag to take them to")
	return cmd
}
