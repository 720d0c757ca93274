package queue

import (
	"context"
	"fmt"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/git"
)

// Added is what a tree adds to its tag in Go files that are no tests: the numbers of the first and the last line of
// each block, by file, from the tree's root, with slashes.
type Added map[string][][2]int

// AddedTo returns what the tree at this path, as it is there, adds to its tag.
func AddedTo(ctx context.Context, co *checkout.Checkout, tree string) (Added, error) {
	of := []string{"--", ":(top,glob)**/*.go", ":(top,exclude,glob)**/*_test.go"}
	repo := git.At(co, tree)
	lines, err := repo.Lines(ctx, "\n", append([]string{"-c", "core.quotePath=false", "diff", "--unified=0", "--inter-hunk-context=0", "--no-renames", "--no-color",
		"--no-ext-diff", "--no-textconv", "--src-prefix=a/", "--dst-prefix=b/", refBase}, of...)...)
	if err != nil {
		return nil, err
	}
	untracked, err := repo.Lines(ctx, "\x00", append([]string{"ls-files", "-z", "--others", "--exclude-standard"}, of...)...)
	if err != nil {
		return nil, err
	}
	added, file := Added{}, ""
	for _, name := range untracked {
		added[name] = [][2]int{{1, math.MaxInt}}
	}
	for _, line := range lines {
		if name, ok := strings.CutPrefix(line, "+++ b/"); ok {
			file = strings.TrimSuffix(name, "\t")
		}
		if !strings.HasPrefix(line, "@@ ") {
			continue
		}
		first, count, err := newLines(line)
		if err != nil {
			return nil, err
		}
		if count > 0 {
			added[file] = append(added[file], [2]int{first, first + count - 1})
		}
	}
	return added, nil
}

// newLines reads the head of a hunk, @@ -1,2 +3,4 @@: the first of its new lines, and how many they are.
func newLines(head string) (first, count int, err error) {
	fields := strings.Fields(head)
	if len(fields) < 3 || !strings.HasPrefix(fields[2], "+") {
		return 0, 0, fmt.Errorf("git has said this of a hunk: %q", head)
	}
	from, number, several := strings.Cut(fields[2][1:], ",")
	if first, err = strconv.Atoi(from); err != nil {
		return 0, 0, err
	}
	if !several {
		return first, 1, nil
	}
	count, err = strconv.Atoi(number)
	return first, count, err
}

// Has says whether a line is an added one.
func (a Added) Has(file string, line int) bool {
	return slices.ContainsFunc(a[file], func(block [2]int) bool { return block[0] <= line && line <= block[1] })
}

// Packages are the directories of the files, sorted.
func (a Added) Packages() []string {
	var dirs []string
	for file := range a {
		dirs = append(dirs, path.Dir(file))
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}
