package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/replace"
)

func newReplaceCommand(co *checkout.Checkout) *cobra.Command {
	var o replace.Options
	var undo bool
	cmd := &cobra.Command{
		Use:   "replace DIR",
		Short: "Have the module in DIR built with the fork: edit its go.mod, or take that back",
		Args:  cobra.ExactArgs(1),
	}
	cmd.Flags().StringVar(&o.Tag, "tag", "", "upstream tag, such as v0.37.2 (default: the one that DIR's go.mod requires)")
	cmd.Flags().BoolVar(&o.Module, "module", false, "replace with a version of a module, from _output/module, and not with the directory of the tree")
	cmd.Flags().BoolVarP(&o.DryRun, "dry-run", "n", false, "only print the change")
	cmd.Flags().BoolVar(&undo, "undo", false, "take the change back")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o.Dir = args[0]
		do := replace.Do
		if undo {
			do = replace.Undo
		}
		return do(cmd.Context(), co, o, func(r *replace.Result) { printReplace(co, o, r) })
	}
	return cmd
}

func printReplace(co *checkout.Checkout, o replace.Options, r *replace.Result) {
	fmt.Fprint(co.Out, r.Diff)
	switch {
	case r.Diff == "":
		fmt.Fprintf(co.Out, "%s: nothing to do, it uses the fork already\n", r.GoMod)
	case o.DryRun:
		fmt.Fprintf(co.Out, "%s: this would be the change\n", r.GoMod)
	}
	if r.Module != nil && r.Module.New && !o.DryRun {
		fmt.Fprintln(co.Out, enteredInLedger(co))
	}
	if r.Module != nil && !o.DryRun {
		fmt.Fprintf(co.Out, "build it with GOPROXY=%s,$(go env GOPROXY)\n", r.Module.URL)
	}
	if r.Warning != "" {
		fmt.Fprintln(co.Err, "warning:", r.Warning)
	}
}
