package queue

import (
	"context"
	"slices"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/git"
)

// Changes is how a tree differs from its upstream tag. Paths are slash-separated and sorted.
type Changes struct {
	// Patches are the subjects of the patches, in order.
	Patches []string
	// Added are the files that the tag has not, Removed those that only the tag has.
	Added, Removed []string
	// Modified are the files that both have, with different contents.
	Modified []Modified
}

// Modified is one file of the tag that patches change.
type Modified struct {
	Name string
	// Patches are the places in Changes.Patches, from 1, of the patches that change it.
	Patches []int
}

// TreeChanges says how tag's tree, made first if need be, differs from the tag. An empty tag means
// the newest pinned one. A tree that holds anything but pkg/ and patches/ is an *InTheWayError.
func TreeChanges(ctx context.Context, co *checkout.Checkout, tag string) (*TreeInfo, *Changes, error) {
	ctx, unlock, _, err := open(ctx, co)
	if err != nil {
		return nil, nil, err
	}
	defer unlock()
	info, err := Tree(ctx, co, tag)
	if err != nil {
		return nil, nil, err
	}
	changes, err := treeChanges(ctx, git.At(co, info.Path))
	return info, changes, err
}

func treeChanges(ctx context.Context, repo git.Repo) (*Changes, error) {
	c := &Changes{}
	var err error
	if c.Patches, err = repo.Lines(ctx, "\n", "log", "--reverse", "--encoding=UTF-8", "--format=%s", refPkg+"..HEAD"); err != nil {
		return nil, err
	}
	commits, err := repo.Lines(ctx, "\n", "rev-list", "--reverse", refPkg+"..HEAD")
	if err != nil {
		return nil, err
	}
	by := map[string][]int{}
	for i, commit := range commits {
		names, err := diffNames(ctx, repo, commit+"^", commit)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			by[name] = append(by[name], i+1)
		}
	}
	if c.Added, err = diffNames(ctx, repo, "--diff-filter=A", refBase, "HEAD"); err != nil {
		return nil, err
	}
	if c.Removed, err = diffNames(ctx, repo, "--diff-filter=D", refBase, "HEAD"); err != nil {
		return nil, err
	}
	modified, err := diffNames(ctx, repo, "--diff-filter=ad", refBase, "HEAD")
	for _, name := range modified {
		c.Modified = append(c.Modified, Modified{Name: name, Patches: by[name]})
	}
	return c, err
}

// diffNames lists the files that `git diff args...` names, sorted.
func diffNames(ctx context.Context, repo git.Repo, args ...string) ([]string, error) {
	names, err := repo.Lines(ctx, "\x00", append([]string{"diff", "--name-only", "-z", "--no-renames"}, args...)...)
	slices.Sort(names)
	return names, err
}
