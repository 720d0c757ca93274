package queue

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/git"
	"fork.internal/apiserver/hack/internal/pins"
	"fork.internal/apiserver/hack/internal/upstream"
)

// RefreshInfo is what a refresh has done.
type RefreshInfo struct {
	Tag string `json:"tag"`
	// Changes are the files of the checkout that changed, each after A, M or D and a space.
	Changes []string `json:"changes"`
	// Patches are the patches with their sizes, in order.
	Patches []string `json:"patches"`
	// Dropped are the subjects of the patches that the rebase before the refresh was given and that the
	// tree has not: upstream has their change, or somebody has skipped them.
	Dropped []string `json:"dropped,omitempty"`
	// Warnings are what lint says of them.
	Warnings []string `json:"warnings"`
	// Head is the tree's HEAD.
	Head string `json:"head"`
	// KeptAgainst is set when nothing was looked at because the patches of tag's minor are written
	// against this later tag, and tag's tree has nothing that they do not say.
	KeptAgainst string `json:"keptAgainst,omitempty"`
	// Series says where the patches of tag's minor are.
	Series SeriesInfo `json:"series"`
	// ToCarry are the minors that share what has changed, and of which nobody has shown yet that they can.
	ToCarry []string `json:"toCarry,omitempty"`
}

// Refresh writes what tag's tree says to pkg/ and patches/, and adds the pin that a rebase has left
// pending. An empty tag means the newest pinned one. Nothing is written unless what would be written
// makes the same tree again. A tree that nobody has touched changes no byte. What the newest minor's tree says is also
// what the others share, but for a tree that a rebase has made, after which those say what they said; what another's
// says is its own where it is not the same.
func Refresh(ctx context.Context, co *checkout.Checkout, tag string) (*RefreshInfo, error) {
	ctx, unlock, p, err := open(ctx, co)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if pin, err := p.Lookup(tag); err == nil {
		tag = pin.Tag
	} else if s, ok := loadState(co.Tree(tag)); tag == "" || !ok || s.Pending == nil {
		return nil, err
	}
	return refresh(ctx, co, p, tag)
}

func refresh(ctx context.Context, co *checkout.Checkout, p *pins.Pins, tag string) (*RefreshInfo, error) {
	c, err := refreshable(ctx, co, tag)
	if err != nil {
		return nil, err
	}
	if c.state.Pending != nil {
		p.Add(*c.state.Pending)
	}
	pin, err := p.Lookup(tag)
	if err != nil {
		return nil, err
	}
	minor := pins.MinorOf(tag)
	if newest := p.NewestOf(minor); newest != tag {
		if c.head == c.known && c.state.Complete {
			return &RefreshInfo{Tag: tag, Head: c.head, KeptAgainst: newest}, nil
		}
		return nil, fmt.Errorf("patches/%s is written against %s, the newest pin of %s, and %s has commits of its own:%s\n"+
			"next: take them there:\n%s",
			minor, newest, minor, co.Rel(co.Tree(tag)), few(c.commits), pick(co, tag, newest))
	}

	stage, remove, err := aside(co)
	if err != nil {
		return nil, err
	}
	defer remove()
	repo := git.At(co, co.Tree(tag))
	if err := resolved(ctx, repo); err != nil {
		return nil, fmt.Errorf("%s: %w", co.Rel(repo.Dir), err)
	}
	if err := squashed(ctx, co, repo); err != nil {
		return nil, err
	}
	out, err := exportTree(ctx, repo, minor, stage)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", co.Rel(repo.Dir), err)
	}
	if len(out.patches()) == 0 {
		return nil, fmt.Errorf("%s holds no patch on top of %s, and a refresh writes no empty queue\nto give up a queue, remove patches/%s and its pins by hand", co.Rel(repo.Dir), tag, minor)
	}
	fresh, remove, err := rebuild(ctx, co, p.Module, pin, out, repo)
	if err != nil {
		return nil, err
	}
	defer remove()
	before, after, err := reformed(ctx, co, p, fresh, out, c.state.intent())
	if err != nil {
		return nil, err
	}
	if out.inputs, err = staged(stage, after, minor); err != nil {
		return nil, err
	}
	disk, err := unchangedOnDisk(co, c, out.inputs, pin)
	if err != nil {
		return nil, err
	}
	disk.sums, out.sums = whole(disk, before.read), whole(out.inputs, after.files())
	info, err := summary(ctx, fresh, disk, out.inputs)
	if err != nil {
		return nil, err
	}
	info.Tag, info.Series, info.ToCarry = tag, after.info(minor), toCarry(before, after, minor)
	if c.state.From != "" && !c.state.Complete {
		if info.Dropped, err = droppedFrom(ctx, repo); err != nil {
			return nil, err
		}
	}

	// From here on only what has been shown to be right is written, the tree last. A run that is cut
	// off leaves a mixture of old and new files, which the next refresh takes for what it is.
	if len(info.ToCarry) > 0 {
		if err := keepOld(co, before); err != nil {
			return nil, err
		}
	}
	if err := install(co, disk, out.inputs); err != nil {
		return nil, err
	}
	if err := p.Save(co.Pins()); err != nil {
		return nil, err
	}
	final, err := readInputs(co.Root, minor)
	if err != nil {
		return nil, err
	}
	s := state{Format: format, Tag: tag, Inputs: final.hash(tag, pin.Sum), Files: final.sums, Complete: true}
	if info.Head != c.head || !c.state.Complete || c.state.Inputs != s.Inputs || c.state.Pending != nil {
		if err := s.save(fresh.Dir); err != nil {
			return nil, err
		}
		return info, place(ctx, co, fresh.Dir, tag, c)
	}
	return info, s.save(co.Tree(tag))
}

