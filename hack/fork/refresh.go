package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/queue"
)

func newRefreshCommand(co *checkout.Checkout) *cobra.Command {
	var tag string
	cmd := &cobra.Command{
		Use:   "refresh",
		Short: "Write the commits of a tree back to pkg/ and patches/",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			info, err := queue.Refresh(cmd.Context(), co, tag)
			if err != nil {
				return err
			}
			printRefresh(co.Out, info)
			return nil
		},
	}
	tagFlag(cmd, &tag, "the newest pinned one")
	return cmd
}

func printRefresh(w io.Writer, info *queue.RefreshInfo) {
	if info.KeptAgainst != "" {
		fmt.Fprintf(w, "nothing to do: the patches are written against %s, and the tree of %s has nothing of its own\n", info.KeptAgainst, info.Tag)
		return
	}
	printDropped(w, info)
	for _, change := range info.Changes {
		fmt.Fprintln(w, change)
	}
	if len(info.Changes) == 0 {
		fmt.Fprintln(w, "nothing changed")
	}
	for i, patch := range info.Patches {
		fmt.Fprintf(w, "%4d  %s\n", i+1, patch)
	}
	for _, warning := range info.Warnings {
		fmt.Fprintln(w, "warning:", warning)
	}
	fmt.Fprintf(w, "tree of %s: commit %s\n", info.Tag, info.Head)
	if len(info.ToCarry) > 0 {
		fmt.Fprintf(w, "%s share what has changed; next: make carry\n", strings.Join(info.ToCarry, ", "))
	}
}

func printDropped(w io.Writer, info *queue.RefreshInfo) {
	for _, subject := range info.Dropped {
		fmt.Fprintf(w, "not carried, as %s has it, or it was skipped or renamed: %s\n", info.Tag, subject)
	}
}
