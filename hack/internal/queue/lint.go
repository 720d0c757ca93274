package queue

import (
	"context"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"fork.internal/apiserver/hack/internal/git"
)

// The limits of a patch.
const (
	// maxSubject is the longest subject, in characters.
	maxSubject = 72
	// maxChanged is a screenful: the most lines that a patch should add to and remove from upstream's files
	// outside tests. A file that it adds is read on its own, and nothing of upstream's can get in its way.
	maxChanged = 80
)

// Example is a patch header that the linter accepts.
const Example = `Keep warnings out of the header map until the response is committed

Description: Warnings went into the response's header map from whatever
 goroutine added them, and two goroutines in one map end the process.
 .
 They collect under the recorder's lock now and are rendered once.
Origin: written for this fork
Bug: https://github.com/kubernetes/kubernetes/issues/12345
Forwarded: no
Last-Update: 2026-01-31
Upstream-Subject: endpoints/filters: keep warnings out of the header map
Release-Note: kube-apiserver no longer crashes when a request that earns
 warnings times out.
`

// Finding is what is wrong with a patch.
type Finding struct {
	// Patch is the patch's path below the checkout.
	Patch string
	// Rule is the rule that it breaks, and how.
	Rule string
	// Warning is set when the rule is advice.
	Warning bool
}

// String gives the finding in one line.
func (f Finding) String() string { return f.Patch + ": " + f.Rule }

var fileName = regexp.MustCompile(`^[\w./-]+\.(go|md|sh|json|ya?ml|proto|patch|mod|sum)$|^[\w.-]+(/[\w.-]+)+$`)

// lintHeader checks a patch's commit message and lists the rules that it breaks.
func lintHeader(message string) (broken []string) {
	h, broken := parseHeader(message)
	broken = append(append(lintSubject(h.subject), broken...), lintFields(h)...)
	return append(broken, h.lintUpstream()...)
}

func lintSubject(subject string) (broken []string) {
	said := 0
	for _, word := range strings.Fields(subject) {
		if !fileName.MatchString(strings.Trim(word, ":,")) {
			said++
		}
	}
	if said < 3 {
		broken = append(broken, fmt.Sprintf("Subject says what the patch does, in three words or more that are not file names: %q", subject))
	}
	if strings.HasSuffix(subject, ".") {
		broken = append(broken, "Subject does not end with a period")
	}
	if n := len([]rune(subject)); n > maxSubject {
		broken = append(broken, fmt.Sprintf("Subject has at most %d characters, not %d", maxSubject, n))
	}
	return broken
}

func lintFields(h patchHeader) (broken []string) {
	for _, rule := range []struct {
		name, want string
		optional   bool
		ok         func(string) bool
	}{
		{"Description", "what was wrong and what the patch does", false, func(v string) bool { return v != "" }},
		{"Origin", "where the patch comes from", false, func(v string) bool { return v != "" }},
		{"Bug", "a URL or none", false, func(v string) bool { return v == "none" || isURL(v) }},
		{"Forwarded", "no, not-needed or a URL", false, func(v string) bool { return v == "no" || v == "not-needed" || isURL(v) }},
		{"Last-Update", "a date like 2026-01-31", false, func(v string) bool { _, err := time.Parse(time.DateOnly, v); return err == nil }},
		{fieldSubject, "a subject like endpoints/filters: keep warnings apart", true, func(v string) bool { return len(lintSubject(v)) == 0 }},
		{fieldNote, "NONE, or what a user of the release is told, in whole sentences", true, func(v string) bool { return v == "NONE" || strings.HasSuffix(v, ".") }},
		{fieldIndependent, "yes, for a fix that upstream can take without the patches before it, or not there", true, func(v string) bool { return v == "yes" }},
	} {
		value, there := h.fields[rule.name]
		switch {
		case !there && rule.optional:
		case !there:
			broken = append(broken, fmt.Sprintf("%s: is missing (%s)", rule.name, rule.want))
		case !rule.ok(value):
			broken = append(broken, fmt.Sprintf("%s: is %s, not %q", rule.name, rule.want, value))
		}
	}
	return broken
}

func isURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && !strings.ContainsAny(s, " \n")
}

// lintTree checks every patch of a tree that was made from in.
func lintTree(ctx context.Context, repo git.Repo, in inputs) ([]Finding, error) {
	commits, err := repo.Lines(ctx, "\x00", "log", "--reverse", "-z", "--encoding=UTF-8", "--format=%H%n%B", refPkg+"..HEAD")
	if err != nil {
		return nil, err
	}
	var findings []Finding
	for i, c := range commits {
		commit, message, _ := strings.Cut(c, "\n")
		name := commit[:12]
		if patches := in.patches(); len(patches) == len(commits) {
			name = patches[i]
		}
		for _, rule := range lintHeader(message) {
			findings = append(findings, Finding{Patch: name, Rule: rule})
		}
		h, _ := parseHeader(message)
		for _, advice := range h.adviseUpstream() {
			findings = append(findings, Finding{Patch: name, Rule: advice, Warning: true})
		}
		more, err := lintChange(ctx, repo, commit, name)
		if err != nil {
			return nil, err
		}
		findings = append(findings, more...)
	}
	return findings, nil
}

// lintChange checks what one commit changes.
func lintChange(ctx context.Context, repo git.Repo, commit, name string) ([]Finding, error) {
	all, err := numstat(ctx, repo, commit)
	if err != nil {
		return nil, err
	}
	real, err := numstat(ctx, repo, commit, "--ignore-all-space", "--ignore-blank-lines")
	if err != nil {
		return nil, err
	}
	added, err := numstat(ctx, repo, commit, "--diff-filter=A")
	if err != nil {
		return nil, err
	}
	var findings []Finding
	changed := 0
	for file, n := range all {
		if base := path.Base(file); base == "go.mod" || base == "go.sum" {
			findings = append(findings, Finding{Patch: name, Rule: file + ": no patch touches go.mod or go.sum; the fork builds with upstream's dependencies"})
		}
		if n != real[file] {
			findings = append(findings, Finding{Patch: name, Rule: fmt.Sprintf("%s: a patch reformats nothing, and of this one's lines (%s) some change white space only (without those: %s)", file, n, real[file])})
		}
		if _, ok := added[file]; !ok && !strings.HasSuffix(file, "_test.go") && !strings.Contains(file, "testdata/") {
			changed += n.added + n.removed
		}
	}
	if changed > maxChanged {
		findings = append(findings, Finding{Patch: name, Warning: true, Rule: fmt.Sprintf("changes %d lines of upstream's files outside tests, more than a screen (%d): move the logic to pkg/", changed, maxChanged)})
	}
	slices.SortFunc(findings, func(a, b Finding) int { return strings.Compare(a.Rule, b.Rule) })
	return findings, nil
}

// lines are the lines that a commit adds to and removes from a file.
type lines struct{ added, removed int }

func (l lines) String() string { return fmt.Sprintf("+%d -%d", l.added, l.removed) }

func numstat(ctx context.Context, repo git.Repo, commit string, flags ...string) (map[string]lines, error) {
	args := append([]string{"diff-tree", "-r", "--no-commit-id", "--numstat", "-z", "--no-renames", "--diff-algorithm=myers"}, flags...)
	entries, err := repo.Lines(ctx, "\x00", append(args, commit+"^", commit)...)
	if err != nil {
		return nil, err
	}
	stat := map[string]lines{}
	for _, e := range entries {
		f := strings.SplitN(e, "\t", 3)
		if len(f) != 3 {
			continue
		}
		var l lines
		l.added, _ = strconv.Atoi(f[0]) // "-" for a binary file
		l.removed, _ = strconv.Atoi(f[1])
		stat[f[2]] = l
	}
	return stat, nil
}
