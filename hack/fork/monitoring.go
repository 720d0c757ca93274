package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/monitoring"
)

func newMonitoringCommand(co *checkout.Checkout) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "monitoring",
		Short: "Check the alerts and the dashboard in hack/monitoring with promtool, and run the alerts' tests",
		Args:  cobra.NoArgs,
	}
	out := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		promtool, err := monitoring.NewPromtool(cmd.Context(), co)
		if err != nil {
			return err
		}
		checked, err := promtool.Check(cmd.Context(), monitoring.Dir(co))
		if err != nil {
			return err
		}
		return out.print(co.Out, checked, func() {
			w := tabwriter.NewWriter(co.Out, 0, 0, 2, ' ', 0)
			defer w.Flush()
			fmt.Fprintln(w, "ALERT\tFIRES\tNEAR MISSES")
			for _, name := range checked.Alerts {
				fmt.Fprintf(w, "%s\t%d\t%d\n", name, checked.Fired[name], checked.NearMisses[name])
			}
			fmt.Fprintf(w, "%d alerts are as their tests say, and %d queries of the dashboard parse.\n", len(checked.Alerts), checked.Queries)
		})
	}
	return cmd
}
