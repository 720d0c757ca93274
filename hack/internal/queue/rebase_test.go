package queue

import (
	"errors"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fork.internal/apiserver/hack/internal/git"
	"fork.internal/apiserver/hack/internal/pins"
	"fork.internal/apiserver/hack/internal/proxytest"
	"fork.internal/apiserver/hack/internal/upstream"
)

func (t *toy) pinned(tag string) bool {
	t.Helper()
	p, err := pins.Load(t.co.Pins())
	t.check(err)
	pin, err := p.Lookup(tag)
	return err == nil && pin.Sum == t.sum(tag)
}

func TestRebaseToAnotherMinorAddsItsPatchesAndItsPin(t *testing.T) {
	toy := newToy(t)
	toy.queue()
	before := toy.snapshot()
	toy.publish("v0.2.0", map[string]string{"pkg/a/a.go": "// Package a is new here.\n" + base["pkg/a/a.go"]})
	info, err := Rebase(ctx, toy.co, "v0.1.0", "v0.2.0")
	toy.check(err)
	if !info.Pinned || !toy.pinned("v0.2.0") || len(info.Refresh.Dropped) != 0 {
		t.Errorf("got %+v", info)
	}
	after := toy.snapshot()
	if patch := after["patches/v0.2/0001-Add-ten-and-not-one.patch"]; !strings.Contains(patch, "@@ -5,3 +5,3 @@") {
		t.Errorf("not written against v0.2.0: %s", patch)
	}
	// v0.1 says what it said, by way of v0.2, which is the newest now.
	if got, want := after["patches/v0.1/series"], "# The patches of v0.1, in order, for git am; make refresh and make carry write this.\n"+
		"../v0.2/0001-Add-ten-and-not-one.patch\n../v0.2/0002-Make-three-a-larger-number.patch\n"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if _, there := after["patches/v0.1/0001-Add-ten-and-not-one.patch"]; there || after["pkg/n/n.go"] != before["pkg/n/n.go"] {
		t.Errorf("got %v", after)
	}
	if tree := toy.tree("v0.2.0"); !tree.UpToDate || tree.Patches != 2 {
		t.Errorf("got %+v", tree)
	}
	toy.refresh("v0.2.0")
	toy.refresh("v0.1.0")
	toy.same(after)
	toy.noLeftovers()
}

func TestRebaseWithinAMinorRewritesItsPatches(t *testing.T) {
	toy := newToy(t)
	toy.queue()
	toy.publish("v0.1.1", map[string]string{"pkg/b/b.go": "// Package b is new here.\n" + base["pkg/b/b.go"]})
	_, err := Rebase(ctx, toy.co, "v0.1.0", "v0.1.1")
	toy.check(err)
	if patch := toy.snapshot()["patches/v0.1/0002-Make-three-a-larger-number.patch"]; !strings.Contains(patch, "@@ -7,2 +7,2 @@") || !toy.pinned("v0.1.1") {
		t.Errorf("got %s", patch)
	}
	toy.tree("v0.1.0") // still applies
}

func TestRebaseDropsWhatIsUpstream(t *testing.T) {
	toy := newToy(t)
	toy.queue()
	toy.publish("v0.2.0", map[string]string{"pkg/a/a.go": strings.Replace(base["pkg/a/a.go"], "x + 1", "x + 10", 1)})
	info, err := Rebase(ctx, toy.co, "v0.1.0", "v0.2.0")
	toy.check(err)
	if strings.Join(info.Refresh.Dropped, ",") != "Add ten and not one" {
		t.Errorf("got %q", info.Refresh.Dropped)
	}
	files := toy.snapshot()
	if _, there := files["patches/v0.2/0001-Make-three-a-larger-number.patch"]; !there {
		t.Errorf("got %v", files)
	}
}

