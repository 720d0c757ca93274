package fuzz

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"path/filepath"
	"strings"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/gotool"
)

// Target is a fuzz target of the module.
type Target struct {
	Name string `json:"target"`
	// Package is its package, as the go command takes it in the checkout: ./pkg/a.
	Package string `json:"package"`
	dir     string
}

// Targets finds the module's, by package: every function that go test takes for one, in the files that are built here.
func Targets(ctx context.Context, co *checkout.Checkout) ([]Target, error) {
	out, err := gotool.Run(ctx, co, co.Root, nil, "list", "-json=Dir,TestGoFiles,XTestGoFiles", "./...")
	if err != nil {
		return nil, err
	}
	var targets []Target
	for dec := json.NewDecoder(strings.NewReader(out)); ; {
		var pkg struct {
			Dir                       string
			TestGoFiles, XTestGoFiles []string
		}
		if err := dec.Decode(&pkg); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("what go list prints: %w", err)
		}
		for _, file := range append(pkg.TestGoFiles, pkg.XTestGoFiles...) {
			names, err := targetsIn(filepath.Join(pkg.Dir, file))
			if err != nil {
				return nil, err
			}
			for _, name := range names {
				targets = append(targets, Target{Name: name, Package: "./" + filepath.ToSlash(co.Rel(pkg.Dir)), dir: pkg.Dir})
			}
		}
	}
	if targets == nil {
		return nil, fmt.Errorf("no package of %s has a fuzz target; next: git status, which says what is missing", co.Root)
	}
	return targets, nil
}

// targetsIn returns the names of the functions of a file that are func FuzzXxx(*testing.F).
func targetsIn(file string) (names []string, err error) {
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	for _, d := range parsed.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Fuzz") && takesF(f.Type) {
			names = append(names, f.Name.Name)
		}
	}
	return names, nil
}

func takesF(f *ast.FuncType) bool {
	if len(f.Params.List) != 1 || len(f.Params.List[0].Names) > 1 || f.Results != nil {
		return false
	}
	star, ok := f.Params.List[0].Type.(*ast.StarExpr)
	if !ok {
		return false
	}
	sel, ok := star.X.(*ast.SelectorExpr)
	return ok && sel.Sel.Name == "F"
}
