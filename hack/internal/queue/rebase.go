package queue

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/mod/semver"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/git"
	"fork.internal/apiserver/hack/internal/pins"
	"fork.internal/apiserver/hack/internal/upstream"
)

// RebaseConflictError is a rebase that stopped. The tree of To is in place in git's rebase state.
type RebaseConflictError struct {
	From, To string
	// Subject is that of the commit that stopped it.
	Subject string
	// Files are the files in conflict.
	Files []string
	// Tree is the tree of To, below the checkout.
	Tree string
	// Then is the command that does the rest once git's rebase is done.
	Then string
}

// Error names the commit, the files and the next commands.
func (e *RebaseConflictError) Error() string {
	if len(e.Files) == 0 {
		return fmt.Sprintf("%q, on its way from %s to %s, is no longer in conflict; %s is in git's rebase state. To go on:\n"+
			"  git -C %[4]s rebase --continue\n  %[5]s\nTo give up: rm -rf %[4]s", e.Subject, e.From, e.To, e.Tree, e.Then)
	}
	return fmt.Sprintf("%q does not go from %s to %s by itself; in conflict:%s\n%[5]s is in git's rebase state. To go on:\n"+
		"  edit the files\n  git -C %[5]s add %[6]s\n  git -C %[5]s rebase --continue    (or --skip, to drop the patch)\n  %[7]s\n"+
		"To give up: rm -rf %[5]s", e.Subject, e.From, e.To, few(e.Files), e.Tree, words(e.Files), e.Then)
}

// RebaseInfo is what a rebase has done.
type RebaseInfo struct {
	From string `json:"from"`
	// Pinned is whether the pin of To is new.
	Pinned bool `json:"pinned"`
	// Refresh is what was written.
	Refresh *RefreshInfo `json:"refresh"`
}

// Rebase carries the patches of from to another tag, with git rebase, and refreshes them into to's
// minor. A tag that has no pin is downloaded, with the Go checksum database to vouch for it, and
// pinned. After a conflict (*RebaseConflictError) a Refresh of to does the rest.
func Rebase(ctx context.Context, co *checkout.Checkout, from, to string) (*RebaseInfo, error) {
	ctx, unlock, p, err := open(ctx, co)
	if err != nil {
		return nil, err
	}
	defer unlock()
	c, err := rebasable(ctx, co, p, from, to)
	if err != nil {
		return nil, err
	}
	source, err := Tree(ctx, co, from)
	if err != nil {
		return nil, err
	}
	rel, pin, err := release(ctx, co, p, to)
	if err != nil {
		return nil, err
	}
	in, err := readInputs(co.Root, pins.MinorOf(to))
	if err != nil {
		return nil, err
	}
	dir, remove, err := aside(co)
	if err != nil {
		return nil, err
	}
	defer remove()
	repo, err := layBase(ctx, co, rel, dir)
	if err != nil {
		return nil, err
	}
	stopped := onto(ctx, repo, source.Path)
	if stopped != nil && operation(dir) != "rebase" {
		return nil, stopped
	}
	s := state{Format: format, Tag: to, Inputs: "", Files: in.sums, From: from}
	info := &RebaseInfo{From: from}
	if known, err := p.Lookup(to); err != nil || known != pin {
		s.Pending, info.Pinned = &pin, true
	}
	if err := s.save(dir); err != nil {
		return nil, err
	}
	if stopped != nil {
		stopped = describeStop(ctx, co, repo, from, to)
	}
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	if err := place(ctx, co, dir, to, c); err != nil {
		return nil, err
	}
	if stopped != nil {
		return nil, stopped
	}
	info.Refresh, err = refresh(ctx, co, p, to)
	return info, err
}

var errNoTag = errors.New("which tag? make rebase TO=v0.37.3 (and FROM=v0.37.2, to say whose patches to take there)")

