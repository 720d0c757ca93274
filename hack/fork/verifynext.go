package main

import (
	"github.com/spf13/cobra"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/queue"
)

func newVerifyNextCommand(co *checkout.Checkout) *cobra.Command {
	var tag string
	var pin bool
	cmd := &cobra.Command{
		Use:   "verify-next",
		Short: "Try the newest minor's patches on the tag that comes next, a pre-release too",
		Args:  cobra.NoArgs,
	}
	out := outputFlag(cmd)
	cmd.Flags().StringVar(&tag, "tag", "", "upstream tag, such as v0.38.0-beta.0 (default: the newest that the module proxy lists)")
	cmd.Flags().BoolVar(&pin, "pin", false, "note the tag and its checksum in patches/pins.json")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return reportChecks(co, out, func(report func(queue.Check)) error {
			return queue.VerifyNext(cmd.Context(), co, tag, pin, report)
		})
	}
	return cmd
}
