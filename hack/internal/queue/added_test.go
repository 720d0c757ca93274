package queue

import (
	"maps"
	"slices"
	"testing"
)

func TestAddedTo(t *testing.T) {
	toy := newToy(t)
	tree := toy.tree("v0.1.0")
	toy.writeTree("v0.1.0", "pkg/own/own.go", "package own\n\nfunc F() {}\n")
	toy.writeTree("v0.1.0", "pkg/own/own_test.go", "package own\n")
	toy.sub("v0.1.0", "pkg/a/a.go", "package a\n", "package a\n\n// One.\nvar one = 1\n")
	toy.commit("v0.1.0", "Add")
	toy.sub("v0.1.0", "pkg/own/own.go", "F() {}\n", "F() {}\n\nvar edited = 1\n")
	toy.writeTree("v0.1.0", "pkg/yet/new.go", "package yet\n")
	toy.writeTree("v0.1.0", "pkg/yet/new_test.go", "package yet\n")
	added, err := AddedTo(t.Context(), toy.co, tree.Path)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := slices.Sorted(maps.Keys(added)), []string{"pkg/a/a.go", "pkg/own/own.go", "pkg/yet/new.go"}; !slices.Equal(got, want) {
		t.Errorf("files: got %q, want %q", got, want)
	}
	if got, want := added.Packages(), []string{"pkg/a", "pkg/own", "pkg/yet"}; !slices.Equal(got, want) {
		t.Errorf("packages: got %q, want %q", got, want)
	}
	for _, c := range []struct {
		file string
		line int
		want bool
	}{
		{"pkg/a/a.go", 1, false}, {"pkg/a/a.go", 3, true}, {"pkg/a/a.go", 4, true}, {"pkg/a/a.go", 6, false},
		{"pkg/own/own.go", 1, true}, {"pkg/own/own.go", 5, true}, {"pkg/own/own.go", 6, false}, {"none.go", 1, false}, {"pkg/yet/new.go", 1, true},
	} {
		if got := added.Has(c.file, c.line); got != c.want {
			t.Errorf("%s:%d: got %t", c.file, c.line, got)
		}
	}
}

func TestNewLines(t *testing.T) {
	for _, c := range []struct {
		head         string
		first, count int
	}{{"@@ -1,2 +3,4 @@", 3, 4}, {"@@ -1 +3 @@ func f() {", 3, 1}, {"@@ -1,2 +0,0 @@", 0, 0}} {
		if first, count, err := newLines(c.head); first != c.first || count != c.count || err != nil {
			t.Errorf("%s: got %d, %d, %v", c.head, first, count, err)
		}
	}
	for _, head := range []string{"@@ -1,2", "@@ -1,2 3,4 @@", "@@ -1,2 +x @@", "@@ -1,2 +1,y @@"} {
		if _, _, err := newLines(head); err == nil {
			t.Errorf("%s: no error", head)
		}
	}
}