func TestRebaseConflict(t *testing.T) {
	conflicted := func(t *testing.T) *toy {
		toy := newToy(t)
		toy.queue()
		toy.publish("v0.2.0", map[string]string{"pkg/a/a.go": strings.Replace(base["pkg/a/a.go"], "x + 1", "1 + x", 1)})
		before := toy.snapshot()
		_, err := Rebase(ctx, toy.co, "v0.1.0", "v0.2.0")
		toy.fails(err, `"Add ten and not one"`, "pkg/a/a.go", "rebase --continue", "make refresh TAG=v0.2.0", "rm -rf _output/tree/v0.2.0")
		if !errors.As(err, new(*RebaseConflictError)) || operation(toy.co.Tree("v0.2.0")) != "rebase" {
			t.Fatalf("got %v", err)
		}
		toy.same(before)
		return toy
	}
	t.Run("resolved", func(t *testing.T) {
		toy := conflicted(t)
		_, err := Rebase(ctx, toy.co, "v0.1.0", "v0.2.0")
		toy.fails(err, "git rebase is under way")
		_, err = Refresh(ctx, toy.co, "v0.2.0")
		toy.fails(err, "git rebase is under way")
		toy.writeTree("v0.2.0", "pkg/a/a.go", strings.Replace(base["pkg/a/a.go"], "x + 1", "10 + x", 1))
		toy.git("v0.2.0", "add", "pkg/a/a.go")
		toy.git("v0.2.0", "rebase", "--continue")
		_, err = Rebase(ctx, toy.co, "v0.1.0", "v0.2.0")
		toy.fails(err, "Add ten and not one", "make refresh TAG=v0.2.0")
		if info := toy.refresh("v0.2.0"); len(info.Dropped) != 0 {
			t.Errorf("got %+v", info)
		}
		if !toy.pinned("v0.2.0") {
			t.Error("v0.2.0 is not pinned")
		}
		if tree := toy.tree("v0.2.0"); !tree.UpToDate || tree.Patches != 2 {
			t.Errorf("got %+v", tree)
		}
	})
	t.Run("committed with its markers", func(t *testing.T) {
		toy := conflicted(t)
		toy.git("v0.2.0", "add", "pkg/a/a.go")
		toy.git("v0.2.0", "rebase", "--continue")
		before := toy.snapshot()
		_, err := Refresh(ctx, toy.co, "v0.2.0")
		toy.fails(err, "a conflict was committed and not resolved", "pkg/a/a.go:5: leftover conflict marker", "rebase -i "+refBase)
		toy.same(before)
	})
	t.Run("skipped", func(t *testing.T) {
		toy := conflicted(t)
		toy.git("v0.2.0", "rebase", "--skip")
		if info := toy.refresh("v0.2.0"); strings.Join(info.Dropped, ",") != "Add ten and not one" {
			t.Errorf("got %+v", info)
		}
		if info := toy.refresh("v0.2.0"); len(info.Dropped) != 0 {
			t.Errorf("the second time: %+v", info)
		}
	})
	t.Run("given up", func(t *testing.T) {
		toy := conflicted(t)
		toy.git("v0.2.0", "rebase", "--abort")
		before := toy.snapshot()
		_, err := Refresh(ctx, toy.co, "v0.2.0")
		toy.fails(err, "does not stand on the pristine v0.2.0")
		_, err = Rebase(ctx, toy.co, "v0.1.0", "v0.2.0")
		toy.fails(err, "rebase --continue")
		toy.same(before)
	})
}

func TestRebaseRefuses(t *testing.T) {
	toy := newToy(t)
	toy.queue()
	toy.publish("v0.2.0", nil)
	toy.publish("v0.0.9", nil)
	for _, test := range []struct {
		name, from, to string
		want           []string
	}{
		{"no tag", "", "v0.2.0", []string{"FROM=", "TO="}},
		{"an unknown source", "v0.3.0", "v0.2.0", []string{"unknown tag v0.3.0"}},
		{"no version", "v0.1.0", "next", []string{`"next" is not a version tag`}},
		{"nowhere to go", "v0.1.0", "v0.1.0", []string{"on v0.1.0 already"}},
		{"an older tag of a minor", "v0.1.0", "v0.1.0-rc.1", []string{"written against v0.1.0", "make pins ADD=v0.1.0-rc.1"}},
		{"a tag that is not there", "v0.1.0", "v0.7.0", []string{"cannot download " + toy.module + "@v0.7.0", "nothing was changed; next: go list -m -versions " + toy.module}},
	} {
		before := toy.snapshot()
		_, err := Rebase(ctx, toy.co, test.from, test.to)
		if err == nil {
			t.Errorf("%s: no error", test.name)
			continue
		}
		toy.fails(err, test.want...)
		toy.same(before)
	}
}

