package queue

import (
	"context"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/git"
)

// Touched lists the import paths of the packages of tag's tree that pkg/ or a patch changes, tests
// and test data included, sorted. It makes the tree first if need be.
func Touched(ctx context.Context, co *checkout.Checkout, tag string) ([]string, error) {
	ctx, unlock, _, err := open(ctx, co)
	if err != nil {
		return nil, err
	}
	defer unlock()
	info, err := Tree(ctx, co, tag)
	if err != nil {
		return nil, err
	}
	dirs, err := touched(ctx, git.At(co, info.Path), refBase)
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(filepath.Join(info.Path, "go.mod"))
	if err != nil {
		return nil, err
	}
	for i, dir := range dirs {
		dirs[i] = path.Join(modfile.ModulePath(data), dir)
	}
	return dirs, nil
}

// touched lists the directories of the packages in which HEAD, which is checked out, differs from the
// commit since, slash-separated, sorted. A file that is in no package counts for the nearest one above it.
func touched(ctx context.Context, repo git.Repo, since string) ([]string, error) {
	files, err := repo.Lines(ctx, "\x00", "diff", "--relative", "--name-only", "-z", "--no-renames", since, "HEAD")
	if err != nil {
		return nil, err
	}
	var dirs []string
	for _, file := range files {
		if dir := packageDir(repo, path.Dir(file)); hasGo(filepath.Join(repo.Dir, dir)) {
			dirs = append(dirs, dir)
		}
	}
	slices.Sort(dirs)
	return slices.Compact(dirs), nil
}

// packageDir is the nearest directory, from dir upwards, that is a package of what is checked out.
func packageDir(repo git.Repo, dir string) string {
	for dir != "." && (strings.Contains("/"+dir+"/", "/testdata/") || !hasGo(filepath.Join(repo.Dir, dir))) {
		dir = path.Dir(dir)
	}
	return dir
}

func hasGo(dir string) bool {
	return len(goFiles(dir)) > 0
}

// goFiles are the names of the Go files in dir, sorted; none if it cannot be read.
func goFiles(dir string) []string {
	entries, _ := os.ReadDir(dir)
	var names []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".go") {
			names = append(names, e.Name())
		}
	}
	return names
}
