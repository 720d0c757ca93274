package queue

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"fork.internal/apiserver/hack/internal/git"
)

// export is what a tree says, in the form of a checkout. It is not changed after exportTree has
// returned it.
type export struct {
	inputs
	// messages are the commit messages of the patches, in order.
	messages []string
}

// formatPatch is git format-patch with whatever could differ from one machine to the next said.
var formatPatch = []string{"format-patch",
	"--zero-commit", "--no-signature", "--subject-prefix=PATCH", "--suffix=.patch", "--filename-max-length=64",
	"--no-attach", "--no-thread", "--no-cover-letter", "--no-notes", "--no-encode-email-headers",
	"--no-stat", "--no-renames", "--inter-hunk-context=0", "--diff-algorithm=myers", "--indent-heuristic",
	"--no-ext-diff", "--no-textconv", "--no-color"}

// exportTree writes what the tree's HEAD says on top of the pristine tag to dir: the files that are
// the fork's to dir/pkg, everything else to patches in dir/patches/MINOR. The same tree gives the same
// bytes everywhere. The repository gets some unreferenced commits; nothing else in it changes.
func exportTree(ctx context.Context, repo git.Repo, minor, dir string) (export, error) {
	if merges, err := repo.Lines(ctx, "\n", "log", "--merges", "--format=%h %s", refBase+"..HEAD"); err != nil {
		return export{}, err
	} else if len(merges) > 0 {
		return export{}, fmt.Errorf("a patch queue is a straight line, and these are merges:%s\nnext: git rebase %s", few(merges), refBase)
	}
	ours, err := notUpstream(ctx, repo)
	if err != nil {
		return export{}, err
	}
	if err := exportNew(ctx, repo, ours, dir); err != nil {
		return export{}, err
	}
	tip, err := normalise(ctx, repo)
	if err != nil {
		return export{}, err
	}
	// What is in pkg/ is in no patch; a commit of nothing else is none.
	paths := []string{"--", ":(top)"}
	for _, name := range ours {
		paths = append(paths, ":(top,exclude,literal)"+name)
	}
	patches := filepath.Join(dir, "patches", minor)
	if err := os.MkdirAll(patches, 0o755); err != nil {
		return export{}, err
	}
	args := append(slices.Clone(formatPatch), "--quiet", "--output-directory", patches,
		"--no-numbered", "--abbrev=12", "--unified=1", "--src-prefix=a/", "--dst-prefix=b/", refBase+".."+tip)
	args = append(args, paths...)
	if _, err := repo.Run(ctx, args...); err != nil {
		return export{}, err
	}
	in, err := readInputs(dir, minor)
	if err != nil {
		return export{}, err
	}
	messages, err := logMessages(ctx, repo, append([]string{refBase + ".." + tip}, paths...)...)
	return export{inputs: in, messages: messages}, err
}

// notUpstream lists the files that are the fork's: those that some commit of the tree has and the tag
// has not, those that a later commit removes again included. A Go file that joins a package of the
// tag's is none of them, as it compiles only there: the commit that adds it is a patch. But what was in
// pkg/ when the tree was made stays there.
func notUpstream(ctx context.Context, repo git.Repo) ([]string, error) {
	added, err := repo.Lines(ctx, "\x00", "log", "-z", "--format=", "--name-only", "--no-renames", "--diff-filter=A", refBase+"..HEAD")
	if err != nil {
		return nil, err
	}
	upstream, err := repo.Lines(ctx, "\x00", "ls-tree", "-r", "-z", "--name-only", refBase)
	if err != nil {
		return nil, err
	}
	inPkg, err := repo.Lines(ctx, "\x00", "ls-tree", "-r", "-z", "--name-only", refPkg)
	if err != nil {
		return nil, err
	}
	packages := map[string]bool{}
	for _, name := range upstream {
		if path.Ext(name) == ".go" {
			packages[path.Dir(name)] = true
		}
	}
	slices.Sort(added)
	return slices.DeleteFunc(slices.Compact(added), func(name string) bool {
		joins := path.Ext(name) == ".go" && packages[path.Dir(name)] && !slices.Contains(inPkg, name)
		return name == "" || slices.Contains(upstream, name) || joins
	}), nil
}

// exportNew writes those of ours that HEAD has.
func exportNew(ctx context.Context, repo git.Repo, ours []string, dir string) error {
	fields, err := repo.Lines(ctx, "\x00", "diff", "--raw", "-z", "--no-renames", "--no-abbrev", "--diff-filter=A", refBase, "HEAD")
	if err != nil {
		return err
	}
	var wrong []string
	for i := 0; i+1 < len(fields); i += 2 {
		meta, name := strings.Fields(fields[i]), fields[i+1] // :000000 100644 0000... BLOB A
		switch {
		case !slices.Contains(ours, name):
			continue
		case !strings.HasPrefix(name, "pkg/"):
			wrong = append(wrong, name+": new files go below pkg/")
			continue
		case meta[1] != "100644":
			wrong = append(wrong, name+": is executable or a symbolic link (mode "+meta[1]+")")
			continue
		}
		data, err := repo.Raw(ctx, "cat-file", "blob", meta[3])
		if err != nil {
			return err
		}
		if err := atomicWrite(filepath.Join(dir, filepath.FromSlash(name)), []byte(data)); err != nil {
			return err
		}
	}
	if len(wrong) > 0 {
		return errors.New("these new files cannot go to pkg/:" + few(wrong))
	}
	return nil
}

// normalise copies base..HEAD with the fixed identity and date, and returns the last commit's ID.
func normalise(ctx context.Context, repo git.Repo) (tip string, err error) {
	commits, err := repo.Lines(ctx, "\x00", "log", "--reverse", "-z", "--encoding=UTF-8", "--format=%T%n%B", refBase+"..HEAD")
	if err != nil {
		return "", err
	}
	if tip, err = repo.Run(ctx, "rev-parse", refBase); err != nil {
		return "", err
	}
	for _, c := range commits {
		tree, message, _ := strings.Cut(c, "\n")
		message = strings.TrimRight(message, "\n") + "\n"
		if tip, err = repo.Feed(ctx, message, "commit-tree", tree, "-p", tip); err != nil {
			return "", err
		}
	}
	return tip, nil
}

// logMessages lists the commit messages of a range, oldest first, without final newlines.
func logMessages(ctx context.Context, repo git.Repo, args ...string) ([]string, error) {
	messages, err := repo.Lines(ctx, "\x00", append([]string{"log", "--reverse", "-z", "--encoding=UTF-8", "--format=%B"}, args...)...)
	for i := range messages {
		messages[i] = strings.TrimRight(messages[i], "\n")
	}
	return messages, err
}
