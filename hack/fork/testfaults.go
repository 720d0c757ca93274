package main

import (
	"errors"
	"path/filepath"

	"github.com/spf13/cobra"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/test/faults"
)

func newTestFaultsCommand(co *checkout.Checkout) *cobra.Command {
	var tag string
	cmd := &cobra.Command{
		Use:   "test-faults [FAULT]",
		Short: "Do to the patched kube-apiserver, to its webhooks, audit log, etcd and clients, what befalls them at worst, and to an unmodified one",
		Long: "Each fault has a server of its own, with ordinary clients and watches on it. The patched one must not crash but of SIGKILL, must answer\n" +
			"wholly and in time, must have a record of each answer, and must be well soon after the fault has ended; what becomes of the unmodified\n" +
			"one is only told. FAULT is one, or, with a dash at its end, what several begin with. Some need root and Linux, and are not tried without.",
		Args: cobra.MaximumNArgs(1),
	}
	out := outputFlag(cmd)
	tagFlag(cmd, &tag, "the newest pinned one")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		id := ""
		if len(args) > 0 {
			id = args[0]
		}
		if err := faults.Check(id); err != nil {
			return err
		}
		etcd, unmodified, patched, err := kubeAPIServers(cmd, co, tag, false)
		if err != nil {
			return err
		}
		report, err := faults.Run(cmd.Context(), faults.Config{
			Unmodified: unmodified, Patched: patched, Etcd: etcd, Dir: filepath.Join(co.Output(), "faults"), ID: id, Progress: co.Err,
		})
		if err != nil && len(report.Results) > 0 {
			return errors.Join(err, out.print(co.Out, report, func() { report.WriteTable(co.Out) }))
		}
		if err != nil {
			return err
		}
		return out.judge(co.Out, report)
	}
	return cmd
}
