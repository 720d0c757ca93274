package main

import (
	"path/filepath"

	"github.com/spf13/cobra"

	"fork.internal/apiserver/hack/internal/build"
	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/test/ha"
)

func newTestHACommand(co *checkout.Checkout) *cobra.Command {
	var tag string
	cmd := &cobra.Command{
		Use:   "test-ha",
		Short: "Replace the kube-apiservers of a control plane of three, one after the other, by the fork and back, under load",
		Args:  cobra.NoArgs,
	}
	out := outputFlag(cmd)
	tagFlag(cmd, &tag, "the newest pinned one")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		etcd, unmodified, patched, err := kubeAPIServers(cmd, co, tag, false)
		if err != nil {
			return err
		}
		report, err := ha.Roll(cmd.Context(), ha.RollConfig{
			Unmodified: unmodified, Patched: patched, Etcd: etcd, Dir: filepath.Join(co.Output(), "test-ha"), Mark: build.VersionMark, Progress: co.Err,
		})
		if err != nil {
			return err
		}
		return out.judge(co.Out, report)
	}
	return cmd
}
