package queue

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// names lists the patches of v0.1, joined by spaces.
func (t *toy) names() string {
	t.Helper()
	in, err := readInputs(t.co.Root, "v0.1")
	t.check(err)
	var names []string
	for _, p := range in.patches() {
		names = append(names, filepath.Base(p))
	}
	return strings.Join(names, " ")
}

func TestTreeAndRefreshChangeNothing(t *testing.T) {
	toy := newToy(t)
	toy.queue()
	before := toy.snapshot()
	for range 2 {
		info := toy.tree("v0.1.0")
		got := toy.refresh("")
		if len(got.Changes) != 0 || got.Head != info.Head || len(got.Warnings) != 0 {
			t.Errorf("got %+v", got)
		}
		toy.same(before)
	}
	toy.check(os.RemoveAll(toy.co.Tree("v0.1.0")))
	toy.tree("v0.1.0")
	toy.refresh("v0.1.0")
	toy.same(before)
	toy.noLeftovers()
}

func TestRefreshPutsNewFilesBelowPkgAndTheRestIntoPatches(t *testing.T) {
	toy := newToy(t)
	toy.queue()
	if got, want := toy.names(), "0001-Add-ten-and-not-one.patch 0002-Make-three-a-larger-number.patch"; got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
	files := toy.snapshot()
	if got := files["pkg/n/n.go"]; got != "package n\n\n// N is new.\nconst N = 1\n" {
		t.Errorf("pkg/n/n.go: %q", got)
	}
	patch := files["patches/v0.1/0001-Add-ten-and-not-one.patch"]
	const want = `From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001
From: apiserver fork <fork@apiserver.invalid>
Date: Sat, 1 Jan 2000 00:00:00 +0000
Subject: [PATCH] Add ten and not one

Description: something was wrong
 .
 and now is not
Origin: written for this test
Bug: none
Forwarded: no
Last-Update: 2026-01-31

diff --git a/pkg/a/a.go b/pkg/a/a.go
index `
	const end = `
--- a/pkg/a/a.go
+++ b/pkg/a/a.go
@@ -4,3 +4,3 @@ package a
 func A(x int) int {
-	return x + 1
+	return x + 10
 }
`
	if !strings.HasPrefix(patch, want) || !strings.HasSuffix(patch, end) {
		t.Errorf("got\n%s\nwant\n%s...%s", patch, want, end)
	}
}

func TestRefreshOfACommitOfNewFilesMakesNoPatch(t *testing.T) {
	toy := newToy(t)
	toy.queue()
	toy.tree("v0.1.0")
	names := toy.names()
	toy.writeTree("v0.1.0", "pkg/m/m.go", "package m\n")
	toy.commit("v0.1.0", "Add a package of our own")
	toy.sub("v0.1.0", "pkg/n/n.go", "N = 1", "N = 2")
	toy.commit("v0.1.0", "Change a file of our own")
	toy.refresh("v0.1.0")
	files := toy.snapshot()
	if files["pkg/m/m.go"] != "package m\n" || !strings.Contains(files["pkg/n/n.go"], "N = 2") || toy.names() != names {
		t.Errorf("got %v", files)
	}
	toy.git("v0.1.0", "rm", "-q", "-r", "pkg/m")
	toy.commit("v0.1.0", "Remove a package of our own")
	info := toy.refresh("v0.1.0")
	if _, there := toy.snapshot()["pkg/m/"]; there || strings.Join(info.Changes, " ") != "D pkg/m/m.go" {
		t.Errorf("got %v, and pkg/m is there: %v", info.Changes, there)
	}
}

