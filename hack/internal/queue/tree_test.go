package queue

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fork.internal/apiserver/hack/internal/pins"
)

var ctx = context.Background()

func TestTreeHasTheTagThenPkgThenThePatches(t *testing.T) {
	toy := newToy(t)
	toy.queue()
	info := toy.tree("") // the newest pin
	subjects := toy.git("v0.1.0", "log", "--reverse", "--format=%s|%an|%ae|%aI|%cn|%cI")
	const who = "|apiserver fork|fork@apiserver.invalid|2000-01-01T00:00:00+00:00|apiserver fork|2000-01-01T00:00:00+00:00"
	want := toy.module + " v0.1.0" + who + "\npkg: what the fork adds" + who + "\nAdd ten and not one" + who + "\nMake three a larger number" + who
	if strings.ReplaceAll(subjects, "Z", "+00:00") != want {
		t.Errorf("got\n%s\nwant\n%s", subjects, want)
	}
	if info.Patches != 2 || info.Dirty {
		t.Errorf("got %+v", info)
	}
	if message := toy.git("v0.1.0", "log", "-1", "--format=%B", refBase); !strings.Contains(message, toy.sum("v0.1.0")) {
		t.Errorf("the first commit does not say what it is: %q", message)
	}
	for name, content := range base {
		if strings.HasSuffix(name, ".go") || name == "go.mod" {
			continue
		}
		data, err := os.ReadFile(filepath.Join(info.Path, name))
		toy.check(err)
		if string(data) != content || toy.git("v0.1.0", "ls-files", "--", name) == "" {
			t.Errorf("%s: got %q, want it committed and verbatim: %q", name, data, content)
		}
	}
	toy.noLeftovers()
}

func TestTreeHasTheSameCommitIDsInEveryCheckout(t *testing.T) {
	toy := newToy(t)
	toy.queue()
	here := toy.tree("v0.1.0")
	files := toy.snapshot()
	toy.co = toy.checkout()
	for name, content := range files {
		if !strings.HasSuffix(name, "/") {
			toy.write(name, content)
		}
	}
	if there := toy.tree("v0.1.0"); there.Head != here.Head || there.Path == here.Path {
		t.Errorf("got %s in %s, want %s as in %s", there.Head, there.Path, here.Head, here.Path)
	}
}

func TestTreeIsUpToDateWithoutTheNetwork(t *testing.T) {
	toy := newToy(t)
	toy.queue()
	before := toy.tree("v0.1.0")
	toy.co.Env = []string{"GOPROXY=off", "GOMODCACHE=" + t.TempDir()}
	if info := toy.tree("v0.1.0"); !info.UpToDate || info.Head != before.Head {
		t.Errorf("got %+v", info)
	}
}

func TestTreeFollowsPkgAndPatches(t *testing.T) {
	toy := newToy(t)
	toy.queue()
	before := toy.tree("v0.1.0")
	toy.write("pkg/n/more.go", "package n\n")
	after := toy.tree("v0.1.0")
	if after.UpToDate || after.Head == before.Head {
		t.Errorf("got %+v after a change of pkg/", after)
	}
	if toy.git("v0.1.0", "ls-files", "pkg/n") != "pkg/n/more.go\npkg/n/n.go" {
		t.Error("the new file is not in the tree")
	}
}

