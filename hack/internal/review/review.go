// Package review finds what a person has to look at when the patches have gone to another upstream
// tag: that they apply and that their tests pass does not say that they still do what they are for.
// It reads Go's syntax only, and therefore goes by names.
package review

import (
	"maps"
	"slices"
	"strings"
)

// Sources are files by their slash-separated paths below a module's root.
type Sources map[string]string

// Input is what is compared. Compare changes none of it.
type Input struct {
	// Module is the path of the upstream module.
	Module string
	// From and To are upstream's own files (*.go and go.mod) of two tags, Fork those of the tree of To.
	From, To, Fork Sources
	// Patches are the names of the patches that touch a file of To, by its path.
	Patches map[string][]string
	// Ours are the Go files of the checkout's pkg/ and test/.
	Ours Sources
}

// Report is what has to be looked at. It is data, and belongs to whoever has it.
type Report struct {
	From string `json:"from"`
	To   string `json:"to"`
	// Files are the files that the fork stands on and that upstream has changed.
	Files []File `json:"files"`
	// References are new in To and lead to what the patches change.
	References []Reference `json:"references"`
	// Requirements are the changes of go.mod that pkg/ and test/ are built with: the version of the
	// language, and those of the modules that they import; "golang.org/x/net v0.1.0 -> v0.2.0".
	Requirements []string `json:"requirements"`
	// Looked says how much was compared: all of it, so that an empty report means something.
	Looked Looked `json:"looked"`
	// Diff is the command that shows upstream's changes to Files; empty when there are none.
	Diff string `json:"diff,omitempty"`
}

// Looked counts what was compared.
type Looked struct {
	// Patched are the files that a patch touches, Used the others that pkg/ or test/ uses.
	Patched int `json:"patched"`
	Used    int `json:"used"`
	// Names are the functions, types and fields whose references were compared.
	Names int `json:"names"`
}

// File is a file that upstream has changed.
type File struct {
	Path string `json:"path"`
	// Patches are the names of the patches that touch it.
	Patches []string `json:"patches,omitempty"`
	// Users are the files of the checkout that use something that it declares.
	Users []string `json:"users,omitempty"`
	// Gone says that To does not have the file.
	Gone bool `json:"gone,omitempty"`
	// Changed are the declarations that upstream has changed, added or removed, such as "func F" or
	// "func T.M". There is none when only imports or comments between declarations differ.
	Changed []string `json:"changed,omitempty"`
	// Both are those of Changed that a patch changes or that the checkout uses: to be read first.
	Both []string `json:"both,omitempty"`
}

// Reference is where upstream has come to use something that a patch changes.
type Reference struct {
	// Name is what is used, such as "func pkg/endpoints/handlers/finisher.FinishRequest".
	Name string `json:"name"`
	File string `json:"file"`
	// In is the declaration that uses it, Lines are where in the file it does, from 1.
	In    string `json:"in"`
	Lines []int  `json:"lines"`
}

// Empty reports whether there is nothing to look at.
func (r *Report) Empty() bool {
	return len(r.Files)+len(r.References)+len(r.Requirements) == 0
}

// Compare makes the report, without its From, To and Diff. The error is a file that is not Go.
func Compare(in Input) (*Report, error) {
	var trees [4]tree
	packages := map[string]string{}
	for i, sources := range []Sources{in.From, in.To, in.Fork, in.Ours} {
		var err error
		if trees[i], err = parse(in.Module, sources, packages); err != nil {
			return nil, err
		}
	}
	from, to, fork, ours := trees[0], trees[1], trees[2], trees[3]
	r := &Report{Files: []File{}, References: []Reference{}, Requirements: []string{}}

	patched := map[string][]string{} // what the patches change, by file
	for name := range in.Patches {
		patched[name] = changed(to[name], fork[name])
	}
	uses := usesOf(ours, from, to)
	for _, name := range slices.Sorted(maps.Keys(union(in.Patches, uses))) {
		if in.From[name] == in.To[name] {
			continue
		}
		f := File{Path: name, Patches: in.Patches[name], Changed: changed(from[name], to[name])}
		_, there := in.To[name]
		f.Gone = !there
		mine := patched[name]
		if use := uses[name]; use != nil {
			f.Users = slices.Sorted(maps.Keys(use.by))
			mine = append(slices.Clone(mine), slices.Sorted(maps.Keys(use.decls))...)
		}
		for _, decl := range f.Changed {
			if slices.Contains(mine, decl) {
				f.Both = append(f.Both, decl)
			}
		}
		r.Files = append(r.Files, f)
	}
	watched := watch(to, fork, patched)
	r.References = append(r.References, newReferences(watched, from, to)...)
	r.Requirements = append(r.Requirements, requirements(in)...)
	r.Looked = Looked{Patched: len(in.Patches), Names: len(watched)}
	for name := range uses {
		if in.Patches[name] == nil {
			r.Looked.Used++
		}
	}
	return r, nil
}

func union(patches map[string][]string, uses map[string]*use) map[string]bool {
	all := map[string]bool{}
	for name := range patches {
		all[name] = true
	}
	for name := range uses {
		all[name] = true
	}
	return all
}

// isTest reports whether a file is compiled for tests only.
func isTest(name string) bool { return strings.HasSuffix(name, "_test.go") }
