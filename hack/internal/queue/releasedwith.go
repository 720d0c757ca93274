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

func readModule(tree git.Repo) (*modfile.File, error) {
	data, err := os.ReadFile(filepath.Join(tree.Dir, "go.mod"))
	if err != nil {
		return nil, err
	}
	return modfile.ParseLax("go.mod", data, nil)
}

// releasedWith returns the directories of the modules, by their paths, that were released with the
// tree's tag and that the tag requires. A tag that lacks one of them can be had and patched, but nobody
// can build it.
func releasedWith(ctx context.Context, co *checkout.Checkout, tree git.Repo, mod *modfile.File) (map[string]string, error) {
	dirs := map[string]string{}
	domain := path.Dir(mod.Module.Mod.Path)
	for _, r := range mod.Require {
		// Those of one release; k8s.io/klog/v2 and its like have versions of their own.
		if path.Dir(r.Mod.Path) != domain || !strings.HasPrefix(r.Mod.Version, "v0.") || strings.Contains(r.Mod.Version, "-") {
			continue
		}
		module, err := upstream.Download(ctx, co, tree.Dir, r.Mod.Path, r.Mod.Version)
		if err != nil {
			return nil, fmt.Errorf("%s, which the tag requires, cannot be had; a tag that nobody can build is not to be pinned: %w", r.Mod, err)
		}
		dirs[r.Mod.Path] = module.Dir
	}
	return dirs, nil
}
