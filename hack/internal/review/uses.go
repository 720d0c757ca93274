package review

import (
	"fmt"
	"go/ast"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
)

// use is what the checkout uses of one upstream file.
type use struct {
	decls map[string]bool // as decl.name
	by    map[string]bool // the checkout's files
}

// usesOf finds the upstream files that declare something which ours names. Of a package that is
// imported under no name, or that ours adds a file to, it is every file.
func usesOf(ours, from, to tree) map[string]*use {
	named := map[string]map[string][]string{} // directory -> identifier ("" for all) -> by
	add := func(dir, ident, by string) {
		if named[dir] == nil {
			named[dir] = map[string][]string{}
		}
		named[dir][ident] = append(named[dir][ident], by)
	}
	for name, f := range ours {
		add(f.dir, "", name)
		for _, dir := range f.nameless {
			add(dir, "", name)
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if dir, ident := qualified(f, n); dir != "" {
				add(dir, ident, name)
			}
			return true
		})
	}
	uses := map[string]*use{}
	for _, t := range []tree{from, to} {
		for name, f := range t {
			if isTest(name) {
				continue
			}
			for _, d := range f.decls {
				for _, by := range slices.Concat(named[f.dir][""], named[f.dir][d.ident]) {
					if uses[name] == nil {
						uses[name] = &use{decls: map[string]bool{}, by: map[string]bool{}}
					}
					uses[name].by[by] = true
					uses[name].decls[d.name] = true
				}
			}
		}
	}
	return uses
}

// qualified is the directory and the name behind P.Name, where P is a package of the module.
func qualified(f *file, n ast.Node) (dir, ident string) {
	sel, ok := n.(*ast.SelectorExpr)
	if !ok {
		return "", ""
	}
	x, ok := sel.X.(*ast.Ident)
	if !ok || x.Obj != nil { // a variable of the same name
		return "", ""
	}
	return f.imports[x.Name], sel.Sel.Name
}

// requirements lists what differs between the two go.mod files and what ours is built with. The
// modules that are released with upstream's are left out: they are another tag by design.
func requirements(in Input) []string {
	from, err := modfile.ParseLax("go.mod", []byte(in.From["go.mod"]), nil)
	if err != nil {
		return []string{fmt.Sprintf("go.mod cannot be read: %v", err)}
	}
	to, err := modfile.ParseLax("go.mod", []byte(in.To["go.mod"]), nil)
	if err != nil {
		return []string{fmt.Sprintf("go.mod cannot be read: %v", err)}
	}
	var lines []string
	if a, b := goVersion(from), goVersion(to); a != b {
		lines = append(lines, fmt.Sprintf("go %s -> %s", a, b))
	}
	host, _, _ := strings.Cut(in.Module, "/")
	before, after := versions(from), versions(to)
	for _, r := range slices.Concat(to.Require, from.Require) {
		name := r.Mod.Path
		if before[name] == after[name] || strings.HasPrefix(name, host+"/") || !imported(in.Ours, name) {
			continue
		}
		line := fmt.Sprintf("%s %s -> %s", name, orNone(before[name]), orNone(after[name]))
		if !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return lines
}

func goVersion(f *modfile.File) string {
	if f.Go == nil {
		return "none"
	}
	return f.Go.Version
}

func versions(f *modfile.File) map[string]string {
	found := map[string]string{}
	for _, r := range f.Require {
		found[r.Mod.Path] = r.Mod.Version
	}
	return found
}

func orNone(version string) string {
	if version == "" {
		return "none"
	}
	return version
}

// imported reports whether one of the files names a package of the module in quotes.
func imported(ours Sources, module string) bool {
	for _, content := range ours {
		if strings.Contains(content, `"`+module+`"`) || strings.Contains(content, `"`+module+`/`) {
			return true
		}
	}
	return false
}
