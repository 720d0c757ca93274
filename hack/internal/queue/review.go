package queue

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/git"
	"fork.internal/apiserver/hack/internal/review"
)

// Review finds what has to be looked at when the patches have gone from one pinned tag to another.
// It makes the trees of both if need be, and gives that of to the other's pristine commit, as
// refs/fork/frombase, for Report.Diff to show.
func Review(ctx context.Context, co *checkout.Checkout, from, to string) (*review.Report, error) {
	ctx, unlock, p, err := open(ctx, co)
	if err != nil {
		return nil, err
	}
	defer unlock()
	source, err := Tree(ctx, co, from)
	if err != nil {
		return nil, err
	}
	target, err := Tree(ctx, co, to)
	if err != nil {
		return nil, err
	}
	repo := git.At(co, target.Path)
	if _, err := repo.Run(ctx, "fetch", "--quiet", "--no-tags", "--force", source.Path, refBase+":"+refFromBase); err != nil {
		return nil, err
	}
	in := review.Input{Module: p.Module}
	for _, s := range []struct {
		ref  string
		into *review.Sources
	}{{refFromBase, &in.From}, {refBase, &in.To}, {"HEAD", &in.Fork}} {
		if *s.into, err = sources(ctx, repo, s.ref); err != nil {
			return nil, err
		}
	}
	if in.Ours, err = ours(co); err != nil {
		return nil, err
	}
	if in.Patches, err = patchedFiles(ctx, repo); err != nil {
		return nil, err
	}
	report, err := review.Compare(in)
	if err != nil {
		return nil, err
	}
	report.From, report.To = from, to
	if len(report.Files) > 0 {
		names := make([]string, len(report.Files))
		for i, f := range report.Files {
			names[i] = f.Path
		}
		report.Diff = fmt.Sprintf("git -C %s diff %s %s -- %s", co.Rel(target.Path), refFromBase, refBase, words(names))
	}
	return report, nil
}

// sources reads the Go files and go.mod of a commit.
func sources(ctx context.Context, repo git.Repo, ref string) (review.Sources, error) {
	archive, err := repo.Raw(ctx, "archive", "--format=tar", ref, "--", ":(glob)**/*.go", "go.mod")
	if err != nil {
		return nil, err
	}
	found := review.Sources{}
	for r := tar.NewReader(strings.NewReader(archive)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return nil, err
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		data, err := io.ReadAll(r)
		if err != nil {
			return nil, err
		}
		found[h.Name] = string(data)
	}
}

// ours reads the Go files of the checkout that stand on upstream's.
func ours(co *checkout.Checkout) (review.Sources, error) {
	found := review.Sources{}
	for _, top := range []string{"pkg", "test"} {
		err := filepath.WalkDir(filepath.Join(co.Root, top), func(name string, d os.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() || path.Ext(d.Name()) != ".go" {
				return err
			}
			data, err := os.ReadFile(name)
			found[filepath.ToSlash(co.Rel(name))] = string(data)
			return err
		})
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
	}
	return found, nil
}

// patchedFiles maps the upstream files that the patches touch to the numbers of those patches.
func patchedFiles(ctx context.Context, repo git.Repo) (map[string][]string, error) {
	upstream, err := repo.Lines(ctx, "\x00", "diff", "--name-only", "-z", "--no-renames", "--diff-filter=MD", refBase, "HEAD")
	if err != nil {
		return nil, err
	}
	files := map[string][]string{}
	for _, name := range upstream {
		files[name] = []string{}
	}
	commits, err := repo.Lines(ctx, "\n", "rev-list", "--reverse", refPkg+"..HEAD")
	if err != nil {
		return nil, err
	}
	for i, commit := range commits {
		names, err := repo.Lines(ctx, "\x00", "diff-tree", "-r", "--name-only", "-z", "--no-renames", "--no-commit-id", commit)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			if _, ok := files[name]; ok {
				files[name] = append(files[name], fmt.Sprintf("%04d", i+1))
			}
		}
	}
	return files, nil
}
