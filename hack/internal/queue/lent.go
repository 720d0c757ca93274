package queue

import (
	"fmt"
	"path"
	"slices"

	"golang.org/x/mod/semver"

	"fork.internal/apiserver/hack/internal/series"
)

// A patch that several minors have in place of the base's, or beside the base's, is one file: that of the newest of them.
// In a form each has it as its own; what is the same, byte for byte, is lent where the form meets the disk.

// lenders lists the minors between minor and the base that may have what minor has, the newest first.
func (f *form) lenders(minor string) []string {
	all := f.minors()
	if len(all) == 0 {
		return nil
	}
	return slices.DeleteFunc(all[1:], func(m string) bool { return semver.Compare(m, minor) <= 0 })
}

// lent is the entry of another minor that has, as its own, what e is to minor; ok is false if minor has it in a file. A
// directory without a list has files of its own, the same as another's or not.
func (f *form) lent(minor string, e series.Entry) (from series.Entry, ok bool) {
	if path.Dir(e.Path) != minor || !f.series[minor].Listed {
		return from, false
	}
	for _, lender := range f.lenders(minor) {
		for _, o := range f.series[lender].Entries {
			if path.Dir(o.Path) == lender && f.texts[o.Path] == f.texts[e.Path] {
				return o, true
			}
		}
	}
	return from, false
}

// onDisk is the path below patches/ of the file that has minor's entry.
func (f *form) onDisk(minor string, e series.Entry) string {
	if from, ok := f.lent(minor, e); ok {
		return from.Path
	}
	return e.Path
}

// stored is the series of minor as its list has it, where what is lent is named and no more is said of it: what it
// stands in for, its minor says.
func (f *form) stored(minor string) series.Series {
	s := f.series[minor]
	s.Entries = slices.Clone(s.Entries)
	for i, e := range s.Entries {
		if from, ok := f.lent(minor, e); ok {
			s.Entries[i] = series.Entry{Path: from.Path}
		}
	}
	return s
}

// takeBack makes what the lists borrow the minors' own, in the form.
func (f *form) takeBack() error {
	base := f.base()
	for _, minor := range f.minors() {
		s := f.series[minor]
		s.Entries = slices.Clone(s.Entries)
		for i, e := range s.Entries {
			lender := path.Dir(e.Path)
			if lender == minor || lender == base {
				continue
			}
			has := f.series[lender].Entries
			j := slices.IndexFunc(has, func(o series.Entry) bool { return o.Path == e.Path })
			if j < 0 || semver.Compare(lender, minor) <= 0 {
				return fmt.Errorf("patches/%s/%s names patches/%s, which is not a patch of a newer minor\nnext: get the lists back from git, or correct the line",
					minor, series.File, e.Path)
			}
			own := has[j]
			own.Path = path.Join(minor, path.Base(e.Path))
			f.texts[own.Path] = f.texts[e.Path]
			s.Entries[i] = own
		}
		f.series[minor] = s
	}
	return nil
}

// borrowed are the entries of the minors before minor that have one of minor's files, by that file's path.
func (f *form) borrowed(minor string) map[string][]named {
	all := map[string][]named{}
	for _, other := range f.minors() {
		for _, e := range f.entries(other) {
			if from, ok := f.lent(other, e.Entry); ok && path.Dir(from.Path) == minor {
				all[from.Path] = append(all[from.Path], e)
			}
		}
	}
	return all
}

// passOn gives those who had borrowed of minor what has become of it there; what is gone there stays with them.
// before is what minor had.
func (f *form) passOn(minor string, before []named, borrowed map[string][]named) {
	now := f.entries(minor)
	became := successors(before, now)
	for _, old := range before {
		i := slices.IndexFunc(now, func(e named) bool { return e.Path == became[old.Path] })
		if i < 0 || path.Dir(now[i].Path) != minor {
			continue
		}
		for _, e := range borrowed[old.Path] {
			other := path.Dir(e.Path)
			entries := f.entries(other)
			for j := range entries {
				if entries[j].Path == e.Path {
					entries[j].text, entries[j].AsOf = now[i].text, now[i].AsOf
				}
			}
			f.put(other, entries, f.series[other].Without)
		}
	}
}
