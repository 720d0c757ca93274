package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"fork.internal/apiserver/hack/internal/build"
	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/test/cluster"
)

func newRunCommand(co *checkout.Checkout) *cobra.Command {
	var tag string
	var port int
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run etcd and the patched kube-apiserver on loopback until Ctrl-C",
		Args:  cobra.NoArgs,
	}
	tagFlag(cmd, &tag, "the newest pinned one")
	cmd.Flags().IntVar(&port, "port", 0, "port of the API server (default: a free one)")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		etcd, err := build.Etcd(cmd.Context(), co)
		if err != nil {
			return err
		}
		apiserver, err := build.KubeAPIServer(cmd.Context(), co, tag, build.Fork)
		if err != nil {
			return err
		}
		return cluster.Run(cmd.Context(), cluster.Config{
			KubeAPIServer: apiserver,
			Etcd:          etcd,
			Dir:           filepath.Join(co.Output(), "run"),
			Port:          port,
		}, co.Out)
	}
	return cmd
}

// kubeAPIServers builds etcd and both kube-apiservers.
func kubeAPIServers(cmd *cobra.Command, co *checkout.Checkout, tag string) (etcd, unmodified, patched string, err error) {
	if etcd, err = build.Etcd(cmd.Context(), co); err != nil {
		return
	}
	if unmodified, err = build.KubeAPIServer(cmd.Context(), co, tag, build.Upstream); err != nil {
		return
	}
	patched, err = build.KubeAPIServer(cmd.Context(), co, tag, build.Fork)
	if err == nil {
		fmt.Fprintf(co.Err, "unmodified: %s\npatched:    %s\n", co.Rel(unmodified), co.Rel(patched))
	}
	return
}
