package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"fork.internal/apiserver/hack/internal/build"
	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/mutate"
	"fork.internal/apiserver/hack/internal/queue"
)

// boundary is the package that mutants are made of, but for --hooks.
const boundary = "pkg/endpoints/deadline"

func newMutantsCommand(co *checkout.Checkout) *cobra.Command {
	var o mutate.Options
	var hooks bool
	var tag string
	cmd := &cobra.Command{
		Use:   "mutants [FILE|FUNCTION|ID]...",
		Short: "Negate each condition and leave out each statement of " + boundary + ", or of all else, and see whether a test notices",
		Args:  cobra.ArbitraryArgs,
	}
	out := outputFlag(cmd)
	cmd.Flags().IntVar(&o.Jobs, "jobs", 1, "how many are tried at a time")
	cmd.Flags().DurationVar(&o.Within, "within", 0, "leave out tests that take longer, such as 1s: a first look (default: none)")
	cmd.Flags().BoolVar(&hooks, "hooks", false, "of what the patches add, and the other packages of pkg/, with the tests of the tree")
	tagFlag(cmd, &tag, "the newest pinned one, with --hooks")
	cmd.RunE = func(cmd *cobra.Command, only []string) error {
		if o.Jobs < 1 {
			return fmt.Errorf("--jobs %d: at least one; next: JOBS=1", o.Jobs)
		}
		what := mutate.Package(boundary, filepath.Join(co.Pkg(), "endpoints", "deadline"))
		if hooks {
			var err error
			if what, err = hooksOf(cmd.Context(), co, tag); err != nil {
				return err
			}
		} else if tag != "" {
			return fmt.Errorf("--tag %s: %s is the same for all tags; next: HOOKS=1 with it, or no TAG", tag, boundary)
		}
		o.Only = only
		report, err := mutate.Run(cmd.Context(), co, what, o)
		if err != nil && len(report.Results) == 0 {
			return err
		}
		return errors.Join(err, out.judge(co.Out, report))
	}
	return cmd
}

// hooksOf is what a tag's tree adds to the tag, but for the boundary, and the tests of the packages that it is in.
func hooksOf(ctx context.Context, co *checkout.Checkout, tag string) (mutate.Subject, error) {
	tree, err := build.ForkTree(ctx, co, tag)
	if err != nil {
		return mutate.Subject{}, err
	}
	added, err := queue.AddedTo(ctx, co, tree.Path)
	if err != nil {
		return mutate.Subject{}, err
	}
	packages := slices.DeleteFunc(added.Packages(), func(dir string) bool { return dir == boundary })
	return mutate.Subject{
		Name:         "the tree of " + tree.Tag,
		Dir:          tree.Path,
		Packages:     packages,
		Tests:        packages,
		Theirs:       true,
		Lines:        added.Has,
		Explanations: filepath.Join(co.Root, "patches", "mutants.txt"),
	}, nil
}