func TestTreeRefuses(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func(*toy)
		want []string
	}{
		{"an edited file", func(t *toy) { t.sub("v0.1.0", "pkg/b/b.go", "Two = 2", "Two = 22") },
			[]string{"not committed", "pkg/b/b.go", "make refresh TAG=v0.1.0", "reset --hard"}},
		{"an untracked file", func(t *toy) { t.writeTree("v0.1.0", "left.go", "x") }, []string{"left.go"}},
		{"an ignored file", func(t *toy) { t.writeTree("v0.1.0", "build/left.txt", "x") }, []string{"build/left.txt"}},
		{"a commit", func(t *toy) {
			t.sub("v0.1.0", "pkg/b/b.go", "Two = 2", "Two = 22")
			t.commit("v0.1.0", "Make two a larger number")
		}, []string{"Make two a larger number", "make refresh TAG=v0.1.0", "reset --hard refs/fork/head"}},
		{"a commit taken out", func(t *toy) { t.git("v0.1.0", "reset", "-q", "--hard", "HEAD~1") }, []string{"make refresh TAG=v0.1.0"}},
		{"a branch", func(t *toy) {
			t.git("v0.1.0", "checkout", "-q", "-b", "side")
			t.sub("v0.1.0", "pkg/b/b.go", "Two = 2", "Two = 22")
			t.commit("v0.1.0", "Make two a larger number")
			t.git("v0.1.0", "checkout", "-q", "main")
		}, []string{"refs/heads/side"}},
		{"a stash", func(t *toy) {
			t.sub("v0.1.0", "pkg/b/b.go", "Two = 2", "Two = 22")
			t.git("v0.1.0", "stash")
		}, []string{"refs/stash"}},
		{"a merge under way", func(t *toy) {
			t.git("v0.1.0", "checkout", "-q", "-b", "side", "HEAD~1")
			t.sub("v0.1.0", "pkg/b/b.go", "Two = 2", "Two = 22")
			t.commit("v0.1.0", "Make two a larger number")
			t.git("v0.1.0", "checkout", "-q", "main")
			t.git("v0.1.0", "merge", "-q", "--no-commit", "side")
		}, []string{"git merge is under way"}},
		{"a cherry-pick between two", func(t *toy) {
			t.check(os.Mkdir(filepath.Join(t.co.Tree("v0.1.0"), ".git", "sequencer"), 0o755)) // Which is all that git has of it then.
		}, []string{"git cherry-pick is under way", "cherry-pick --continue"}},
		{"what it did not make", func(t *toy) {
			t.check(os.RemoveAll(t.co.Tree("v0.1.0")))
			t.writeTree("v0.1.0", "mine.txt", "x")
		}, []string{"_output/tree/v0.1.0", "not made by this tool", "move it away"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			toy := newToy(t)
			toy.queue()
			test.do(toy)
			toy.write("pkg/n/more.go", "package n\n") // there is something to do
			status := func() string {
				if _, err := os.Stat(filepath.Join(toy.co.Tree("v0.1.0"), ".git")); err != nil {
					return ""
				}
				return toy.git("v0.1.0", "rev-parse", "HEAD") + toy.git("v0.1.0", "status", "--porcelain")
			}
			before := status()
			_, err := Tree(ctx, toy.co, "v0.1.0")
			toy.fails(err, test.want...)
			if !errors.As(err, new(*InTheWayError)) {
				t.Errorf("got a %T", err)
			}
			if got := status(); got != before {
				t.Errorf("the tree changed from %s to %s", before, got)
			}
		})
	}
}

func TestTreeConflictNamesPatchFileAndHunkAndCanBeResolved(t *testing.T) {
	toy := newToy(t)
	toy.queue()
	toy.publish("v0.1.1", map[string]string{"pkg/a/a.go": strings.Replace(base["pkg/a/a.go"], "x + 1", "1 + x", 1)})
	toy.pin("v0.1.1")
	_, err := Tree(ctx, toy.co, "v0.1.1")
	toy.fails(err, "patches/v0.1/0001-Add-ten-and-not-one.patch does not apply to v0.1.1", "pkg/a/a.go, hunk @@ -4,3 +4,3 @@",
		"apply --reject", "am --continue", "make refresh TAG=v0.1.1", "am --abort")
	var conflict *ConflictError
	if !errors.As(err, &conflict) || conflict.Upstreamed {
		t.Fatalf("got %#v", err)
	}
	if operation(toy.co.Tree("v0.1.1")) != "am" {
		t.Fatal("the tree is not in git's am state")
	}
	_, err = Tree(ctx, toy.co, "v0.1.1")
	toy.fails(err, "git am is under way", "am --continue")
	_, err = Refresh(ctx, toy.co, "v0.1.1")
	toy.fails(err, "git am is under way")

	toy.sub("v0.1.1", "pkg/a/a.go", "1 + x", "10 + x")
	toy.git("v0.1.1", "add", "pkg/a/a.go")
	toy.git("v0.1.1", "am", "--continue")
	_, err = Tree(ctx, toy.co, "v0.1.1")
	toy.fails(err, "Add ten and not one", "make refresh TAG=v0.1.1")
	info := toy.refresh("v0.1.1")
	if got := strings.Join(info.Changes, " "); !strings.Contains(got, "M patches/v0.1/0001-Add-ten-and-not-one.patch") {
		t.Errorf("changes: %s", got)
	}
	if tree := toy.tree("v0.1.1"); !tree.UpToDate || tree.Patches != 2 {
		t.Errorf("got %+v", tree)
	}
	before := toy.snapshot()
	toy.refresh("v0.1.1")
	toy.same(before)
}

