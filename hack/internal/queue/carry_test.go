package queue

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"fork.internal/apiserver/hack/internal/git"
)

// threeMinors makes a checkout of v0.3.0, the newest, v0.2.0 and v0.1.0. The older two have a patch of their own in
// place of the first, as upstream's line above it is another there; the second is shared.
func threeMinors(t *testing.T) *toy {
	t.Helper()
	toy := newToy(t)
	toy.queue()
	toy.amend("v0.1.0", "~1", "pkg/a/a.go", "x * 2", "x * 20")
	toy.refresh("v0.1.0")
	toy.publish("v0.2.0", map[string]string{"pkg/b/b.go": "// Package b has a line more.\n" + base["pkg/b/b.go"]})
	_, err := Rebase(ctx, toy.co, "v0.1.0", "v0.2.0")
	toy.check(err)
	toy.publish("v0.3.0", map[string]string{"pkg/a/a.go": strings.Replace(base["pkg/a/a.go"], "func A(x int) int {", "func A(x int) (y int) {", 1)})
	toy.pin("v0.3.0")
	toy.tree("v0.3.0")
	toy.sub("v0.3.0", "pkg/a/a.go", "x + 1", "x + 10")
	toy.sub("v0.3.0", "pkg/a/a.go", "x * 2", "x * 20")
	toy.commit("v0.3.0", "Add ten and not one")
	toy.sub("v0.3.0", "pkg/b/b.go", "Three = 3", "Three = 33")
	toy.commit("v0.3.0", "Make three a larger number")
	toy.refresh("v0.3.0")
	return toy
}

// amend changes text in the commit of tag's tree that is so many before the last.
func (t *toy) amend(tag string, back, name, old, new string) {
	t.Helper()
	t.sub(tag, name, old, new)
	t.git(tag, "commit", "-q", "-a", "--fixup=HEAD"+back)
	t.git(tag, "rebase", "-q", "-i", "--autosquash", refBase)
}

func (t *toy) carry() []Carried {
	t.Helper()
	done, err := t.tryCarry()
	t.check(err)
	return done
}

func (t *toy) tryCarry() (done []Carried, err error) {
	err = Carry(ctx, t.co, func(c Carried) { done = append(done, c) })
	return done, err
}

// has wants text in a file of tag's tree.
func (t *toy) has(tag, name, text string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(t.co.Tree(tag), filepath.FromSlash(name)))
	t.check(err)
	if !strings.Contains(string(data), text) {
		t.Errorf("%s of %s lacks %q:\n%s", name, tag, text, data)
	}
}

// lists wants the minor's list to be this, but for the comments on what its own stand in for.
func (t *toy) lists(minor, want string) {
	t.Helper()
	var got []string
	for line := range strings.Lines(t.snapshot()["patches/"+minor+"/series"]) {
		if !strings.HasPrefix(line, "# in place of ") && !strings.HasPrefix(line, "# The patches of ") {
			got = append(got, strings.TrimSpace(line))
		}
	}
	if strings.Join(got, " ") != want {
		t.Errorf("%s: got %s, want %s", minor, strings.Join(got, " "), want)
	}
}

// carried wants verify to find each minor up to date, and another carry to change nothing.
func (t *toy) carried() {
	t.Helper()
	before := t.snapshot()
	for _, c := range t.carry() {
		if len(c.Changes) > 0 {
			t.Errorf("carried again: %+v", c)
		}
	}
	t.same(before)
	if _, err := os.Stat(carryDir(t.co)); !os.IsNotExist(err) {
		t.Errorf("what was is kept: %v", err)
	}
	t.readme()
	if failed, warnings, err := t.verify(""); err != nil || len(failed)+len(warnings) > 0 {
		t.Errorf("verify: %v, %v, %v", err, failed, warnings)
	}
	t.noLeftovers()
}

// What v0.2 has of its own, v0.1 has of v0.2's.
const (
	twoPatches    = "0001-Add-ten-and-not-one.patch ../v0.3/0002-Make-three-a-larger-number.patch"
	oldestPatches = "../v0.2/0001-Add-ten-and-not-one.patch ../v0.3/0002-Make-three-a-larger-number.patch"
)

