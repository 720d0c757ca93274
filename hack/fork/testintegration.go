package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"fork.internal/apiserver/hack/internal/build"
	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/test/integration"
)

func newTestIntegrationCommand(co *checkout.Checkout) *cobra.Command {
	var tag string
	var duration time.Duration
	cmd := &cobra.Command{
		Use:   "test-integration",
		Short: "Put the real kube-apiserver, with the race detector, through what operators fear, and an unmodified one beside it",
		Long: "Crash triggers, clients that do not read, do not send or go, hanging webhooks, warning policies, a deadline policy that\n" +
			"changes, well and badly, a paused and a killed etcd, and SIGTERM with work in flight, with watches through all of it. The patched\n" +
			"server must have nothing wrong; the unmodified one, which is spared the crash triggers (make demo) and has no deadline policy, must:\n" +
			"otherwise nothing was shown.",
		Args: cobra.NoArgs,
	}
	out := outputFlag(cmd)
	tagFlag(cmd, &tag, "the newest pinned one")
	cmd.Flags().DurationVar(&duration, "duration", 0, "how long the phases take that have a load of their own (default 10s)")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		etcd, err := build.Etcd(cmd.Context(), co)
		if err != nil {
			return err
		}
		var reports []integration.Report
		for _, variant := range []build.Variant{build.Upstream, build.Fork} {
			program, err := build.Kubernetes(cmd.Context(), co, tag, build.Wanted{Program: "kube-apiserver", Variant: variant, Race: true})
			if err != nil {
				return err
			}
			report, err := integration.Run(cmd.Context(), integration.Config{
				KubeAPIServer: program.Path, Etcd: etcd, Dir: filepath.Join(co.Output(), "integration"), Name: string(variant),
				Patched: variant == build.Fork, Duration: duration, Progress: co.Err,
			})
			if err != nil && len(reports)+len(report.Phases) == 0 {
				return err
			}
			reports = append(reports, report)
			if err != nil {
				return errors.Join(err, out.print(co.Out, reports, func() { printIntegration(co, reports) })) // Of the phases before.
			}
		}
		if err := out.print(co.Out, reports, func() { printIntegration(co, reports) }); err != nil {
			return err
		}
		unmodified, patched := reports[0], reports[1]
		for _, phase := range unmodified.Stood() {
			err = errors.Join(err, fmt.Errorf("nothing was wrong with the unmodified server in %q, which it is known not to stand: this shows nothing; next: see if its clients still do what they are to", phase))
		}
		if n := patched.Wrong(); n > 0 {
			err = errors.Join(err, fmt.Errorf("%d things were wrong with the patched server\nnext: see what is said above and, for each audit ID, %s", n, co.Rel(patched.Log)))
		}
		return err
	}
	return cmd
}

func printIntegration(co *checkout.Checkout, reports []integration.Report) {
	w := tabwriter.NewWriter(co.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "server\tphase\trequests\tanswered\tof them 504\twrong\tseconds")
	for _, r := range reports {
		for _, p := range r.Phases {
			fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%d\t%.0f\n", r.Name, p.Name, p.Requests, p.Answered, p.TimedOut, p.WrongCount, p.Seconds)
		}
	}
	w.Flush()
	for _, r := range reports {
		fmt.Fprintf(co.Out, "%s: %s, %d requests joined with their audit events, %d wrong\n", r.Name, r.Version, r.Events, r.Wrong())
	}
}
