package queue

import (
	"path"
	"slices"

	"fork.internal/apiserver/hack/internal/pins"
	"fork.internal/apiserver/hack/internal/series"
)

// setBase makes patches, whose names are files, those of minor, which is or becomes the base. The others follow: they
// share what the base has now, in its order, a new patch included, and lose what it has lost. What is a minor's own
// stays as it is, and is behind the base from then on if that has changed.
func (f *form) setBase(minor string, patches []named) {
	before := f.series[minor]
	old := f.entries(minor)
	f.put(minor, patches, nil)
	if sameSeries(before, f.series[minor]) {
		return
	}
	became := successors(old, f.entries(minor))
	for _, other := range f.minors() {
		if other != minor && f.series[other].Listed {
			f.follow(other, became)
		}
	}
}

// follow brings minor's list into line with the base's. became is what has become of each patch that the base had.
func (f *form) follow(minor string, became map[string]string) {
	s := f.series[minor]
	own := map[string]named{}
	further := map[string][]named{} // what the base has none of, by what it comes after
	last := ""
	for _, e := range f.entries(minor) {
		of := e.InPlaceOf
		if !s.Own(e.Entry) {
			of = e.Path
		}
		to, had := became[of]
		switch {
		case of == "" || !had && s.Own(e.Entry):
			e.InPlaceOf, e.AsOf = "", ""
			further[last] = append(further[last], e)
			continue
		case to == "":
			continue
		case s.Own(e.Entry):
			own[to] = f.own(minor, to, e.text, to, e.AsOf)
		}
		last = to
	}
	var without []string
	for _, name := range s.Without {
		if to := became[name]; to != "" {
			without = append(without, to)
		}
	}
	entries := further[""]
	for _, e := range f.entries(f.base()) {
		if !slices.Contains(without, e.Path) {
			if mine, ok := own[e.Path]; ok {
				e = mine
			} else {
				e.Entry = series.Entry{Path: e.Path}
			}
			entries = append(entries, e)
		}
		at := e.Path
		if e.InPlaceOf != "" {
			at = e.InPlaceOf
		}
		entries = append(entries, further[at]...)
	}
	f.put(minor, entries, without)
}

// itself is what has become of the base's patches when nothing has.
func (f *form) itself() map[string]string {
	became := map[string]string{}
	for _, e := range f.series[f.base()].Entries {
		became[e.Path] = e.Path
	}
	return became
}

// alike is the least likeness of a patch and what has become of it under another subject.
const alike = 0.5

// successors says which of after each of before has become: the one with its subject or, if none has, the one that is
// most like it; "" if it is gone.
func successors(before, after []named) map[string]string {
	became := map[string]string{}
	left := slices.Clone(after)
	take := func(p named, i int) {
		became[p.Path] = left[i].Path
		left = slices.Delete(left, i, i+1)
	}
	for _, p := range before {
		if i := slices.IndexFunc(left, func(q named) bool { return p.text.subject() == q.text.subject() }); i >= 0 {
			take(p, i)
		}
	}
	for _, p := range before {
		if _, done := became[p.Path]; done {
			continue
		}
		best, most := -1, alike
		for i, q := range left {
			if l := likeness(p.text, q.text); l >= most {
				best, most = i, l
			}
		}
		if best < 0 {
			became[p.Path] = ""
		} else {
			take(p, best)
		}
	}
	return became
}

// moveBase makes patches those of minor, which is or becomes the base, when they say what they said, for another tag of
// upstream's: each of the others says what it said before, with a patch of its own where the base's is not the same.
func (f *form) moveBase(minor string, patches []named) {
	type list struct {
		minor   string
		entries []named
		stamps  []string // of what each entry stands for, before
	}
	var others []list
	for _, other := range f.minors() {
		if other == minor || pins.Newer(other, minor) || !f.series[other].Listed {
			continue
		}
		l := list{minor: other, entries: f.entries(other)}
		for _, e := range l.entries {
			l.stamps = append(l.stamps, f.texts[e.InPlaceOf].stamp())
		}
		others = append(others, l)
	}
	f.put(minor, patches, nil)
	for _, l := range others {
		left := f.series[minor].Entries
		var entries []named
		for i, e := range l.entries {
			var like string
			like, left = f.takeLike(left, e.text)
			behind := e.InPlaceOf != "" && e.AsOf != "" && e.AsOf != l.stamps[i]
			switch {
			case like == "":
				e = f.own(l.minor, e.Path, e.text, "", "")
			case f.texts[like].saying() == e.text.saying() && !behind:
				e.Entry = series.Entry{Path: like}
			case behind:
				e = f.own(l.minor, like, e.text, like, e.AsOf)
			default:
				e = f.own(l.minor, like, e.text, like, f.texts[like].stamp())
			}
			entries = append(entries, e)
		}
		var without []string
		for _, e := range left {
			without = append(without, e.Path)
		}
		f.put(l.minor, entries, without)
	}
}

// setMinor makes patches, whose names are files, those of minor, which is not the base. shared says of each whether the
// base's patch with its subject makes the same of minor's tag. What stands in for one of the base's has taken in what
// that says if current, or if it is new; otherwise that is as it was.
func (f *form) setMinor(minor string, patches []named, shared []bool, current bool) {
	before := f.listed(f.series[minor])
	old, borrowed := f.entries(minor), f.borrowed(minor)
	base := f.series[f.base()].Entries
	had := slices.Clone(before.Without)
	asOf := map[string]string{}
	for _, e := range before.Entries {
		switch {
		case e.InPlaceOf != "":
			had = append(had, e.InPlaceOf)
			asOf[e.InPlaceOf] = e.AsOf
		case path.Dir(e.Path) != minor:
			had = append(had, e.Path)
		}
	}
	left := base
	var entries []named
	for i, p := range patches {
		var like string
		like, left = f.takeLike(left, p.text)
		switch {
		case like == "":
			entries = append(entries, f.own(minor, p.Path, p.text, "", ""))
		case shared[i]:
			entries = append(entries, named{Entry: series.Entry{Path: like}, text: p.text})
		default:
			as := asOf[like]
			if current || as == "" {
				as = f.texts[like].stamp()
			}
			entries = append(entries, f.own(minor, like, p.text, like, as))
		}
	}
	var without []string
	for _, e := range left {
		if current || slices.Contains(had, e.Path) {
			without = append(without, e.Path)
		}
	}
	f.put(minor, entries, without)
	f.passOn(minor, old, borrowed)
}