func TestAMinorHoldsOnlyWhatDiffers(t *testing.T) {
	toy := threeMinors(t)
	toy.lists("v0.3", "0001-Add-ten-and-not-one.patch 0002-Make-three-a-larger-number.patch")
	toy.lists("v0.2", twoPatches)
	toy.lists("v0.1", oldestPatches)
	for tag, head := range map[string]string{"v0.1.0": "", "v0.2.0": ""} {
		toy.check(os.RemoveAll(toy.co.Tree(tag)))
		head = toy.tree(tag).Head
		if info := toy.refresh(tag); len(info.Changes) != 0 || info.Head != head || info.Series.Shared != 1 || len(info.Series.Own)+len(info.Series.Lent) != 1 {
			t.Errorf("got %+v", info)
		}
		toy.has(tag, "pkg/a/a.go", "x + 10\n")
		toy.has(tag, "pkg/b/b.go", "Three = 33\n")
	}
	toy.carried()
}

func TestTheListIsForGitAm(t *testing.T) {
	toy := threeMinors(t)
	want := toy.tree("v0.2.0")
	dir := t.TempDir()
	repo := git.At(toy.co, dir)
	toy.check(repo.Init(ctx))
	_, err := repo.Run(ctx, "fetch", "-q", want.Path, refPkg)
	toy.check(err)
	_, err = repo.Run(ctx, "reset", "-q", "--hard", "FETCH_HEAD")
	toy.check(err)
	cmd := exec.Command("sh", "-c", `P=`+toy.co.Root+`/patches/v0.2; git -c user.name=n -c user.email=e am $(sed "/^#/d; s,^,$P/," $P/series)`)
	cmd.Dir = dir
	cmd.Env = append(toy.co.Environ(), "GIT_DIR="+dir+"/.git")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	got, err := repo.Run(ctx, "rev-parse", "HEAD^{tree}")
	toy.check(err)
	if tree := toy.git("v0.2.0", "rev-parse", "HEAD^{tree}"); got != tree {
		t.Errorf("got %s, want %s", got, tree)
	}
}

func TestCarry(t *testing.T) {
	change := func(t *toy) {
		t.amend("v0.3.0", "~1", "pkg/a/a.go", "x * 20", "x * 200")
		t.amend("v0.3.0", "", "pkg/b/b.go", "Three = 33", "Three = 333")
	}
	check := func(t *toy) {
		t.Helper()
		for _, tag := range []string{"v0.1.0", "v0.2.0", "v0.3.0"} {
			t.has(tag, "pkg/a/a.go", "x * 200\n")
			t.has(tag, "pkg/b/b.go", "Three = 333\n")
		}
		t.lists("v0.2", twoPatches)
		t.lists("v0.1", oldestPatches)
		t.carried()
	}
	t.Run("from the tree", func(t *testing.T) {
		toy := threeMinors(t)
		change(toy)
		done := toy.carry()
		if len(done) != 3 || done[0].Minor != "v0.3" || done[1].Tag != "v0.2.0" || done[2].Tag != "v0.1.0" ||
			strings.Join(done[1].Changes, ", ") != "M patches/v0.2/0001-Add-ten-and-not-one.patch, M patches/v0.2/series" || len(done[2].Changes) > 0 || done[2].Series.Shared != 1 {
			t.Errorf("got %+v", done)
		}
		check(toy)
	})
	t.Run("after refreshes", func(t *testing.T) {
		toy := threeMinors(t)
		toy.amend("v0.3.0", "~1", "pkg/a/a.go", "x * 20", "x * 50")
		if info := toy.refresh(""); strings.Join(info.ToCarry, " ") != "v0.2 v0.1" {
			t.Errorf("got %+v", info)
		}
		toy.amend("v0.3.0", "~1", "pkg/a/a.go", "x * 50", "x * 200")
		toy.amend("v0.3.0", "", "pkg/b/b.go", "Three = 33", "Three = 333")
		toy.refresh("")
		toy.readme()
		failed, _, _ := toy.verify("v0.2.0")
		if got := failed["v0.2.0 "+carriedCheck]; len(failed) != 1 || !strings.Contains(got, "patches/v0.2/0001-Add-ten-and-not-one.patch stands in for patches/v0.3/0001-Add-ten-and-not-one.patch, which has changed since\nnext: make carry") {
			t.Errorf("verify: got %v", failed)
		}
		toy.carry()
		check(toy)
	})
	t.Run("after a refresh elsewhere by the history", func(t *testing.T) {
		toy := threeMinors(t)
		repo := git.At(toy.co, toy.co.Root)
		toy.check(repo.Init(ctx))
		toy.write(".gitignore", "/_output/\n")
		commit := func() {
			_, err := repo.Run(ctx, "add", "-A")
			toy.check(err)
			_, err = repo.Run(ctx, "commit", "-q", "-m", "x")
			toy.check(err)
		}
		commit()
		change(toy)
		toy.refresh("")
		commit()
		toy.check(os.RemoveAll(toy.co.Output()))
		toy.carry()
		check(toy)
	})
	t.Run("after a refresh elsewhere with no history", func(t *testing.T) {
		toy := threeMinors(t)
		change(toy)
		toy.refresh("")
		toy.check(os.RemoveAll(toy.co.Output()))
		before := toy.snapshot()
		_, err := toy.tryCarry()
		toy.fails(err, "patches/v0.2/0001-Add-ten-and-not-one.patch stands in for patches/v0.3/0001-Add-ten-and-not-one.patch as it was", "git fetch --unshallow", "make tree TAG=v0.2.0", `take " as of `)
		toy.same(before)
	})
	t.Run("of words alone", func(t *testing.T) {
		toy := threeMinors(t)
		toy.git("v0.3.0", "reset", "-q", "--hard", "HEAD~1")
		toy.git("v0.3.0", "commit", "-q", "--amend", "-m", header("Add ten where it was one"))
		toy.carry()
		for _, tag := range []string{"v0.1.0", "v0.2.0"} {
			if got := toy.git(tag, "log", "--format=%s", refPkg+".."); got != "Add ten where it was one" {
				t.Errorf("%s: got %s", tag, got)
			}
		}
		toy.lists("v0.1", "../v0.2/0001-Add-ten-where-it-was-one.patch") // and the second is dropped
		toy.carried()
	})
}