func TestTreeConflictGivenUpIsMadeAnew(t *testing.T) {
	toy := newToy(t)
	toy.queue()
	toy.publish("v0.1.1", map[string]string{"pkg/b/b.go": strings.Replace(base["pkg/b/b.go"], "Three = 3", "Three = 4", 1)})
	toy.pin("v0.1.1")
	_, err := Tree(ctx, toy.co, "v0.1.1")
	toy.fails(err, "0002-Make-three-a-larger-number.patch")
	toy.git("v0.1.1", "am", "--abort")
	_, err = Tree(ctx, toy.co, "v0.1.1")
	toy.fails(err, "0002-Make-three-a-larger-number.patch")
	toy.git("v0.1.1", "am", "--abort")
	toy.check(os.Remove(filepath.Join(toy.co.Root, "patches/v0.1/0002-Make-three-a-larger-number.patch")))
	_, err = Tree(ctx, toy.co, "v0.1.1")
	toy.fails(err, "patches/v0.1/series names patches/v0.1/0002-Make-three-a-larger-number.patch")
	toy.write("patches/v0.1/series", "0001-Add-ten-and-not-one.patch\n")
	if info := toy.tree("v0.1.1"); info.Patches != 1 {
		t.Errorf("got %+v", info)
	}
}

func TestTreeSaysThatAPatchIsUpstreamAlready(t *testing.T) {
	toy := newToy(t)
	toy.queue()
	toy.publish("v0.1.1", map[string]string{"pkg/a/a.go": strings.Replace(base["pkg/a/a.go"], "x + 1", "x + 10", 1)})
	toy.pin("v0.1.1")
	_, err := Tree(ctx, toy.co, "v0.1.1")
	toy.fails(err, "0001-Add-ten-and-not-one.patch", "already in v0.1.1", "am --skip", "make refresh TAG=v0.1.1")
	toy.git("v0.1.1", "am", "--skip")
	toy.refresh("v0.1.1")
	left, err := filepath.Glob(filepath.Join(toy.co.Root, "patches/v0.1/*.patch"))
	toy.check(err)
	if len(left) != 1 || filepath.Base(left[0]) != "0001-Make-three-a-larger-number.patch" {
		t.Errorf("got %v, want the other patch alone", left)
	}
	if info := toy.tree("v0.1.1"); !info.UpToDate || info.Patches != 1 {
		t.Errorf("got %+v", info)
	}
}

func TestTreeRefusesAPatchToAFileThatIsGone(t *testing.T) {
	toy := newToy(t)
	toy.queue()
	toy.publish("v0.1.1", map[string]string{"pkg/b/b.go": ""})
	toy.pin("v0.1.1")
	_, err := Tree(ctx, toy.co, "v0.1.1")
	toy.fails(err, "0002-Make-three-a-larger-number.patch", "pkg/b/b.go: does not exist in index")
}

