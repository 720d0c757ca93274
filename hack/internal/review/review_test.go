package review

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"
)

// toy is upstream's module in its older version.
var toy = Sources{
	"go.mod": "module toy.test/m\n\ngo 1.21\n\nrequire (\n\texample.test/used v1.0.0\n\texample.test/unused v1.0.0\n\ttoy.test/other v0.1.0\n)\n",
	"pkg/a/a.go": `package a

// Server has a gate.
type Server struct {
	Gate, Wall int
}

func Serve(s *Server) int { return helper(s.Gate) }

func (s *Server) Stop() {}

func (s *Server) ServeHTTP() {}

func helper(n int) int { return n }

func Untouched() {}
`,
	"pkg/b/b.go":           "package b\n\nimport \"toy.test/m/pkg/a\"\n\nfunc Run() { a.Serve(nil) }\n",
	"pkg/c/used.go":        "package see\n\nfunc Used() {}\n\nfunc Unused() {}\n",
	"pkg/c/unused.go":      "package see\n\nfunc Other() {}\n",
	"pkg/testdata/x/no.go": "no Go at all",
}

// fork is what the patches make of the newer version's pkg/a/a.go.
func fork(source string) string {
	return strings.NewReplacer("helper(s.Gate)", "helper(s.Gate+1)", "return n }", "return n + 1 }", "Wall int\n", "Wall int\n\tnew int\n",
		"Stop() {}", "Stop() { println() }", "ServeHTTP() {}", "ServeHTTP() { println() }").Replace(source)
}

