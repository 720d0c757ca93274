package queue

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/mod/modfile"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/git"
	"fork.internal/apiserver/hack/internal/gotool"
	"fork.internal/apiserver/hack/internal/upstream"
)

// buildAtOnePath builds packages of the tree, which are directories below it, from paths that are the
// same for every tag: links to the tree, and to the modules that were released with it. The Go build
// cache tells packages apart by their paths too, and a module's path in the module cache has its
// version; most packages of two tags of a minor are the same but for that.
func buildAtOnePath(ctx context.Context, co *checkout.Checkout, tree git.Repo, dirs []string) error {
	data, err := os.ReadFile(filepath.Join(tree.Dir, "go.mod"))
	if err != nil {
		return err
	}
	mod, err := modfile.ParseLax("go.mod", data, nil)
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
	domain := path.Dir(modfile.ModulePath(data))
	for _, r := range mod.Require {
		// Those of one release; k8s.io/klog/v2 and its like have versions of their own.
		if path.Dir(r.Mod.Path) != domain || !strings.HasPrefix(r.Mod.Version, "v0.") || strings.Contains(r.Mod.Version, "-") {
			continue
		}
		module, err := upstream.Download(ctx, co, tree.Dir, r.Mod.Path, r.Mod.Version)
		if err != nil {
			return fmt.Errorf("%s, which the tag requires, cannot be had; a tag that nobody can build is not to be pinned: %w", r.Mod, err)
		}
		link := filepath.Join(root, path.Base(r.Mod.Path))
		if err := os.Symlink(module.Dir, link); err != nil {
			return err
		}
		if err := mod.AddReplace(r.Mod.Path, "", link, ""); err != nil {
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
