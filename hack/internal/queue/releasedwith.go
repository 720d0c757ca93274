package queue

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/mod/modfile"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/git"
	"fork.internal/apiserver/hack/internal/upstream"
)

// releasedWith returns the tree's go.mod, and the directories of the modules, by their paths, that it
// requires and that were released with the tree's tag. A tag that lacks one of them can be had and
// patched, but nobody can build it.
func releasedWith(ctx context.Context, co *checkout.Checkout, tree git.Repo) (mod *modfile.File, dirs map[string]string, err error) {
	data, err := os.ReadFile(filepath.Join(tree.Dir, "go.mod"))
	if err != nil {
		return nil, nil, err
	}
	if mod, err = modfile.ParseLax("go.mod", data, nil); err != nil {
		return nil, nil, err
	}
	dirs = map[string]string{}
	domain := path.Dir(mod.Module.Mod.Path)
	for _, r := range mod.Require {
		// Those of one release; k8s.io/klog/v2 and its like have versions of their own.
		if path.Dir(r.Mod.Path) != domain || !strings.HasPrefix(r.Mod.Version, "v0.") || strings.Contains(r.Mod.Version, "-") {
			continue
		}
		module, err := upstream.Download(ctx, co, tree.Dir, r.Mod.Path, r.Mod.Version)
		if err != nil {
			return nil, nil, fmt.Errorf("%s, which the tag requires, cannot be had; a tag that nobody can build is not to be pinned: %w", r.Mod, err)
		}
		dirs[r.Mod.Path] = module.Dir
	}
	return mod, dirs, nil
}
