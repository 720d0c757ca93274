package queue

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/git"
	"fork.internal/apiserver/hack/internal/pins"
)

// intent is why a minor's patches are written.
type intent int

const (
	// edited patches say something else than before: the base's are what the other minors are to have too.
	edited intent = iota
	// moved ones say the same of another tag: the other minors keep what they have.
	moved
	// caughtUp ones have taken in all that the base says.
	caughtUp
)

// reform has f say of minor what a tree says. repo is the tree made anew of out, a commit a patch.
func (f *form) reform(ctx context.Context, repo git.Repo, out export, why intent) error {
	minor, base := out.minor, f.base()
	var patches []named
	for _, name := range out.patches() {
		text, err := os.ReadFile(out.file(name))
		if err != nil {
			return err
		}
		patches = append(patches, f.own(minor, name, patch(text), "", ""))
	}
	switch {
	case base == "" || base == minor && why == edited:
		f.setBase(minor, patches)
		return nil
	case pins.Newer(minor, base) || minor == base:
		f.moveBase(minor, patches)
		return nil
	}
	shared, err := f.fit(ctx, repo, patches)
	if err == nil {
		f.setMinor(minor, patches, shared, why == caughtUp)
	}
	return err
}

// fit says of each of patches, which repo has a commit each for, whether the base's patch with its subject makes the
// same commit there. Where it does not, and one of a lender's does, the patch becomes that one.
func (f *form) fit(ctx context.Context, repo git.Repo, patches []named) ([]bool, error) {
	commits, err := repo.Lines(ctx, "\n", "log", "--reverse", "--format=%H %T", refPkg+"..HEAD")
	if err != nil {
		return nil, err
	}
	if len(commits) != len(patches) {
		return nil, fmt.Errorf("%d patches made %d commits", len(patches), len(commits))
	}
	shared := make([]bool, len(patches))
	left := f.series[f.base()].Entries
	for i, p := range patches {
		commit, want, _ := strings.Cut(commits[i], " ")
		same := func(other patch) (bool, error) {
			ours, _ := p.text.cut()
			theirs, _ := other.cut()
			if ours != theirs {
				return false, nil
			}
			tree, ok, err := applied(ctx, repo, commit+"^", other)
			return ok && tree == want, err
		}
		var like string
		if like, left = f.takeLike(left, p.text); like != "" {
			if shared[i], err = same(f.texts[like]); err != nil {
				return nil, err
			}
		}
		if shared[i] {
			continue
		}
		if patches[i].text, err = f.lender(path.Dir(p.Path), p.text, same); err != nil {
			return nil, err
		}
	}
	return shared, nil
}

// lender is the patch that a newer minor but the base has in a file of its own and that is the same as p to minor, or p.
func (f *form) lender(minor string, p patch, same func(patch) (bool, error)) (patch, error) {
	for _, lender := range f.lenders(minor) {
		for _, o := range f.entries(lender) {
			if path.Dir(o.Path) != lender || o.text.subject() != p.subject() {
				continue
			}
			if ok, err := same(o.text); ok || err != nil {
				return o.text, err
			}
		}
	}
	return p, nil
}

// applied is the tree that p makes of commit's, as git am would, with no fuzz; ok is false if it does not apply. The
// work tree and the index are left alone.
func applied(ctx context.Context, repo git.Repo, commit string, p patch) (tree string, ok bool, err error) {
	dir, err := os.MkdirTemp("", "fork-")
	if err != nil {
		return "", false, err
	}
	defer os.RemoveAll(dir)
	aside := repo.With("GIT_INDEX_FILE=" + filepath.Join(dir, "index"))
	if _, err := aside.Run(ctx, "read-tree", commit); err != nil {
		return "", false, err
	}
	if _, err := aside.Feed(ctx, string(p), "apply", "--cached", "--whitespace=nowarn", "-"); err != nil {
		return "", false, ctx.Err()
	}
	tree, err = aside.Run(ctx, "write-tree")
	return tree, err == nil, err
}

// keepOthers finds, for each minor but one whose list is not what it was, whether the patches that it shares now make the
// commits that its own did, on its newest tag, and gives it those back that do not.
func (f *form) keepOthers(ctx context.Context, co *checkout.Checkout, p *pins.Pins, before *form, minor string) error {
	for _, other := range f.minors() {
		pin, err := p.OfMinor(other)
		if other == minor || err != nil || sameSeries(f.series[other], before.series[other]) {
			continue
		}
		if err := f.keep(ctx, co, p, before, pin); err != nil {
			return fmt.Errorf("patches/%s, as it is: %w", other, err)
		}
	}
	return nil
}

// keep is keepOthers for the minor of pin.
func (f *form) keep(ctx context.Context, co *checkout.Checkout, p *pins.Pins, before *form, pin pins.Tag) error {
	minor := pins.MinorOf(pin.Tag)
	in, remove, err := before.inputs(co, minor)
	if err != nil {
		return err
	}
	defer remove()
	repo, discard, err := layAside(ctx, co, p, pin, in)
	if err != nil {
		return err
	}
	defer discard()
	was, entries := before.entries(minor), f.entries(minor)
	fits, err := f.fit(ctx, repo, was)
	if err != nil {
		return err
	}
	for i, e := range entries {
		if !f.series[minor].Own(e.Entry) && !fits[i] {
			entries[i] = f.own(minor, e.Path, was[i].text, e.Path, e.text.stamp())
		}
	}
	f.put(minor, entries, f.series[minor].Without)
	return nil
}