func TestCarryTakesNewDroppedAndReorderedPatches(t *testing.T) {
	toy := threeMinors(t)
	toy.tree("v0.1.0")
	toy.writeTree("v0.1.0", "pkg/d/d.go", "package d\n\nconst Old = true\n")
	toy.commit("v0.1.0", "Tell that this is old")
	if info := toy.refresh("v0.1.0"); strings.Join(info.Series.Own, " ") != "patches/v0.1/0003-Tell-that-this-is-old.patch" {
		t.Errorf("got %+v", info)
	}
	toy.carried()
	// The first becomes the last, and there is one between.
	last := toy.git("v0.3.0", "rev-parse", "HEAD")
	first := toy.git("v0.3.0", "rev-parse", "HEAD~1")
	toy.git("v0.3.0", "reset", "-q", "--hard", refPkg)
	toy.git("v0.3.0", "cherry-pick", last)
	toy.sub("v0.3.0", "pkg/a/a.go", "x - 1", "x - 4")
	toy.commit("v0.3.0", "Take away four and not one")
	toy.git("v0.3.0", "cherry-pick", first)
	toy.carry()
	toy.lists("v0.2", "../v0.3/0001-Make-three-a-larger-number.patch ../v0.3/0002-Take-away-four-and-not-one.patch 0003-Add-ten-and-not-one.patch")
	toy.lists("v0.1", "../v0.3/0001-Make-three-a-larger-number.patch 0002-Tell-that-this-is-old.patch ../v0.3/0002-Take-away-four-and-not-one.patch ../v0.2/0003-Add-ten-and-not-one.patch")
	toy.has("v0.1.0", "pkg/a/a.go", "x - 4")
	toy.carried()
	// One of which the others have their own goes.
	toy.git("v0.3.0", "reset", "-q", "--hard", "HEAD~1")
	toy.carry()
	toy.lists("v0.2", "../v0.3/0001-Make-three-a-larger-number.patch ../v0.3/0002-Take-away-four-and-not-one.patch")
	if _, there := toy.snapshot()["patches/v0.2/0003-Add-ten-and-not-one.patch"]; there {
		t.Error("a patch in place of none is left")
	}
	toy.has("v0.1.0", "pkg/a/a.go", "x + 1\n")
	toy.has("v0.1.0", "pkg/d/d.go", "Old")
	toy.carried()
}

