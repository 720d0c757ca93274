package goproxy

import (
	"archive/zip"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/pins"
	"fork.internal/apiserver/hack/internal/toy"
)

var ctx = context.Background()

func makeModule(t *testing.T, co *checkout.Checkout) *Module {
	t.Helper()
	m, err := Make(ctx, co, "")
	toy.Check(t, err)
	return m
}

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	toy.Check(t, err)
	return string(data)
}

func at(m *Module, name string) string { return filepath.Join(m.Proxy, toy.Module, "@v", name) }

// unpack reads a module's zip.
func unpack(t *testing.T, m *Module) map[string]string {
	t.Helper()
	r, err := zip.OpenReader(m.Zip)
	toy.Check(t, err)
	defer r.Close()
	files := map[string]string{}
	for _, f := range r.File {
		in, err := f.Open()
		toy.Check(t, err)
		data, err := io.ReadAll(in)
		toy.Check(t, err)
		files[strings.TrimPrefix(f.Name, m.Path+"@"+m.Version+"/")] = string(data)
	}
	return files
}

func TestMake(t *testing.T) {
	t.Parallel()
	co := toy.New(t)
	toy.Write(t, filepath.Join(co.Pkg(), "n", "n.go"), "package n\n")
	plan, err := Plan(ctx, co, "")
	toy.Check(t, err)
	if _, err := os.Stat(Ledger(co)); !os.IsNotExist(err) {
		t.Errorf("a plan is in the ledger: %v", err)
	}
	if _, err := os.Stat(Dir(co)); !os.IsNotExist(err) {
		t.Errorf("a plan is in %s: %v", Dir(co), err)
	}
	m := makeModule(t, co)
	if *plan != *m || m.Version != "v0.1.0-deadline.1" || !m.New {
		t.Errorf("got %+v, planned %+v", m, plan)
	}
	if sum, err := hashZip(m.Zip); err != nil || sum != m.Sum || m.Zip != at(m, m.Version+".zip") {
		t.Errorf("%s hashes to %s (%v), not to %s", m.Zip, sum, err, m.Sum)
	}
	files := unpack(t, m)
	for name, want := range map[string]string{
		"LICENSE": "Anyone may.", "go.mod": "module toy.test/apiserver\n", "pkg/a/a.go": `"patched"`, "pkg/n/n.go": "package n",
		"CHANGES": "   1  Say that it is patched\n\nThese files of v0.1.0 were changed (by which of the changes above):\n\n  pkg/a/a.go (1)\n\n" +
			"These files were added:\n\n  CHANGES\n  pkg/n/n.go\n",
	} {
		if !strings.Contains(files[name], want) {
			t.Errorf("%s is %q, without %q", name, files[name], want)
		}
	}
	if len(files) != 5 {
		t.Errorf("got %d files: %v", len(files), files)
	}
	if got, want := read(t, at(m, m.Version+".mod")), files["go.mod"]; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := read(t, at(m, m.Version+".info")), `{"Version":"v0.1.0-deadline.1","Time":"2000-01-01T00:00:00Z"}`+"\n"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := read(t, Ledger(co)), fmt.Sprintf("%[1]s %[2]s %[3]s\n%[1]s %[2]s/go.mod %[4]s\n", m.Path, m.Version, m.Sum, m.GoModSum); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	again := makeModule(t, co)
	if m.New = false; *again != *m {
		t.Errorf("got %+v, first %+v", again, m)
	}
}

func TestTheSameBytesInTwoPlaces(t *testing.T) {
	t.Parallel()
	first, second := makeModule(t, toy.New(t)), makeModule(t, toy.New(t))
	for _, name := range []string{first.Version + ".zip", first.Version + ".mod", first.Version + ".info", "list"} {
		if read(t, at(first, name)) != read(t, at(second, name)) {
			t.Errorf("%s differs", name)
		}
	}
}

func TestOtherBytesHaveAnotherVersion(t *testing.T) {
	t.Parallel()
	co := toy.New(t)
	first := makeModule(t, co)
	ledger, zip := read(t, Ledger(co)), read(t, first.Zip)
	added := filepath.Join(co.Pkg(), "n", "n.go")
	toy.Write(t, added, "package n\n")
	second := makeModule(t, co)
	if second.Version != "v0.1.0-deadline.2" || second.Sum == first.Sum || !second.New {
		t.Errorf("got %+v after %+v", second, first)
	}
	if read(t, first.Zip) != zip || !strings.HasPrefix(read(t, Ledger(co)), ledger) {
		t.Error("the first has changed")
	}
	// Bytes that were there once are not the newest version's.
	toy.Check(t, os.Remove(added))
	if third := makeModule(t, co); third.Version != "v0.1.0-deadline.3" {
		t.Errorf("got %s", third.Version)
	}
	if got := read(t, at(first, "list")); got != "v0.1.0-deadline.1\nv0.1.0-deadline.2\nv0.1.0-deadline.3\n" {
		t.Errorf("got %s", got)
	}
	// A ledger that has lost a version gives its number to no other bytes.
	toy.Write(t, Ledger(co), ledger)
	toy.Write(t, added, "package n // again\n")
	if fourth := makeModule(t, co); fourth.Version != "v0.1.0-deadline.4" {
		t.Errorf("got %s", fourth.Version)
	}
	// What the ledger has comes again when the modules are lost.
	toy.Check(t, os.RemoveAll(Dir(co)))
	if again := makeModule(t, co); again.Version != "v0.1.0-deadline.4" || again.New {
		t.Errorf("got %+v", again)
	}
}

func TestNumbersAreNotSortedAsText(t *testing.T) {
	ledger := "m v0.1.0-deadline.10 h1:x\nm v0.1.0-deadline.10/go.mod h1:x\nm v0.1.0-deadline.9 h1:x\nm v0.1.01-deadline.12 h1:x\nm v0.1.1-deadline.11 h1:x\nother v0.1.0-deadline.13 h1:x\n"
	if got := newest(ledger, "m", "v0.1.0"); got != 10 {
		t.Errorf("got %d", got)
	}
	if got := newest("", "m", "v0.1.0"); got != 1 {
		t.Errorf("got %d", got)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	co := toy.New(t)
	for _, test := range []struct {
		tag, want string
		do        func()
	}{
		{"v0.9.9", "unknown tag v0.9.9: patches/pins.json knows v0.1.0", func() {}},
		{"", "make refresh TAG=v0.1.0", func() {
			m := makeModule(t, co)
			toy.Write(t, m.Zip, "no zip")
			toy.Write(t, filepath.Join(co.Tree("v0.1.0"), "left.go"), "x")
		}},
		{"", "remove it and repeat", func() {
			toy.Check(t, os.Remove(filepath.Join(co.Tree("v0.1.0"), "left.go")))
			toy.Check(t, os.Remove(Ledger(co)))
		}},
		{"", "h1:nonsense", func() {
			p, err := pins.Load(co.Pins())
			toy.Check(t, err)
			p.Add(pins.Tag{Tag: "v0.1.0", Sum: "h1:nonsense"})
			toy.Check(t, p.Save(co.Pins()))
		}},
	} {
		test.do()
		if _, err := Make(ctx, co, test.tag); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want %q", err, test.want)
		}
	}
	if _, err := os.Stat(Ledger(co)); !os.IsNotExist(err) {
		t.Errorf("a module that was not made is in the ledger: %v", err)
	}
}
