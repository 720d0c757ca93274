package queue

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/git"
	"fork.internal/apiserver/hack/internal/pins"
	"fork.internal/apiserver/hack/internal/upstream"
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
// same commit there.
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
		var like string
		like, left = f.takeLike(left, p.text)
		if like == "" {
			continue
		}
		ours, _ := p.text.cut()
		theirs, _ := f.texts[like].cut()
		if ours != theirs {
			continue
		}
		commit, want, _ := strings.Cut(commits[i], " ")
		tree, ok, err := applied(ctx, repo, commit+"^", f.texts[like])
		if err != nil {
			return nil, err
		}
		shared[i] = ok && tree == want
	}
	return shared, nil
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

// keepOthers lays each minor but one whose list is not what it was, in the newest of its tags, as it was and as f has
// it. Where the two are not the same tree, f gets the minor's patches as they were.
func (f *form) keepOthers(ctx context.Context, co *checkout.Checkout, p *pins.Pins, before *form, minor string) error {
	for _, other := range f.minors() {
		pin, err := p.OfMinor(other)
		if other == minor || err != nil || sameSeries(f.series[other], before.series[other]) {
			continue
		}
		was, err := before.head(ctx, co, p, pin)
		if err != nil {
			return fmt.Errorf("patches/%s, as it is: %w", other, err)
		}
		if is, err := f.head(ctx, co, p, pin); err == nil && is == was {
			continue
		} else if ctx.Err() != nil {
			return ctx.Err()
		}
		var all []named
		for i, e := range f.entries(other) {
			of := e.InPlaceOf
			if !f.series[other].Own(e.Entry) {
				of = e.Path
			}
			as := ""
			if of != "" {
				as = f.texts[of].stamp()
			}
			all = append(all, f.own(other, e.Path, before.entries(other)[i].text, of, as))
		}
		f.put(other, all, f.series[other].Without)
	}
	return nil
}

// head is the commit that f makes of pin's tag, with nothing of pkg/.
func (f *form) head(ctx context.Context, co *checkout.Checkout, p *pins.Pins, pin pins.Tag) (string, error) {
	stage, remove, err := aside(co)
	if err != nil {
		return "", err
	}
	defer remove()
	if err := f.write(stage); err != nil {
		return "", err
	}
	in, err := readInputs(stage, pins.MinorOf(pin.Tag))
	if err != nil {
		return "", err
	}
	rel, err := upstream.Fetch(ctx, co, p.Module, pin.Tag)
	if err != nil {
		return "", err
	}
	if err := rel.Check(pin.Sum); err != nil {
		return "", err
	}
	dir, remove, err := aside(co)
	if err != nil {
		return "", err
	}
	defer remove()
	repo, err := lay(ctx, co, rel, in, dir)
	if err != nil {
		return "", err
	}
	return repo.Run(ctx, "rev-parse", "HEAD")
}