func TestAMinorWithoutAPatchSaysSo(t *testing.T) {
	toy := threeMinors(t)
	toy.tree("v0.2.0")
	toy.git("v0.2.0", "reset", "-q", "--hard", "HEAD~1")
	if info := toy.refresh("v0.2.0"); strings.Join(info.Series.Without, " ") != "v0.3/0002-Make-three-a-larger-number.patch" {
		t.Errorf("got %+v", info)
	}
	const want = "0001-Add-ten-and-not-one.patch # without ../v0.3/0002-Make-three-a-larger-number.patch"
	toy.lists("v0.2", want)
	toy.amend("v0.3.0", "", "pkg/b/b.go", "Three = 33", "Three = 333")
	toy.carry()
	toy.lists("v0.2", want)
	toy.has("v0.2.0", "pkg/b/b.go", "Three = 3\n")
	toy.has("v0.1.0", "pkg/b/b.go", "Three = 333\n")
	toy.carried()
	// One that is only left out is found.
	toy.write("patches/v0.2/series", strings.ReplaceAll(toy.snapshot()["patches/v0.2/series"], "# without ", "# "))
	failed, _, _ := toy.verify("v0.2.0")
	if got := failed["v0.2.0 "+carriedCheck]; !strings.Contains(got, "it has not patches/v0.3/0002-Make-three-a-larger-number.patch, and does not say so\nnext: make carry") {
		t.Errorf("got %v", failed)
	}
	toy.carry()
	toy.lists("v0.2", twoPatches)
}

func TestAnOwnPatchThatIsNotNeededDisappears(t *testing.T) {
	toy := threeMinors(t)
	// In a minor's tree.
	toy.tree("v0.2.0")
	toy.amend("v0.2.0", "", "pkg/b/b.go", "Three = 33", "Three = 34")
	toy.refresh("v0.2.0")
	toy.lists("v0.2", "0001-Add-ten-and-not-one.patch 0002-Make-three-a-larger-number.patch")
	toy.lists("v0.1", oldestPatches)
	toy.has("v0.1.0", "pkg/b/b.go", "Three = 33\n")
	toy.carried()
	toy.amend("v0.2.0", "", "pkg/b/b.go", "Three = 34", "Three = 33")
	info := toy.refresh("v0.2.0")
	if got := strings.Join(info.Changes, ", "); got != "D patches/v0.2/0002-Make-three-a-larger-number.patch, M patches/v0.2/series" {
		t.Errorf("got %s", got)
	}
	// By a new tag of the newest minor, whose upstream is as the others' is.
	toy.publish("v0.3.1", nil)
	_, err := Rebase(ctx, toy.co, "v0.3.0", "v0.3.1")
	if errors.As(err, new(*RebaseConflictError)) {
		toy.writeTree("v0.3.1", "pkg/a/a.go", strings.NewReplacer("x + 1", "x + 10", "x * 2", "x * 20").Replace(base["pkg/a/a.go"]))
		toy.git("v0.3.1", "add", "-A")
		toy.git("v0.3.1", "rebase", "--continue")
		toy.refresh("v0.3.1")
	} else {
		toy.check(err)
	}
	toy.lists("v0.2", "../v0.3/0001-Add-ten-and-not-one.patch ../v0.3/0002-Make-three-a-larger-number.patch")
	toy.carried()
}

