package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/pins"
	"fork.internal/apiserver/hack/internal/queue"
	"fork.internal/apiserver/hack/internal/review"
	"fork.internal/apiserver/hack/internal/suite"
)

// rebaseReport is what `fork rebase` has done.
type rebaseReport struct {
	To string `json:"to"`
	*queue.RebaseInfo
	// Review is what a person has to look at.
	Review *review.Report `json:"review"`
	// Steps are the checks of a new tag.
	Steps []suite.Result `json:"steps,omitempty"`
}

func newRebaseCommand(co *checkout.Checkout) *cobra.Command {
	var from, to string
	cmd := &cobra.Command{
		Use:   "rebase",
		Short: "Carry the patches to a new upstream tag, pin it, check it, and list what to look at",
		Long: "Carry the patches to a new upstream tag, pin it, check it, and list what to look at.\n" +
			"Repeated, it goes on where it stopped. With --from, it only carries and lists.",
		Args: cobra.NoArgs,
	}
	out := outputFlag(cmd)
	cmd.Flags().StringVar(&from, "from", "", "the pinned tag whose patches to take (default: the nearest)")
	cmd.Flags().StringVar(&to, "to", "", "the tag to take them to")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		report := &rebaseReport{To: to}
		err := rebase(cmd.Context(), co, from, report, *out != "json")
		if report.RebaseInfo == nil {
			return err
		}
		return errors.Join(out.print(co.Out, report, func() {}), err)
	}
	return cmd
}

// rebase fills in report, whose To is given, and prints it as it goes if text says so.
func rebase(ctx context.Context, co *checkout.Checkout, from string, report *rebaseReport, text bool) (err error) {
	carry := queue.NewTag
	if from != "" {
		carry = func(ctx context.Context, co *checkout.Checkout, to string) (*queue.RebaseInfo, error) {
			return queue.Rebase(ctx, co, from, to)
		}
	}
	if report.RebaseInfo, err = carry(ctx, co, report.To); err != nil {
		report.RebaseInfo = nil
		return err
	}
	if text {
		printRebase(co, report)
	}
	if report.Review, err = queue.Review(ctx, co, report.From, report.To); err != nil {
		return err
	}
	if text {
		printReview(co, report.Review)
	}
	if from != "" {
		return nil
	}
	if report.Steps, err = checkNewTag(ctx, co, report.To); err != nil {
		return err
	}
	if text {
		fmt.Fprintf(co.Out, "%s is carried, pinned and checked; next: look at what is listed, git add patches, git commit\n", report.To)
	}
	return queue.FinishNewTag(co, report.To)
}

func printRebase(co *checkout.Checkout, report *rebaseReport) {
	if report.Refresh == nil {
		fmt.Fprintf(co.Out, "carried from %s to %s before\n", report.From, report.To)
		return
	}
	printDropped(co.Out, report.Refresh)
	for _, line := range report.Refresh.Changes {
		fmt.Fprintln(co.Out, line)
	}
	for _, warning := range report.Refresh.Warnings {
		fmt.Fprintln(co.Out, "warning:", warning)
	}
	how := "carried"
	if report.Pinned {
		how = "carried, and pinned"
	}
	fmt.Fprintf(co.Out, "%s to %s: %d patches %s, %d files of pkg/ and patches/ changed\n",
		report.From, report.To, len(report.Refresh.Patches), how, len(report.Refresh.Changes))
}

// newTagSteps are what a new tag has to pass. Only a test changes them.
var newTagSteps = []suite.Step{verifyStep, reproStep}

// checkNewTag runs newTagSteps for the tag, but for what has passed before.
func checkNewTag(ctx context.Context, co *checkout.Checkout, tag string) ([]suite.Result, error) {
	p, pin, err := pins.Find(co.Pins(), tag)
	if err != nil {
		return nil, err
	}
	return runSuite(ctx, co, suite.Options{Pins: p, Tags: []pins.Tag{pin}, Steps: newTagSteps, Resume: true,
		Next: fmt.Sprintf("%s is carried and pinned: put it right in its tree, make refresh TAG=%[1]s, and make rebase TO=%[1]s again", tag)})
}
