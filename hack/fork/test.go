package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/pins"
	"fork.internal/apiserver/hack/internal/proc"
	"fork.internal/apiserver/hack/internal/queue"
	"fork.internal/apiserver/hack/internal/repro"
	"fork.internal/apiserver/hack/internal/suite"
)

// The steps that there are for a tag.
var (
	verifyStep = suite.Step{Name: "verify", Run: func(ctx context.Context, co *checkout.Checkout, tag string) error {
		return queue.Verify(ctx, co, tag, func(c queue.Check) { printCheck(co, c) })
	}}
	upstreamStep = suite.Step{Name: "test-upstream", Run: testUpstream}
	reproStep    = suite.Step{Name: "repro", Run: func(ctx context.Context, co *checkout.Checkout, tag string) error {
		_, err := repro.Run(ctx, co, tag, nil, func(row repro.Row) { printRow(co, row) })
		return err
	}}
)

// testUpstream runs hack/test-upstream.sh with this program.
func testUpstream(ctx context.Context, co *checkout.Checkout, tag string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	_, err = proc.Cmd{
		Args: []string{filepath.Join(co.Root, "hack", "test-upstream.sh"), tag}, Dir: co.Root,
		Env: append(co.Environ(), "FORK="+self), Stdout: co.Out, Stderr: co.Err,
	}.Output(ctx)
	return err
}

func newTestCommand(co *checkout.Checkout) *cobra.Command {
	var minor string
	var all bool
	cmd := &cobra.Command{
		Use:   "test",
		Short: "Run upstream's own tests and the reproductions in the tree of a minor's newest tag",
		Args:  cobra.NoArgs,
	}
	out := outputFlag(cmd)
	cmd.Flags().StringVar(&minor, "minor", "", "the minor, such as v0.37")
	cmd.Flags().BoolVar(&all, "all", false, "every minor, without what has passed on the same inputs")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		p, err := pins.Load(co.Pins())
		if err != nil {
			return err
		}
		o := suite.Options{Pins: p, Tags: p.Newest(), Steps: []suite.Step{upstreamStep, reproStep}, Resume: true,
			Next: "look into the logs, and when that is put right, make test-all: it runs what has not passed"}
		if !all {
			tag, err := p.OfMinor(minor)
			if err != nil {
				return err
			}
			o.Tags, o.Resume = []pins.Tag{tag}, false
			o.Next = "look into the logs, and when that is put right, make test-minor MINOR=" + minor
		}
		results, err := runSuite(cmd.Context(), co, o)
		return errors.Join(out.print(co.Out, results, func() { printResults(co, results) }), err)
	}
	cmd.MarkFlagsMutuallyExclusive("minor", "all")
	return cmd
}

// runSuite runs the steps, tells of each on Err, and returns the results there are, also with an error.
func runSuite(ctx context.Context, co *checkout.Checkout, o suite.Options) ([]suite.Result, error) {
	results := []suite.Result{}
	o.Report = func(r suite.Result) {
		results = append(results, r)
		fmt.Fprintf(co.Err, "  %s %s: %s (%s)\n", r.Tag, r.Step, r.Outcome, duration(r.Seconds))
		if r.Error != "" {
			fmt.Fprintf(co.Err, "    %s\n", strings.ReplaceAll(strings.TrimSpace(r.Error), "\n", "\n    "))
		}
	}
	err := suite.Run(ctx, co, o)
	if ctx.Err() != nil {
		fmt.Fprintln(co.Err, "what has passed is on record: the same command goes on from there")
	}
	return results, err
}

func printResults(co *checkout.Checkout, results []suite.Result) {
	w := tabwriter.NewWriter(co.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "minor\ttag\tstep\tresult\ttime\tlog")
	for _, r := range results {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", r.Minor, r.Tag, r.Step, r.Outcome, duration(r.Seconds), r.Log)
	}
	w.Flush()
}

func duration(seconds float64) time.Duration {
	return time.Duration(seconds * float64(time.Second)).Round(time.Second)
}