// refreshable finds the tree to be one of ours, at rest, with something on top of the pristine tag.
func refreshable(ctx context.Context, co *checkout.Checkout, tag string) (condition, error) {
	c, err := inspect(ctx, co, tag)
	if err != nil {
		return c, err
	}
	if !c.exists {
		return c, fmt.Errorf("there is no tree of %s to refresh from; next: make tree TAG=%s", tag, tag)
	}
	if err := c.quiet(co, tag); err != nil {
		return c, err
	}
	tree := co.Rel(co.Tree(tag))
	if c.offBase {
		return c, fmt.Errorf("HEAD of %s (%.12s) does not stand on the pristine %s (%s): was a rebase aborted?\nnext: rm -rf %s, and repeat the rebase", tree, c.head, tag, refBase, tree)
	}
	empty, err := git.At(co, co.Tree(tag)).Run(ctx, "rev-list", "--max-count=1", refBase+"..HEAD")
	if err == nil && empty == "" {
		err = fmt.Errorf("%s holds no commit on top of %s, and a refresh writes no empty queue\nnext: git -C %s reset --hard %s, or make tree TAG=%s", tree, tag, tree, refHead, tag)
	}
	return c, err
}

// resolved fails if the tree's commits have added conflict markers: those that open and close one, as the line
// between them may well be a heading's.
func resolved(ctx context.Context, repo git.Repo) error {
	const markersOnly = "core.whitespace=-blank-at-eol,-blank-at-eof,-space-before-tab"
	found, err := repo.Run(ctx, "-c", markersOnly, "diff", "--check", refBase, "HEAD")
	if found == "" {
		return err
	}
	added, err := repo.Run(ctx, "diff", "--no-color", "--no-ext-diff", "--unified=0", refBase, "HEAD")
	if err != nil || !strings.Contains(added, "\n+<<<<<<< ") && !strings.Contains(added, "\n+>>>>>>> ") {
		return err
	}
	return fmt.Errorf("a conflict was committed and not resolved:\n%s\nnext: git -C %s rebase -i %s, and edit the commit that has it", found, repo.Dir, refBase)
}

// squashed fails if the tree has commits that are meant to become part of others.
func squashed(ctx context.Context, co *checkout.Checkout, repo git.Repo) error {
	meant, err := repo.Lines(ctx, "\n", "log", "--format=%h %s", "--extended-regexp", "--grep=^(fixup|squash|amend)! ", refBase+"..HEAD")
	if err != nil || len(meant) == 0 {
		return err
	}
	return fmt.Errorf("%s holds commits that are meant to become part of others:%s\nnext: GIT_SEQUENCE_EDITOR=: git -C %[1]s rebase -i --autosquash %[3]s", co.Rel(repo.Dir), few(meant), refBase)
}

// unchangedOnDisk reads pkg/ and patches/ and finds each file as it was when the tree was made, or
// as the refresh would make it.
func unchangedOnDisk(co *checkout.Checkout, c condition, out inputs, pin pins.Tag) (inputs, error) {
	tag := pin.Tag
	disk, err := readInputs(co.Root, out.minor)
	if err != nil || disk.hash(tag, pin.Sum) == c.state.Inputs { // in which the names of the files have no say
		return disk, err
	}
	var changed []string
	for name := range union(disk.sums, c.state.Files, out.sums) {
		if now := disk.sums[name]; now != c.state.Files[name] && now != out.sums[name] {
			changed = append(changed, name)
		}
	}
	if len(changed) == 0 {
		return disk, nil
	}
	slices.Sort(changed)
	tree := co.Rel(co.Tree(tag))
	next := fmt.Sprintf("the tree holds nothing of its own; to bring it up to date: make tree TAG=%s", tag)
	if c.head != c.known || !c.state.Complete {
		next = fmt.Sprintf("to keep both: set those changes aside (git stash), make refresh TAG=%s, put them back\n"+
			"to drop the tree's: git -C %s reset --hard %s && make tree TAG=%[1]s", tag, tree, refHead)
	}
	return disk, fmt.Errorf("these have changed since %s was made; a refresh would undo that:%s\n%s", tree, few(changed), next)
}

