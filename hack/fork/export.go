package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/queue"
)

func newExportCommand(co *checkout.Checkout) *cobra.Command {
	var tag string
	var check bool
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write the series for upstream below _output/export, for git am in either of its repositories",
		Args:  cobra.NoArgs,
	}
	out := outputFlag(cmd)
	tagFlag(cmd, &tag, "the newest pinned one")
	cmd.Flags().BoolVar(&check, "check", false, "build, vet and test each commit by itself")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		s, err := queue.ForUpstream(cmd.Context(), co, tag, check)
		if err != nil {
			return err
		}
		return out.print(co.Out, s, func() { printSeries(co, s) })
	}
	return cmd
}

func printSeries(co *checkout.Checkout, s *queue.UpstreamSeries) {
	for _, c := range s.Commits {
		independent := ""
		if c.Independent {
			independent = "  (independent)"
		}
		fmt.Fprintf(co.Out, "%.4s  %s%s\n", c.File, c.Subject, independent)
	}
	checked := "applied to pristine trees of both; CHECK=1 also builds and tests each commit"
	if s.Checked {
		checked = "applied to pristine trees of both; each commit builds, vets and passes its tests"
	}
	fmt.Fprintf(co.Out, `
%d commits on top of %s %s: %s
  in a tree of %[2]s:           %[5]s %[6]s/apiserver/*.patch
  in a tree of kubernetes/kubernetes:  %[5]s %[6]s/kubernetes/*.patch
  what to know before a pull request:  %[6]s/README.md
`, len(s.Commits), s.Module, s.Tag, checked, s.Am(), s.Path)
}