func TestRebaseRefusesToLoseWork(t *testing.T) {
	t.Run("in patches that the other minor lacks", func(t *testing.T) {
		toy := newToy(t)
		toy.queue()
		toy.publish("v0.2.0", nil)
		_, err := Rebase(ctx, toy.co, "v0.1.0", "v0.2.0")
		toy.check(err)
		toy.writeTree("v0.2.0", "pkg/d/d.go", "package d\n\nconst Four = 4\n")
		toy.writeTree("v0.2.0", "pkg/d/README.md", "Four\n=======\n") // no conflict's
		toy.commit("v0.2.0", "Have four")
		toy.refresh("v0.2.0")
		list := strings.ReplaceAll(toy.snapshot()["patches/v0.1/series"], "../v0.2/0003", "# without ../v0.2/0003")
		toy.write("patches/v0.1/series", list)
		before := toy.snapshot()
		_, err = Rebase(ctx, toy.co, "v0.1.0", "v0.2.0")
		toy.fails(err, "patches/v0.2 has patches that patches/v0.1 has not", "would lose them:\n  Have four\nnext:",
			"  make tree TAG=v0.1.0\n  make tree TAG=v0.2.0\n  git -C _output/tree/v0.2.0 fetch ../v0.1.0 main\n  git -C _output/tree/v0.2.0 cherry-pick COMMIT\n  make refresh TAG=v0.2.0")
		toy.same(before)
		toy.publish("v0.2.1", nil)
		_, err = Rebase(ctx, toy.co, "v0.1.0", "v0.2.1")
		toy.fails(err, "would lose them:\n  Have four\nnext: make rebase TO=v0.2.1, which takes those of its own minor\n")
		// The other way round it has them all.
		_, err = Rebase(ctx, toy.co, "v0.2.0", "v0.1.0")
		toy.check(err)
	})
	t.Run("in the tree that it starts from", func(t *testing.T) {
		toy := newToy(t)
		toy.queue()
		toy.publish("v0.2.0", nil)
		toy.tree("v0.1.0")
		toy.writeTree("v0.1.0", "left.go", "x")
		_, err := Rebase(ctx, toy.co, "v0.1.0", "v0.2.0")
		toy.fails(err, "left.go")
	})
	t.Run("in the tree that it makes", func(t *testing.T) {
		toy := newToy(t)
		toy.queue()
		toy.publish("v0.2.0", nil)
		_, err := Rebase(ctx, toy.co, "v0.1.0", "v0.2.0")
		toy.check(err)
		toy.writeTree("v0.2.0", "left.go", "x")
		_, err = Rebase(ctx, toy.co, "v0.1.0", "v0.2.0")
		toy.fails(err, "left.go")
	})
	t.Run("in patches that are not committed", func(t *testing.T) {
		toy := newToy(t)
		toy.queue()
		toy.publish("v0.1.1", nil)
		repo := git.At(toy.co, toy.co.Root)
		toy.write(".gitignore", "/_output/\n")
		toy.check(repo.Init(ctx))
		_, err := Rebase(ctx, toy.co, "v0.1.0", "v0.1.1")
		toy.fails(err, "not committed", "patches/v0.1/0001-Add-ten-and-not-one.patch")
		_, err = repo.CommitAll(ctx, "all\n")
		toy.check(err)
		_, err = Rebase(ctx, toy.co, "v0.1.0", "v0.1.1")
		toy.check(err)
	})
}