func TestRefreshLeavesAFileThatJoinsAPackageOfUpstreamInItsPatch(t *testing.T) {
	toy := newToy(t)
	toy.queue()
	toy.write("pkg/b/ours.go", "package b\n") // a file that needs nothing of the package
	toy.tree("v0.1.0")
	toy.writeTree("v0.1.0", "pkg/a/more.go", "package a\n\n// D is C.\nfunc D(x int) int { return C(x) }\n")
	toy.writeTree("v0.1.0", "pkg/a/notes.txt", "D is C.\n")
	toy.commit("v0.1.0", "Double it by another name")
	info := toy.refresh("v0.1.0")
	const patch = "patches/v0.1/0003-Double-it-by-another-name.patch"
	if got, want := strings.Join(info.Changes, ", "), "A "+patch+", M patches/v0.1/series, A pkg/a/notes.txt"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if text := toy.snapshot()[patch]; !strings.Contains(text, "+++ b/pkg/a/more.go\n") || strings.Contains(text, "notes.txt") {
		t.Errorf("got %s", text)
	}
	before := toy.snapshot()
	toy.check(os.RemoveAll(toy.co.Tree("v0.1.0")))
	if got := toy.tree("v0.1.0"); got.Head != info.Head {
		t.Errorf("made again: got %+v, want %s", got, info.Head)
	}
	toy.refresh("v0.1.0")
	toy.same(before)

	toy.sub("v0.1.0", "pkg/a/more.go", "D is C.", "D doubles.")
	toy.commit("v0.1.0", "Say what it is that D does")
	toy.refresh("v0.1.0")
	if text := toy.snapshot()["patches/v0.1/0004-Say-what-it-is-that-D-does.patch"]; !strings.Contains(text, "+// D doubles.\n") {
		t.Errorf("got %s", text)
	}
}

func TestRefreshRenumbersReorderedAndDroppedPatches(t *testing.T) {
	toy := newToy(t)
	toy.queue()
	toy.tree("v0.1.0")
	two := strings.Fields(toy.git("v0.1.0", "rev-list", "--reverse", refPkg+"..HEAD"))
	toy.git("v0.1.0", "reset", "-q", "--hard", refPkg)
	toy.git("v0.1.0", "cherry-pick", two[1], two[0])
	toy.refresh("v0.1.0")
	if got, want := toy.names(), "0001-Make-three-a-larger-number.patch 0002-Add-ten-and-not-one.patch"; got != want {
		t.Errorf("reordered: got %s, want %s", got, want)
	}
	if info := toy.tree("v0.1.0"); !info.UpToDate {
		t.Errorf("got %+v", info)
	}
	toy.git("v0.1.0", "reset", "-q", "--hard", "HEAD~1")
	toy.refresh("v0.1.0")
	if got, want := toy.names(), "0001-Make-three-a-larger-number.patch"; got != want {
		t.Errorf("dropped: got %s, want %s", got, want)
	}
}

