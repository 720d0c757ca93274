package queue

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/git"
)

// condition is what was found at the place of a tree.
type condition struct {
	exists, ours bool
	state        state
	// operation is what git is in the middle of ("am", "rebase", ...), or "".
	operation string
	// edits are the files that git status lists, ignored ones included.
	edits []string
	// strays are the refs that hold commits which are neither in HEAD nor below refHead.
	strays []string
	// head is HEAD, known is refHead.
	head, known string
	// commits are the subjects of what is in HEAD and not in known.
	commits []string
	// offBase is set when the patches are no longer on top of the tag's pristine commit.
	offBase bool
	// aborted is set when a conflict was given up: HEAD holds nothing of its own.
	aborted bool
}

// InTheWayError is a tree that holds what pkg/ and patches/ do not say, or that is none.
type InTheWayError struct {
	Tag, Tree string
	// Operation is what git is in the middle of ("am", "rebase", ...), or "".
	Operation string
	// What is what is in the way, Next what to do about it.
	What, Next string
}

// Error names what is in the way and the next commands.
func (e *InTheWayError) Error() string { return e.What + "\n" + e.Next }

func inspect(ctx context.Context, co *checkout.Checkout, tag string) (condition, error) {
	return inspectAt(ctx, co, co.Tree(tag))
}

// inspectAt is inspect for a tree that is, or is to be, in dir.
func inspectAt(ctx context.Context, co *checkout.Checkout, dir string) (c condition, err error) {
	if _, err := os.Lstat(dir); errors.Is(err, os.ErrNotExist) {
		return condition{}, nil
	} else if err != nil {
		return condition{}, err
	}
	c.exists = true
	if c.state, c.ours = loadState(dir); !c.ours {
		return c, nil
	}
	repo := git.At(co, dir)
	c.operation = operation(dir)
	if c.edits, err = edits(ctx, repo); err != nil {
		return c, fmt.Errorf("%s: %w", co.Rel(dir), err)
	}
	ids, err := repo.Lines(ctx, "\n", "rev-parse", "HEAD", refHead, refBase)
	if err != nil {
		return c, fmt.Errorf("%s: %w", co.Rel(dir), err)
	}
	c.head, c.known = ids[0], ids[1]
	if c.strays, err = strays(ctx, repo); err != nil {
		return c, err
	}
	if c.head == c.known {
		return c, nil
	}
	if c.commits, err = repo.Lines(ctx, "\n", "log", "--format=%h %s", "--max-count=20", "HEAD", "^"+refHead); err != nil {
		return c, err
	}
	onBase, err := repo.IsAncestor(ctx, ids[2], "HEAD")
	if err != nil {
		return c, err
	}
	c.offBase = !onBase
	from, _ := repo.Run(ctx, "rev-parse", "--verify", "--quiet", refFrom)
	c.aborted = !c.state.Complete && (len(c.commits) == 0 || c.head == from)
	return c, nil
}

// same reports whether a tree is in the same condition, as far as what would be lost with it.
func (c condition) same(d condition) bool {
	return c.exists == d.exists && c.ours == d.ours && c.operation == d.operation && c.head == d.head &&
		slices.Equal(c.edits, d.edits) && slices.Equal(c.strays, d.strays)
}

func operation(dir string) string {
	for _, o := range []struct{ file, name string }{
		{"rebase-apply/applying", "am"}, {"rebase-apply", "rebase"}, {"rebase-merge", "rebase"},
		{"MERGE_HEAD", "merge"}, {"CHERRY_PICK_HEAD", "cherry-pick"}, {"REVERT_HEAD", "revert"},
		{"sequencer", "cherry-pick"}, // Of several, between two of them; a revert of several takes the same words.
	} {
		if _, err := os.Stat(filepath.Join(dir, ".git", o.file)); err == nil {
			return o.name
		}
	}
	return ""
}

