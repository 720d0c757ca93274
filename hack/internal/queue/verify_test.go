package queue

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"fork.internal/apiserver/hack/internal/pins"
	"fork.internal/apiserver/hack/internal/readme"
)

// verify runs Verify and returns the failed checks' details and the warnings by the checks' names.
func (t *toy) verify(tag string) (failed, warnings map[string]string, err error) {
	t.Helper()
	failed, warnings = map[string]string{}, map[string]string{}
	err = Verify(ctx, t.co, tag, func(c Check) {
		if !c.OK {
			failed[c.Tag+" "+c.Name] = c.Detail
		}
		if len(c.Warnings) > 0 {
			warnings[c.Tag+" "+c.Name] = strings.Join(c.Warnings, "\n")
		}
	})
	return failed, warnings, err
}

// readme makes README.md of what is pinned.
func (t *toy) readme() {
	t.Helper()
	p, err := pins.Load(t.co.Pins())
	t.check(err)
	t.write("README.md", "<!-- The pins; `make readme` writes this. -->\n<!-- End of the pins. -->\n")
	_, err = readme.Write(t.co, p)
	t.check(err)
}

func TestVerifyOfAGoodQueue(t *testing.T) {
	toy := newToy(t)
	toy.queue()
	toy.publish("v0.1.1", map[string]string{"pkg/a/a.go": "// Package a is new here.\n" + base["pkg/a/a.go"]})
	_, err := Rebase(ctx, toy.co, "v0.1.0", "v0.1.1")
	toy.check(err)
	toy.readme()
	before := toy.snapshot()
	failed, warnings, err := toy.verify("")
	if err != nil || len(failed)+len(warnings) > 0 {
		t.Errorf("got %v, %v, %v", err, failed, warnings)
	}
	toy.same(before)
	toy.noLeftovers()
	got, err := Touched(ctx, toy.co, "v0.1.1")
	toy.check(err)
	if want := fmt.Sprintf("%[1]s/pkg/a %[1]s/pkg/b %[1]s/pkg/n", toy.module); strings.Join(got, " ") != want {
		t.Errorf("touched: got %q, want %s", got, want)
	}
}

func TestVerifyFinds(t *testing.T) {
	const (
		tag  = "v0.1.0"
		form = "v0.1.0 patches are well formed"
	)
	for _, test := range []struct {
		name        string
		do          func(*toy)
		check, want string
	}{
		{"another pin", func(t *toy) {
			p, err := pins.Load(t.co.Pins())
			t.check(err)
			p.Add(pins.Tag{Tag: tag, Sum: "h1:nonsense"})
			t.check(p.Save(t.co.Pins()))
		}, "v0.1.0 pin matches", "h1:nonsense"},
		{"a patch that does not apply", func(t *toy) {
			name := "patches/v0.1/0001-Add-ten-and-not-one.patch"
			t.write(name, strings.Replace(t.snapshot()[name], "-\treturn x + 1", "-\treturn x + 2", 1))
		}, "v0.1.0 patches apply without fuzz", "pkg/a/a.go, hunk"},
		{"edits in the tree", func(t *toy) { t.tree(tag); t.writeTree(tag, "left.go", "x") }, "v0.1.0 tree is the same each time", "left.go"},
		{"a patch that refresh would change", func(t *toy) {
			name := "patches/v0.1/0001-Add-ten-and-not-one.patch"
			t.write(name, strings.Replace(t.snapshot()[name], "2000 00:00:00", "2000 00:00:01", 1))
		}, "v0.1.0 refresh changes nothing", "0001-Add-ten-and-not-one.patch (line 3)"},
		{"a bad header", func(t *toy) {
			t.git(tag, "commit", "-q", "--amend", "-m", "Make three a larger number")
			t.refresh(tag)
		}, form, "Description: is missing (what was wrong and what the patch does)\n"},
		{"a change of go.mod", func(t *toy) {
			t.sub(tag, "go.mod", "1.21", "1.22")
			t.commit(tag, "Build with another Go")
			t.refresh(tag)
		},
			form, "go.mod: no patch touches"},
		{"a reformatted line", func(t *toy) {
			t.sub(tag, "docs/with sp.txt", "space\nspace\n", "more\n  space\n")
			t.commit(tag, "Indent what needs no indentation")
			t.refresh(tag)
		}, form, "docs/with sp.txt: a patch reformats nothing"},
		{"a file that gofmt would change", func(t *toy) {
			t.sub(tag, "pkg/b/b.go", "Two = 2", "Two   =   22")
			t.commit(tag, "Make two a larger number")
			t.refresh(tag)
		}, "v0.1.0 touched packages are gofmt-clean", "pkg/b/b.go"},
		{"what does not build", func(t *toy) {
			t.sub(tag, "pkg/b/b.go", "Two = 2", "Two = two")
			t.commit(tag, "Make two a larger number")
			t.refresh(tag)
		}, "v0.1.0 tree builds", "undefined: two"},
		{"what does not vet", func(t *toy) {
			t.sub(tag, "pkg/n/n.go", "const N = 1", "import \"fmt\"\n\nfunc init() { fmt.Printf(\"%d\\n\", \"x\") }\n")
			t.commit(tag, "Print what is not a number")
			t.refresh(tag)
		}, "v0.1.0 touched packages vet", "%d"},
		{"an exported function with another signature", func(t *toy) {
			t.sub(tag, "pkg/a/a.go", "func B(x int) int", "func B(x int, more ...int) int")
			t.commit(tag, "Take more away than that")
			t.refresh(tag)
		}, "v0.1.0 exported signatures are upstream's", "pkg/a: B is func(x int, more ...int) int, and not func(x int) int\nnext: "},
		{"an exported function that is gone", func(t *toy) {
			t.sub(tag, "pkg/a/a.go", "// B takes away.\nfunc B", "// b takes away.\nfunc b")
			t.commit(tag, "Keep it in the package")
			t.refresh(tag)
		}, "v0.1.0 exported signatures are upstream's", "pkg/a: B is gone\n"},
		{"a pin that the README lacks", func(t *toy) {
			t.publish("v0.1.1", nil)
			_, err := AddPin(ctx, t.co, "v0.1.1")
			t.check(err)
		}, "checkout README.md lists the pins", "make readme"},
		{"a package of ours that is not alone", func(t *toy) {
			t.write("pkg/n/n.go", "package n\n\nimport _ \"fork.internal/apiserver/pkg/m\"\n")
			t.write("pkg/m/m.go", "package m\n")
			t.check(os.RemoveAll(t.co.Tree(tag)))
		}, "checkout pkg/ stands alone", "fork.internal/apiserver/pkg/n imports fork.internal/apiserver/pkg/m"},
	} {
		t.Run(test.name, func(t *testing.T) {
			toy := newToy(t)
			toy.queue()
			toy.readme()
			test.do(toy)
			before := toy.snapshot()
			failed, _, err := toy.verify(tag)
			if err == nil || !strings.Contains(failed[test.check], test.want) {
				t.Errorf("got %v, %q; want %s: %q", err, failed, test.check, test.want)
			}
			if test.check == form && !strings.Contains(failed[form], "Subject says") && !strings.Contains(failed[form], "Last-Update: 2026-01-31") {
				t.Errorf("no valid example: %s", failed[form])
			}
			toy.same(before)
		})
	}
}