func TestATagWithoutAConsumer(t *testing.T) {
	toy := newToy(t)
	toy.queue()
	toy.publish("v0.2.0", nil)
	consumer := toy.module + "/consumer"
	p, err := pins.Load(toy.co.Pins())
	toy.check(err)
	p.Consumer = consumer
	toy.check(p.Save(toy.co.Pins()))

	// That nothing answers does not say that it is not there.
	_, err = upstream.Fetch(ctx, toy.co, toy.module, "v0.2.0")
	toy.check(err)
	before, env := toy.snapshot(), toy.co.Env
	toy.co.Env = append(slices.Clip(env), "GOPROXY=off")
	_, err = Rebase(ctx, toy.co, "v0.1.0", "v0.2.0")
	toy.fails(err, consumer+"@v1.2.0")
	toy.same(before)
	toy.co.Env = env

	_, err = Rebase(ctx, toy.co, "v0.1.0", "v0.2.0")
	toy.check(err)
	pinnedWith := func(want string) {
		t.Helper()
		p, err := pins.Load(toy.co.Pins())
		toy.check(err)
		if pin, err := p.Lookup("v0.2.0"); err != nil || pin.Consumer != want {
			t.Errorf("got %+v, %v; want consumer %q", pin, err, want)
		}
	}
	if said := toy.errs.String(); !strings.Contains(said, "v0.2.0 is pinned without a kube-apiserver") || strings.Contains(said, "nothing was changed") {
		t.Errorf("said %q", said)
	}
	pinnedWith("")
	// It comes later.
	proxytest.Publish(t, proxy, consumer, "v1.2.0", map[string]string{"go.mod": "module " + consumer + "\n"})
	for _, isNew := range []bool{true, false} {
		pin, err := AddPin(ctx, toy.co, "v0.2.0")
		toy.check(err)
		if pin.New != isNew {
			t.Errorf("got %+v", pin)
		}
		pinnedWith("v1.2.0")
	}
}

func TestAddPin(t *testing.T) {
	toy := newToy(t)
	toy.queue()
	toy.publish("v0.1.0-rc.1", nil)
	toy.publish("v0.1.0-rc.0", map[string]string{"pkg/b/b.go": "package b\n"})
	sibling := path.Join(path.Dir(toy.module), "sibling")
	toy.publish("v0.1.1", map[string]string{"go.mod": "module MODULE\n\ngo 1.21\n\nrequire " + sibling + " v0.1.1\n"})
	for _, isNew := range []bool{true, false} {
		pin, err := AddPin(ctx, toy.co, "v0.1.0-rc.1")
		toy.check(err)
		if pin.New != isNew || !toy.pinned("v0.1.0-rc.1") {
			t.Errorf("got %+v", pin)
		}
	}
	toy.write("pkg/a/a.go", "package a\n")
	_, err := AddPin(ctx, toy.co, "v0.1.0-rc.1")
	toy.fails(err, "v0.1.0-rc.1 is pinned, but")
	toy.check(os.RemoveAll(filepath.Join(toy.co.Root, "pkg", "a")))
	before := toy.snapshot()
	_, err = AddPin(ctx, toy.co, "v0.1.0-rc.0")
	toy.fails(err, "v0.1.0-rc.0 was not pinned", "0002-Make-three-a-larger-number.patch", "pkg/b/b.go, hunk")
	_, err = AddPin(ctx, toy.co, "v0.1.1")
	toy.fails(err, "v0.1.1 was not pinned", sibling+"@v0.1.1, which the tag requires, cannot be had", "nothing was changed")
	_, err = AddPin(ctx, toy.co, "v0.5.0")
	toy.fails(err, "patches/v0.5 holds no patch", "make rebase TO=v0.5.0")
	toy.same(before)
}

func TestDescribeWithoutATree(t *testing.T) {
	toy := newToy(t)
	_, err := Describe(ctx, toy.co, "")
	toy.fails(err, "no tree of v0.1.0", "make tree TAG=v0.1.0")
}
