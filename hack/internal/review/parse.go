package review

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
)

// tree is the Go files of one tree by their paths, without those in testdata. It is not changed
// after parse has returned it.
type tree map[string]*file

// file is one Go file.
type file struct {
	dir  string // below the module's root
	fset *token.FileSet
	ast  *ast.File
	// imports maps the names by which the file knows packages of the module to their directories. A
	// package that is imported under no name (. or _) is in nameless.
	imports  map[string]string
	nameless []string
	decls    []decl
}

// decl is one declaration at the top level of a file.
type decl struct {
	// name is the declaration as a report names it: "func F", "func T.M", "type T", "var V", "const C".
	name string
	// recv is T of "func T.M", ident is F, M, T, V or C.
	recv, ident string
	text        string
	node        ast.Node
}

// parse parses the Go files of sources. Packages has the names of the module's packages by their
// directories, as far as they are known from other trees, and gets those of this one.
func parse(module string, sources Sources, packages map[string]string) (tree, error) {
	t := tree{}
	fset := token.NewFileSet()
	for _, name := range slices.Sorted(maps.Keys(sources)) {
		if !strings.HasSuffix(name, ".go") || strings.Contains("/"+name, "/testdata/") {
			continue
		}
		parsed, err := parser.ParseFile(fset, name, sources[name], parser.ParseComments)
		if err != nil {
			return nil, fmt.Errorf("cannot be read as Go: %w", err)
		}
		f := &file{dir: path.Dir(name), fset: fset, ast: parsed, decls: declsOf(fset, parsed, sources[name])}
		t[name] = f
		if !isTest(name) {
			packages[f.dir] = parsed.Name.Name
		}
	}
	for _, f := range t {
		f.imports = map[string]string{}
		for _, spec := range f.ast.Imports {
			importPath, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", fset.Position(spec.Pos()), err)
			}
			dir, ok := strings.CutPrefix(importPath, module+"/")
			if !ok {
				continue
			}
			local := packages[dir]
			if local == "" { // a package that no tree has
				local = path.Base(dir)
			}
			if spec.Name != nil {
				local = spec.Name.Name
			}
			if local == "." || local == "_" {
				f.nameless = append(f.nameless, dir)
			} else {
				f.imports[local] = dir
			}
		}
	}
	return t, nil
}

func declsOf(fset *token.FileSet, parsed *ast.File, source string) []decl {
	text := func(n ast.Node) string {
		return source[fset.Position(n.Pos()).Offset:fset.Position(n.End()).Offset]
	}
	var decls []decl
	for _, d := range parsed.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			found := decl{name: "func " + d.Name.Name, ident: d.Name.Name, node: d, text: text(d)}
			if d.Recv != nil && len(d.Recv.List) > 0 {
				found.recv = baseType(d.Recv.List[0].Type)
				found.name = "func " + found.recv + "." + d.Name.Name
			}
			decls = append(decls, found)
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					decls = append(decls, decl{name: "type " + spec.Name.Name, ident: spec.Name.Name, node: spec, text: text(spec)})
				case *ast.ValueSpec:
					for _, ident := range spec.Names {
						if ident.Name == "_" {
							continue // an assertion: the compiler looks at it
						}
						decls = append(decls, decl{name: d.Tok.String() + " " + ident.Name, ident: ident.Name, node: spec, text: text(spec)})
					}
				}
			}
		}
	}
	return decls
}

// baseType is T of a receiver's type T, *T, T[K] or *T[K].
func baseType(expr ast.Expr) string {
	for {
		switch e := expr.(type) {
		case *ast.Ident:
			return e.Name
		case *ast.StarExpr:
			expr = e.X
		case *ast.IndexExpr:
			expr = e.X
		case *ast.IndexListExpr:
			expr = e.X
		case *ast.ParenExpr:
			expr = e.X
		default:
			return ""
		}
	}
}

// changed lists the names of the declarations in which two versions of a file differ, in the newer
// one's order and after that those that it has no longer. Either may be nil.
func changed(before, after *file) []string {
	old, current := textsOf(before), textsOf(after)
	var names []string
	for _, f := range []*file{after, before} {
		if f == nil {
			continue
		}
		for _, d := range f.decls {
			if old[d.name] != current[d.name] && !slices.Contains(names, d.name) {
				names = append(names, d.name)
			}
		}
	}
	return names
}

// textsOf maps names to texts. A file may have several init functions.
func textsOf(f *file) map[string]string {
	texts := map[string]string{}
	if f != nil {
		for _, d := range f.decls {
			texts[d.name] += d.text + "\n"
		}
	}
	return texts
}
