package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/repro"
)

func newReproCommand(co *checkout.Checkout) *cobra.Command {
	var tag string
	cmd := &cobra.Command{
		Use:   "repro [ID]...",
		Short: "Show the known defects on unmodified upstream, and that the fork does not have them",
		Args:  cobra.ArbitraryArgs,
	}
	out := outputFlag(cmd)
	tagFlag(cmd, &tag, "the newest pinned one")
	cmd.RunE = func(cmd *cobra.Command, ids []string) error {
		rows, err := repro.Run(cmd.Context(), co, tag, ids, func(row repro.Row) {
			if *out != "json" {
				printRow(co, row)
			}
		})
		if *out == "json" {
			if printErr := out.print(co.Out, rows, nil); printErr != nil {
				return printErr
			}
		}
		return err
	}
	return cmd
}

func printRow(co *checkout.Checkout, row repro.Row) {
	ok := "ok"
	if !row.OK() {
		ok = "NOT AS IT SHOULD BE"
	}
	fmt.Fprintf(co.Out, "%s: %s: %s\n", row.ID, row.Title, ok)
	for _, half := range []struct {
		name string
		repro.Half
	}{{"upstream", row.Upstream}, {"fork", row.Fork}} {
		what := "not there"
		switch {
		case half.Error != "":
			what = "FAILED: " + half.Error
		case half.Untried != "":
			what = fmt.Sprintf("COULD NOT BE TRIED: %s; next: make repro ID=%s, on a machine with less to do", half.Untried, row.ID)
		case half.Defect:
			what = "there"
		}
		if half.Seen != "" {
			what += ": " + half.Seen
		}
		took := fmt.Sprintf("%.1f s", half.Seconds)
		if half.Runs > 1 {
			took = fmt.Sprintf("%d runs, the last of %s", half.Runs, took)
		}
		fmt.Fprintf(co.Out, "  %-8s  %s (%s)\n", half.name, what, took)
		if half.name == "fork" && half.Lacks != "" {
			fmt.Fprintf(co.Out, "            it lacks %s\n", half.Lacks)
		}
		if half.Race != "" && !row.OK() {
			fmt.Fprint(co.Out, half.Race)
		}
	}
}
