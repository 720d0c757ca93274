package review

import (
	"cmp"
	"go/ast"
	"go/token"
	"maps"
	"slices"
	"strings"
)

// watched is something that the patches change.
type watched struct {
	name       string // as a Reference has it
	dir, ident string
	decl       string      // as decl.name; empty for a field
	kind       token.Token // FUNC, TYPE or PERIOD: what is reached by a selector, a method or a field
	exported   bool        // for PERIOD: a file of another package may mean it
}

// common are methods of interfaces that everything implements. By its name alone, one of these
// cannot be told from those of others.
var common = []string{"ServeHTTP", "Header", "Write", "WriteHeader", "Flush", "Hijack", "CloseNotify", "Unwrap", "Read", "Close", "Error", "String", "Is", "As"}

// watch lists the functions, methods and types that the patches change, and the fields of upstream's
// types that they come to use in another number of places: those they have made to mean something else.
func watch(to, fork tree, patched map[string][]string) []watched {
	var all []watched
	add := func(w watched) {
		if !slices.Contains(all, w) {
			all = append(all, w)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(patched)) {
		f := to[name]
		if f == nil || isTest(name) {
			continue
		}
		for _, d := range f.decls {
			if !slices.Contains(patched[name], d.name) {
				continue
			}
			switch d.node.(type) {
			case *ast.FuncDecl:
				kind, exported := token.FUNC, true
				if d.recv != "" {
					kind, exported = token.PERIOD, ast.IsExported(d.recv)
				}
				if kind == token.PERIOD && slices.Contains(common, d.ident) || d.ident == "init" {
					continue
				}
				add(watched{name: "func " + f.dir + "." + strings.TrimPrefix(d.name, "func "), dir: f.dir, ident: d.ident, decl: d.name, kind: kind, exported: exported})
			case *ast.TypeSpec:
				add(watched{name: "type " + f.dir + "." + d.ident, dir: f.dir, ident: d.ident, decl: d.name, kind: token.TYPE})
			}
		}
		before, after := selectors(f), selectors(fork[name])
		for _, field := range fields(to, f.dir) {
			if before[field.ident] != after[field.ident] {
				add(field)
			}
		}
	}
	return all
}

// selectors counts the names after a dot.
func selectors(f *file) map[string]int {
	found := map[string]int{}
	if f != nil {
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok {
				found[sel.Sel.Name]++
			}
			return true
		})
	}
	return found
}

// fields lists the fields of the struct types of a package.
func fields(t tree, dir string) []watched {
	var found []watched
	for _, name := range slices.Sorted(maps.Keys(t)) {
		f := t[name]
		if f.dir != dir || isTest(name) {
			continue
		}
		for _, d := range f.decls {
			spec, ok := d.node.(*ast.TypeSpec)
			if !ok {
				continue
			}
			structure, ok := spec.Type.(*ast.StructType)
			if !ok {
				continue
			}
			for _, field := range structure.Fields.List {
				for _, ident := range field.Names {
					found = append(found, watched{name: "field " + dir + "." + d.ident + "." + ident.Name, dir: dir, ident: ident.Name,
						kind: token.PERIOD, exported: ident.IsExported()})
				}
			}
		}
	}
	return found
}

// place is a declaration that uses something.
type place struct{ name, file, in string }

// newReferences lists the places of to that use something more often than they do in from. Tests are
// left out: they run.
func newReferences(all []watched, from, to tree) []Reference {
	before, after := places(all, from), places(all, to)
	var found []Reference
	for p, lines := range after {
		if len(lines) > len(before[p]) {
			found = append(found, Reference{Name: p.name, File: p.file, In: p.in, Lines: slices.Compact(slices.Sorted(slices.Values(lines)))})
		}
	}
	slices.SortFunc(found, func(a, b Reference) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.File, b.File), cmp.Compare(a.Lines[0], b.Lines[0]))
	})
	return found
}

func places(all []watched, t tree) map[place][]int {
	byIdent := map[string][]watched{}
	for _, w := range all {
		byIdent[w.ident] = append(byIdent[w.ident], w)
	}
	found := map[place][]int{}
	for name, f := range t {
		if isTest(name) {
			continue
		}
		for _, d := range f.decls {
			inspectUses(f, d, func(use reached, ident string, pos token.Pos) {
				for _, w := range byIdent[ident] {
					if use.may(w) && (w.dir != f.dir || w.decl != d.name) { // not what calls itself
						p := place{name: w.name, file: name, in: d.name}
						found[p] = append(found[p], f.fset.Position(pos).Line)
					}
				}
			})
		}
	}
	return found
}

// reached is how a name is used: in which packages it may be declared, and as what.
type reached struct {
	dirs []string
	home string // the directory of the file
	kind token.Token
}

// may reports whether the use may be one of w.
func (r reached) may(w watched) bool {
	return r.kind == w.kind && slices.Contains(r.dirs, w.dir) && (w.kind != token.PERIOD || w.exported || w.dir == r.home)
}

// inspectUses calls found with every name that a declaration uses. A type counts where a value of it
// is made: by a literal or by new.
func inspectUses(f *file, d decl, found func(use reached, ident string, pos token.Pos)) {
	own := []string{f.dir}
	reachable := append(slices.Sorted(maps.Values(f.imports)), f.dir)
	made := func(expr ast.Expr) {
		switch t := expr.(type) {
		case *ast.Ident:
			found(reached{own, f.dir, token.TYPE}, t.Name, t.Pos())
		case *ast.SelectorExpr:
			if dir, ident := qualified(f, t); dir != "" {
				found(reached{[]string{dir}, f.dir, token.TYPE}, ident, t.Pos())
			}
		}
	}
	declared := map[*ast.Ident]bool{}
	ast.Inspect(d.node, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			declared[n.Name] = true
		case *ast.CompositeLit:
			made(n.Type)
		case *ast.CallExpr:
			if fun, ok := n.Fun.(*ast.Ident); ok && fun.Name == "new" && len(n.Args) == 1 {
				made(n.Args[0])
			}
		case *ast.KeyValueExpr:
			if key, ok := n.Key.(*ast.Ident); ok { // a field in a literal
				declared[key] = true
				found(reached{reachable, f.dir, token.PERIOD}, key.Name, key.Pos())
			}
		case *ast.SelectorExpr:
			declared[n.Sel] = true
			if dir, ident := qualified(f, n); dir != "" {
				found(reached{[]string{dir}, f.dir, token.FUNC}, ident, n.Sel.Pos())
			} else {
				found(reached{reachable, f.dir, token.PERIOD}, n.Sel.Name, n.Sel.Pos())
			}
		case *ast.Ident:
			// The parser knows what a function declares within itself.
			if !declared[n] && (n.Obj == nil || n.Obj.Kind == ast.Fun) {
				found(reached{own, f.dir, token.FUNC}, n.Name, n.Pos())
			}
		}
		return true
	})
}
