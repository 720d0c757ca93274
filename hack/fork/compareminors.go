package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/queue"
)

func newCompareMinorsCommand(co *checkout.Checkout) *cobra.Command {
	var from, to string
	cmd := &cobra.Command{
		Use:   "compare-minors",
		Short: "Show in what the patches of two minors differ, and what of upstream's stands under them",
		Args:  cobra.NoArgs,
	}
	out := outputFlag(cmd)
	cmd.Flags().StringVar(&from, "from", "", "the one minor, such as v0.36 (default: each)")
	cmd.Flags().StringVar(&to, "to", "", "the other (default: the newest)")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		all, err := queue.CompareMinors(cmd.Context(), co, from, to)
		if err != nil {
			return err
		}
		return out.print(co.Out, all, func() {
			for _, d := range all {
				printMinorsDiff(co.Out, d)
			}
		})
	}
	return cmd
}

func printMinorsDiff(w io.Writer, d queue.MinorsDiff) {
	fmt.Fprintf(w, "%s and %s: %d patches are the same, %d differ, in %d lines\n", d.From, d.To, d.Same, len(d.Patches), d.Lines)
	for _, p := range d.Patches {
		switch {
		case p.From == "":
			fmt.Fprintf(w, "\nonly %s: %s\n", d.To, p.To)
		case p.To == "":
			fmt.Fprintf(w, "\nonly %s: %s\n", d.From, p.From)
		default:
			fmt.Fprintf(w, "\n%s, %s\n", p.From, p.To)
			for _, u := range p.Under {
				fmt.Fprintf(w, "%s: under the hook, %s has %s; %s has %s\n", u.File, d.From, quoted(u.From), d.To, quoted(u.To))
			}
			if len(p.Under) == 0 {
				fmt.Fprintln(w, "upstream's lines under the hooks are the same: what differs is the fork's")
			}
		}
		fmt.Fprint(w, strings.TrimRight(p.Diff, "\n")+"\n")
	}
	fmt.Fprintln(w)
}

// quoted is lines in one.
func quoted(lines []string) string {
	if len(lines) == 0 {
		return "nothing there"
	}
	return "`" + strings.Join(lines, "` `") + "`"
}