// rebasable refuses what would lose something, or make a queue that is written against an older tag
// than it applies to. It returns the condition of to's tree, which may be replaced.
func rebasable(ctx context.Context, co *checkout.Checkout, p *pins.Pins, from, to string) (c condition, err error) {
	if from == "" || to == "" {
		return c, errNoTag
	}
	if _, err := p.Lookup(from); err != nil {
		return c, err
	}
	if err := pins.CheckTag(to); err != nil {
		return c, err
	}
	if from == to {
		return c, fmt.Errorf("the patches are on %s already", to)
	}
	minor := pins.MinorOf(to)
	if newest := p.NewestOf(minor); newest != "" && semver.Compare(to, newest) < 0 {
		return c, fmt.Errorf("patches/%s is written against %s, its newest tag, and serves older ones as it is: rebase to %s or later, or pin the older tag as it is: make pins ADD=%s", minor, newest, newest, to)
	}
	if err := lacksNone(ctx, co, p, from, to); err != nil {
		return c, err
	}
	c, err = inspect(ctx, co, to)
	if err != nil {
		return c, err
	}
	if err := c.expressed(co, to); err != nil {
		return c, err
	}
	changed, err := uncommitted(ctx, co, "patches")
	if err != nil || len(changed) == 0 {
		return c, err
	}
	return c, fmt.Errorf("these have changes that are not committed, and a rebase to %s would write over them:%s\nnext: commit them (git add patches && git commit)", to, few(changed))
}

// lacksNone fails if to's minor has patches that from's has not: those of to's are about to be written anew
// from the others.
func lacksNone(ctx context.Context, co *checkout.Checkout, p *pins.Pins, from, to string) error {
	theirs, err := subjects(ctx, co, pins.MinorOf(from))
	if err != nil {
		return err
	}
	own, err := subjects(ctx, co, pins.MinorOf(to))
	if err != nil {
		return err
	}
	lost := without(own, theirs)
	if len(lost) == 0 {
		return nil
	}
	next := fmt.Sprintf("make rebase TO=%s, which takes those of its own minor", to)
	if newest := p.NewestOf(pins.MinorOf(to)); newest == to {
		next = fmt.Sprintf("take single patches there in place of all:\n  make tree TAG=%s\n%s", from, pick(co, from, to))
	}
	return fmt.Errorf("patches/%s has patches that patches/%s has not, and a rebase from %s to %s would lose them:%s\n"+
		"next: %s\nor, if these may go: git rm them, and git commit",
		pins.MinorOf(to), pins.MinorOf(from), from, to, few(lost), next)
}

// without is what is left of list when each of others has taken one of its like.
func without(list, others []string) []string {
	left := slices.Clone(list)
	for _, s := range others {
		if i := slices.Index(left, s); i >= 0 {
			left = slices.Delete(left, i, i+1)
		}
	}
	return left
}

// pick is the commands that take single patches from one tree to another.
func pick(co *checkout.Checkout, from, to string) string {
	tree := co.Rel(co.Tree(to))
	return fmt.Sprintf("  make tree TAG=%s\n  git -C %s fetch ../%s main\n  git -C %[2]s cherry-pick COMMIT\n  make refresh TAG=%[1]s", to, tree, from)
}

// subjects are those of a minor's patches, in order.
func subjects(ctx context.Context, co *checkout.Checkout, minor string) ([]string, error) {
	in, err := readInputs(co.Root, minor)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, name := range in.patches() {
		data, err := os.ReadFile(in.file(name))
		if err != nil {
			return nil, err
		}
		info, err := git.At(co, co.Root).Feed(ctx, string(data), "mailinfo", os.DevNull, os.DevNull)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		for line := range strings.Lines(info) {
			if subject, ok := strings.CutPrefix(line, "Subject: "); ok {
				all = append(all, strings.TrimSuffix(subject, "\n"))
			}
		}
	}
	return all, nil
}

