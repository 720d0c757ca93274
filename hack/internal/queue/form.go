package queue

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/semver"

	"fork.internal/apiserver/hack/internal/series"
)

// form is all that patches/ says but the pins: for each minor its series, and the patches. The newest minor that has
// patches is the base, whose directory has all of its own; the others' lists name the base's where those will do, and
// their own where they will not; what several have of their own is in one file (lent.go). It belongs to one goroutine; what changes it leaves every list as git am takes it.
type form struct {
	series map[string]series.Series // by minor
	texts  map[string]patch         // by path below patches/
	read   map[string]string        // what files said when the form was read, with what is lent and in two files in both
}

// readForm reads patches/ below root.
func readForm(root string) (*form, error) {
	f := &form{series: map[string]series.Series{}, texts: map[string]patch{}}
	entries, err := os.ReadDir(filepath.Join(root, "patches"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, e := range entries {
		if !e.IsDir() || !semver.IsValid(e.Name()) {
			continue
		}
		s, err := series.Read(root, e.Name())
		if err != nil {
			return nil, err
		}
		f.series[e.Name()] = s
		for _, entry := range s.Entries {
			text, err := os.ReadFile(filepath.Join(root, "patches", filepath.FromSlash(entry.Path)))
			if err != nil {
				return nil, err
			}
			f.texts[entry.Path] = patch(text)
		}
	}
	f.read = f.sums(f.series)
	return f, f.takeBack()
}

// write makes dir/patches say what f says; nothing of patches is there yet.
func (f *form) write(dir string) error {
	for minor := range f.series {
		s := f.stored(minor)
		if len(s.Entries) == 0 {
			continue
		}
		for _, e := range s.Entries {
			if !s.Own(e) {
				continue
			}
			if err := atomicWrite(filepath.Join(dir, "patches", filepath.FromSlash(e.Path)), []byte(f.texts[e.Path])); err != nil {
				return err
			}
		}
		if s.Listed {
			if err := atomicWrite(filepath.Join(dir, "patches", s.Minor, series.File), s.Format()); err != nil {
				return err
			}
		}
	}
	return nil
}

// files maps the path, below the checkout, of each file of patches/ that f is made of to the hex SHA-256 of its contents.
func (f *form) files() map[string]string {
	all := map[string]series.Series{}
	for minor := range f.series {
		all[minor] = f.stored(minor)
	}
	return f.sums(all)
}

// sums is files of lists as they are.
func (f *form) sums(all map[string]series.Series) map[string]string {
	sums := map[string]string{}
	add := func(name string, data []byte) {
		sum := sha256.Sum256(data)
		sums[path.Join("patches", name)] = hex.EncodeToString(sum[:])
	}
	for _, s := range all {
		for _, e := range s.Entries {
			add(e.Path, []byte(f.texts[e.Path]))
		}
		if s.Listed && len(s.Entries) > 0 {
			add(path.Join(s.Minor, series.File), s.Format())
		}
	}
	return sums
}

// minors lists the minors that have patches, the newest first: that is the base.
func (f *form) minors() []string {
	var all []string
	for minor, s := range f.series {
		if len(s.Entries) > 0 {
			all = append(all, minor)
		}
	}
	slices.SortFunc(all, func(a, b string) int { return semver.Compare(b, a) })
	return all
}

// base is the newest minor that has patches, or "".
func (f *form) base() string {
	if all := f.minors(); len(all) > 0 {
		return all[0]
	}
	return ""
}

// listed is s in which each patch that the base has by the same subject says so: what a directory without a list
// leaves unsaid.
func (f *form) listed(s series.Series) series.Series {
	if s.Listed || s.Minor == f.base() {
		s.Listed = true
		return s
	}
	s.Listed = true
	s.Entries = slices.Clone(s.Entries)
	left := f.series[f.base()].Entries
	for i, e := range s.Entries {
		if s.Own(e) && e.InPlaceOf == "" {
			var like string
			if like, left = f.takeLike(left, f.texts[e.Path]); like != "" {
				s.Entries[i].InPlaceOf = like
			}
		}
	}
	return s
}

// takeLike finds the first of entries with p's subject, and takes it out.
func (f *form) takeLike(entries []series.Entry, p patch) (name string, left []series.Entry) {
	i := slices.IndexFunc(entries, func(e series.Entry) bool { return f.texts[e.Path].subject() == p.subject() })
	if i < 0 {
		return "", entries
	}
	return entries[i].Path, slices.Delete(slices.Clone(entries), i, i+1)
}

// behind lists the entries of minor that stand in for a patch which the base has changed since.
func (f *form) behind(minor string) []series.Entry {
	var old []series.Entry
	for _, e := range f.series[minor].Entries {
		if e.InPlaceOf != "" && e.AsOf != "" && e.AsOf != f.texts[e.InPlaceOf].stamp() {
			old = append(old, e)
		}
	}
	return old
}

// untold lists the patches of the base of which minor's list says nothing, and what minor's list says of patches that
// the base has not.
func (f *form) untold(minor string) (lacking, unknown []string) {
	s := f.series[minor]
	said := slices.Clone(s.Without)
	for _, e := range s.Entries {
		if e.InPlaceOf != "" {
			said = append(said, e.InPlaceOf)
		} else if !s.Own(e) {
			said = append(said, e.Path)
		}
	}
	base := f.series[f.base()]
	has := func(name string) bool {
		return slices.ContainsFunc(base.Entries, func(e series.Entry) bool { return e.Path == name })
	}
	for _, e := range base.Entries {
		if !slices.Contains(said, e.Path) {
			lacking = append(lacking, e.Path)
		}
	}
	for _, name := range said {
		if !has(name) {
			unknown = append(unknown, name)
		}
	}
	return lacking, unknown
}

// named is a patch that some entry is about to be, with the base's it stands for and that one's stamp.
type named struct {
	series.Entry
	text patch
}

// put makes entries the series of minor. What is the minor's own gets its file's name here: that of the base's patch
// that it stands in for or, when there is none, the number of its place. Nothing else of the minor's stays.
func (f *form) put(minor string, entries []named, without []string) {
	for name := range f.texts {
		if path.Dir(name) == minor {
			delete(f.texts, name)
		}
	}
	s := series.Series{Minor: minor, Listed: true}
	for i, e := range entries {
		if s.Own(e.Entry) {
			name := numbered(i+1, e.Path)
			if e.InPlaceOf != "" {
				name = path.Base(e.InPlaceOf)
			}
			e.Path = path.Join(minor, name)
			f.texts[e.Path] = e.text
		}
		s.Entries = append(s.Entries, e.Entry)
	}
	slices.Sort(without)
	s.Without = slices.Compact(without)
	f.series[minor] = s
}

// entries is the series of minor with the texts.
func (f *form) entries(minor string) []named {
	var all []named
	for _, e := range f.series[minor].Entries {
		all = append(all, named{Entry: e, text: f.texts[e.Path]})
	}
	return all
}

// own makes an entry of minor's own of a patch, in place of the base's or, when that is "", of none.
func (f *form) own(minor, file string, text patch, inPlaceOf, asOf string) named {
	return named{Entry: series.Entry{Path: path.Join(minor, path.Base(file)), InPlaceOf: inPlaceOf, AsOf: asOf}, text: text}
}

// sameSeries says whether two lists are the same.
func sameSeries(a, b series.Series) bool {
	return strings.Compare(string(a.Format()), string(b.Format())) == 0
}
