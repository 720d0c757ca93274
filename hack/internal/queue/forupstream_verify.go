package queue

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"fork.internal/apiserver/hack/internal/git"
	"fork.internal/apiserver/hack/internal/gotool"
	"fork.internal/apiserver/hack/internal/proc"
	"fork.internal/apiserver/hack/internal/upstream"
)

// verify takes the product as its users do, and finds it right.
func (w *upstreamWriter) verify(ctx context.Context, check bool) error {
	at := map[string]git.Repo{}
	for _, s := range w.shapes() {
		fmt.Fprintf(w.co.Err, "%s/: %s to a pristine tree\n", s.name, w.series.Am())
		repo, err := w.layShape(ctx, s)
		if err != nil {
			return err
		}
		if err := w.takeAll(ctx, repo, s); err != nil {
			return fmt.Errorf("%s/ is not right, and nothing was written: %w", s.name, err)
		}
		at[s.name] = git.At(w.co, filepath.Join(repo.Dir, filepath.FromSlash(s.root)))
	}
	// What has been built, vetted and tested, by git's ID of the tree.
	checked := map[string]bool{}
	if check {
		if err := w.checkEach(ctx, at["apiserver"], checked); err != nil {
			return err
		}
		if err := w.checkCommit(ctx, at["kubernetes"], refBase, "kubernetes/, all of it"); err != nil {
			return fmt.Errorf("in a tree of kubernetes/kubernetes: %w", err)
		}
	}
	for _, c := range w.series.Commits {
		if !c.Independent || c.patch == "" {
			continue
		}
		if err := w.takeAlone(ctx, at["apiserver"], c, check, checked); err != nil {
			return fmt.Errorf("%s says that it is independent, and cannot be taken alone: %w\nnext: take the field %s from it (make tree, git rebase -i there, make refresh)", c.From, err, fieldIndependent)
		}
	}
	return nil
}

// layShape makes a pristine tree of the shape, with refBase at its only commit. While no release of
// kubernetes/kubernetes is pinned with the tag, there is nothing in its shape but the module.
func (w *upstreamWriter) layShape(ctx context.Context, s shape) (git.Repo, error) {
	dir, err := w.subdir("in-" + s.name)
	if err != nil {
		return git.Repo{}, err
	}
	if s.root == "" {
		return layBase(ctx, w.co, w.rel, dir)
	}
	repo := git.At(w.co, dir)
	if w.consumer != "" && w.pin.Consumer != "" {
		consumer, err := upstream.Fetch(ctx, w.co, w.consumer, w.pin.Consumer)
		if err != nil {
			return repo, err
		}
		if err := consumer.Unpack(dir); err != nil {
			return repo, err
		}
	}
	if err := w.rel.Unpack(filepath.Join(dir, filepath.FromSlash(s.root))); err != nil {
		return repo, err
	}
	if err := repo.Init(ctx); err != nil {
		return repo, err
	}
	base, err := repo.CommitAll(ctx, w.pin.Tag+" in kubernetes/kubernetes\n")
	if err != nil {
		return repo, err
	}
	return repo, setRefs(ctx, repo, base, refBase)
}

// take applies files of the product as a person would, with no more leave than they are told to give.
func (w *upstreamWriter) take(ctx context.Context, repo git.Repo, s shape, files []string) error {
	args := []string{"-c", "am.keepCR=false", "am", "--quiet", "--no-3way"}
	if w.series.KeepCR {
		args = append(args, "--keep-cr")
	}
	for _, name := range files {
		args = append(args, filepath.Join(w.product(), s.name, name))
	}
	_, err := repo.Run(ctx, args...)
	if err != nil && ctx.Err() == nil {
		if _, abortErr := repo.Run(ctx, "am", "--abort"); abortErr != nil {
			err = errors.Join(err, abortErr)
		}
	}
	return err
}

