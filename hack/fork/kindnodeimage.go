package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/engine"
	"fork.internal/apiserver/hack/internal/nodeimage"
)

func newKindNodeImageCommand(co *checkout.Checkout) *cobra.Command {
	var tag string
	cmd := &cobra.Command{
		Use:   "kind-node-image",
		Short: "Make an image of a kind node, with the unmodified release, from the Go module proxy and Debian",
		Args:  cobra.NoArgs,
	}
	out := outputFlag(cmd)
	tagFlag(cmd, &tag, "the newest pinned one")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		e, err := engine.Connect(cmd.Context(), co)
		if err != nil {
			return err
		}
		node, err := nodeimage.Make(cmd.Context(), co, e, tag)
		if err != nil {
			return err
		}
		return out.print(co.Out, node, func() {
			fmt.Fprintf(co.Out, "%s is a node of Kubernetes %s; next: make test-kind\n", node.Name, node.Release)
		})
	}
	return cmd
}
