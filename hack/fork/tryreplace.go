package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/consumer"
)

func newTryReplaceCommand(co *checkout.Checkout) *cobra.Command {
	var tag string
	cmd := &cobra.Command{
		Use:   "try-replace",
		Short: "Build " + consumer.Sample + " as a user would, with the tree and with the module",
		Args:  cobra.NoArgs,
	}
	out := outputFlag(cmd)
	tagFlag(cmd, &tag, "the newest pinned one")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		builds := []consumer.Built{}
		if err := consumer.Try(cmd.Context(), co, consumer.Sample, tag, func(b consumer.Built) {
			if builds = append(builds, b); *out != "json" {
				fmt.Fprintf(co.Out, "%s with the %s: ok, %.0f s: it has %s\n", consumer.Sample, b.Form, b.Seconds, co.Rel(b.Uses))
			}
		}); err != nil {
			return err
		}
		return out.print(co.Out, builds, func() {})
	}
	return cmd
}
