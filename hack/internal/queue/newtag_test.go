package queue

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fork.internal/apiserver/hack/internal/git"
)

func TestNewTagTakesTheNearestPatches(t *testing.T) {
	toy := newToy(t)
	toy.queue()
	toy.publish("v0.1.1", nil)
	toy.publish("v0.2.0", nil)
	for _, step := range []struct{ from, to string }{{"v0.1.0", "v0.1.1"}, {"v0.1.1", "v0.2.0"}} {
		info, err := NewTag(ctx, toy.co, step.to)
		toy.check(err)
		if info.From != step.from || !info.Pinned || info.Refresh == nil || !toy.pinned(step.to) {
			t.Errorf("%s: got %+v", step.to, info)
		}
	}
}

func TestNewTagIsGoneOnWithUntilItIsFinished(t *testing.T) {
	toy := newToy(t)
	toy.queue()
	toy.publish("v0.2.0", nil)
	_, err := NewTag(ctx, toy.co, "v0.2.0")
	toy.check(err)
	before := toy.snapshot()
	info, err := NewTag(ctx, toy.co, "v0.2.0")
	toy.check(err)
	if info.From != "v0.1.0" || info.Refresh != nil {
		t.Errorf("carried and not finished: got %+v", info)
	}
	toy.check(FinishNewTag(toy.co, "v0.2.0"))
	toy.check(FinishNewTag(toy.co, "v0.2.0"))
	_, err = NewTag(ctx, toy.co, "v0.2.0")
	toy.fails(err, "v0.2.0 is pinned already", "make verify TAG=v0.2.0", "make rebase FROM=")
	toy.same(before)
}

func TestNewTagConflict(t *testing.T) {
	conflicted := func(t *testing.T) *toy {
		toy := newToy(t)
		toy.queue()
		toy.publish("v0.2.0", map[string]string{"pkg/a/a.go": strings.Replace(base["pkg/a/a.go"], "x + 1", "1 + x", 1)})
		before := toy.snapshot()
		for range 2 { // the second time says the same
			_, err := NewTag(ctx, toy.co, "v0.2.0")
			toy.fails(err, `"Add ten and not one"`, "in conflict:\n  pkg/a/a.go", "add pkg/a/a.go", "rebase --continue", "\n  make rebase TO=v0.2.0\n", "rm -rf _output/tree/v0.2.0")
			if !errors.As(err, new(*RebaseConflictError)) {
				t.Fatalf("got %v", err)
			}
		}
		toy.same(before)
		return toy
	}
	edit := func(toy *toy) {
		toy.Helper()
		toy.writeTree("v0.2.0", "pkg/a/a.go", strings.Replace(base["pkg/a/a.go"], "x + 1", "10 + x", 1))
		toy.git("v0.2.0", "add", "pkg/a/a.go")
	}
	t.Run("resolved", func(t *testing.T) {
		toy := conflicted(t)
		edit(toy)
		_, err := NewTag(ctx, toy.co, "v0.2.0")
		toy.fails(err, "no longer in conflict", "rebase --continue", "make rebase TO=v0.2.0")
		toy.git("v0.2.0", "rebase", "--continue")
		info, err := NewTag(ctx, toy.co, "v0.2.0")
		toy.check(err)
		if info.From != "v0.1.0" || info.Refresh == nil || len(info.Refresh.Dropped) != 0 || !toy.pinned("v0.2.0") {
			t.Errorf("got %+v", info)
		}
		if patch := toy.snapshot()["patches/v0.2/0001-Add-ten-and-not-one.patch"]; !strings.Contains(patch, "+\treturn 10 + x") {
			t.Errorf("not what was resolved:\n%s", patch)
		}
	})
	t.Run("resolved and refreshed by hand", func(t *testing.T) {
		toy := conflicted(t)
		edit(toy)
		toy.git("v0.2.0", "rebase", "--continue")
		toy.refresh("v0.2.0")
		info, err := NewTag(ctx, toy.co, "v0.2.0")
		toy.check(err)
		if info.From != "v0.1.0" || info.Refresh != nil {
			t.Errorf("got %+v", info)
		}
	})
	t.Run("skipped", func(t *testing.T) {
		toy := conflicted(t)
		toy.git("v0.2.0", "rebase", "--skip")
		info, err := NewTag(ctx, toy.co, "v0.2.0")
		toy.check(err)
		if strings.Join(info.Refresh.Dropped, ",") != "Add ten and not one" {
			t.Errorf("got %+v", info)
		}
	})
	t.Run("resolved with more edits", func(t *testing.T) {
		toy := conflicted(t)
		edit(toy)
		toy.git("v0.2.0", "rebase", "--continue")
		toy.writeTree("v0.2.0", "left.go", "x")
		_, err := NewTag(ctx, toy.co, "v0.2.0")
		toy.fails(err, "edits that are not committed", "left.go")
		if _, err := os.Stat(filepath.Join(toy.co.Tree("v0.2.0"), "left.go")); err != nil {
			t.Error(err)
		}
	})
	for name, giveUp := range map[string]func(*toy){
		"given up":         func(toy *toy) { toy.git("v0.2.0", "rebase", "--abort") },
		"given up by hand": func(toy *toy) { toy.check(os.RemoveAll(toy.co.Tree("v0.2.0"))) },
	} {
		t.Run(name, func(t *testing.T) {
			toy := conflicted(t)
			giveUp(toy)
			before := toy.snapshot()
			_, err := NewTag(ctx, toy.co, "v0.2.0")
			toy.fails(err, "in conflict:\n  pkg/a/a.go", "make rebase TO=v0.2.0")
			toy.same(before)
		})
	}
}

