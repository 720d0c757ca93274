package main

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"fork.internal/apiserver/hack/internal/build"
	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/monitoring"
	"fork.internal/apiserver/test/alerts"
)

func newTestAlertsCommand(co *checkout.Checkout) *cobra.Command {
	var tag string
	var record bool
	cmd := &cobra.Command{
		Use:   "test-alerts",
		Short: "Have a patched kube-apiserver come to what the alerts in hack/monitoring are about, and see that they fire",
		Args:  cobra.NoArgs,
	}
	out := outputFlag(cmd)
	tagFlag(cmd, &tag, "the newest pinned one")
	cmd.Flags().BoolVar(&record, "record", false, "write the metrics that the server has, for the tests of the alerts and the dashboard")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		ctx, dir := cmd.Context(), monitoring.Dir(co)
		promtool, err := monitoring.NewPromtool(ctx, co)
		if err != nil {
			return err
		}
		etcd, err := build.Etcd(ctx, co)
		if err != nil {
			return err
		}
		server, err := build.KubeAPIServer(ctx, co, tag, build.Fork)
		if err != nil {
			return err
		}
		history, err := monitoring.NewHistory(dir)
		if err != nil {
			return err
		}
		metrics := monitoring.Metrics{}
		version, err := alerts.Run(ctx, alerts.Config{
			KubeAPIServer: server, Etcd: etcd, Dir: filepath.Join(co.Output(), "test-alerts"), Progress: co.Err,
			Look: func(text []byte) error {
				families, err := monitoring.Parse(bytes.NewReader(text))
				if err != nil {
					return err
				}
				metrics.Add(families)
				return history.Add(families)
			},
		})
		if err != nil {
			return err
		}
		if err := metrics.Has(dir); err != nil {
			return fmt.Errorf("the server does not have what is asked for: %w", err)
		}
		if record {
			if err := metrics.Record(dir, version); err != nil {
				return err
			}
		}
		if err := promtool.Fired(ctx, dir, history, alerts.Quiet, alerts.Caused); err != nil {
			return fmt.Errorf("%w\nnext: the server's log is in %s", err, co.Rel(filepath.Join(co.Output(), "test-alerts", "cluster")))
		}
		result := struct {
			Version string   `json:"version"`
			Looks   int      `json:"looks"`
			Fired   []string `json:"fired"`
		}{version, history.Looks(), slices.Sorted(slices.Values(alerts.Caused))}
		return out.print(co.Out, result, func() {
			fmt.Fprintf(co.Out, "%s, %d looks: none of the alerts fired while nothing was wrong, and then these, and no other:\n", version, result.Looks)
			for _, name := range result.Fired {
				fmt.Fprintln(co.Out, "  "+name)
			}
		})
	}
	return cmd
}
