package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/test/soak"
)

func newSoakCommand(co *checkout.Checkout) *cobra.Command {
	var tag string
	var duration time.Duration
	var race bool
	cmd := &cobra.Command{
		Use:   "soak",
		Short: "Have the patched kube-apiserver serve for long beside hostile clients of every kind, and an unmodified one for as long as it lives",
		Long: "Ordinary clients look at each answer, in phases beside clients that do not read, do not send, go, or time out, webhooks that misbehave\n" +
			"and an etcd that pauses. After each phase goroutines, heap, descriptors, seats and overdue handlers are to be back where they were\n" +
			"before the first. The patched server must hold all of it; what becomes of the unmodified one is only told.",
		Args: cobra.NoArgs,
	}
	out := outputFlag(cmd)
	tagFlag(cmd, &tag, "the newest pinned one")
	cmd.Flags().DurationVar(&duration, "duration", soak.DefaultDuration, fmt.Sprintf("how long the phases take together; %v at least", soak.Least()))
	cmd.Flags().BoolVar(&race, "race", false, "the patched kube-apiserver has the race detector")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if duration < soak.Least() {
			return fmt.Errorf("%v is too short for the phases of a soak; next: give it %v at least", duration, soak.Least())
		}
		etcd, unmodified, patched, err := kubeAPIServers(cmd, co, tag, race)
		if err != nil {
			return err
		}
		dir := filepath.Join(co.Output(), "soak")
		report, err := soak.Run(cmd.Context(), soak.Config{
			Unmodified: unmodified, Patched: patched, Etcd: etcd, Dir: dir, Duration: duration, Progress: co.Err,
		})
		begun := slices.ContainsFunc(report.Sides, func(s soak.Side) bool { return len(s.Phases) > 0 })
		if err != nil && begun {
			return errors.Join(err, out.print(co.Out, report, func() { report.WriteTable(co.Out) })) // Of the phases before.
		}
		if err != nil {
			return err
		}
		return errors.Join(out.judge(co.Out, report), writeChart(co, dir, "soak.svg", report))
	}
	return cmd
}
