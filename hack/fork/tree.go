package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/queue"
)

func newTreeCommand(co *checkout.Checkout) *cobra.Command {
	var tag string
	cmd := &cobra.Command{
		Use:   "tree",
		Short: "Lay an upstream tag with pkg/ and the patches under _output/tree, as a git repository",
		Args:  cobra.NoArgs,
	}
	out := outputFlag(cmd)
	tagFlag(cmd, &tag, "the newest pinned one")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		info, err := queue.Tree(cmd.Context(), co, tag)
		if err != nil {
			return err
		}
		return out.print(co.Out, info, func() {
			how := "made"
			if info.UpToDate {
				how = "up to date"
			}
			fmt.Fprintf(co.Out, "%s: %s, %d patches, commit %s\n", co.Rel(info.Path), how, info.Patches, info.Head)
		})
	}
	return cmd
}
