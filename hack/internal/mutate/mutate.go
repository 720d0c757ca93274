// Package mutate finds out what the tests of Go packages do not notice: it makes mutants of the packages, each with one
// condition negated or one statement left out, and runs the tests that reach them.
//
// All mutants are in each test binary, and an environment variable says which of them is alive. So a mutant costs the
// time of its tests and no build, each one compiles, and what a test reaches is known by mutant, not by line.
package mutate

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
)

// Kinds of mutants.
const (
	// Negate is a condition that is the opposite: of an if, a for, or a case; an operand of && or ||; or a comparison.
	Negate = "negate"
	// Delete is a statement that is left out.
	Delete = "delete"
)

// Mutant is one change to a file.
type Mutant struct {
	File string `json:"file"` // its name, from the subject's directory
	Func string `json:"func"` // such as Type.method, or the variable of a function literal
	Kind string `json:"kind"`
	Text string `json:"text"` // what is changed, on one line
	// Ordinal tells the mutants of a function that have the same kind and text from each other, from 1.
	Ordinal int `json:"ordinal"`
	// Line is where it is now. It is no part of the identity.
	Line int `json:"line"`

	start, end int // in the file's bytes
}

// ID identifies the mutant, however lines above it come and go.
func (m Mutant) ID() string {
	kind := m.Kind
	if m.Ordinal > 1 {
		kind = fmt.Sprintf("%s#%d", m.Kind, m.Ordinal)
	}
	return fmt.Sprintf("%s %s %s %s", m.File, m.Func, kind, m.Text)
}

// Skipped says of how many statements there are no mutants, by reason.
type Skipped map[string]int

// Reasons for which there is no mutant.
const (
	skipDeclares   = "declares what others use"
	skipEnds       = "ends a function that has results"
	skipLoop       = "is the third part of a for"
	skipStructural = "a label or a fallthrough"
)

// textLength is how much of what is changed an ID holds.
const textLength = 100

// Find returns the mutants of a file with this content that begin on lines which are wanted, in its order.
func Find(name string, content []byte, wanted func(line int) bool) ([]Mutant, Skipped, error) {
	fset := token.NewFileSet()
	parsed, err := parser.ParseFile(fset, name, content, parser.SkipObjectResolution)
	if err != nil {
		return nil, nil, err
	}
	f := &finder{name: name, content: content, wanted: wanted, file: fset.File(parsed.FileStart), seen: map[ast.Node]bool{}, final: map[ast.Node]bool{}, skipped: Skipped{}}
	for _, decl := range parsed.Decls {
		f.declaration(decl)
	}
	// The outer of two that begin at one place comes first: what is written around them nests.
	slices.SortStableFunc(f.mutants, func(a, b Mutant) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(b.end, a.end), strings.Compare(a.Kind, b.Kind))
	})
	ordinals := map[string]int{}
	for i := range f.mutants {
		m := &f.mutants[i]
		key := m.ID()
		ordinals[key]++
		m.Ordinal = ordinals[key]
	}
	return f.mutants, f.skipped, nil
}

type finder struct {
	name    string
	content []byte
	wanted  func(line int) bool
	file    *token.File
	in      string            // the function
	seen    map[ast.Node]bool // conditions that have their mutant, or need none
	final   map[ast.Node]bool // statements without which a function would not return its results
	mutants []Mutant
	skipped Skipped
}

func (f *finder) declaration(decl ast.Decl) {
	switch decl := decl.(type) {
	case *ast.FuncDecl:
		f.in = decl.Name.Name
		if decl.Recv != nil && len(decl.Recv.List) > 0 {
			f.in = receiver(decl.Recv.List[0].Type) + "." + f.in
		}
		if decl.Body != nil {
			f.function(decl.Type, decl.Body)
			ast.Inspect(decl.Body, f.visit)
		}
	case *ast.GenDecl:
		for _, spec := range decl.Specs {
			if spec, ok := spec.(*ast.ValueSpec); ok && decl.Tok == token.VAR {
				f.in = spec.Names[0].Name
				for _, v := range spec.Values {
					ast.Inspect(v, f.visit)
				}
			}
		}
	}
}

func receiver(t ast.Expr) string {
	switch t := t.(type) {
	case *ast.StarExpr:
		return receiver(t.X)
	case *ast.IndexExpr:
		return receiver(t.X)
	case *ast.IndexListExpr:
		return receiver(t.X)
	case *ast.Ident:
		return t.Name
	}
	return "?"
}

