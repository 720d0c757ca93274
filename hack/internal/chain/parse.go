package chain

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"slices"
	"strconv"
	"strings"
)

// filter is one call that wraps a handler, or one literal of a type that does.
type filter struct {
	// name is what the source calls it, such as genericfilters.WithHSTS; key has the path of the package in place of
	// the name that the file knows it by.
	name, key string
	// text is all of it, args are the arguments, when are the conditions that it stands under.
	text, args, when string
	// returned says that it is what the function returns.
	returned bool
	end      token.Pos
}

func (f filter) short() string { return f.name[strings.LastIndex(f.name, ".")+1:] }

func (f filter) same(g filter) bool { return f.key == g.key && f.args == g.args && f.when == g.when }

// String is the filter with its arguments, and when it is there.
func (f filter) String() string {
	if f.when == "" {
		return f.text
	}
	return f.text + " if " + f.when
}

// filters lists what a function wraps a handler in, in the order in which it does: the innermost filter first. A
// handler is what a variable holds whose name ends in handler.
func filters(file, source, function string) ([]filter, error) {
	if source == "" {
		return nil, fmt.Errorf("there is no %s", file)
	}
	fset := token.NewFileSet()
	parsed, err := parser.ParseFile(fset, file, source, parser.SkipObjectResolution)
	if err != nil {
		return nil, fmt.Errorf("cannot be read as Go: %w", err)
	}
	imports, err := importsOf(parsed)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	for _, d := range parsed.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Recv != nil || f.Name.Name != function || f.Body == nil {
			continue
		}
		r := reader{text: source, fset: fset, imports: imports}
		ast.PreorderStack(f.Body, nil, r.visit)
		if len(r.found) == 0 {
			return nil, fmt.Errorf("%s: %s wraps no handler", file, function)
		}
		// An argument is evaluated, and ends, before its call.
		slices.SortStableFunc(r.found, func(a, b filter) int { return cmp.Compare(a.end, b.end) })
		return r.found, nil
	}
	return nil, fmt.Errorf("%s has no function %s", file, function)
}

// reader collects the filters of one function.
type reader struct {
	text    string
	fset    *token.FileSet
	imports map[string]string // see importsOf
	found   []filter
}

func (r *reader) visit(n ast.Node, stack []ast.Node) bool {
	var fun ast.Expr
	var args []ast.Expr
	switch n := n.(type) {
	case *ast.CallExpr:
		fun, args = n.Fun, n.Args
	case *ast.CompositeLit:
		fun, args = n.Type, n.Elts
	}
	if fun != nil && slices.ContainsFunc(args, hasHandler) {
		r.found = append(r.found, r.filter(n, fun, args, stack))
	}
	return true
}

func (r *reader) filter(n ast.Node, fun ast.Expr, args []ast.Expr, stack []ast.Node) filter {
	f := filter{name: r.source(fun), text: r.source(n), end: n.End()}
	f.key = f.name
	if sel, ok := fun.(*ast.SelectorExpr); ok {
		if x, ok := sel.X.(*ast.Ident); ok && r.imports[x.Name] != "" {
			f.key = r.imports[x.Name] + "." + sel.Sel.Name
		}
	}
	texts := make([]string, len(args))
	for i, arg := range args {
		texts[i] = r.source(arg)
	}
	f.args = strings.Join(texts, ", ")
	var when []string
	path := append(slices.Clone(stack), n)
	for i, outer := range stack {
		switch outer := outer.(type) {
		case *ast.IfStmt:
			switch path[i+1] {
			case outer.Body:
				when = append(when, r.source(outer.Cond))
			case outer.Else:
				when = append(when, "!("+r.source(outer.Cond)+")")
			}
		case *ast.ReturnStmt:
			f.returned = path[i+1] == n
		}
	}
	f.when = strings.Join(when, ", ")
	return f
}

// source is the text of n in one line.
func (r *reader) source(n ast.Node) string {
	return strings.Join(strings.Fields(r.text[r.fset.Position(n.Pos()).Offset:r.fset.Position(n.End()).Offset]), " ")
}

// hasHandler reports whether a handler is in an argument, or in the value of a field.
func hasHandler(arg ast.Expr) bool {
	if field, ok := arg.(*ast.KeyValueExpr); ok {
		arg = field.Value
	}
	found := false
	ast.Inspect(arg, func(n ast.Node) bool {
		ident, ok := n.(*ast.Ident)
		found = found || ok && strings.HasSuffix(strings.ToLower(ident.Name), "handler")
		return !found
	})
	return found
}

// importsOf maps the names by which a file knows packages to their paths.
func importsOf(parsed *ast.File) (map[string]string, error) {
	imports := map[string]string{}
	for _, spec := range parsed.Imports {
		importPath, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, err
		}
		name := path.Base(importPath)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		imports[name] = importPath
	}
	return imports, nil
}
