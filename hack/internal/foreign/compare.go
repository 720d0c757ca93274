package foreign

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

const (
	// again is how often what has failed with the fork is run without it, and what then differs with it once more.
	again = 3

	// surely is how often what still differs is run without it: many a test fails once in ten times on a busy machine.
	surely = 10
)

// compare runs the tests of packages with the fork and, of those that fail, the same without it. A test is a failure if it fails
// with the fork, fails with it once more when it is run again, and never without it.
func compare(ctx context.Context, fork, plain tester, packages []string, summary func(string)) error {
	all, err := fork.test(ctx, append([]string{"-count=1"}, packages...)...)
	if err != nil {
		return err
	}
	// What fails unmodified too is no difference. What has not been run at all shows nothing.
	if len(all.broken) > 0 {
		return fmt.Errorf("these do not build with the fork:\n  %s\nnext: look into the log for what the compiler says", strings.Join(all.broken, "\n  "))
	}
	if all.passed == 0 {
		return fmt.Errorf("%d tests fail with the fork, %d are skipped, and none passes, which shows nothing\nnext: look into the log for what is in their way (a full disk, an etcd that has died, what they want and skip themselves without), and repeat",
			len(all.failed), all.skipped)
	}
	if len(all.failed) == 0 {
		summary(fmt.Sprintf("%d tests pass, %d are skipped", all.passed, all.skipped))
		return nil
	}
	unmodified, err := rerun(ctx, plain, all.failed, again)
	if err != nil {
		return err
	}
	only := without(all.failed, unmodified)
	twice, err := rerun(ctx, fork, only, again)
	if err != nil {
		return err
	}
	often, err := rerun(ctx, plain, both(only, twice), surely)
	if err != nil {
		return err
	}
	maps.Copy(unmodified, often)
	differ := without(both(only, twice), often)
	summary(fmt.Sprintf("%d tests pass, %d are skipped, %d fail", all.passed, all.skipped, len(all.failed)))
	tell(summary, "fails unmodified too", both(all.failed, unmodified))
	tell(summary, fmt.Sprintf("failed with the fork once, passed %d times when it was run again, and %d times unmodified", again, again), without(only, twice))
	if len(differ) > 0 {
		return fmt.Errorf("%d tests fail with the fork, and pass unmodified:\n  %s\nnext: look into the log for what they say", len(differ), strings.Join(names(differ), "\n  "))
	}
	return nil
}

// tester is a variant.
type tester interface {
	test(ctx context.Context, args ...string) (results, error)
}

// rerun runs again what has failed, n times, and returns all that fails of it.
func rerun(ctx context.Context, v tester, failed map[test]bool, n int) (map[test]bool, error) {
	tops := map[string]map[string]bool{} // by package, the tests at the top
	for t := range failed {
		if tops[t.Package] == nil {
			tops[t.Package] = map[string]bool{}
		}
		top, _, _ := strings.Cut(t.Name, "/")
		tops[t.Package][top] = true
	}
	found := map[test]bool{}
	for _, pkg := range slices.Sorted(maps.Keys(tops)) {
		args := []string{fmt.Sprint("-count=", n), pkg}
		if !tops[pkg][""] { // A package that fails as a whole is run as a whole.
			var quoted []string
			for _, name := range slices.Sorted(maps.Keys(tops[pkg])) {
				quoted = append(quoted, regexp.QuoteMeta(name))
			}
			args = append(args, "-run=^("+strings.Join(quoted, "|")+")$")
		}
		r, err := v.test(ctx, args...)
		if err != nil {
			return nil, err
		}
		maps.Copy(found, r.failed)
	}
	return found, nil
}

func both(a, b map[test]bool) map[test]bool {
	c := maps.Clone(a)
	maps.DeleteFunc(c, func(t test, _ bool) bool { return !b[t] })
	return c
}

func without(a, b map[test]bool) map[test]bool {
	c := maps.Clone(a)
	maps.DeleteFunc(c, func(t test, _ bool) bool { return b[t] })
	return c
}

func tell(summary func(string), what string, tests map[test]bool) {
	for _, name := range names(tests) {
		summary(what + ": " + name)
	}
}

func names(tests map[test]bool) []string {
	var all []string
	for t := range tests {
		all = append(all, t.String())
	}
	slices.Sort(all)
	return all
}