func TestCarryConflict(t *testing.T) {
	// v0.1's own says another number; v0.2's does not.
	conflicted := func(t *testing.T) *toy {
		toy := threeMinors(t)
		toy.tree("v0.1.0")
		toy.amend("v0.1.0", "~1", "pkg/a/a.go", "x * 20", "x * 21")
		toy.refresh("v0.1.0")
		toy.amend("v0.3.0", "~1", "pkg/a/a.go", "x * 20", "x * 200")
		before := toy.snapshot()
		done, err := toy.tryCarry()
		stop := &CarryConflictError{}
		if !errors.As(err, &stop) || len(done) != 2 || stop.Minor != "v0.1" || stop.Patch != "patches/v0.3/0001-Add-ten-and-not-one.patch" || strings.Join(stop.Files, " ") != "pkg/a/a.go" {
			t.Fatalf("got %v, %+v", err, done)
		}
		toy.fails(err, "what patches/v0.3/0001-Add-ten-and-not-one.patch says now, for patches/v0.1/0001-Add-ten-and-not-one.patch in its place, does not go into v0.1 by itself (v0.1.0); in conflict:\n  pkg/a/a.go\n",
			"git -C _output/tree/v0.1.0 add pkg/a/a.go", "rebase --continue", "\n  make carry\n", "To give up: rm -rf _output/tree/v0.1.0")
		after := toy.snapshot()
		if after["patches/v0.1/0001-Add-ten-and-not-one.patch"] != before["patches/v0.1/0001-Add-ten-and-not-one.patch"] || !strings.Contains(after["patches/v0.2/0001-Add-ten-and-not-one.patch"], "x * 200") {
			t.Errorf("got %v", after)
		}
		return toy
	}
	resolve := func(t *toy) {
		data, err := os.ReadFile(filepath.Join(t.co.Tree("v0.1.0"), "pkg/a/a.go"))
		t.check(err)
		head, rest, _ := strings.Cut(string(data), "<<<<<<<")
		_, rest, _ = strings.Cut(rest, ">>>>>>>")
		_, rest, _ = strings.Cut(rest, "\n")
		t.writeTree("v0.1.0", "pkg/a/a.go", head+"\treturn x * 201\n"+rest)
		t.git("v0.1.0", "add", "pkg/a/a.go")
	}
	t.Run("resolved", func(t *testing.T) {
		toy := conflicted(t)
		before := toy.snapshot()
		_, err := toy.tryCarry()
		toy.fails(err, "in conflict:\n  pkg/a/a.go")
		_, err = Tree(ctx, toy.co, "v0.1.0")
		toy.fails(err, "git rebase is under way")
		resolve(toy)
		_, err = toy.tryCarry()
		toy.fails(err, "is no longer in conflict", "rebase --continue", "make carry")
		toy.same(before)
		toy.git("v0.1.0", "rebase", "--continue")
		toy.carry()
		toy.lists("v0.1", twoPatches)
		toy.has("v0.1.0", "pkg/a/a.go", "x * 201\n")
		toy.has("v0.1.0", "pkg/b/b.go", "Three = 33\n")
		toy.carried()
	})
	t.Run("resolved and refreshed", func(t *testing.T) {
		toy := conflicted(t)
		resolve(toy)
		toy.git("v0.1.0", "rebase", "--continue")
		_, err := Tree(ctx, toy.co, "v0.1.0")
		toy.fails(err, "make refresh TAG=v0.1.0")
		toy.refresh("v0.1.0")
		toy.has("v0.1.0", "pkg/a/a.go", "x * 201\n")
		toy.carry()
		toy.carried()
	})
	t.Run("committed with its markers", func(t *testing.T) {
		toy := conflicted(t)
		toy.git("v0.1.0", "add", "pkg/a/a.go")
		toy.git("v0.1.0", "rebase", "--continue")
		before := toy.snapshot()
		_, err := toy.tryCarry()
		toy.fails(err, "a conflict was committed and not resolved")
		toy.same(before)
	})
	t.Run("skipped", func(t *testing.T) {
		toy := conflicted(t)
		toy.git("v0.1.0", "rebase", "--skip")
		toy.carry()
		toy.has("v0.1.0", "pkg/a/a.go", "x * 21\n")
		toy.carried()
	})
	for name, do := range map[string]func(*toy){
		"aborted":  func(t *toy) { t.git("v0.1.0", "rebase", "--abort") },
		"given up": func(t *toy) { t.check(os.RemoveAll(t.co.Tree("v0.1.0"))) },
	} {
		t.Run(name, func(t *testing.T) {
			toy := conflicted(t)
			before := toy.snapshot()
			do(toy)
			toy.same(before)
			_, err := toy.tryCarry()
			toy.fails(err, "in conflict:\n  pkg/a/a.go")
			toy.same(before)
		})
	}
}

