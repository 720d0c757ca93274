package main

import (
	"cmp"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"fork.internal/apiserver/hack/internal/build"
	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/test/cluster"
)

func newRunCommand(co *checkout.Checkout) *cobra.Command {
	var tag, data string
	var port int
	var race bool
	cmd := &cobra.Command{
		Use:   "run [-- KUBE-APISERVER-FLAG...]",
		Short: "Run etcd and the patched kube-apiserver on loopback until Ctrl-C",
	}
	tagFlag(cmd, &tag, "the newest pinned one")
	cmd.Flags().IntVar(&port, "port", 0, "port of the API server (default: a free one)")
	cmd.Flags().StringVar(&data, "data", "", "directory of the cluster, whose etcd data is kept from run to run (default: one of the checkout's, and an empty etcd)")
	cmd.Flags().BoolVar(&race, "race", false, "run the kube-apiserver with the race detector, which says what it finds in its log and ends nothing")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		for _, arg := range args {
			if !strings.HasPrefix(arg, "--") {
				return fmt.Errorf("%q is no flag of kube-apiserver's; next: make run ARGS='--name=value --other=value'", arg)
			}
		}
		etcd, err := build.Etcd(cmd.Context(), co)
		if err != nil {
			return err
		}
		apiserver, err := build.Kubernetes(cmd.Context(), co, tag, build.Wanted{Program: "kube-apiserver", Variant: build.Fork, Race: race})
		if err != nil {
			return err
		}
		return cluster.Run(cmd.Context(), cluster.Config{
			KubeAPIServer: apiserver.Path,
			Etcd:          etcd,
			Dir:           cmp.Or(data, filepath.Join(co.Output(), "run")),
			KeepData:      data != "",
			Port:          port,
			ExtraArgs:     args,
		}, co.Out)
	}
	return cmd
}

// kubeAPIServers builds etcd and both kube-apiservers, the patched one with the race detector if race says so.
func kubeAPIServers(cmd *cobra.Command, co *checkout.Checkout, tag string, race bool) (etcd, unmodified, patched string, err error) {
	if etcd, err = build.Etcd(cmd.Context(), co); err != nil {
		return
	}
	if unmodified, err = build.KubeAPIServer(cmd.Context(), co, tag, build.Upstream); err != nil {
		return
	}
	built, err := build.Kubernetes(cmd.Context(), co, tag, build.Wanted{Program: "kube-apiserver", Variant: build.Fork, Race: race})
	if err == nil {
		patched = built.Path
		fmt.Fprintf(co.Err, "unmodified: %s\npatched:    %s\n", co.Rel(unmodified), co.Rel(patched))
	}
	return
}