func TestVerifyWarnsOfALongPatch(t *testing.T) {
	toy := newToy(t)
	toy.queue()
	toy.sub("v0.1.0", "pkg/b/b.go", "const Two = 2\n", strings.Repeat("// A line.\n", maxChanged+1)+"const Two = 2\n")
	toy.commit("v0.1.0", "Add a great many lines")
	toy.writeTree("v0.1.0", "pkg/b/more.go", "package b\n\n"+strings.Repeat("// A line.\n", 2*maxChanged)+"const Four = 4\n")
	toy.commit("v0.1.0", "Add a file with many lines")
	toy.refresh("v0.1.0")
	toy.readme()
	failed, warnings, err := toy.verify("")
	got := warnings["v0.1.0 patches are well formed"]
	if err != nil || !strings.Contains(got, "0003-Add-a-great-many-lines.patch: changes 81 lines") || strings.Contains(got, "0004") {
		t.Errorf("got %v, %v, %v", err, failed, warnings)
	}
}

func TestVerifyOfAnUnknownTag(t *testing.T) {
	toy := newToy(t)
	_, _, err := toy.verify("v0.9.9")
	toy.fails(err, "unknown tag v0.9.9")
}

func TestVerifyBuild(t *testing.T) {
	toy := newToy(t)
	toy.queue()
	build := func() (failed []string, err error) {
		err = VerifyBuild(ctx, toy.co, "v0.1.0", func(c Check) {
			if !c.OK {
				failed = append(failed, c.Name)
			}
		})
		return failed, err
	}
	for range 2 { // The second one finds what the first has left.
		if failed, err := build(); err != nil || len(failed) > 0 {
			t.Errorf("got %v, %v", err, failed)
		}
	}
	toy.write("pkg/n/other.go", "package n\n\nconst N = nothing\n")
	if failed, err := build(); err == nil || strings.Join(failed, ", ") != "touched packages build" {
		t.Errorf("got %v, %v", err, failed)
	}
	err := VerifyBuild(ctx, toy.co, "v0.9.9", func(c Check) { t.Errorf("%+v", c) })
	toy.fails(err, "unknown tag v0.9.9")
}
