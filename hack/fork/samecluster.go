package main

import (
	"path/filepath"

	"github.com/spf13/cobra"

	"fork.internal/apiserver/hack/internal/build"
	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/test/sidebyside"
)

func newSameClusterCommand(co *checkout.Checkout) *cobra.Command {
	var tag string
	var self bool
	cmd := &cobra.Command{
		Use:   "same-cluster [GROUP]...",
		Short: "Send the same requests to an unmodified kube-apiserver and to the patched one, and compare all that they do",
		Args:  cobra.ArbitraryArgs,
	}
	out := outputFlag(cmd)
	tagFlag(cmd, &tag, "the newest pinned one")
	cmd.Flags().BoolVar(&self, "self", false, "compare the unmodified one with itself: nothing may differ")
	cmd.RunE = func(cmd *cobra.Command, groups []string) error {
		conf := sidebyside.Config{
			Self:     self,
			Groups:   groups,
			Dir:      filepath.Join(co.Output(), "same-cluster"),
			Progress: co.Err,
		}
		if err := conf.Check(); err != nil {
			return err
		}
		var err error
		if self {
			if conf.Etcd, err = build.Etcd(cmd.Context(), co); err != nil {
				return err
			}
			conf.Unmodified, err = build.KubeAPIServer(cmd.Context(), co, tag, build.Upstream)
			conf.Patched = conf.Unmodified
		} else {
			conf.Etcd, conf.Unmodified, conf.Patched, err = kubeAPIServers(cmd, co, tag, false)
		}
		if err != nil {
			return err
		}
		report, err := sidebyside.Run(cmd.Context(), conf)
		if err != nil {
			return err
		}
		return out.judge(co.Out, report)
	}
	return cmd
}