func edits(ctx context.Context, repo git.Repo) ([]string, error) {
	lines, err := repo.Lines(ctx, "\x00", "status", "--porcelain", "-z", "--no-renames", "--ignored", "--untracked-files=all")
	for i, line := range lines {
		if len(line) > 3 {
			lines[i] = line[3:]
		}
	}
	return lines, err
}

func strays(ctx context.Context, repo git.Repo) ([]string, error) {
	refs, err := repo.Lines(ctx, "\n", "for-each-ref", "--format=%(refname)")
	if err != nil {
		return nil, err
	}
	var found []string
	for _, ref := range refs {
		if strings.HasPrefix(ref, "refs/fork/") {
			continue
		}
		own, err := repo.Run(ctx, "rev-list", "--max-count=1", ref, "--not", "HEAD", "--glob=refs/fork/*")
		if err != nil {
			return nil, err
		}
		if own != "" {
			found = append(found, ref)
		}
	}
	return found, nil
}

// expressed returns nil when the tree may be thrown away: pkg/ and patches/ say all that it says.
func (c condition) expressed(co *checkout.Checkout, tag string) error {
	if !c.exists {
		return nil
	}
	if err := c.quiet(co, tag); err != nil {
		return err
	}
	if c.head == c.known || c.aborted {
		return nil
	}
	e := c.inTheWay(co, tag)
	if len(c.commits) > 0 {
		e.What = fmt.Sprintf("%s holds commits that are not in pkg/ or patches/:%s", e.Tree, few(c.commits))
		e.Next = fmt.Sprintf("keep them:        make refresh TAG=%s\nthrow them away:  git -C %s reset --hard %s", tag, e.Tree, refHead)
		return e
	}
	e.What = fmt.Sprintf("%s is not where it was made: HEAD is at %.12s, which lacks commits that patches/ has", e.Tree, c.head)
	e.Next = fmt.Sprintf("if that is meant:  make refresh TAG=%s\nif it is not:      git -C %s reset --hard %s", tag, e.Tree, refHead)
	return e
}

// quiet returns nil when the tree is one of ours with nothing uncommitted, unfinished or hidden on
// another branch.
func (c condition) quiet(co *checkout.Checkout, tag string) error {
	e := c.inTheWay(co, tag)
	switch {
	case !c.ours:
		e.What = fmt.Sprintf("%s is there and was not made by this tool", e.Tree)
		e.Next = "move it away and repeat"
	case c.operation != "":
		e.Operation = c.operation
		e.What = fmt.Sprintf("git %s is under way in %s", c.operation, e.Tree)
		if len(c.edits) > 0 {
			e.What += "; it has yet to deal with:" + few(c.edits)
		}
		e.Next = fmt.Sprintf("finish it:   git -C %[1]s %[2]s --continue, then make refresh TAG=%[3]s\ngive it up:  git -C %[1]s %[2]s --abort", e.Tree, c.operation, tag)
	case len(c.edits) > 0:
		e.What = fmt.Sprintf("%s holds edits that are not committed:%s", e.Tree, few(c.edits))
		e.Next = fmt.Sprintf("keep them:        git -C %[1]s add -A -f, git -C %[1]s commit (--amend, or a new one with a patch's header), then make refresh TAG=%[2]s\n"+
			"throw them away:  git -C %[1]s reset --hard && git -C %[1]s clean -fdx", e.Tree, tag)
	case len(c.strays) > 0:
		e.What = fmt.Sprintf("%s holds commits that only these refs have:%s", e.Tree, few(c.strays))
		e.Next = fmt.Sprintf("keep them:        git -C %[1]s cherry-pick, then make refresh TAG=%[2]s\nthrow them away:  git -C %[1]s branch -D, or git -C %[1]s stash drop", e.Tree, tag)
	default:
		return nil
	}
	return e
}

func (c condition) inTheWay(co *checkout.Checkout, tag string) *InTheWayError {
	return &InTheWayError{Tag: tag, Tree: co.Rel(co.Tree(tag))}
}