func TestRefreshRefuses(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func(*toy)
		want []string
	}{
		{"no tree", func(t *toy) { t.check(os.RemoveAll(t.co.Tree("v0.1.0"))) }, []string{"no tree of v0.1.0", "make tree TAG=v0.1.0"}},
		{"an edited file", func(t *toy) { t.sub("v0.1.0", "pkg/b/b.go", "Two = 2", "Two = 22") }, []string{"not committed", "pkg/b/b.go"}},
		{"an empty range", func(t *toy) { t.git("v0.1.0", "reset", "-q", "--hard", refBase) }, []string{"no commit on top of v0.1.0", "make tree TAG=v0.1.0"}},
		{"no patch", func(t *toy) { t.git("v0.1.0", "reset", "-q", "--hard", refPkg) }, []string{"no patch on top of v0.1.0"}},
		{"another history", func(t *toy) {
			t.git("v0.1.0", "checkout", "-q", "--orphan", "other")
			t.commit("v0.1.0", "Begin a history of its own")
			t.git("v0.1.0", "branch", "-q", "-f", "main", "HEAD")
		}, []string{"does not stand on the pristine v0.1.0"}},
		{"a merge", func(t *toy) {
			t.git("v0.1.0", "checkout", "-q", "-b", "side", "HEAD~1")
			t.sub("v0.1.0", "pkg/b/b.go", "Two = 2", "Two = 22")
			t.commit("v0.1.0", "Make two a larger number")
			t.git("v0.1.0", "checkout", "-q", "main")
			t.git("v0.1.0", "merge", "-q", "-m", "Merge both of them", "-s", "ours", "side")
		}, []string{"merges", "Merge both of them"}},
		{"a new file outside pkg/", func(t *toy) { t.writeTree("v0.1.0", "docs/new.md", "x\n"); t.commit("v0.1.0", "Add some new document") },
			[]string{"docs/new.md", "below pkg/"}},
		{"an executable", func(t *toy) {
			t.writeTree("v0.1.0", "pkg/n/n.sh", "x\n")
			t.check(os.Chmod(filepath.Join(t.co.Tree("v0.1.0"), "pkg/n/n.sh"), 0o755))
			t.commit("v0.1.0", "Add some new script")
		}, []string{"pkg/n/n.sh", "executable"}},
		{"a message that no mail carries", func(t *toy) {
			t.sub("v0.1.0", "pkg/b/b.go", "Two = 2", "Two = 22")
			t.git("v0.1.0", "commit", "-q", "-a", "-m", header("Make two a larger number")+"\n---\n\nafter the end\n")
		}, []string{`"Make two a larger number"`, "does not survive git am"}},
		{"a commit for another", func(t *toy) {
			t.sub("v0.1.0", "pkg/b/b.go", "Two = 2", "Two = 22")
			t.git("v0.1.0", "commit", "-q", "-a", "--fixup=HEAD")
		}, []string{"fixup! Make three a larger number", "next: GIT_SEQUENCE_EDITOR=: git -C _output/tree/v0.1.0 rebase -i --autosquash refs/fork/base"}},
		{"a change of pkg/ meanwhile", func(t *toy) {
			t.sub("v0.1.0", "pkg/b/b.go", "Two = 2", "Two = 22")
			t.commit("v0.1.0", "Make two a larger number")
			t.write("pkg/n/n.go", "package n\n")
			t.write("pkg/n/more.go", "package n\n")
		}, []string{"have changed since _output/tree/v0.1.0 was made", "pkg/n/n.go", "pkg/n/more.go", "git stash", "make refresh TAG=v0.1.0"}},
		{"a change of pkg/ meanwhile and nothing in the tree", func(t *toy) {
			t.write("pkg/n/n.go", "package n\n")
		}, []string{"pkg/n/n.go", "make tree TAG=v0.1.0"}},
		{"a change of patches/ meanwhile", func(t *toy) {
			t.check(os.Remove(filepath.Join(t.co.Root, "patches/v0.1/0001-Add-ten-and-not-one.patch")))
		}, []string{"patches/v0.1/0001-Add-ten-and-not-one.patch"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			toy := newToy(t)
			toy.queue()
			toy.tree("v0.1.0")
			test.do(toy)
			before := toy.snapshot()
			_, err := Refresh(ctx, toy.co, "v0.1.0")
			toy.fails(err, test.want...)
			toy.same(before)
			toy.noLeftovers()
		})
	}
}

func TestRefreshOfAnUnknownTag(t *testing.T) {
	toy := newToy(t)
	_, err := Refresh(ctx, toy.co, "v0.9.9")
	toy.fails(err, "unknown tag v0.9.9", "v0.1.0")
}

func TestRefreshRecoversFromAnInterruptedOne(t *testing.T) {
	toy := newToy(t)
	toy.queue()
	toy.tree("v0.1.0")
	toy.sub("v0.1.0", "pkg/n/n.go", "N = 1", "N = 2")
	toy.writeTree("v0.1.0", "pkg/m/m.go", "package m\n")
	toy.sub("v0.1.0", "docs/dos.txt", "two", "TWO")
	toy.commit("v0.1.0", "Shout the second of the lines")
	// As if cut off half-way: one file is written, one half, the others are not; the tree is as it was.
	toy.write("pkg/m/m.go", "package m\n")
	toy.write("pkg/n/.fork-123", "half")
	toy.write("_output/tree/.new-123/patches/v0.1/0001-x.patch", "half")
	_, err := Tree(ctx, toy.co, "v0.1.0")
	toy.fails(err, "Shout the second of the lines", "make refresh TAG=v0.1.0")
	toy.refresh("v0.1.0")
	files := toy.snapshot()
	if !strings.Contains(files["pkg/n/n.go"], "N = 2") || !strings.Contains(files["patches/v0.1/0003-Shout-the-second-of-the-lines.patch"], "+TWO") {
		t.Errorf("got %v", files)
	}
	if tree := toy.tree("v0.1.0"); !tree.UpToDate || tree.Patches != 3 {
		t.Errorf("got %+v", tree)
	}
	if _, there := files["pkg/n/.fork-123"]; there {
		t.Error("half a file is left in pkg/")
	}
	toy.noLeftovers()
}

