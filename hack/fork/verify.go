package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/queue"
)

func newVerifyCommand(co *checkout.Checkout) *cobra.Command {
	var tag string
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Check pins, patches and trees",
		Args:  cobra.NoArgs,
	}
	out := outputFlag(cmd)
	tagFlag(cmd, &tag, "the newest of each minor")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return reportChecks(co, out, func(report func(queue.Check)) error {
			return queue.Verify(cmd.Context(), co, tag, report)
		})
	}
	return cmd
}

// reportChecks prints checks as they are made or, as JSON, in the end.
func reportChecks(co *checkout.Checkout, out *output, verify func(report func(queue.Check)) error) error {
	checks := []queue.Check{}
	err := verify(func(c queue.Check) {
		checks = append(checks, c)
		if *out != "json" {
			printCheck(co, c)
		}
	})
	if printErr := out.print(co.Out, checks, func() {}); err == nil {
		err = printErr
	}
	return err
}

func printCheck(co *checkout.Checkout, c queue.Check) {
	result := "ok"
	switch {
	case !c.OK:
		result = "FAILED"
	case c.Skipped != "":
		result = "ok (" + c.Skipped + ")"
	}
	fmt.Fprintf(co.Out, "%-10s %-34s %6.1fs  %s\n", c.Tag, c.Name, c.Seconds, result)
	for _, w := range c.Warnings {
		fmt.Fprintln(co.Out, "    warning:", w)
	}
	if c.Detail != "" {
		fmt.Fprintf(co.Out, "    %s\n", strings.ReplaceAll(c.Detail, "\n", "\n    "))
	}
}
