package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/queue"
	"fork.internal/apiserver/hack/internal/review"
)

func newReviewCommand(co *checkout.Checkout) *cobra.Command {
	var from, to string
	cmd := &cobra.Command{
		Use:   "review",
		Short: "List what upstream has changed under the patches and pkg/ between two pinned tags",
		Args:  cobra.NoArgs,
	}
	out := outputFlag(cmd)
	cmd.Flags().StringVar(&from, "from", "", "the one tag")
	cmd.Flags().StringVar(&to, "to", "", "the other")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if from == "" || to == "" {
			return errors.New("which tags? make review FROM=v0.37.1 TO=v0.37.2")
		}
		report, err := queue.Review(cmd.Context(), co, from, to)
		if err != nil {
			return err
		}
		return out.print(co.Out, report, func() { printReview(co, report) })
	}
	return cmd
}

func printReview(co *checkout.Checkout, r *review.Report) {
	if r.Empty() {
		fmt.Fprintf(co.Out, "nothing to look at from %s to %s: the %d files that patches touch and the %d others that pkg/ and test/ use are\n"+
			"the same, and nothing new in upstream uses one of the %d functions, types and fields that patches change\n",
			r.From, r.To, r.Looked.Patched, r.Looked.Used, r.Looked.Names)
		return
	}
	fmt.Fprintf(co.Out, "to look at, from %s to %s:\n", r.From, r.To)
	printFiles(co, "files that patches touch, and that upstream has changed", r.Files, func(f review.File) bool { return len(f.Patches) > 0 })
	printFiles(co, "files that pkg/ or test/ uses, and that upstream has changed", r.Files, func(f review.File) bool { return len(f.Patches) == 0 })
	if r.Diff != "" {
		fmt.Fprintf(co.Out, "  to read them: %s\n", r.Diff)
	}
	if len(r.References) > 0 {
		fmt.Fprintln(co.Out, "  new in upstream, and using what patches change")
	}
	for _, ref := range r.References {
		lines := make([]string, len(ref.Lines))
		for i, line := range ref.Lines {
			lines[i] = fmt.Sprint(line)
		}
		fmt.Fprintf(co.Out, "    %s:%s: %s uses %s\n", ref.File, strings.Join(lines, ","), ref.In, ref.Name)
	}
	for i, line := range r.Requirements {
		if i == 0 {
			fmt.Fprintln(co.Out, "  in go.mod, and used by pkg/ or test/")
		}
		fmt.Fprintf(co.Out, "    %s\n", line)
	}
}

// printFiles prints those of files that belong below title.
func printFiles(co *checkout.Checkout, title string, files []review.File, belongs func(review.File) bool) {
	for _, f := range files {
		if !belongs(f) {
			continue
		}
		if title != "" {
			fmt.Fprintf(co.Out, "  %s\n", title)
			title = ""
		}
		what := "no declaration, only what is around them"
		switch {
		case f.Gone:
			what = "has gone"
		case len(f.Changed) > 0:
			what = some(f.Changed, 6)
		}
		where := "used by " + some(f.Users, 2)
		if len(f.Patches) > 0 {
			where = "patches " + some(f.Patches, 6)
		}
		fmt.Fprintf(co.Out, "    %s (%s): %s\n", f.Path, where, what)
		if len(f.Both) > 0 && !f.Gone {
			fmt.Fprintf(co.Out, "      first, for the fork changes or uses it: %s\n", some(f.Both, 6))
		}
	}
}

// some joins at most that many of names.
func some(names []string, most int) string {
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}
