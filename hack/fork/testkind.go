package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/kindtest"
)

func newTestKindCommand(co *checkout.Checkout) *cobra.Command {
	var o kindtest.Options
	cmd := &cobra.Command{
		Use:   "test-kind [TEST]...",
		Short: "Try kube-apiserver with the fork as the control plane of a kind cluster",
		Args:  cobra.ArbitraryArgs,
	}
	out := outputFlag(cmd)
	tagFlag(cmd, &o.Tag, "the node image's, or the newest pinned one")
	cmd.Flags().StringVar(&o.NodeImage, "node-image", "", "a kind node image, such as kindest/node:v1.37.2 (default: one that is made here)")
	cmd.Flags().StringVar(&o.Name, "name", "apiserver-fork", "the cluster's name")
	cmd.Flags().IntVar(&o.Nodes, "nodes", 1, "control plane nodes")
	cmd.Flags().BoolVar(&o.Keep, "keep", false, "leave the cluster there")
	cmd.Flags().BoolVar(&o.Unmodified, "unmodified", false, "the kube-apiserver of the node image, without the fork")
	streamsFlag(cmd, &o.Streams)
	cmd.RunE = func(cmd *cobra.Command, tests []string) error {
		o.Tests = tests
		report, err := kindtest.Run(cmd.Context(), co, o)
		if printErr := out.print(co.Out, report, func() { printKind(co, report, err == nil) }); err == nil {
			err = printErr
		}
		return err
	}
	return cmd
}

func printKind(co *checkout.Checkout, r *kindtest.Report, passed bool) {
	for _, p := range r.Parts {
		fmt.Fprintf(co.Out, "%8.1f s  %s\n", p.Seconds, p.Name)
	}
	if passed {
		fmt.Fprintf(co.Out, "passed: a cluster with %s as its kube-apiserver\n", r.Server)
	}
	if r.Kubeconfig != "" {
		fmt.Fprintf(co.Out, "the cluster %s is still there:\n  kubectl --kubeconfig %s get pods -A\n  %s\n", r.Cluster, co.Rel(r.Kubeconfig), r.Delete)
	}
}
