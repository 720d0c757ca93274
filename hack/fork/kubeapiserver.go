package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"fork.internal/apiserver/hack/internal/build"
	"fork.internal/apiserver/hack/internal/checkout"
)

func newKubeAPIServerCommand(co *checkout.Checkout) *cobra.Command {
	var tag string
	var unmodified bool
	cmd := &cobra.Command{
		Use:   "kube-apiserver",
		Short: "Build the real kube-apiserver with the fork and print its path",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			variant := build.Fork
			if unmodified {
				variant = build.Upstream
			}
			path, err := build.KubeAPIServer(cmd.Context(), co, tag, variant)
			if err == nil {
				fmt.Fprintln(co.Out, path)
			}
			return err
		},
	}
	tagFlag(cmd, &tag, "the newest pinned one")
	cmd.Flags().BoolVar(&unmodified, "unmodified", false, "build it without the fork")
	return cmd
}
