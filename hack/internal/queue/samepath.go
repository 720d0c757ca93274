package queue

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/git"
	"fork.internal/apiserver/hack/internal/gotool"
)

// buildAtOnePath builds packages of the tree, which are directories below it, from paths that are the
// same for every tag: links to the tree, and to the modules that were released with it. The Go build
// cache tells packages apart by their paths too, and a module's path in the module cache has its
// version; most packages of two tags of a minor are the same but for that.
func buildAtOnePath(ctx context.Context, co *checkout.Checkout, tree git.Repo, dirs []string) error {
	mod, staged, err := releasedWith(ctx, co, tree)
	if err != nil {
		return err
	}
	sums, err := os.ReadFile(filepath.Join(tree.Dir, "go.sum"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	root := filepath.Join(co.Output(), "build", "tags")
	if err := os.RemoveAll(root); err != nil {
		return err
	}
	if err := os.MkdirAll(root, 0o755); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(staged)) {
		link := filepath.Join(root, path.Base(name))
		if err := os.Symlink(staged[name], link); err != nil {
			return err
		}
		if err := mod.AddReplace(name, "", link, ""); err != nil {
			return err
		}
	}
	out, err := mod.Format()
	if err != nil {
		return err
	}
	link := filepath.Join(root, "tree")
	err = errors.Join(os.Symlink(tree.Dir, link), os.WriteFile(filepath.Join(root, "build.mod"), out, 0o644), os.WriteFile(filepath.Join(root, "build.sum"), sums, 0o644))
	if err != nil {
		return err
	}
	args := append([]string{"build", "-modfile", filepath.Join(root, "build.mod")}, packages(dirs)...)
	if _, err := gotool.Run(ctx, co, link, nil, args...); err != nil {
		return fmt.Errorf("in %s: %w", co.Rel(tree.Dir), err)
	}
	return nil
}
