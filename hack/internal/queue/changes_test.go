package queue

import (
	"fmt"
	"testing"
)

func TestTreeChanges(t *testing.T) {
	toy := newToy(t)
	toy.queue()
	toy.sub("v0.1.0", "pkg/a/a.go", "x - 1", "x - 10")
	toy.sub("v0.1.0", "pkg/n/n.go", "N = 1", "N = 2") // ours: added, whichever commit does it
	toy.git("v0.1.0", "rm", "-q", "docs/dos.txt")
	toy.commit("v0.1.0", "Take ten away, and a file")
	toy.refresh("v0.1.0")
	info, got, err := TreeChanges(ctx, toy.co, "")
	toy.check(err)
	want := Changes{
		Patches:  []string{"Add ten and not one", "Make three a larger number", "Take ten away, and a file"},
		Added:    []string{"pkg/n/n.go"},
		Removed:  []string{"docs/dos.txt"},
		Modified: []Modified{{"pkg/a/a.go", []int{1, 3}}, {"pkg/b/b.go", []int{2}}},
	}
	if fmt.Sprint(*got) != fmt.Sprint(want) || info.Tag != "v0.1.0" {
		t.Errorf("got %+v of %s, want %+v", *got, info.Tag, want)
	}
	toy.writeTree("v0.1.0", "left.go", "x")
	_, _, err = TreeChanges(ctx, toy.co, "")
	toy.fails(err, "left.go", "make refresh TAG=v0.1.0")
}