func TestRefreshKeepsCRLFOddNamesAndMissingFinalNewlines(t *testing.T) {
	toy := newToy(t)
	toy.tree("v0.1.0")
	toy.sub("v0.1.0", "docs/dos.txt", "three\r\n", "drei\r\nvier\n")
	toy.sub("v0.1.0", "docs/no-end.txt", "last", "still last")
	toy.sub("v0.1.0", "docs/with sp.txt", "space\n", "spáce \n")
	toy.sub("v0.1.0", "build/kept.txt", "$Id$", "$Id: 1$")
	toy.writeTree("v0.1.0", "pkg/n/dos.txt", "a\r\nb\n\n\n")
	toy.writeTree("v0.1.0", "pkg/n/[x]*?.txt", "odd\n")
	toy.commit("v0.1.0", "[docs] Ändere „alles“, wie es sich gehört: a subject that has to be folded twice or so, and more")
	info := toy.refresh("v0.1.0")
	files := toy.snapshot()
	if files["pkg/n/dos.txt"] != "a\r\nb\n\n\n" || files["pkg/n/[x]*?.txt"] != "odd\n" {
		t.Errorf("got %q", files)
	}
	if len(info.Patches) != 1 || !strings.HasPrefix(info.Patches[0], "[docs] Ändere „alles“") {
		t.Errorf("got %q", info.Patches)
	}
	var patch string
	for name, content := range files {
		if strings.HasSuffix(name, ".patch") {
			patch = content
		}
	}
	if !strings.Contains(patch, "-three\r\n+drei\r\n+vier\n") || !strings.Contains(patch, "Subject: [PATCH] [docs] Ändere „alles“") || strings.Contains(patch, "[x]") {
		t.Errorf("got %s", patch)
	}
	toy.check(os.RemoveAll(toy.co.Tree("v0.1.0")))
	if got := toy.tree("v0.1.0"); got.Head != info.Head {
		t.Errorf("got %+v, want %s", got, info.Head)
	}
	toy.refresh("v0.1.0")
	toy.same(files)
}

func TestRefreshNormalisesAPatchFromElsewhere(t *testing.T) {
	toy := newToy(t)
	toy.queue()
	want := toy.snapshot()
	name := "patches/v0.1/0002-Make-three-a-larger-number.patch"
	theirs := strings.NewReplacer("From: apiserver fork <fork@apiserver.invalid>", "From: A. Body <a@example.invalid>",
		"Date: Sat, 1 Jan 2000 00:00:00 +0000", "Date: Tue, 3 Feb 2026 10:00:00 +0100").Replace(want[name])
	toy.check(os.Remove(filepath.Join(toy.co.Root, name)))
	toy.check(os.Remove(filepath.Join(toy.co.Root, "patches/v0.1/series")))
	toy.write("patches/v0.1/0002-from-elsewhere.patch", theirs)
	toy.tree("v0.1.0")
	toy.refresh("v0.1.0")
	toy.same(want)
}

func TestRefreshWarnsOfBadHeaders(t *testing.T) {
	toy := newToy(t)
	toy.tree("v0.1.0")
	toy.sub("v0.1.0", "pkg/b/b.go", "Two = 2", "Two = 22")
	toy.git("v0.1.0", "commit", "-q", "-a", "-m", "b.go")
	info := toy.refresh("v0.1.0")
	if got := strings.Join(info.Warnings, "\n"); !strings.Contains(got, "patches/v0.1/0001-b.go.patch: Subject says") || !strings.Contains(got, "Last-Update: is missing") {
		t.Errorf("got %s", got)
	}
}

func TestRefreshOfAnOlderTagLeavesThePatchesToTheNewest(t *testing.T) {
	toy := newToy(t)
	toy.queue()
	toy.publish("v0.1.1", map[string]string{"pkg/a/a.go": "// new line\n" + base["pkg/a/a.go"]})
	toy.pin("v0.1.1")
	toy.tree("v0.1.1")
	toy.refresh("v0.1.1") // the line numbers are those of v0.1.1 now
	before := toy.snapshot()
	toy.tree("v0.1.0")
	if info := toy.refresh("v0.1.0"); info.KeptAgainst != "v0.1.1" {
		t.Errorf("got %+v", info)
	}
	toy.same(before)
	toy.sub("v0.1.0", "pkg/b/b.go", "Two = 2", "Two = 22")
	toy.commit("v0.1.0", "Make two a larger number")
	_, err := Refresh(ctx, toy.co, "v0.1.0")
	toy.fails(err, "written against v0.1.1", "Make two a larger number", "make refresh TAG=v0.1.1")
	toy.same(before)
}