// uncommitted lists what the checkout's own git says has changed below dir; nothing when the
// checkout is no git repository.
func uncommitted(ctx context.Context, co *checkout.Checkout, dir string) ([]string, error) {
	repo := git.At(co, co.Root)
	if _, err := repo.Run(ctx, "rev-parse", "--is-inside-work-tree"); err != nil {
		if strings.Contains(err.Error(), "not a git repository") {
			return nil, ctx.Err()
		}
		return nil, err
	}
	list, err := repo.Lines(ctx, "\x00", "status", "--porcelain", "-z", "--no-renames", "--untracked-files=all", "--", dir)
	for i, line := range list {
		if len(line) > 3 {
			list[i] = line[3:]
		}
	}
	return list, err
}

// release fetches a tag and returns its pin: the one there is, which it matches, or a new one.
func release(ctx context.Context, co *checkout.Checkout, p *pins.Pins, tag string) (*upstream.Release, pins.Tag, error) {
	if known, err := p.Lookup(tag); err == nil {
		rel, err := upstream.Fetch(ctx, co, p.Module, tag)
		if err != nil {
			return nil, pins.Tag{}, err
		}
		return rel, known, rel.Check(known.Sum)
	}
	rel, err := upstream.FetchNew(ctx, co, p.Module, tag)
	if err != nil {
		return nil, pins.Tag{}, err
	}
	pin := pins.Tag{Tag: tag, Sum: rel.Sum}
	err = lookForConsumer(ctx, co, p, &pin)
	return rel, pin, err
}

// lookForConsumer has the pin say which version of the consumer was released with it. One that cannot
// be had is a warning, as what the fork is about is there.
func lookForConsumer(ctx context.Context, co *checkout.Checkout, p *pins.Pins, pin *pins.Tag) error {
	if p.Consumer == "" {
		return nil
	}
	version, err := p.ConsumerOf(pin.Tag)
	if err != nil {
		return err
	}
	_, err = upstream.Look(ctx, co, p.Consumer, version)
	var absent *upstream.NotServedError
	if errors.As(err, &absent) {
		fmt.Fprintf(co.Err, "warning: %s is pinned without a kube-apiserver: %v; make pins ADD=%[1]s looks for it again\n", pin.Tag, absent.Cause)
		return nil
	}
	if err == nil {
		pin.Consumer = version
	}
	return err
}

// onto rebases the patches of the tree in source onto repo's only commit. A commit that becomes
// empty is dropped.
func onto(ctx context.Context, repo git.Repo, source string) error {
	if _, err := repo.Run(ctx, "fetch", "--quiet", "--no-tags", source, refHead+":"+refFrom, refBase+":"+refFromBase); err != nil {
		return err
	}
	if _, err := repo.Run(ctx, "reset", "--quiet", "--hard", refFrom); err != nil {
		return err
	}
	_, err := repo.Run(ctx, "rebase", "--quiet", "--merge", "--empty=drop", "--no-autosquash", "--no-gpg-sign", "--committer-date-is-author-date",
		"--onto", refBase, refFromBase, "main")
	return err
}

// droppedFrom lists the subjects of the commits that onto was given and that HEAD has not: git has found
// their change upstream, or somebody has skipped or renamed them.
func droppedFrom(ctx context.Context, repo git.Repo) ([]string, error) {
	before, err := repo.Lines(ctx, "\n", "log", "--reverse", "--format=%s", refFromBase+".."+refFrom)
	if err != nil {
		return nil, err
	}
	after, err := repo.Lines(ctx, "\n", "log", "--reverse", "--format=%s", refBase+"..HEAD")
	return without(before, after), err
}

func describeStop(ctx context.Context, co *checkout.Checkout, repo git.Repo, from, to string) error {
	e := &RebaseConflictError{From: from, To: to, Tree: co.Rel(co.Tree(to)), Then: "make refresh TAG=" + to}
	var err error
	if e.Files, err = repo.Lines(ctx, "\x00", "diff", "--name-only", "-z", "--diff-filter=U"); err != nil {
		return err
	}
	if e.Subject, err = repo.Run(ctx, "log", "-1", "--format=%s", "REBASE_HEAD"); err != nil {
		return err
	}
	return e
}
