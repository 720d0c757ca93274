package main

import (
	"github.com/spf13/cobra"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/diagnose/fixtures"
)

func newDiagnoseFixturesCommand(co *checkout.Checkout) *cobra.Command {
	var tag string
	cmd := &cobra.Command{
		Use:   "diagnose-fixtures [NAME]...",
		Short: "Make anew what the tests of diagnose read, by running unmodified servers and the fork's",
		Args:  cobra.ArbitraryArgs,
	}
	tagFlag(cmd, &tag, "the newest pinned one")
	cmd.RunE = func(cmd *cobra.Command, names []string) error {
		return fixtures.Make(cmd.Context(), co, tag, names)
	}
	return cmd
}