func TestCarryOfASharedPatchThatDoesNotApply(t *testing.T) {
	toy := threeMinors(t)
	toy.publish("v0.2.1", map[string]string{"pkg/b/b.go": strings.Replace(base["pkg/b/b.go"], "const Two", "// Two is even.\nconst Two", 1)})
	toy.pin("v0.2.1")
	toy.amend("v0.3.0", "", "pkg/b/b.go", "Two = 2", "Two = 22")
	_, err := toy.tryCarry()
	toy.fails(err, "patches/v0.3/0002-Make-three-a-larger-number.patch does not go into v0.2 by itself (v0.2.1)", "pkg/b/b.go", "to have v0.2 go without it")
	toy.writeTree("v0.2.1", "pkg/b/b.go", "package b\n\nconst One = 1\n\n// Two is even.\nconst Two = 22\n\nconst Three = 33\n")
	toy.git("v0.2.1", "add", "-A")
	toy.git("v0.2.1", "rebase", "--continue")
	toy.carry()
	toy.lists("v0.2", "0001-Add-ten-and-not-one.patch 0002-Make-three-a-larger-number.patch")
	toy.lists("v0.1", oldestPatches)
	toy.has("v0.1.0", "pkg/b/b.go", "Two = 22\n")
	toy.carried()
}

func TestCarryWhenWhatStandsBeforeAnOwnPatchChanges(t *testing.T) {
	toy := threeMinors(t)
	toy.amend("v0.3.0", "", "pkg/a/a.go", "x - 1", "x - 10") // the second touches a.go too, and comes first from now on
	last, first := toy.git("v0.3.0", "rev-parse", "HEAD"), toy.git("v0.3.0", "rev-parse", "HEAD~1")
	toy.git("v0.3.0", "reset", "-q", "--hard", refPkg)
	toy.git("v0.3.0", "cherry-pick", last, first)
	toy.amend("v0.3.0", "", "pkg/a/a.go", "x * 20", "x * 200")
	toy.carry()
	for _, tag := range []string{"v0.1.0", "v0.2.0"} {
		toy.has(tag, "pkg/a/a.go", "x * 200\n")
		toy.has(tag, "pkg/a/a.go", "x - 10\n")
	}
	toy.lists("v0.1", "../v0.3/0001-Make-three-a-larger-number.patch ../v0.2/0002-Add-ten-and-not-one.patch")
	toy.carried()
}

func TestCarryOfDirectoriesWithoutLists(t *testing.T) {
	toy := threeMinors(t)
	want := toy.snapshot()
	f, err := readForm(toy.co.Root)
	toy.check(err)
	for _, minor := range []string{"v0.1", "v0.2", "v0.3"} {
		for _, e := range f.entries(minor) {
			toy.write("patches/"+minor+"/"+filepath.Base(e.Path), string(e.text))
		}
	}
	for _, minor := range []string{"v0.1", "v0.2", "v0.3"} {
		toy.check(os.Remove(filepath.Join(toy.co.Root, "patches", minor, "series")))
	}
	toy.carry()
	toy.same(want)
	toy.carried()
}

func TestCarryRefuses(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func(*toy)
		want []string
	}{
		{"edits in the newest tree", func(t *toy) { t.writeTree("v0.3.0", "left.go", "x") }, []string{"left.go", "make refresh TAG=v0.3.0"}},
		{"work in another tree", func(t *toy) {
			t.tree("v0.2.0")
			t.sub("v0.2.0", "pkg/b/b.go", "Two = 2", "Two = 22")
			t.commit("v0.2.0", "Make two a larger number")
		}, []string{"_output/tree/v0.2.0 holds commits", "Make two a larger number", "make refresh TAG=v0.2.0"}},
		{"a list that names nothing", func(t *toy) { t.write("patches/v0.2/series", "../v0.3/0009-x.patch\n") }, []string{"patches/v0.2/series names patches/v0.3/0009-x.patch", "next:"}},
		{"a patch that no list has", func(t *toy) { t.write("patches/v0.1/0009-x.patch", "x") }, []string{"patches/v0.1/0009-x.patch is not in patches/v0.1/series", "next:"}},
		{"an own patch of which nothing can be made", func(t *toy) {
			f, err := readForm(t.co.Root)
			t.check(err)
			const name = "v0.2/0001-Add-ten-and-not-one.patch"
			t.write("patches/"+name, strings.Replace(string(f.texts[name]), "-\treturn x + 1\n", "-\treturn x + 2\n", 1))
		}, []string{"patches/v0.2/0001-Add-ten-and-not-one.patch does not apply to v0.2.0", "make tree TAG=v0.2.0", "make carry"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			toy := threeMinors(t)
			test.do(toy)
			before := toy.snapshot()
			_, err := toy.tryCarry()
			toy.fails(err, test.want...)
			toy.same(before)
			toy.noLeftovers()
		})
	}
}
