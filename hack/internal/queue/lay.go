package queue

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/git"
	"fork.internal/apiserver/hack/internal/upstream"
)

// layBase makes the repository in dir, an empty directory, with the release as its only commit.
func layBase(ctx context.Context, co *checkout.Checkout, rel *upstream.Release, dir string) (git.Repo, error) {
	repo := git.At(co, dir)
	if err := rel.Unpack(dir); err != nil {
		return repo, err
	}
	if err := repo.Init(ctx); err != nil {
		return repo, err
	}
	base, err := repo.CommitAll(ctx, fmt.Sprintf("%s %s\n\n%s\n", rel.Module, rel.Tag, rel.Sum))
	if err != nil {
		return repo, err
	}
	return repo, setRefs(ctx, repo, base, refBase, refPkg, refHead)
}

// lay makes the whole tree of in on rel in dir, an empty directory. After a patch that does not
// apply the tree is as git am has left it, and the error is a *ConflictError.
func lay(ctx context.Context, co *checkout.Checkout, rel *upstream.Release, in inputs, dir string) (git.Repo, error) {
	repo, err := layBase(ctx, co, rel, dir)
	if err != nil {
		return repo, err
	}
	if err := layPkg(ctx, repo, in); err != nil {
		return repo, err
	}
	conflict := am(ctx, repo, rel.Tag, in)
	if conflict != nil && !errors.As(conflict, new(*ConflictError)) {
		return repo, conflict
	}
	head, err := repo.Run(ctx, "rev-parse", "HEAD")
	if err != nil {
		return repo, err
	}
	if err := setRefs(ctx, repo, head, refHead); err != nil {
		return repo, err
	}
	s := state{Format: format, Tag: rel.Tag, Inputs: in.hash(rel.Tag, rel.Sum), Files: in.sums, Complete: conflict == nil}
	return repo, errors.Join(s.save(dir), conflict)
}

func layPkg(ctx context.Context, repo git.Repo, in inputs) error {
	files := in.pkg()
	if len(files) == 0 {
		return nil
	}
	for _, name := range files {
		data, err := os.ReadFile(in.file(name))
		if err != nil {
			return err
		}
		target := filepath.Join(repo.Dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		f, err := os.OpenFile(target, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("%s exists upstream: pkg/ holds new files only; rename it, or make the change a patch", name)
		}
		if err != nil {
			return err
		}
		_, err = bytes.NewReader(data).WriteTo(f)
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	commit, err := repo.CommitAll(ctx, "pkg: what the fork adds\n")
	if err != nil {
		return err
	}
	return setRefs(ctx, repo, commit, refPkg)
}

// am applies the patches. Only an exact match of context will do: no fuzz, no three-way merge.
func am(ctx context.Context, repo git.Repo, tag string, in inputs) error {
	patches := in.patches()
	if len(patches) == 0 {
		return nil
	}
	args := []string{"am", "--quiet", "--keep-non-patch", "--keep-cr", "--no-3way", "--no-scissors", "--no-message-id",
		"--committer-date-is-author-date", "--whitespace=nowarn", "--no-gpg-sign", "--"}
	for _, name := range patches {
		args = append(args, in.file(name))
	}
	_, err := repo.Run(ctx, args...)
	if err == nil || ctx.Err() != nil {
		return err
	}
	return explainConflict(ctx, repo, tag, in, err)
}

func setRefs(ctx context.Context, repo git.Repo, commit string, refs ...string) error {
	var orders strings.Builder
	for _, ref := range refs {
		fmt.Fprintf(&orders, "update %s %s\n", ref, commit)
	}
	_, err := repo.Feed(ctx, orders.String(), "update-ref", "--stdin")
	return err
}
