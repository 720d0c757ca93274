// Package gosum reads and edits text in the form of go.sum, and leaves alone every line that it is
// not asked about: a line that was added and dropped again leaves the text as it was.
package gosum

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/mod/semver"
)

// Sums are the checksums of one version of a module: what go.sum has two lines for.
type Sums struct {
	Path, Version string
	// Zip and GoMod are the h1: checksums of the module's zip and of its go.mod.
	Zip, GoMod string
}

// lines are the lines of go.sum that hold s, without newlines, in order.
func (s Sums) lines() []string {
	return []string{
		fmt.Sprintf("%s %s %s", s.Path, s.Version, s.Zip),
		fmt.Sprintf("%s %s/go.mod %s", s.Path, s.Version, s.GoMod),
	}
}

// Find returns what text says of a version. A checksum that it lacks is empty.
func Find(text, path, version string) Sums {
	s := Sums{Path: path, Version: version}
	for line := range strings.Lines(text) {
		switch f := strings.Fields(line); {
		case len(f) != 3 || f[0] != path:
		case f[1] == version:
			s.Zip = f[2]
		case f[1] == version+"/go.mod":
			s.GoMod = f[2]
		}
	}
	return s
}

// Versions lists the versions of a module whose zip text has a checksum of, in its order.
func Versions(text, path string) []string {
	var versions []string
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == path && !strings.HasSuffix(f[1], "/go.mod") {
			versions = append(versions, f[1])
		}
	}
	return versions
}

// Add adds those lines of s that text lacks, each where the go command would sort it.
func Add(text string, s Sums) string {
	lines := slices.Collect(strings.Lines(text))
	if n := len(lines); n > 0 && !strings.HasSuffix(lines[n-1], "\n") {
		lines[n-1] += "\n"
	}
	for _, line := range s.lines() {
		if slices.ContainsFunc(lines, func(l string) bool { return strings.TrimSpace(l) == line }) {
			continue
		}
		at := slices.IndexFunc(lines, func(l string) bool { return compare(l, line) > 0 })
		if at < 0 {
			at = len(lines)
		}
		lines = slices.Insert(lines, at, line+"\n")
	}
	return strings.Join(lines, "")
}

// Drop removes the lines of the versions of a module that match.
func Drop(text, path string, match func(version string) bool) string {
	lines := slices.Collect(strings.Lines(text))
	return strings.Join(slices.DeleteFunc(lines, func(line string) bool {
		f := strings.Fields(line)
		return len(f) == 3 && f[0] == path && match(strings.TrimSuffix(f[1], "/go.mod"))
	}), "")
}

// compare orders lines as the go command does: by path, version, and the zip before its go.mod.
func compare(a, b string) int {
	af, bf := append(strings.Fields(a), "", ""), append(strings.Fields(b), "", "")
	if c := strings.Compare(af[0], bf[0]); c != 0 {
		return c
	}
	av, afile, _ := strings.Cut(af[1], "/")
	bv, bfile, _ := strings.Cut(bf[1], "/")
	if c := semver.Compare(av, bv); c != 0 {
		return c
	}
	return strings.Compare(afile, bfile)
}
