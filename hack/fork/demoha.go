package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/test/ha"
)

func newDemoHACommand(co *checkout.Checkout) *cobra.Command {
	var tag string
	var duration time.Duration
	cmd := &cobra.Command{
		Use:   "demo-ha",
		Short: "Put the load that kills an unmodified kube-apiserver on a control plane of three, and on a patched one",
		Args:  cobra.NoArgs,
	}
	out := outputFlag(cmd)
	tagFlag(cmd, &tag, "the newest pinned one")
	cmd.Flags().DurationVar(&duration, "duration", 0, "how long the unmodified ones are given to die; the patched ones get a minute, or less when this is (default 5m)")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		etcd, unmodified, patched, err := kubeAPIServers(cmd, co, tag, false)
		if err != nil {
			return err
		}
		dir := filepath.Join(co.Output(), "demo-ha")
		report, err := ha.Demo(cmd.Context(), ha.DemoConfig{
			Unmodified: unmodified, Patched: patched, Etcd: etcd, Dir: dir, Duration: duration, Progress: co.Err,
		})
		if err != nil {
			return err
		}
		return errors.Join(out.judge(co.Out, report), writeChart(co, dir, "demo.svg", report))
	}
	return cmd
}

// charted is a report of which there is a chart, as SVG.
type charted interface{ Chart() ([]byte, error) }

// writeChart has the chart of that name beside the servers' logs.
func writeChart(co *checkout.Checkout, dir, name string, report charted) error {
	chart, err := report.Chart()
	if err != nil {
		return err
	}
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, chart, 0o644); err != nil {
		return err
	}
	fmt.Fprintf(co.Err, "chart: %s\n", co.Rel(path))
	return nil
}