// takeAll applies the whole series, and finds the fork's tree, the messages, and nothing else changed.
func (w *upstreamWriter) takeAll(ctx context.Context, repo git.Repo, s shape) error {
	var files, want []string
	for _, c := range w.series.Commits {
		files = append(files, c.File)
		want = append(want, strings.TrimRight(c.message, "\n"))
	}
	if err := w.take(ctx, repo, s, files); err != nil {
		return err
	}
	got, err := repo.Run(ctx, "rev-parse", "HEAD:"+s.root)
	if err != nil {
		return err
	}
	if got != w.tree {
		return fmt.Errorf("it makes another tree (%.12s) than patches/%s does (%.12s)", got, w.in.minor, w.tree)
	}
	if s.root != "" {
		strange, err := repo.Lines(ctx, "\x00", "diff", "--name-only", "-z", refBase, "HEAD", "--", ":(top)", ":(top,exclude,literal)"+s.root)
		if err != nil {
			return err
		}
		if len(strange) > 0 {
			return fmt.Errorf("it changes files outside of %s:%s", s.root, few(strange))
		}
	}
	messages, err := logMessages(ctx, repo, refBase+"..HEAD")
	if err != nil {
		return err
	}
	for i, m := range messages {
		if i >= len(want) || m != want[i] {
			return fmt.Errorf("the message of %s does not survive git am (a line of ---, or one that begins with diff or From?)", files[min(i, len(files)-1)])
		}
	}
	return nil
}

// takeAlone applies an independent fix, with what it needs, to the pristine tag.
func (w *upstreamWriter) takeAlone(ctx context.Context, repo git.Repo, c UpstreamCommit, check bool, checked map[string]bool) error {
	if _, err := repo.Run(ctx, "checkout", "--quiet", "--force", "--detach", refBase); err != nil {
		return err
	}
	if err := w.take(ctx, repo, w.shapes()[0], append(slices.Clone(c.Needs), c.File)); err != nil {
		return err
	}
	if !check {
		return nil
	}
	tree, err := repo.Run(ctx, "rev-parse", "HEAD^{tree}")
	if err != nil || checked[tree] {
		return err
	}
	return w.checkCommit(ctx, repo, refBase, c.File+" alone")
}

// checkEach builds, vets and tests each commit of the series, which repo's HEAD holds.
func (w *upstreamWriter) checkEach(ctx context.Context, repo git.Repo, checked map[string]bool) error {
	commits, err := repo.Lines(ctx, "\n", "log", "--reverse", "--format=%H %T", refBase+"..HEAD")
	if err != nil {
		return err
	}
	for i, line := range commits {
		commit, tree, _ := strings.Cut(line, " ")
		if _, err := repo.Run(ctx, "checkout", "--quiet", "--force", "--detach", commit); err != nil {
			return err
		}
		file := w.series.Commits[i].File
		if err := w.checkCommit(ctx, repo, "HEAD^", fmt.Sprintf("%d of %d, %s", i+1, len(commits), file)); err != nil {
			return fmt.Errorf("%s (of %s) does not stand on its own: %w\n"+
				"nothing was written; a repeated make export CHECK=1 only runs what has not passed, make export writes it as it is", file, w.series.Commits[i].From, err)
		}
		checked[tree] = true
	}
	return nil
}

// checkCommit builds the whole module at HEAD, and vets and tests the packages in which it differs from since.
func (w *upstreamWriter) checkCommit(ctx context.Context, repo git.Repo, since, name string) error {
	dirs, err := touched(ctx, repo, since)
	if err != nil {
		return err
	}
	dirs = packages(dirs)
	fmt.Fprintf(w.co.Err, "%s: %s\n", name, strings.Join(dirs, " "))
	start := time.Now()
	for _, args := range [][]string{{"build", "./..."}, append([]string{"vet"}, dirs...), append([]string{"test", "-timeout", "30m"}, dirs...)} {
		if len(dirs) == 0 && args[0] != "build" {
			continue
		}
		out, err := gotool.Run(ctx, w.co, repo.Dir, nil, args...)
		if err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return fmt.Errorf("go %s: %w%s", args[0], err, w.log(out, proc.Stderr(err)))
		}
	}
	fmt.Fprintf(w.co.Err, "  built, vetted and tested in %.0f s\n", time.Since(start).Seconds())
	return nil
}

// log keeps what a failed go command said where the next run does not remove it, and names that.
func (w *upstreamWriter) log(stdout, stderr string) string {
	name := filepath.Join(w.co.Output(), "export", w.pin.Tag+".log")
	if err := atomicWrite(name, []byte(stdout+stderr)); err != nil {
		return "\n" + err.Error()
	}
	var failed []string
	for line := range strings.Lines(stdout) {
		if strings.HasPrefix(line, "FAIL\t") || strings.Contains(line, "--- FAIL") {
			failed = append(failed, strings.TrimSpace(line))
		}
	}
	return few(failed) + "\nall that was said: " + w.co.Rel(name)
}
