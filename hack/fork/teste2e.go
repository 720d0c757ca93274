package main

import (
	"errors"

	"github.com/spf13/cobra"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/e2e"
)

func newTestE2ECommand(co *checkout.Checkout) *cobra.Command {
	var o e2e.Options
	cmd := &cobra.Command{
		Use:   "test-e2e [TEST]...",
		Short: "Run the end-to-end tests against a cluster that is started for them, or against any other",
		Args:  cobra.ArbitraryArgs,
	}
	out := outputFlag(cmd)
	tagFlag(cmd, &o.Tag, "the newest pinned one")
	cmd.Flags().StringVar(&o.Kubeconfig, "kubeconfig", "", "a cluster's, to run against in place of one that is started; the environment's has no say")
	cmd.Flags().BoolVar(&o.Unmodified, "unmodified", false, "start a kube-apiserver without the fork")
	streamsFlag(cmd, &o.Streams)
	cmd.RunE = func(cmd *cobra.Command, tests []string) error {
		o.Tests = tests
		report, err := e2e.Run(cmd.Context(), co, o)
		if report == nil {
			return err
		}
		// The tests have said it in words as they went.
		return errors.Join(err, out.print(co.Out, report, func() {}))
	}
	return cmd
}