func TestConflictWithOddNamesNamesEveryFileOfThePatch(t *testing.T) {
	toy := newToy(t)
	toy.tree("v0.1.0")
	toy.sub("v0.1.0", "docs/with sp.txt", "space\n", "more\n")
	toy.sub("v0.1.0", "docs/dos.txt", "two", "TWO")
	toy.commit("v0.1.0", "Change two of the documents")
	toy.refresh("v0.1.0")
	toy.publish("v0.1.1", map[string]string{"docs/dos.txt": "one\r\n2\r\n3\r\n4\r\n"})
	toy.pin("v0.1.1")
	_, err := Tree(ctx, toy.co, "v0.1.1")
	toy.fails(err, "docs/dos.txt, hunk @@ -1,3 +1,3 @@", "add docs/dos.txt 'docs/with sp.txt'")
	toy.git("v0.1.1", "apply", "--reject", "--include=docs/with sp.txt", ".git/rebase-apply/patch")
	toy.sub("v0.1.1", "docs/dos.txt", "2", "TWO")
	toy.git("v0.1.1", "add", "docs/dos.txt", "docs/with sp.txt")
	toy.git("v0.1.1", "am", "--continue")
	toy.refresh("v0.1.1")
	if got := toy.snapshot()["patches/v0.1/0001-Change-two-of-the-documents.patch"]; !strings.Contains(got, "-2\r\n+TWO\r\n") || !strings.Contains(got, "+more\n") {
		t.Errorf("got %s", got)
	}
}

func TestTreeRefusesInputsThatItCannotUse(t *testing.T) {
	t.Run("a file that upstream has", func(t *testing.T) {
		toy := newToy(t)
		toy.write("pkg/a/a.go", "package a\n")
		_, err := Tree(ctx, toy.co, "")
		toy.fails(err, "pkg/a/a.go exists upstream")
		toy.noLeftovers()
	})
	t.Run("a symbolic link", func(t *testing.T) {
		toy := newToy(t)
		toy.write("pkg/n/n.go", "package n\n")
		toy.check(os.Symlink("n.go", filepath.Join(toy.co.Pkg(), "n", "m.go")))
		_, err := Tree(ctx, toy.co, "")
		toy.fails(err, "m.go is not a regular file")
	})
	t.Run("a patch that is no mail", func(t *testing.T) {
		toy := newToy(t)
		toy.write("patches/v0.1/0001-x.patch", "nonsense\n")
		_, err := Tree(ctx, toy.co, "")
		toy.fails(err, "patches/v0.1")
		if _, err := os.Stat(toy.co.Tree("v0.1.0")); err == nil {
			t.Error("there is a tree")
		}
	})
}

func TestTreeRefusesAWrongHash(t *testing.T) {
	toy := newToy(t)
	p, err := pins.Load(toy.co.Pins())
	toy.check(err)
	const wrong = "h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	p.Add(pins.Tag{Tag: "v0.1.0", Sum: wrong})
	toy.check(p.Save(toy.co.Pins()))
	_, err = Tree(ctx, toy.co, "v0.1.0")
	toy.fails(err, wrong, toy.sum("v0.1.0"), "nothing was written")
	if _, err := os.Stat(toy.co.Trees()); !os.IsNotExist(err) {
		t.Error("something was written")
	}
}

func TestTreeRefusesAnUnknownTag(t *testing.T) {
	toy := newToy(t)
	toy.publish("v0.2.0", nil)
	toy.pin("v0.2.0")
	_, err := Tree(ctx, toy.co, "v0.9.9")
	toy.fails(err, "unknown tag v0.9.9", "v0.1.0, v0.2.0", "make rebase TO=v0.9.9")
	_, err = Tree(ctx, toy.co, "../../x")
	toy.fails(err, "unknown tag")
}

func TestTreeWithoutTheNetworkKeepsWhatThereIs(t *testing.T) {
	toy := newToy(t)
	toy.queue()
	before := toy.git("v0.1.0", "rev-parse", "HEAD")
	toy.co.Env = []string{"GOPROXY=off", "GOMODCACHE=" + t.TempDir()}
	toy.write("pkg/n/more.go", "package n\n")
	_, err := Tree(ctx, toy.co, "v0.1.0")
	toy.fails(err, toy.module+"@v0.1.0", "nothing was changed")
	if after := toy.git("v0.1.0", "rev-parse", "HEAD"); after != before {
		t.Errorf("HEAD moved from %s to %s", before, after)
	}
	toy.noLeftovers()
}

