package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"fork.internal/apiserver/hack/internal/build"
	"fork.internal/apiserver/hack/internal/checkout"
)

func newEtcdCommand(co *checkout.Checkout) *cobra.Command {
	return &cobra.Command{
		Use:   "etcd",
		Short: "Build the pinned etcd and print its path",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			path, err := build.Etcd(cmd.Context(), co)
			if err == nil {
				fmt.Fprintln(co.Out, path)
			}
			return err
		},
	}
}