func (f *finder) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.GenDecl:
		return n.Tok != token.CONST // What is constant has to stay so.
	case *ast.FuncLit:
		f.function(n.Type, n.Body)
	case *ast.IfStmt:
		f.condition(n.Cond)
	case *ast.ForStmt:
		if n.Cond != nil {
			f.condition(n.Cond)
		}
		if n.Post != nil {
			f.skip(skipLoop, n)
		}
	case *ast.SwitchStmt:
		if n.Tag == nil {
			for _, clause := range n.Body.List {
				for _, e := range clause.(*ast.CaseClause).List {
					f.condition(e)
				}
			}
		}
	case *ast.BinaryExpr:
		switch n.Op {
		case token.LAND, token.LOR:
			f.condition(n)
			f.condition(n.X)
			f.condition(n.Y)
		case token.EQL, token.NEQ, token.LSS, token.LEQ, token.GTR, token.GEQ:
			f.condition(n)
		}
	case *ast.UnaryExpr:
		if n.Op == token.NOT {
			f.condition(n)
			f.seen[ast.Unparen(n.X)] = true // Its opposite is that of the whole.
		}
	case *ast.BlockStmt:
		f.statements(n.List)
	case *ast.CaseClause:
		f.statements(n.Body)
	case *ast.CommClause:
		f.statements(n.Body)
	}
	return true
}

// function notes what must stay of a function that has results.
func (f *finder) function(t *ast.FuncType, body *ast.BlockStmt) {
	if t.Results != nil && len(t.Results.List) > 0 {
		f.terminates(body.List)
	}
}

// terminates notes the statements that the language calls terminating.
func (f *finder) terminates(list []ast.Stmt) {
	if len(list) == 0 {
		return
	}
	last := list[len(list)-1]
	f.final[last] = true
	clauses := func(body *ast.BlockStmt) {
		for _, c := range body.List {
			switch c := c.(type) {
			case *ast.CaseClause:
				f.terminates(c.Body)
			case *ast.CommClause:
				f.terminates(c.Body)
			}
		}
	}
	switch s := last.(type) {
	case *ast.BlockStmt:
		f.terminates(s.List)
	case *ast.IfStmt:
		f.terminates(s.Body.List)
		if s.Else != nil {
			f.terminates([]ast.Stmt{s.Else})
		}
	case *ast.SwitchStmt:
		clauses(s.Body)
	case *ast.TypeSwitchStmt:
		clauses(s.Body)
	case *ast.SelectStmt:
		clauses(s.Body)
	case *ast.LabeledStmt:
		f.terminates([]ast.Stmt{s.Stmt})
	}
}

func (f *finder) condition(e ast.Expr) {
	e = ast.Unparen(e)
	if !f.seen[e] {
		f.seen[e] = true
		f.add(Negate, e)
	}
}

func (f *finder) statements(list []ast.Stmt) {
	for _, s := range list {
		switch s := s.(type) {
		case *ast.ExprStmt:
			f.remove(s)
		case *ast.SendStmt, *ast.IncDecStmt, *ast.DeferStmt, *ast.GoStmt:
			f.add(Delete, s)
		case *ast.AssignStmt:
			if s.Tok == token.DEFINE {
				f.skip(skipDeclares, s)
			} else {
				f.add(Delete, s)
			}
		case *ast.DeclStmt:
			f.skip(skipDeclares, s)
		case *ast.ReturnStmt:
			f.remove(s)
		case *ast.BranchStmt:
			if s.Tok == token.FALLTHROUGH {
				f.skip(skipStructural, s)
			} else {
				f.remove(s)
			}
		case *ast.LabeledStmt:
			f.skip(skipStructural, s)
		}
	}
}

// remove adds the mutant without a statement that may be the one which ends its function.
func (f *finder) remove(s ast.Stmt) {
	e, isExpr := s.(*ast.ExprStmt)
	if f.final[s] && (!isExpr || isPanic(e.X)) {
		f.skip(skipEnds, s)
		return
	}
	f.add(Delete, s)
}

func isPanic(e ast.Expr) bool {
	call, ok := e.(*ast.CallExpr)
	if !ok {
		return false
	}
	name, ok := call.Fun.(*ast.Ident)
	return ok && name.Name == "panic"
}

func (f *finder) skip(reason string, n ast.Node) {
	if f.wanted(f.file.Line(n.Pos())) {
		f.skipped[reason]++
	}
}

func (f *finder) add(kind string, n ast.Node) {
	if !f.wanted(f.file.Line(n.Pos())) {
		return
	}
	start, end := f.file.Offset(n.Pos()), f.file.Offset(n.End())
	text := strings.Join(strings.Fields(string(f.content[start:end])), " ")
	if len(text) > textLength {
		text = strings.ToValidUTF8(text[:textLength], "") + "..."
	}
	f.mutants = append(f.mutants, Mutant{File: f.name, Func: f.in, Kind: kind, Text: text, Line: f.file.Line(n.Pos()), start: start, end: end})
}