func TestNewTagRefuses(t *testing.T) {
	toy := newToy(t)
	toy.queue()
	toy.publish("v0.3.0", nil)
	for to, want := range map[string][]string{
		"":            {"which tag?", "make rebase TO="},
		"next":        {`"next" is not a version tag`},
		"v0.1.0":      {"pinned already", "make verify TAG=v0.1.0"},
		"v0.1.0-rc.1": {"written against v0.1.0", "make pins ADD=v0.1.0-rc.1"},
		"v0.3.0":      {"neither v0.3 nor a minor next to it; the nearest is v0.1", "FROM=v0.1.0 TO=v0.3.0"},
		"v0.1.7":      {"cannot download " + toy.module + "@v0.1.7", "nothing was changed"},
	} {
		before := toy.snapshot()
		if _, err := NewTag(ctx, toy.co, to); err == nil {
			t.Errorf("%q: no error", to)
		} else {
			toy.fails(err, want...)
		}
		toy.same(before)
	}
	if entries, err := os.ReadDir(filepath.Dir(unfinished(toy.co, "v0.1.7"))); err != nil || len(entries) > 0 {
		t.Errorf("left as unfinished: %v, %v", entries, err)
	}
}

func TestNewTagRefusesToLoseWork(t *testing.T) {
	t.Run("in the tree that it starts from", func(t *testing.T) {
		toy := newToy(t)
		toy.queue()
		toy.publish("v0.2.0", nil)
		toy.writeTree("v0.1.0", "left.go", "x")
		_, err := NewTag(ctx, toy.co, "v0.2.0")
		toy.fails(err, "left.go")
	})
	t.Run("in patches that are not committed", func(t *testing.T) {
		toy := newToy(t)
		toy.queue()
		toy.publish("v0.1.1", nil)
		toy.write(".gitignore", "/_output/\n")
		toy.check(git.At(toy.co, toy.co.Root).Init(ctx))
		before := toy.snapshot()
		_, err := NewTag(ctx, toy.co, "v0.1.1")
		toy.fails(err, "not committed", "git add patches")
		toy.same(before)
	})
}