// compare compares toy with a version of it that has changes; an empty one removes a file.
func compare(t *testing.T, changes Sources) *Report {
	t.Helper()
	to := maps.Clone(toy)
	for name, content := range changes {
		if to[name] = content; content == "" {
			delete(to, name)
		}
	}
	forked := maps.Clone(to)
	if source, ok := to["pkg/a/a.go"]; ok {
		forked["pkg/a/a.go"] = fork(source)
	}
	r, err := Compare(Input{
		Module: "toy.test/m", From: toy, To: to, Fork: forked,
		Patches: map[string][]string{"pkg/a/a.go": {"0001"}},
		Ours: Sources{"test/t.go": "package t\n\nimport (\n\t\"example.test/used/sub\"\n\n\t\"toy.test/m/pkg/c\"\n)\n\nvar _, _ = see.Used, sub.X\n",
			"pkg/own/own.go": "package own\n"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestNothingToLookAt(t *testing.T) {
	r := compare(t, Sources{
		"pkg/c/unused.go": "package see\n\nfunc Other() { println() }\n",
		"pkg/d/d.go":      "package d\n\nimport \"toy.test/m/pkg/a\"\n\nfunc f() { a.Untouched() }\n",
		// A test is no reference.
		"pkg/b/b_test.go": "package b\n\nimport \"toy.test/m/pkg/a\"\n\nfunc f() { a.Serve(nil) }\n",
		"go.mod":          strings.NewReplacer("unused v1.0.0", "unused v1.2.0", "other v0.1.0", "other v0.2.0").Replace(toy["go.mod"]),
	})
	if !r.Empty() {
		t.Errorf("got %+v", r)
	}
	if want := (Looked{Patched: 1, Used: 1, Names: 4}); r.Looked != want {
		t.Errorf("looked at %+v, want %+v", r.Looked, want)
	}
}

func TestToLookAt(t *testing.T) {
	for _, test := range []struct {
		name    string
		changes Sources
		want    string // of the report, as JSON
	}{
		{"a patched function", Sources{"pkg/a/a.go": strings.Replace(toy["pkg/a/a.go"], "return n", "_ = n; return n", 1)},
			`"path":"pkg/a/a.go","patches":["0001"],"changed":["func helper"],"both":["func helper"]`},
		{"another function of a patched file", Sources{"pkg/a/a.go": strings.Replace(toy["pkg/a/a.go"], "Untouched() {", "Untouched() { println()", 1)},
			`"path":"pkg/a/a.go","patches":["0001"],"changed":["func Untouched"]}`},
		{"a comment of a patched file", Sources{"pkg/a/a.go": strings.Replace(toy["pkg/a/a.go"], "has a gate", "has gates", 1)},
			`"path":"pkg/a/a.go","patches":["0001"]}`},
		{"a patched file that has gone", Sources{"pkg/a/a.go": "", "pkg/b/b.go": ""},
			`"path":"pkg/a/a.go","patches":["0001"],"gone":true,"changed":["type Server",`},
		{"a used function", Sources{"pkg/c/used.go": "package see\n\nfunc Used() { println() }\n\nfunc Unused() {}\n"},
			`"path":"pkg/c/used.go","users":["test/t.go"],"changed":["func Used"],"both":["func Used"]`},
		{"a used function that moves", Sources{"pkg/c/used.go": "package see\n\nfunc Unused() {}\n", "pkg/c/new.go": "package see\n\nfunc Used() {}\n"},
			`"path":"pkg/c/new.go","users":["test/t.go"],"changed":["func Used"],"both":["func Used"]`},
		{"a new caller", Sources{"pkg/d/d.go": "package d\n\nimport x \"toy.test/m/pkg/a\"\n\nfunc f() {\n\tx.Serve(nil)\n}\n"},
			`"references":[{"name":"func pkg/a.Serve","file":"pkg/d/d.go","in":"func f","lines":[6]}]`},
		{"one more call in a caller", Sources{"pkg/b/b.go": strings.Replace(toy["pkg/b/b.go"], "a.Serve(nil)", "a.Serve(nil); a.Serve(nil)", 1)},
			`"references":[{"name":"func pkg/a.Serve","file":"pkg/b/b.go","in":"func Run","lines":[5]}]`},
		{"a caller in the package", Sources{"pkg/a/new.go": "package a\n\nfunc f() { g(helper) }\n\nfunc g(func(int) int) {}\n"},
			`"references":[{"name":"func pkg/a.helper","file":"pkg/a/new.go","in":"func f","lines":[3]}]`},
		{"a caller of a method", Sources{"pkg/d/d.go": "package d\n\nimport \"toy.test/m/pkg/a\"\n\nfunc f(s *a.Server) { s.Stop() }\n"},
			`"references":[{"name":"func pkg/a.Server.Stop","file":"pkg/d/d.go","in":"func f","lines":[5]}]`},
		{"a value of a type that has one more field", Sources{"pkg/d/d.go": "package d\n\nimport \"toy.test/m/pkg/a\"\n\nvar v = &a.Server{1, 2}\n"},
			`"references":[{"name":"type pkg/a.Server","file":"pkg/d/d.go","in":"var v","lines":[5]}]`},
		{"the language and a module", Sources{"go.mod": strings.NewReplacer("go 1.21", "go 1.22", "/used v1.0.0", "/used v1.1.0").Replace(toy["go.mod"])},
			`"requirements":["go 1.21 -> 1.22","example.test/used v1.0.0 -> v1.1.0"]`},
		{"a module that is required no longer", Sources{"go.mod": "module toy.test/m\n\ngo 1.21\n"},
			`"requirements":["example.test/used v1.0.0 -> none"]`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := json.Marshal(compare(t, test.changes))
			if err != nil || !strings.Contains(strings.ReplaceAll(string(got), `\u003e`, ">"), test.want) {
				t.Errorf("got %s, %v; want %s", got, err, test.want)
			}
		})
	}
}

func TestNoReference(t *testing.T) {
	for name, source := range map[string]string{
		"a local variable":           "package a\n\nfunc f() {\n\thelper := 1\n\t_ = helper\n}\n",
		"the name in another module": "package d\n\nimport \"elsewhere.test/a\"\n\nfunc f() { a.Serve(nil) }\n",
		"a variable like a package":  "package d\n\nimport \"toy.test/m/pkg/a\"\n\nvar _ = a.Untouched\n\nfunc f() {\n\tvar a interface{ Serve() }\n\ta.Serve()\n}\n",
		"a method of a common name":  "package d\n\nimport \"toy.test/m/pkg/a\"\n\nfunc f(s *a.Server) { s.ServeHTTP() }\n",
		"a type that is only named":  "package d\n\nimport \"toy.test/m/pkg/a\"\n\nfunc f(*a.Server) {}\n",
	} {
		dir := "pkg/" + source[len("package "):len("package ")+1]
		if r := compare(t, Sources{dir + "/new.go": source}); !r.Empty() {
			t.Errorf("%s: got %+v", name, r.References)
		}
	}
}

func TestAFieldThatPatchesUse(t *testing.T) {
	to := maps.Clone(toy)
	to["pkg/d/d.go"] = "package d\n\nimport \"toy.test/m/pkg/a\"\n\nfunc f(s *a.Server) {\n\t_ = s.Wall\n\t_ = s.Gate\n}\n"
	forked := maps.Clone(to)
	forked["pkg/a/a.go"] = strings.Replace(to["pkg/a/a.go"], "helper(s.Gate)", "helper(s.Gate) + s.Wall", 1)
	r, err := Compare(Input{Module: "toy.test/m", From: toy, To: to, Fork: forked, Patches: map[string][]string{"pkg/a/a.go": {"0001"}}})
	if err != nil || len(r.References) != 1 || r.References[0].Name != "field pkg/a.Server.Wall" || r.References[0].Lines[0] != 6 {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestWhatIsNotGo(t *testing.T) {
	if _, err := Compare(Input{Module: "toy.test/m", From: Sources{"pkg/a/a.go": "package"}}); err == nil || !strings.Contains(err.Error(), "pkg/a/a.go:1") {
		t.Errorf("got %v", err)
	}
}
