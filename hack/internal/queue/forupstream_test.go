package queue

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fork.internal/apiserver/hack/internal/git"
)

// upstreamQueue adds to toy.queue a patch that is independent, with a package that it imports, after
// two that are not.
func (t *toy) upstreamQueue() {
	t.Helper()
	t.queue()
	const tag = "v0.1.0"
	t.writeTree(tag, "pkg/held/held.go", "// Package held holds what is held.\npackage held\n\n// H is held.\nconst H = 2\n")
	t.writeTree(tag, "pkg/held/testdata/x.txt", "x\n")
	t.sub(tag, "pkg/b/b.go", "package b\n", "package b\n\nimport \""+t.module+"/pkg/held\"\n")
	t.sub(tag, "pkg/b/b.go", "Two = 2", "Two = held.H")
	t.commit(tag, "Take two from where it is held", "Independent: yes", "Upstream-Subject: b: take two from where it is held", "Release-Note: Two is held.")
	t.refresh(tag)
}

func (t *toy) forUpstream(check bool) *UpstreamSeries {
	t.Helper()
	s, err := ForUpstream(ctx, t.co, "", check)
	t.check(err)
	return s
}

// files is every file below dir, with its contents.
func (t *toy) files(dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	t.check(filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		rel, _ := filepath.Rel(dir, name)
		files[rel] = string(data)
		return err
	}))
	return files
}

// shaped makes a repository with base's files below root, and returns what runs git in it.
func (t *toy) shaped(root string) func(args ...string) string {
	t.Helper()
	repo := git.At(t.co, t.TempDir())
	for name, content := range base {
		t.check(os.WriteFile(t.mkdir(filepath.Join(repo.Dir, root, name)), []byte(strings.ReplaceAll(content, "MODULE", t.module)), 0o644))
	}
	t.check(repo.Init(ctx))
	_, err := repo.CommitAll(ctx, "Base\n")
	t.check(err)
	return func(args ...string) string {
		t.Helper()
		out, err := repo.Run(ctx, args...)
		t.check(err)
		return out
	}
}

