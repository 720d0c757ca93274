package main

import (
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/test/demo"
)

func newDemoCommand(co *checkout.Checkout) *cobra.Command {
	var tag string
	var duration time.Duration
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Put the load that kills an unmodified kube-apiserver on it and on the patched one",
		Args:  cobra.NoArgs,
	}
	out := outputFlag(cmd)
	tagFlag(cmd, &tag, "the newest pinned one")
	cmd.Flags().DurationVar(&duration, "duration", 2*time.Minute, "how long the unmodified one is given to die; the patched one gets three times what that took, and a minute anyhow")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		etcd, unmodified, patched, err := kubeAPIServers(cmd, co, tag, false)
		if err != nil {
			return err
		}
		report, err := demo.Run(cmd.Context(), demo.Config{
			Unmodified: unmodified,
			Patched:    patched,
			Etcd:       etcd,
			Dir:        filepath.Join(co.Output(), "demo"),
			Duration:   duration,
			Progress:   co.Err,
		})
		if err != nil {
			return err
		}
		return out.judge(co.Out, report)
	}
	return cmd
}
