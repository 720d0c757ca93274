package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/goproxy"
)

func newModuleCommand(co *checkout.Checkout) *cobra.Command {
	var tag string
	cmd := &cobra.Command{
		Use:   "module",
		Short: "Make a Go module of a tree, in a directory for GOPROXY",
		Args:  cobra.NoArgs,
	}
	out := outputFlag(cmd)
	tagFlag(cmd, &tag, "the newest pinned one")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		m, err := goproxy.Make(cmd.Context(), co, tag)
		if err != nil {
			return err
		}
		return out.print(co.Out, m, func() {
			fmt.Fprintf(co.Out, "%s %s %s\n  in %s, for GOPROXY=%s,...\n", m.Path, m.Version, m.Sum, co.Rel(m.Zip), m.URL)
			if m.New {
				fmt.Fprintln(co.Out, enteredInLedger(co))
			}
		})
	}
	return cmd
}

// enteredInLedger is what is left to do about a version that was given away.
func enteredInLedger(co *checkout.Checkout) string {
	return fmt.Sprintf("  entered in %s: commit that before the module leaves this machine", co.Rel(goproxy.Ledger(co)))
}
