package queue

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/git"
)

// MinorsDiff is in what the patches of two minors differ.
type MinorsDiff struct {
	From string `json:"from"`
	To   string `json:"to"`
	// Same is the number of patches that say the same in both, wherever in upstream's files that goes.
	Same int `json:"same"`
	// Lines is the number of lines of all differences.
	Lines int `json:"lines"`
	// Patches are those that differ, in To's order, then those that only From has.
	Patches []PatchDiff `json:"patches"`
}

// PatchDiff is in what a patch differs between two minors.
type PatchDiff struct {
	Subject string `json:"subject"`
	// From and To are where the patch is, below the checkout; one of them is empty if only the other minor has it.
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
	// Under is what stands under the hooks in upstream's files where the two differ.
	Under []Under `json:"under,omitempty"`
	// Diff is the difference of the two patches, without line numbers and the IDs of files; the patch itself if only one
	// minor has it.
	Diff string `json:"diff"`
}

// Under is what upstream's lines that a patch goes by are in one minor only.
type Under struct {
	File string `json:"file"`
	// From and To are lines that the one patch has as upstream's, kept or removed, and the other has not.
	From []string `json:"from,omitempty"`
	To   []string `json:"to,omitempty"`
}

// CompareMinors says in what the patches of two minors differ, or each minor's from the newest one's if from is empty,
// the newest first. An empty to is the newest minor.
func CompareMinors(ctx context.Context, co *checkout.Checkout, from, to string) ([]MinorsDiff, error) {
	ctx, unlock, _, err := open(ctx, co)
	if err != nil {
		return nil, err
	}
	defer unlock()
	f, err := readForm(co.Root)
	if err != nil {
		return nil, err
	}
	minors := f.minors()
	if len(minors) < 2 {
		return nil, fmt.Errorf("patches/ has the patches of %d minors: there is nothing to compare", len(minors))
	}
	if to == "" {
		to = f.base()
	}
	froms := []string{from}
	if from == "" {
		froms = slices.DeleteFunc(slices.Clone(minors), func(m string) bool { return m == to })
	}
	for _, minor := range append([]string{to}, froms...) {
		if !slices.Contains(minors, minor) {
			return nil, fmt.Errorf("unknown minor %q: patches/ has %s; next: make compare-minors FROM=%s, with another TO= than %[3]s if not %[4]s",
				minor, strings.Join(minors, ", "), minors[len(minors)-1], f.base())
		}
	}
	if from == to {
		return nil, fmt.Errorf("%s is compared with itself; next: make compare-minors FROM=... TO=..., two of %s", to, strings.Join(minors, ", "))
	}
	all := []MinorsDiff{}
	for _, minor := range froms {
		d, err := f.compare(ctx, co, minor, to)
		if err != nil {
			return nil, err
		}
		all = append(all, *d)
	}
	return all, nil
}

func (f *form) compare(ctx context.Context, co *checkout.Checkout, from, to string) (*MinorsDiff, error) {
	d := &MinorsDiff{From: from, To: to, Patches: []PatchDiff{}}
	left := f.series[from].Entries
	for _, e := range f.entries(to) {
		var like string
		like, left = f.takeLike(left, e.text)
		if like == "" {
			d.add(PatchDiff{Subject: e.text.subject(), To: path.Join("patches", e.Path), Diff: e.text.saying()})
			continue
		}
		other := f.texts[like]
		if other.saying() == e.text.saying() {
			d.Same++
			continue
		}
		diff, err := git.Diff(ctx, co, map[string]string{"p": other.placed()}, map[string]string{"p": e.text.placed()})
		if err != nil {
			return nil, err
		}
		d.add(PatchDiff{Subject: e.text.subject(), From: path.Join("patches", like), To: path.Join("patches", e.Path), Under: under(other, e.text), Diff: hunks(diff)})
	}
	for _, e := range left {
		d.add(PatchDiff{Subject: f.texts[e.Path].subject(), From: path.Join("patches", e.Path), Diff: f.texts[e.Path].saying()})
	}
	return d, nil
}

// add counts the lines that p is about.
func (d *MinorsDiff) add(p PatchDiff) {
	for line := range strings.Lines(p.Diff) {
		if p.From == "" || p.To == "" || line[0] == '+' || line[0] == '-' {
			d.Lines++
		}
	}
	d.Patches = append(d.Patches, p)
}

// hunks are a diff's without what says where they go.
func hunks(diff string) string {
	_, rest, ok := strings.Cut(diff, "\n@@ ")
	if !ok {
		return ""
	}
	var b strings.Builder
	for line := range strings.Lines("@@ " + rest) {
		if strings.HasPrefix(line, "@@ ") {
			line = "@@\n"
		}
		b.WriteString(line)
	}
	return b.String()
}

// under finds the lines of upstream's in which two patches differ, file by file.
func under(from, to patch) []Under {
	a, files := from.upstreams()
	b, more := to.upstreams()
	for _, name := range more {
		if !slices.Contains(files, name) {
			files = append(files, name)
		}
	}
	var all []Under
	for _, name := range files {
		u := Under{File: name, From: without(a[name], b[name]), To: without(b[name], a[name])}
		if len(u.From)+len(u.To) > 0 {
			all = append(all, u)
		}
	}
	return all
}

// upstreams are the lines of upstream's, trimmed, that the patch goes by or removes, by file, and the files in order.
func (p patch) upstreams() (lines map[string][]string, files []string) {
	lines = map[string][]string{}
	_, change := p.cut()
	inHunk := false
	for line := range strings.Lines(change) {
		line = strings.TrimRight(line, "\r\n")
		switch {
		case strings.HasPrefix(line, "diff --git "):
			inHunk = false
			_, name, _ := strings.Cut(line, " b/")
			files = append(files, name)
		case strings.HasPrefix(line, "@@ "):
			inHunk = true
		case inHunk && len(line) > 1 && (line[0] == ' ' || line[0] == '-'):
			name := files[len(files)-1]
			lines[name] = append(lines[name], strings.TrimSpace(line[1:]))
		}
	}
	return lines, files
}
