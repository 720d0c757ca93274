package replace

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/goproxy"
	"fork.internal/apiserver/hack/internal/pins"
	"fork.internal/apiserver/hack/internal/toy"
)

func TestRefusals(t *testing.T) {
	t.Parallel()
	co := toy.New(t)
	p, err := pins.Load(co.Pins())
	toy.Check(t, err)
	p.Add(pins.Tag{Tag: "v0.1.5", Sum: "h1:nonsense"})
	toy.Check(t, p.Save(co.Pins()))
	const require = "module x.test/x\n\nrequire toy.test/apiserver v0.1.0\n"
	gomod := func(text string) func(*testing.T, string) {
		return func(t *testing.T, dir string) { toy.Write(t, filepath.Join(dir, "go.mod"), text) }
	}
	with := func(name, text string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			toy.Write(t, filepath.Join(dir, "go.mod"), require)
			toy.Write(t, filepath.Join(dir, filepath.FromSlash(name)), text)
		}
	}
	for name, test := range map[string]struct {
		prepare func(t *testing.T, dir string)
		sub     string // below the directory that was prepared
		tag     string
		undo    bool
		want    []string
	}{
		"no directory":       {prepare: gomod(require), sub: "nowhere", want: []string{"nowhere is not a directory", "make replace DIR=path"}},
		"a file":             {prepare: gomod(require), sub: "go.mod", want: []string{"is not a directory"}},
		"no module":          {prepare: with("sub/x.go", "package x\n"), sub: "sub", want: []string{"is not a module", "go env GOMOD"}},
		"no module to undo":  {prepare: with("sub/x.go", "package x\n"), sub: "sub", undo: true, want: []string{"is not a module"}},
		"not a go.mod":       {prepare: gomod("modul x\n"), want: []string{"go.mod:1: unknown directive: modul", "go mod edit -fmt"}},
		"this checkout":      {prepare: gomod("module " + checkout.Module + "\n"), want: []string{"is this checkout itself", "make replace DIR=path"}},
		"replaced":           {prepare: gomod(require + "replace toy.test/apiserver => ../theirs\n"), want: []string{"already, with ../theirs", "go mod edit -dropreplace=toy.test/apiserver in "}},
		"a version replaced": {prepare: gomod(require + "replace toy.test/apiserver v0.1.0 => ../theirs\n"), want: []string{"-dropreplace=toy.test/apiserver@v0.1.0"}},
		"a workspace":        {prepare: with("go.work", "go 1.21\nuse .\n"), want: []string{"go.work", "make tree TAG=v0.1.0\n  go work edit -replace=toy.test/apiserver=" + co.Tree("v0.1.0") + " /", "GOWORK=off make replace"}},
		"a workspace above": {prepare: func(t *testing.T, dir string) {
			toy.Write(t, filepath.Join(dir, "m", "go.mod"), require)
			toy.Write(t, filepath.Join(dir, "go.work"), "go 1.21\nuse ./m\n")
		}, sub: "m", want: []string{"go.work", "GOWORK=off"}},
		"a vendor directory": {prepare: with("vendor/modules.txt", ""), want: []string{"vendor directory", "hack/README.md", "go mod vendor"}},
		"no requirement":     {prepare: gomod("module x.test/x\n"), want: []string{"does not require toy.test/apiserver", "go get toy.test/apiserver@v0.1.5"}},
		"a version between":  {prepare: gomod(strings.ReplaceAll(require, "v0.1.0", "v0.1.2")), want: []string{"v0.1.2, which the fork does not carry", "the nearest that it does is v0.1.5; next: go get toy.test/apiserver@v0.1.5", "make pins ADD=v0.1.2"}},
		"no release":         {prepare: gomod(strings.ReplaceAll(require, "v0.1.0", "v0.0.0-20200101000000-0123456789ab")), want: []string{"the nearest that it does is v0.1.5"}},
		"another tag":        {prepare: gomod(require), tag: "v0.1.5", want: []string{"TAG=v0.1.5, but", "requires toy.test/apiserver v0.1.0", "leave TAG out", "go get toy.test/apiserver@v0.1.5"}},
		"an unknown tag":     {prepare: gomod(require), tag: "v0.9.9", want: []string{"unknown tag v0.9.9"}},
		"a bad pin":          {prepare: gomod(strings.ReplaceAll(require, "v0.1.0", "v0.1.5")), want: []string{"cannot download toy.test/apiserver@v0.1.5"}},
		"read-only": {prepare: func(t *testing.T, dir string) {
			toy.Write(t, filepath.Join(dir, "go.mod"), require)
			toy.Check(t, os.Chmod(filepath.Join(dir, "go.mod"), 0o444))
		}, want: []string{"go.mod is read-only", "chmod u+w"}},
		"nothing to undo":          {prepare: gomod(require), undo: true, want: []string{"there is nothing to undo"}},
		"another's, to undo":       {prepare: gomod(require + "replace toy.test/apiserver => ../theirs\n"), undo: true, want: []string{"../theirs, which is not", "go mod edit -dropreplace=toy.test/apiserver"}},
		"edited since, to undo":    {prepare: gomod(require + comment + "\nreplace (\n\ttoy.test/apiserver => ../theirs\n\ta.test/a => ../a\n)\n"), undo: true, want: []string{"no longer", "-dropreplace"}},
		"commented since, to undo": {prepare: gomod(require + comment + "\n// mine\nreplace toy.test/apiserver => ../theirs\n"), undo: true, want: []string{"no longer", "-dropreplace"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			test.prepare(t, dir)
			before := snapshot(t, dir)
			o := Options{Dir: filepath.Join(dir, test.sub), Tag: test.tag}
			do := Do
			if test.undo {
				do = Undo
			}
			err := do(ctx, co, o, func(r *Result) { t.Errorf("a change was shown:\n%s", r.Diff) })
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error lacks %q:\n%v", want, err)
				}
			}
			same(t, dir, before)
		})
	}
	if err := Do(ctx, co, Options{}, nil); err == nil || !strings.Contains(err.Error(), "make replace DIR=path") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(goproxy.Dir(co)); !os.IsNotExist(err) {
		t.Errorf("a module was made: %v", err)
	}
}

// TestWhatChangesMeanwhileStays: between the reading of a go.mod and its writing lies all that is to be built.
func TestWhatChangesMeanwhileStays(t *testing.T) {
	co := toy.New(t)
	dir := sample(t, co)
	name := filepath.Join(dir, "go.mod")
	var edited map[string]string
	err := Do(ctx, co, Options{Dir: dir}, func(*Result) {
		data, err := os.ReadFile(name)
		toy.Check(t, err)
		toy.Check(t, os.WriteFile(name, append(data, "// mine\n"...), 0o644))
		edited = snapshot(t, dir)
	})
	if err == nil || !strings.Contains(err.Error(), "go.mod has changed meanwhile") {
		t.Errorf("got %v", err)
	}
	same(t, dir, edited)
}

func TestGOWORKHasTheLastWord(t *testing.T) {
	t.Parallel()
	co := toy.New(t)
	co.Env = append(co.Env, "GOWORK=off")
	dir := sample(t, co)
	toy.Write(t, filepath.Join(dir, "go.work"), "go 1.21\nuse .\n")
	doing(t, Do, co, Options{Dir: dir})
	if got := buildAndRun(t, co, dir); got != "patched" {
		t.Errorf("got %s", got)
	}
	// What is there may be taken back, whatever has come since.
	co.Env = append(co.Env, "GOWORK=")
	toy.Write(t, filepath.Join(dir, "vendor", "modules.txt"), "")
	doing(t, Undo, co, Options{Dir: dir})
}