func TestTreeRecoversFromAnInterruptedRun(t *testing.T) {
	toy := newToy(t)
	toy.queue()
	head := toy.tree("v0.1.0").Head
	t.Run("while making", func(*testing.T) {
		toy.write("_output/tree/.new-123/pkg/a/a.go", "half")
		toy.tree("v0.1.0")
		toy.noLeftovers()
	})
	t.Run("between the two renames", func(*testing.T) {
		toy.check(os.MkdirAll(filepath.Join(toy.co.Trees(), ".old-123"), 0o755))
		toy.check(os.Rename(toy.co.Tree("v0.1.0"), filepath.Join(toy.co.Trees(), ".old-123", "v0.1.0")))
		if info := toy.tree("v0.1.0"); info.Head != head {
			t.Errorf("got %+v, want %s", info, head)
		}
		toy.noLeftovers()
	})
	t.Run("by a signal", func(*testing.T) {
		toy.write("pkg/n/more.go", "package n\n")
		cancelled, cancel := context.WithCancel(ctx)
		cancel()
		_, err := Tree(cancelled, toy.co, "v0.1.0")
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		if got := toy.git("v0.1.0", "rev-parse", "HEAD"); got != head {
			t.Errorf("HEAD is %s, want %s", got, head)
		}
		toy.tree("v0.1.0")
	})
}

func TestTwoRunsAtOnce(t *testing.T) {
	toy := newToy(t)
	toy.errs.wrote = make(chan struct{})
	_, unlock, err := toy.co.Lock(ctx)
	toy.check(err)
	result := make(chan error)
	go func() {
		_, err := Tree(ctx, toy.co, "v0.1.0")
		result <- err
	}()
	<-toy.errs.wrote // it says that it waits
	if got := toy.errs.String(); !strings.Contains(got, "another run (pid ") {
		t.Errorf("got %q", got)
	}
	unlock()
	toy.check(<-result)
}

// TestTreeThatChangesMeanwhile has somebody save a file while another tree is made in place of the one that it is in.
func TestTreeThatChangesMeanwhile(t *testing.T) {
	for name, change := range map[string]func(*toy){
		"an edit": func(toy *toy) { toy.writeTree("v0.1.0", "pkg/a/a.go", "package a // mine\n") },
		"a file":  func(toy *toy) { toy.writeTree("v0.1.0", "pkg/a/mine.go", "package a\n") },
		"a commit": func(toy *toy) {
			toy.writeTree("v0.1.0", "pkg/a/a.go", "package a // mine\n")
			toy.commit("v0.1.0", "Mine")
		},
		"a stash": func(toy *toy) {
			toy.writeTree("v0.1.0", "pkg/a/a.go", "package a // mine\n")
			toy.git("v0.1.0", "stash")
		},
		"its git is gone": func(toy *toy) { toy.check(os.RemoveAll(filepath.Join(toy.co.Tree("v0.1.0"), ".git"))) },
	} {
		t.Run(name, func(t *testing.T) {
			toy := newToy(t)
			toy.queue()
			toy.tree("v0.1.0")
			found, err := inspect(ctx, toy.co, "v0.1.0")
			toy.check(err)
			dir, remove, err := aside(toy.co)
			toy.check(err)
			defer remove()
			change(toy)
			before := toy.saved(toy.co.Tree("v0.1.0"))
			toy.fails(place(ctx, toy.co, dir, "v0.1.0", found), "v0.1.0 has changed while this was at work", "next: ")
			if after := toy.saved(toy.co.Tree("v0.1.0")); !maps.Equal(before, after) {
				t.Errorf("got %v, want %v", after, before)
			}
			remove()
			toy.noLeftovers()
		})
	}
}

// saved is what is in dir, but for what git keeps.
func (t *toy) saved(dir string) map[string]string {
	files := t.files(dir)
	maps.DeleteFunc(files, func(name, _ string) bool { return strings.HasPrefix(name, ".git/") })
	return files
}

// TestTreeBelowAPattern has a directory whose name means something to a shell.
func TestTreeBelowAPattern(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "src [k8s] *")
	if err := errors.Join(os.Mkdir(dir, 0o755), os.WriteFile(filepath.Join(dir, "a.go"), nil, 0o644), os.WriteFile(filepath.Join(dir, "b.txt"), nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	if got := goFiles(dir); len(got) != 1 || got[0] != "a.go" {
		t.Errorf("got %q", got)
	}
}
