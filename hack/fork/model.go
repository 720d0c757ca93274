package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/model"
)

func newModelCommand(co *checkout.Checkout) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "model [RUN]...",
		Short: "Have spin check the model of the boundary, and find each mutation of it",
		Args:  cobra.ArbitraryArgs,
	}
	out := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, ids []string) error {
		report, err := model.Check(cmd.Context(), co, model.Options{IDs: ids, Done: func(r model.Result) {
			if *out != "json" {
				printModel(co.Err, r)
			}
		}})
		if err != nil {
			return err
		}
		return out.judge(co.Out, report)
	}
	return cmd
}

// printModel prints a run that is over, and what it has found if that is to be seen.
func printModel(w io.Writer, r model.Result) {
	fmt.Fprintf(w, "%s (%s): %s: %d states, %.0f s\n", r.ID, r.Kind, r.Title, r.States, r.Seconds)
	if r.Error != "" {
		fmt.Fprintf(w, "  %s\n", r.Error)
	}
	if len(r.Trail) > 0 {
		fmt.Fprintf(w, "  does not hold: %s. The way to it:\n    %s\n", r.Found, strings.Join(r.Trail, "\n    "))
	}
}
