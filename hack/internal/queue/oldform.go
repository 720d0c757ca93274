package queue

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/git"
	"fork.internal/apiserver/hack/internal/pins"
	"fork.internal/apiserver/hack/internal/series"
)

// carryDir is where what patches/ said before a change of the base is kept, until that has been carried to all minors.
func carryDir(co *checkout.Checkout) string { return filepath.Join(co.Output(), "carry") }

// keepOld keeps f, unless an older one is kept.
func keepOld(co *checkout.Checkout, f *form) error {
	dir := carryDir(co)
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	stage, remove, err := aside(co)
	if err != nil {
		return err
	}
	defer remove()
	if err := f.write(stage); err != nil {
		return err
	}
	return os.Rename(stage, dir)
}

// past is what patches/ said before, the latest first: what has been kept, and what the checkout's history has, as far
// as it can be read. Nothing is read before it is asked for, and nothing twice.
func (r *replayer) past(ctx context.Context) iter.Seq[*form] {
	return func(yield func(*form) bool) {
		for i := 0; ; i++ {
			if i == len(r.old) && !r.readOlder(ctx) {
				return
			}
			if !yield(r.old[i]) {
				return
			}
		}
	}
}

// readOlder adds one to r.old, if there is one.
func (r *replayer) readOlder(ctx context.Context) bool {
	repo := git.At(r.co, r.co.Root)
	if r.commits == nil {
		// Where there is no git repository there is no history.
		r.commits, _ = repo.Lines(ctx, "\n", "log", "--max-count="+fmt.Sprint(historyDepth), "--format=%H", "--", "patches")
		r.commits = append([]string{""}, r.commits...)
	}
	for len(r.commits) > 0 {
		commit := r.commits[0]
		r.commits = r.commits[1:]
		var f *form
		var err error
		if commit == "" {
			f, err = readForm(carryDir(r.co))
		} else {
			f, err = formAt(ctx, repo, commit)
		}
		if err == nil && f.base() != "" {
			r.old = append(r.old, f)
			return true
		}
	}
	return false
}

// historyDepth is how many commits of patches/ are looked through for what it said.
const historyDepth = 50

// formAt is what patches/ said in a commit of the checkout.
func formAt(ctx context.Context, repo git.Repo, commit string) (*form, error) {
	dir, err := os.MkdirTemp("", "fork-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	files, err := repo.Lines(ctx, "\x00", "ls-tree", "-r", "-z", "--name-only", commit, "--", "patches")
	if err != nil {
		return nil, err
	}
	for _, name := range files {
		data, err := repo.Raw(ctx, "cat-file", "blob", commit+":"+name)
		if err != nil {
			return nil, err
		}
		if err := atomicWrite(filepath.Join(dir, filepath.FromSlash(name)), []byte(data)); err != nil {
			return nil, err
		}
	}
	return readForm(dir)
}

// oldPatch is what the patch that e stands in for said when e last took it in.
func (r *replayer) oldPatch(ctx context.Context, e series.Entry) (patch, error) {
	for f := range r.past(ctx) {
		for _, p := range f.texts {
			if p.stamp() == e.AsOf {
				return p, nil
			}
		}
	}
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	return "", fmt.Errorf("patches/%s stands in for patches/%s as it was, and what that said is neither kept nor in the last %d commits of patches/ here\n"+
		"next: git fetch --unshallow, if the clone is a shallow one, and make carry; or make the change by hand: make tree TAG=%s, git rebase -i %s in it, "+
		"make refresh TAG=%[4]s; take \" as of %s\" out of patches/%s/series; then make carry", e.Path, e.InPlaceOf, historyDepth, r.pin.Tag, refBase, e.AsOf, pins.MinorOf(r.pin.Tag))
}