func TestForUpstream(t *testing.T) {
	toy := newToy(t)
	toy.upstreamQueue()
	before := toy.snapshot()
	s := toy.forUpstream(true)
	toy.same(before)
	toy.noLeftovers()

	var got []string
	for _, c := range s.Commits {
		got = append(got, fmt.Sprintf("%s %v %s", c.File, c.Independent, strings.Join(c.Needs, " ")))
	}
	held := s.Commits[0].File
	want := []string{
		held + " true ",
		"0002-b-take-two-from-where-it-is-held.patch true " + held,
		"0003-Add-ten-and-not-one.patch false ",
		"0004-Make-three-a-larger-number.patch false ",
		s.Commits[4].File + " false ",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if from := s.Commits[0].From + " " + s.Commits[4].From; from != "pkg/held pkg/n" {
		t.Errorf("got %s", from)
	}

	// As a user takes them.
	tree := toy.git("v0.1.0", "rev-parse", "HEAD^{tree}")
	for _, shape := range []struct{ dir, root string }{{"apiserver", ""}, {"kubernetes", "staging/src/" + toy.module}} {
		run := toy.shaped(shape.root)
		names, err := filepath.Glob(filepath.Join(s.Path, shape.dir, "*.patch"))
		toy.check(err)
		run(append([]string{"am", "--quiet"}, names...)...)
		if got := run("rev-parse", "HEAD:"+shape.root); got != tree {
			t.Errorf("%s: got the tree %s, want %s", shape.dir, got, tree)
		}
		message := run("log", "-1", "--format=%B", "HEAD~3")
		if want := "b: take two from where it is held\n\nsomething was wrong\n\nand now is not\n\n```release-note\nTwo is held.\n```\n"; message != want {
			t.Errorf("%s: got the message %q, want %q", shape.dir, message, want)
		}
		if got := run("log", "-1", "--format=%b", "HEAD~4"); !strings.HasPrefix(got, "Package held holds what is held.\n") {
			t.Errorf("%s: got the message %q", shape.dir, got)
		}
	}
	alone := toy.shaped("")
	for _, name := range append(s.Commits[1].Needs, s.Commits[1].File) {
		alone("am", "--quiet", filepath.Join(s.Path, "apiserver", name))
	}

	cover := toy.files(s.Path)[coverFile]
	for _, want := range []string{"    git am " + held + " 0002-b-take-two-from-where-it-is-held.patch\n", "| yes | Two is held. |"} {
		if !strings.Contains(cover, want) {
			t.Errorf("%s lacks %q:\n%s", coverFile, want, cover)
		}
	}
}

func TestForUpstreamGivesTheSameBytes(t *testing.T) {
	toy := newToy(t)
	toy.upstreamQueue()
	first := toy.files(toy.forUpstream(false).Path)
	if again := toy.files(toy.forUpstream(false).Path); !maps.Equal(first, again) {
		t.Error("a second export differs")
	}
	files := toy.snapshot()
	toy.co = toy.checkout()
	for name, content := range files {
		if !strings.HasSuffix(name, "/") {
			toy.write(name, content)
		}
	}
	elsewhere := toy.files(toy.forUpstream(true).Path)
	const checked = "Each commit builds, and passes its tests by itself."
	if strings.Contains(first[coverFile], checked) || !strings.Contains(elsewhere[coverFile], checked) {
		t.Errorf("%s says that the commits were checked when they were not, or does not when they were", coverFile)
	}
	delete(first, coverFile)
	delete(elsewhere, coverFile)
	if !maps.Equal(first, elsewhere) {
		t.Error("an export of another checkout differs")
	}
}

func TestForUpstreamHasWhatIsInPatchesAndNoMore(t *testing.T) {
	toy := newToy(t)
	toy.upstreamQueue()
	first := toy.files(toy.forUpstream(false).Path)
	toy.writeTree("v0.1.0", "pkg/b/b.go", "package b\n")
	toy.git("v0.1.0", "commit", "-q", "-a", "-m", header("Make b as small as can be"))
	toy.writeTree("v0.1.0", "left.go", "package left\n")
	if again := toy.files(toy.forUpstream(false).Path); !maps.Equal(first, again) {
		t.Error("work that is only in the tree was exported")
	}
	if !strings.Contains(toy.errs.String(), "holds work that is not in pkg/ or patches/") {
		t.Errorf("no note of that work: %s", toy.errs)
	}
	if got := toy.git("v0.1.0", "status", "--porcelain"); got != "?? left.go" {
		t.Errorf("the tree has changed: %s", got)
	}
}

func TestForUpstreamKeepsLinesAsTheyEnd(t *testing.T) {
	toy := newToy(t)
	toy.queue()
	toy.sub("v0.1.0", "docs/dos.txt", "three\r\n", "drei\r\n")
	toy.commit("v0.1.0", "Count in another language")
	toy.refresh("v0.1.0")
	s := toy.forUpstream(false)
	if !s.KeepCR || s.Am() != "git am --keep-cr" || !strings.Contains(toy.files(s.Path)[coverFile], "git am --keep-cr /path") {
		t.Errorf("got %v, %s", s.KeepCR, s.Am())
	}
}

func TestForUpstreamFinds(t *testing.T) {
	const tag = "v0.1.0"
	for _, test := range []struct {
		name  string
		do    func(*toy)
		check bool
		want  string
	}{
		{"a fix that does not come first", func(t *toy) {
			t.sub(tag, "pkg/a/a.go", "x + 10", "x + 11")
			t.commit(tag, "Add eleven and not ten", "Independent: yes")
			t.refresh(tag)
		}, false, "0004-Add-eleven-and-not-ten.patch does not apply where"},
		{"a fix that needs another", func(t *toy) {
			t.sub(tag, "pkg/b/b.go", "Two = held.H", "Two = held.H + 1")
			t.commit(tag, "Make two a larger number", "Independent: yes")
			t.refresh(tag)
		}, false, "0004-Make-two-a-larger-number.patch says that it is independent, and cannot be taken alone"},
		{"a fix that builds with another only", func(t *toy) {
			t.sub(tag, "pkg/a/a.go", "package a\n", "package a\n\n// Deux is two.\nconst Deux = 2\n")
			t.commit(tag, "Say two in another language", "Independent: yes")
			t.sub(tag, "pkg/d/d.go", "package d\n", "package d\n\nimport \""+t.module+"/pkg/a\"\n\n// D is two.\nconst D = a.Deux\n")
			t.commit(tag, "Use the word for two", "Independent: yes")
			t.refresh(tag)
		}, true, "0005-Use-the-word-for-two.patch says that it is independent, and cannot be taken alone: go build"},
		{"a commit that does not build", func(t *toy) {
			t.sub(tag, "pkg/a/a.go", "x * 2", "x * two")
			t.commit(tag, "Use what comes later")
			t.sub(tag, "pkg/a/a.go", "package a\n", "package a\n\nconst two = 2\n")
			t.commit(tag, "Bring what was used")
			t.refresh(tag)
		}, true, "Use-what-comes-later.patch (of patches/v0.1/0004-Use-what-comes-later.patch) does not stand on its own: go build"},
		{"a commit whose tests fail", func(t *toy) {
			t.writeTree(tag, "pkg/m/m_test.go", "package m\n\nimport \"testing\"\n\nfunc TestM(t *testing.T) { t.Error(\"wrong\") }\n")
			t.writeTree(tag, "pkg/m/m.go", "package m\n")
			t.commit(tag, "Add a package whose test fails")
			t.refresh(tag)
		}, true, "--- FAIL: TestM"},
		{"a message that upstream does not merge", func(t *toy) {
			t.git(tag, "commit", "-q", "--amend", "-m", strings.Replace(header("Make it as it was"), "something", "@somebody", 1))
			t.refresh(tag)
		}, false, `mentions somebody: "@somebody"; next: make verify`},
		{"a patch that does not apply", func(t *toy) {
			name := "patches/v0.1/0001-Add-ten-and-not-one.patch"
			t.write(name, strings.Replace(t.snapshot()[name], "-\treturn x + 1", "-\treturn x + 2", 1))
		}, false, "0001-Add-ten-and-not-one.patch does not apply to v0.1.0"},
		{"no patch", func(t *toy) { t.check(os.RemoveAll(filepath.Join(t.co.Root, "patches/v0.1"))) }, false, "patches/v0.1 holds no patch"},
		{"a file of another kind", func(t *toy) { t.write("_output/export/v0.1.0/apiserver/notes.txt", "mine") }, false, "holds what no export has written; move it away and repeat:\n  apiserver/notes.txt"},
	} {
		t.Run(test.name, func(t *testing.T) {
			toy := newToy(t)
			toy.upstreamQueue()
			test.do(toy)
			toy.write("_output/export/v0.1.0/apiserver/0001-Of-before.patch", "of before")
			before := toy.files(filepath.Join(toy.co.Output(), "export", tag))
			_, err := ForUpstream(ctx, toy.co, tag, test.check)
			toy.fails(err, test.want)
			if after := toy.files(filepath.Join(toy.co.Output(), "export", tag)); !maps.Equal(before, after) {
				t.Errorf("an export that failed has written %v", slices.Sorted(maps.Keys(after)))
			}
			toy.noLeftovers()
		})
	}
}

func TestForUpstreamOfAnUnknownTag(t *testing.T) {
	toy := newToy(t)
	_, err := ForUpstream(ctx, toy.co, "v0.9.9", false)
	toy.fails(err, "unknown tag v0.9.9", "make rebase")
}
