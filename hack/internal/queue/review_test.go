package queue

import (
	"encoding/json"
	"strings"
	"testing"

	"fork.internal/apiserver/hack/internal/git"
)

func TestReview(t *testing.T) {
	toy := newToy(t)
	toy.queue()
	toy.write("test/x/x.go", "package x\n\nimport \""+toy.module+"/pkg/c\"\n\nvar _ = c.Used\n")
	toy.publish("v0.1.1", map[string]string{"docs/more.go": "package docs\n"})
	toy.publish("v0.1.2", map[string]string{
		"pkg/a/a.go":   strings.Replace(base["pkg/a/a.go"], "x - 1", "x - 2", 1),
		"pkg/a/new.go": "package a\n\nfunc callsA() { A(1) }\n",
		"pkg/c/c.go":   "package c\n\nconst Used = 1\n",
	})
	for _, tag := range []string{"v0.1.1", "v0.1.2"} {
		_, err := NewTag(ctx, toy.co, tag)
		toy.check(err)
	}
	before := toy.snapshot()
	r, err := Review(ctx, toy.co, "v0.1.0", "v0.1.1")
	toy.check(err)
	if !r.Empty() || r.Looked.Patched != 2 || r.Looked.Names != 1 || r.Diff != "" {
		t.Errorf("got %+v", r)
	}
	r, err = Review(ctx, toy.co, "v0.1.1", "v0.1.2")
	toy.check(err)
	got, err := json.Marshal(r)
	toy.check(err)
	if want := `{"from":"v0.1.1","to":"v0.1.2","files":[` +
		`{"path":"pkg/a/a.go","patches":["0001"],"changed":["func B"]},` +
		`{"path":"pkg/c/c.go","users":["test/x/x.go"],"changed":["const Used"],"both":["const Used"]}],` +
		`"references":[{"name":"func pkg/a.A","file":"pkg/a/new.go","in":"func callsA","lines":[3]}],"requirements":[],` +
		`"looked":{"patched":2,"used":1,"names":1},` +
		`"diff":"git -C _output/tree/v0.1.2 diff refs/fork/frombase refs/fork/base -- pkg/a/a.go pkg/c/c.go"}`; string(got) != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	diff := strings.Fields(r.Diff)
	out, err := git.At(toy.co, toy.co.Root).Run(ctx, diff[1:]...)
	if err != nil || !strings.Contains(out, "+\treturn x - 2") {
		t.Errorf("%s: got %q, %v", r.Diff, out, err)
	}
	toy.same(before)
	if tree := toy.tree("v0.1.2"); !tree.UpToDate || tree.Dirty {
		t.Errorf("got %+v", tree)
	}
	_, err = Review(ctx, toy.co, "v0.1.9", "v0.1.2")
	toy.fails(err, "unknown tag v0.1.9")
}