func union(all ...map[string]string) map[string]bool {
	names := map[string]bool{}
	for _, m := range all {
		for name := range m {
			names[name] = true
		}
	}
	return names
}

// rebuild makes a tree from out and finds it the same as the one that out came from.
func rebuild(ctx context.Context, co *checkout.Checkout, module string, pin pins.Tag, out export, from git.Repo) (fresh git.Repo, remove func(), err error) {
	rel, err := upstream.Fetch(ctx, co, module, pin.Tag)
	if err != nil {
		return fresh, nil, err
	}
	if err := rel.Check(pin.Sum); err != nil {
		return fresh, nil, err
	}
	dir, discard, err := aside(co)
	if err != nil {
		return fresh, nil, err
	}
	defer func() {
		if err != nil {
			discard()
		}
	}()
	if fresh, err = lay(ctx, co, rel, out.inputs, dir); err != nil {
		return fresh, nil, fmt.Errorf("what the tree says cannot be put into patches; nothing was changed: %w", err)
	}
	want, err := from.Run(ctx, "rev-parse", "HEAD^{tree}")
	if err != nil {
		return fresh, nil, err
	}
	got, err := fresh.Run(ctx, "rev-parse", "HEAD^{tree}")
	if err != nil {
		return fresh, nil, err
	}
	if got != want {
		return fresh, nil, fmt.Errorf("the patches of %s would not make the same tree again (%.12s, not %.12s); nothing was changed", co.Rel(from.Dir), got, want)
	}
	messages, err := logMessages(ctx, fresh, refPkg+"..HEAD")
	if err != nil {
		return fresh, nil, err
	}
	for i, m := range out.messages {
		if i >= len(messages) || messages[i] != m {
			subject, _, _ := strings.Cut(m, "\n")
			return fresh, nil, fmt.Errorf("the message of commit %q does not survive git am (a line of ---, or one that begins with diff or From?); nothing was changed", subject)
		}
	}
	return fresh, discard, nil
}

func summary(ctx context.Context, fresh git.Repo, disk, out inputs) (*RefreshInfo, error) {
	info := &RefreshInfo{}
	for name := range union(disk.sums, out.sums) {
		before, after := disk.sums[name], out.sums[name]
		switch {
		case before == "":
			info.Changes = append(info.Changes, "A "+name)
		case after == "":
			info.Changes = append(info.Changes, "D "+name)
		case before != after:
			info.Changes = append(info.Changes, "M "+name)
		}
	}
	slices.SortFunc(info.Changes, func(a, b string) int { return strings.Compare(a[2:], b[2:]) })
	stat, err := fresh.Lines(ctx, "\x1e", "log", "--reverse", "--shortstat", "--format=%x1e%s", refPkg+"..HEAD")
	if err != nil {
		return nil, err
	}
	for _, s := range stat {
		if subject, size, ok := strings.Cut(strings.TrimSpace(s), "\n"); ok {
			info.Patches = append(info.Patches, subject+": "+strings.TrimSpace(size))
		}
	}
	findings, err := lintTree(ctx, fresh, out)
	if err != nil {
		return nil, err
	}
	for _, f := range findings {
		info.Warnings = append(info.Warnings, f.String())
	}
	info.Head, err = fresh.Run(ctx, "rev-parse", "HEAD")
	return info, err
}

// install makes the checkout's files those of out. Files that neither disk nor out lists are left alone.
func install(co *checkout.Checkout, disk, out inputs) error {
	for _, name := range slices.Sorted(maps.Keys(out.sums)) {
		if disk.sums[name] == out.sums[name] {
			continue
		}
		data, err := os.ReadFile(out.file(name))
		if err != nil {
			return err
		}
		if err := atomicWrite(disk.file(name), data); err != nil {
			return err
		}
	}
	for name := range disk.sums {
		if _, ok := out.sums[name]; !ok {
			if err := removeFile(co.Root, name); err != nil {
				return err
			}
		}
	}
	return removeScratch(co.Root)
}

// differing lists the files in which two sets of inputs differ.
func differing(a, b inputs) []string {
	var names []string
	for name := range union(a.sums, b.sums) {
		if a.sums[name] == b.sums[name] {
			continue
		}
		x, errX := os.ReadFile(a.file(name))
		y, errY := os.ReadFile(b.file(name))
		at := ""
		switch {
		case errors.Is(errX, fs.ErrNotExist) || errors.Is(errY, fs.ErrNotExist):
			at = " (in one only)"
		case errX == nil && errY == nil:
			at = fmt.Sprintf(" (line %d)", firstDifference(x, y))
		}
		names = append(names, name+at)
	}
	slices.Sort(names)
	return names
}

func firstDifference(a, b []byte) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return 1 + bytes.Count(a[:n], []byte("\n"))
}
