// Package series reads and writes the lists of patches, patches/MINOR/series: one for each upstream
// minor, with the patches that go on its tags, in order, a path a line, relative to the list. What
// begins with # is a comment to git am's users, and some of those say more to the tool:
//
//	../v0.2/0001-Shared.patch
//	# in place of ../v0.2/0002-Other.patch as of 0123456789abcdef
//	0002-Other.patch
//	0003-Only-here.patch
//	# without ../v0.2/0003-Not-here.patch
//
// A directory without a list stands for one of all its patches, in the order of their names' bytes.
package series

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// File is the name of a list.
const File = "series"

// Entry is one patch of a minor.
type Entry struct {
	// Path is where the patch is, below patches/, with slashes: "v0.2/0001-Shared.patch".
	Path string
	// InPlaceOf is the patch of the base that this one of the minor's own stands in for, below patches/ too; empty
	// when it is shared, or when the base has none like it.
	InPlaceOf string
	// AsOf identifies what InPlaceOf said when this one last took it in; empty when nobody has said.
	AsOf string
}

// Series is the patches of a minor. It is a value, and nothing of it is shared with another.
type Series struct {
	Minor string
	// Listed is whether there is a list, and not only a directory.
	Listed  bool
	Entries []Entry
	// Without are the patches of the base that the minor does not have, below patches/, sorted.
	Without []string
}

// Own says whether the entry's patch is in the minor's own directory.
func (s Series) Own(e Entry) bool { return path.Dir(e.Path) == s.Minor }

// Files lists what the series is made of, below root, with slashes: the patches in order, then the list if there is one.
func (s Series) Files() []string {
	var names []string
	for _, e := range s.Entries {
		names = append(names, path.Join("patches", e.Path))
	}
	if s.Listed {
		names = append(names, path.Join("patches", s.Minor, File))
	}
	return names
}

var (
	inPlaceOf = regexp.MustCompile(`^# in place of (\S+)(?: as of ([0-9a-f]+))?$`)
	without   = regexp.MustCompile(`^# without (\S+)$`)
)

// Read reads the series of minor below root, the directory that holds patches/. A minor that is not there has no
// patches. What the list names is there as a regular file, and what the directory holds is in the list.
func Read(root, minor string) (Series, error) {
	s := Series{Minor: minor}
	dir := filepath.Join(root, "patches", minor)
	here, err := patchesIn(dir)
	if err != nil || minor == "" {
		return s, err
	}
	list := path.Join("patches", minor, File)
	data, err := os.ReadFile(filepath.Join(dir, File))
	if errors.Is(err, fs.ErrNotExist) {
		for _, name := range here {
			s.Entries = append(s.Entries, Entry{Path: path.Join(minor, name)})
		}
		return s, nil
	}
	if err != nil {
		return s, err
	}
	if s, err = Parse(minor, data); err != nil {
		return s, err
	}
	for _, e := range s.Entries {
		name := filepath.Join(root, "patches", filepath.FromSlash(e.Path))
		if info, err := os.Lstat(name); err != nil || !info.Mode().IsRegular() {
			return s, fmt.Errorf("%s names %s, and there is no such file\nnext: get it back from git, or correct the list", list, path.Join("patches", e.Path))
		}
	}
	for _, name := range here {
		if !slices.ContainsFunc(s.Entries, func(e Entry) bool { return e.Path == path.Join(minor, name) }) {
			return s, fmt.Errorf("%s is not in %s\nnext: add it to the list where it belongs, or remove it", path.Join("patches", minor, name), list)
		}
	}
	return s, nil
}

func patchesIn(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if !isPatch(e.Name()) {
			continue
		}
		if !e.Type().IsRegular() {
			return nil, fmt.Errorf("%s is not a regular file", filepath.Join(dir, e.Name()))
		}
		names = append(names, e.Name())
	}
	return names, nil
}

func isPatch(name string) bool {
	return strings.HasSuffix(name, ".patch") && !strings.HasPrefix(name, ".")
}

// Parse takes a list apart. The error names the line.
func Parse(minor string, data []byte) (Series, error) {
	s := Series{Minor: minor, Listed: true}
	var next Entry // what the line before says of the one that follows
	n := 0
	bad := func(what string) (Series, error) {
		return s, fmt.Errorf("%s, line %d: %s\nnext: correct the line, or get the file back from git", path.Join("patches", minor, File), n, what)
	}
	for line := range bytes.Lines(data) {
		n++
		text := strings.TrimSpace(string(line))
		if m := inPlaceOf.FindStringSubmatch(text); m != nil {
			at, ok := below(minor, m[1])
			if !ok {
				return bad(m[1] + " is not the path of a patch of a minor")
			}
			next = Entry{InPlaceOf: at, AsOf: m[2]}
			continue
		}
		if m := without.FindStringSubmatch(text); m != nil {
			at, ok := below(minor, m[1])
			if !ok {
				return bad(m[1] + " is not the path of a patch of a minor")
			}
			s.Without = append(s.Without, at)
			continue
		}
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		at, ok := below(minor, text)
		if !ok {
			return bad(fmt.Sprintf("%q is not the path of a patch, NAME.patch or ../MINOR/NAME.patch", text))
		}
		if slices.ContainsFunc(s.Entries, func(e Entry) bool { return e.Path == at }) {
			return bad(text + " is there twice")
		}
		next.Path = at
		s.Entries = append(s.Entries, next)
		next = Entry{}
	}
	slices.Sort(s.Without)
	return s, nil
}

// below is the path below patches/ of one that is relative to patches/MINOR.
func below(minor, rel string) (string, bool) {
	at := path.Join(minor, rel)
	ok := isPatch(path.Base(at)) && strings.Count(at, "/") == 1 && !strings.HasPrefix(at, "../") && !path.IsAbs(rel)
	return at, ok
}

// Format is the list's text: Parse's inverse.
func (s Series) Format() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# The patches of %s, in order, for git am; make refresh and make carry write this.\n", s.Minor)
	for _, e := range s.Entries {
		if e.InPlaceOf != "" {
			fmt.Fprintf(&b, "# in place of %s", s.rel(e.InPlaceOf))
			if e.AsOf != "" {
				fmt.Fprintf(&b, " as of %s", e.AsOf)
			}
			b.WriteByte('\n')
		}
		fmt.Fprintln(&b, s.rel(e.Path))
	}
	for _, name := range slices.Sorted(slices.Values(s.Without)) {
		fmt.Fprintf(&b, "# without %s\n", s.rel(name))
	}
	return b.Bytes()
}

func (s Series) rel(name string) string {
	if path.Dir(name) == s.Minor {
		return path.Base(name)
	}
	return "../" + name
}
