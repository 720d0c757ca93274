package queue

import (
	"context"
	"fmt"

	"fork.internal/apiserver/hack/internal/chain"
	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/git"
)

// chainCheck names the check that is checkChain.
const chainCheck = "no filter of upstream's is lost"

// checkChain finds each filter of the tag's handler chain in the fork's, in the order that the tag has them in. It
// does not apply to a module that has no handler chain.
func checkChain(ctx context.Context, co *checkout.Checkout, repo git.Repo, tag string) error {
	upstream, there, err := readAt(ctx, repo, refBase, chain.File)
	if err != nil {
		return err
	}
	bounded, ours, err := readAt(ctx, repo, "HEAD", chain.BoundedFile)
	if err != nil {
		return err
	}
	if !there && !ours {
		return errSkip(fmt.Sprintf("%s has no %s", tag, chain.File))
	}
	fork, _, err := readAt(ctx, repo, "HEAD", chain.File)
	if err != nil {
		return err
	}
	wrong, err := chain.Compare(chain.Sources{Upstream: upstream, Fork: fork, Bounded: bounded})
	if err != nil {
		wrong = []string{err.Error()}
	}
	if len(wrong) == 0 {
		return nil
	}
	where := "in a patch of its own"
	if subject, err := repo.Run(ctx, "log", "--max-count=1", "--diff-filter=A", "--format=%s", refPkg+"..HEAD", "--", chain.BoundedFile); err != nil {
		return err
	} else if subject != "" {
		where = fmt.Sprintf("in the patch %q (git rebase -i %s)", subject, refBase)
	}
	return fmt.Errorf("the order of the fork's filters is not upstream's:%s\n"+
		"next: in %s, edit %s, %s: a filter that answers requests or records them goes within the boundary,\n"+
		"one that only adds to the context or to the header outside; then make refresh TAG=%s",
		few(wrong), co.Rel(co.Tree(tag)), chain.BoundedFile, where, tag)
}

// readAt reads a file of a commit.
func readAt(ctx context.Context, repo git.Repo, ref, name string) (text string, there bool, err error) {
	found, err := repo.Lines(ctx, "\x00", "ls-tree", "-z", "--name-only", ref, "--", name)
	if err != nil || len(found) == 0 {
		return "", false, err
	}
	text, err = repo.Raw(ctx, "cat-file", "blob", ref+":"+name)
	return text, err == nil, err
}
