package model

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

// reference is a function of the code that the model or its page names.
type reference struct{ file, function string }

var (
	file     = regexp.MustCompile(`\b[a-z0-9_]+\.go\b`)
	function = regexp.MustCompile(`^,? ((?:[A-Za-z]+\.)?[A-Za-z]+)\b`)
	name     = regexp.MustCompile(`^([a-zA-Z]+\.[A-Za-z]+|[A-Z][A-Za-z]*)$`)
)

// references are the names of functions that follow the name of a file: "guard.go guard.seal, guard.end".
func references(text string) []reference {
	var all []reference
	for _, at := range file.FindAllStringIndex(text, -1) {
		rest := text[at[1]:]
		for m := function.FindStringSubmatch(rest); m != nil && name.MatchString(m[1]) && !file.MatchString(m[1]); m = function.FindStringSubmatch(rest) {
			all = append(all, reference{text[at[0]:at[1]], m[1]})
			rest = rest[len(m[0]):]
		}
	}
	return all
}

// functions are those of a package's directory, by their file, as "receiver.name" or "name".
func functions(t *testing.T, dir string) map[reference]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files in %s: %v", len(files), dir, err)
	}
	all := map[reference]bool{}
	for _, path := range files {
		tree, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range tree.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			name := f.Name.Name
			if f.Recv != nil {
				of := f.Recv.List[0].Type
				if star, ok := of.(*ast.StarExpr); ok {
					of = star.X
				}
				if generic, ok := of.(*ast.IndexExpr); ok {
					of = generic.X
				}
				name = of.(*ast.Ident).Name + "." + name
			}
			all[reference{filepath.Base(path), name}] = true
		}
	}
	return all
}

// TestNamesAreThere keeps the map from the model to the code from rotting: what the model says of a step is where to look.
func TestNamesAreThere(t *testing.T) {
	code := functions(t, filepath.Join("..", "..", "pkg", "endpoints", "deadline"))
	files, err := filepath.Glob("*.pml")
	if err != nil {
		t.Fatal(err)
	}
	named := map[reference]bool{}
	for _, path := range append(files, "README.md") {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range references(string(text)) {
			named[r] = true
			if !code[r] {
				t.Errorf("%s names %s of %s, which is not there any more: see what has become of it, and what that means for the step", path, r.function, r.file)
			}
		}
	}
	if len(named) < 60 {
		t.Errorf("only %d functions are named", len(named))
	}
}

// steps are the inlines of the model that are steps of the code, and so name it.
var steps = []string{"guard.pml", "report.pml", "interrupt.pml", "drain.pml", "calls.pml", "overdue.pml", "ending.pml", "serve.pml"}

var (
	inline = regexp.MustCompile(`(?m)((?:^/\*(?:[^*]|\*[^/])*\*/\n|^#define[^\n]*\n)*)^inline (\w+)\(`)
	// helpers are parts of steps that name it.
	helpers = []string{"enter_nethttp", "leave_nethttp", "free"}
)

func TestStepsNameTheirCode(t *testing.T) {
	n := 0
	for _, path := range steps {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range inline.FindAllStringSubmatch(string(text), -1) {
			n++
			if len(references(m[1])) == 0 && !slices.Contains(helpers, m[2]) {
				t.Errorf("%s: %s does not say of which function of the code it is", path, m[2])
			}
		}
	}
	if n < 30 {
		t.Errorf("only %d steps", n)
	}
}

func TestReferences(t *testing.T) {
	for text, want := range map[string][]reference{
		"seal: guard.go guard.seal":                       {{"guard.go", "guard.seal"}},
		"guard.go guard.end, why.go guard.lapse, that is": {{"guard.go", "guard.end"}, {"why.go", "guard.lapse"}},
		"report.go Report, Hold. And more":                {{"report.go", "Report"}, {"report.go", "Hold"}},
		"in guard.go, as it says":                         nil,
		"server.go: conn.serve":                           nil,
	} {
		if got := references(text); !slices.Equal(got, want) {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
}
