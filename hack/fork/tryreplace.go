package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/consumer"
	"fork.internal/apiserver/hack/internal/pins"
)

func newTryReplaceCommand(co *checkout.Checkout) *cobra.Command {
	var tag string
	var kube bool
	cmd := &cobra.Command{
		Use:   "try-replace",
		Short: "Build " + consumer.Sample + ", or kube-apiserver, as a user would, with the tree and with the module",
		Args:  cobra.NoArgs,
	}
	out := outputFlag(cmd)
	tagFlag(cmd, &tag, "the newest pinned one")
	cmd.Flags().BoolVar(&kube, "kube-apiserver", false, "kube-apiserver, which takes several minutes")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		module := consumer.Sample
		if kube {
			p, err := pins.Load(co.Pins())
			if err != nil {
				return err
			}
			module = p.Consumer
		}
		builds := []consumer.Built{}
		if err := consumer.Try(cmd.Context(), co, module, tag, func(b consumer.Built) {
			if builds = append(builds, b); *out != "json" {
				fmt.Fprintf(co.Out, "%s with the %s: ok, %.0f s: it has %s\n", module, b.Form, b.Seconds, co.Rel(b.Uses))
			}
		}); err != nil {
			return err
		}
		return out.print(co.Out, builds, func() {})
	}
	return cmd
}
