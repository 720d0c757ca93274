package queue

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"

	"fork.internal/apiserver/hack/internal/git"
	"fork.internal/apiserver/hack/internal/proc"
)

// ConflictError is a patch that does not apply.
type ConflictError struct {
	Tag string
	// Patch is the patch's path below the checkout.
	Patch string
	// Hunks are the places that do not fit, "FILE, hunk @@ ... @@".
	Hunks []string
	// Files are the files that the patch changes, those that fit included.
	Files []string
	// Upstreamed says that the tag has the patch's change already.
	Upstreamed bool
	// Tree is the tree that is left in git's am state, below the checkout; empty when none is.
	Tree string
	said string
}

// Error names the patch, the file and the hunk, and the next commands.
func (e *ConflictError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s does not apply to %s", e.Patch, e.Tag)
	if len(e.Hunks) > 0 {
		b.WriteString(":" + few(e.Hunks))
	} else {
		b.WriteString(":\n  " + strings.ReplaceAll(strings.TrimSpace(e.said), "\n", "\n  "))
	}
	if e.Tree == "" {
		return b.String()
	}
	if e.Upstreamed {
		fmt.Fprintf(&b, "\nIts change is already in %[1]s. To drop the patch:\n  git -C %[2]s am --skip\n  make refresh TAG=%[1]s", e.Tag, e.Tree)
	} else {
		fmt.Fprintf(&b, "\n%[1]s is in git's am state. To go on:\n"+
			"  git -C %[1]s apply --reject .git/rebase-apply/patch    (puts in what fits, the rest into .rej files)\n"+
			"  edit the files, remove the .rej files\n"+
			"  git -C %[1]s add %[2]s\n"+
			"  git -C %[1]s am --continue\n"+
			"  make refresh TAG=%[3]s", e.Tree, words(e.Files), e.Tag)
	}
	fmt.Fprintf(&b, "\nTo give up: git -C %s am --abort", e.Tree)
	return b.String()
}

// patchFailed is what git apply says of a hunk: its file and the line that its header begins with.
var patchFailed = regexp.MustCompile(`(?m)^error: patch failed: (.*):(\d+)$`)

// cannotApply is what git apply says of a file as a whole.
var cannotApply = regexp.MustCompile(`(?m)^error: (.*): (does not exist in index|already exists in (?:index|working directory)|No such file or directory|.*does not match index|removal patch leaves file contents)$`)

func explainConflict(ctx context.Context, repo git.Repo, tag string, in inputs, failure error) error {
	if operation(repo.Dir) != "am" {
		return fmt.Errorf("patches/%s cannot be read by git am: %w", in.minor, failure)
	}
	applied, err := repo.Run(ctx, "rev-list", "--count", refPkg+"..HEAD")
	if err != nil {
		return err
	}
	patches := in.patches()
	n, err := strconv.Atoi(applied)
	if err != nil || n >= len(patches) {
		return failure
	}
	e := &ConflictError{Tag: tag, Patch: patches[n], said: proc.Stderr(failure)}
	patch, err := os.ReadFile(in.file(patches[n]))
	if err != nil {
		return err
	}
	for _, m := range patchFailed.FindAllStringSubmatch(e.said, -1) {
		e.Hunks = append(e.Hunks, fmt.Sprintf("%s, hunk %s", m[1], hunkHeader(string(patch), m[1], m[2])))
	}
	for _, m := range cannotApply.FindAllStringSubmatch(e.said, -1) {
		e.Hunks = append(e.Hunks, fmt.Sprintf("%s: %s", m[1], m[2]))
	}
	stat, err := repo.Lines(ctx, "\x00", "apply", "--numstat", "-z", ".git/rebase-apply/patch")
	if err != nil {
		return fmt.Errorf("%s is no patch that git can read: %w", e.Patch, err)
	}
	for _, s := range stat {
		if f := strings.SplitN(s, "\t", 3); len(f) == 3 {
			e.Files = append(e.Files, f[2])
		}
	}
	_, err = repo.Run(ctx, "apply", "--check", "--reverse", "--whitespace=nowarn", ".git/rebase-apply/patch")
	e.Upstreamed = err == nil
	return e
}

// words joins names as a shell wants them.
func words(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		if quoted[i] = name; strings.ContainsFunc(name, special) {
			quoted[i] = "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}

func special(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+@", r))
}

// hunkHeader finds the header of the hunk of file that begins at line. Names that git quotes are
// not looked for: the line number says enough.
func hunkHeader(patch, file, line string) string {
	inFile := false
	for l := range strings.Lines(patch) {
		l = strings.TrimRight(l, "\r\n")
		switch {
		case strings.HasPrefix(l, "--- "):
			inFile = strings.TrimSuffix(l, "\t") == "--- a/"+file
		case inFile && (strings.HasPrefix(l, "@@ -"+line+",") || strings.HasPrefix(l, "@@ -"+line+" ")):
			return l
		}
	}
	return "at line " + line
}
