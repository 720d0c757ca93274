package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/queue"
)

func newTouchedCommand(co *checkout.Checkout) *cobra.Command {
	var tag string
	cmd := &cobra.Command{
		Use:   "touched",
		Short: "List the packages of a tree that pkg/ or a patch changes",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			packages, err := queue.Touched(cmd.Context(), co, tag)
			for _, p := range packages {
				fmt.Fprintln(co.Out, p)
			}
			return err
		},
	}
	tagFlag(cmd, &tag, "the newest pinned one")
	return cmd
}
