// Package queue turns the fork (pkg/ and patches/) into a git repository on top of an upstream
// tag, a tree, and a tree back into the fork. Git does the work; this package says in which order,
// and sees to it that nothing is lost on the way:
//
//   - a tree is replaced only when pkg/ and patches/ say all that it says;
//   - pkg/ and patches/ are replaced only by what has been shown to make the same tree again, and
//     only if nobody has changed them since the tree was made;
//   - the patches of the newest minor are those of the others too, where these name no other. A change of one is a
//     change of all, which Carry and Verify show to apply;
//   - whatever is written is written aside and renamed, and the tree comes last, so that a run that
//     is cut off at any point has only to be repeated.
//
// Every exported function takes the checkout's lock.
package queue

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/pins"
)

// open takes the lock, clears what an interrupted run has left and loads the pins.
func open(ctx context.Context, co *checkout.Checkout) (context.Context, func(), *pins.Pins, error) {
	outer := ctx
	ctx, unlock, err := co.Lock(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	if ctx != outer { // the lock is new: nobody is at work, here or further out
		err = sweep(co)
	}
	p, loadErr := pins.Load(co.Pins())
	err = errors.Join(err, loadErr)
	if err != nil {
		unlock()
		return nil, nil, nil, err
	}
	return ctx, unlock, p, nil
}

// The prefixes of what lives below _output/tree only while a run is at work.
const (
	newPrefix = ".new-" // being made
	oldPrefix = ".old-" // being replaced
)

// aside makes an empty directory to work in, beside the trees, so that it can be renamed to one.
func aside(co *checkout.Checkout) (dir string, remove func(), err error) {
	if err := os.MkdirAll(co.Trees(), 0o755); err != nil {
		return "", nil, err
	}
	dir, err = os.MkdirTemp(co.Trees(), newPrefix)
	if err != nil {
		return "", nil, err
	}
	// It becomes a tree, which others than its owner may build from.
	return dir, func() { os.RemoveAll(dir) }, os.Chmod(dir, 0o755)
}

// sweep removes what interrupted runs have left.
func sweep(co *checkout.Checkout) error {
	entries, err := os.ReadDir(co.Trees())
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), newPrefix) || strings.HasPrefix(e.Name(), oldPrefix) {
			if err := os.RemoveAll(filepath.Join(co.Trees(), e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// place makes dir, which is beside it, the tree of tag. What was there has been found, some time ago, to hold
// nothing that pkg/ and patches/ do not: if it is not as it was found, it stays.
func place(ctx context.Context, co *checkout.Checkout, dir, tag string, found condition) error {
	tree := co.Tree(tag)
	if _, err := os.Lstat(tree); err == nil {
		old, err := os.MkdirTemp(co.Trees(), oldPrefix)
		if err != nil {
			return err
		}
		away := filepath.Join(old, tag)
		if err := os.Rename(tree, away); err != nil {
			return err
		}
		// Here, where nobody writes to it any more who knows it by its name.
		if now, err := inspectAt(ctx, co, away); err != nil || !now.same(found) {
			return errors.Join(fmt.Errorf("%s has changed while this was at work, and stays as it is\nnext: repeat, which says what there is to keep", co.Rel(tree)), err, os.Rename(away, tree), os.Remove(old))
		}
		defer os.RemoveAll(old)
	}
	return os.Rename(dir, tree)
}

// few joins at most ten of names, indented, one a line.
func few(names []string) string {
	const most = 10
	var b strings.Builder
	for i, name := range names {
		if i == most {
			fmt.Fprintf(&b, "\n  ... and %d more", len(names)-most)
			break
		}
		fmt.Fprintf(&b, "\n  %s", name)
	}
	return b.String()
}
