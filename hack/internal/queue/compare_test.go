package queue

import (
	"strings"
	"testing"
)

func TestCompareMinors(t *testing.T) {
	toy := threeMinors(t)
	toy.tree("v0.1.0")
	toy.amend("v0.1.0", "~1", "pkg/a/a.go", "x * 20", "x * 21")
	toy.writeTree("v0.1.0", "pkg/d/d.go", "package d\n\nconst Old = true\n")
	toy.commit("v0.1.0", "Tell that this is old")
	toy.refresh("v0.1.0")
	before := toy.snapshot()

	all, err := CompareMinors(ctx, toy.co, "", "")
	toy.check(err)
	if len(all) != 2 || all[0].From != "v0.2" || all[0].To != "v0.3" || all[1].From != "v0.1" {
		t.Fatalf("got %+v", all)
	}
	d := all[0]
	if d.Same != 1 || len(d.Patches) != 1 || d.Lines != 2 {
		t.Fatalf("got %+v", d)
	}
	p := d.Patches[0]
	if p.From != "patches/v0.2/0001-Add-ten-and-not-one.patch" || p.To != "patches/v0.3/0001-Add-ten-and-not-one.patch" || len(p.Under) != 1 ||
		p.Under[0].File != "pkg/a/a.go" || strings.Join(p.Under[0].From, "|") != "func A(x int) int {" || strings.Join(p.Under[0].To, "|") != "func A(x int) (y int) {" {
		t.Errorf("got %+v", p)
	}
	if !strings.Contains(p.Diff, "\n- func A(x int) int {\n+ func A(x int) (y int) {\n -\treturn x + 1\n") || strings.Contains(p.Diff, "index ") {
		t.Errorf("got %s", p.Diff)
	}
	if d = all[1]; d.Same != 1 || len(d.Patches) != 2 || d.Patches[1].To != "" || d.Patches[1].Subject != "Tell that this is old" ||
		!strings.Contains(d.Patches[0].Diff, "-+\treturn x * 21\n++\treturn x * 20\n") {
		t.Errorf("got %+v", d)
	}
	all, err = CompareMinors(ctx, toy.co, "v0.1", "v0.2")
	toy.check(err)
	if d = all[0]; len(all) != 1 || d.Same != 1 || len(d.Patches[0].Under) != 0 || d.Patches[0].To != "patches/v0.2/0001-Add-ten-and-not-one.patch" {
		t.Errorf("got %+v", all)
	}
	for _, test := range []struct{ from, to, want string }{
		{"v0.9", "", `unknown minor "v0.9": patches/ has v0.3, v0.2, v0.1`}, {"v0.1", "v0.9", `unknown minor "v0.9"`}, {"v0.3", "", "with itself"},
	} {
		_, err := CompareMinors(ctx, toy.co, test.from, test.to)
		toy.fails(err, test.want, "next: make compare-minors FROM=")
	}
	toy.same(before)
}

func TestPatchesAreKnownByWhatTheySay(t *testing.T) {
	const a = "From 0000 Mon Sep 17 00:00:00 2001\nFrom: x <x@y>\nDate: Sat, 1 Jan 2000 00:00:00 +0000\nSubject: [PATCH] Do a thing that is long\n enough to be folded\n\nDescription: x\n\n" +
		"diff --git a/f b/f\nindex 1..2 100644\n--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@ func (x *T) F(a int) {\n a\n-b\n+c\n"
	p := patch(a)
	if got := p.subject(); got != "Do a thing that is long enough to be folded" {
		t.Errorf("got %q", got)
	}
	for name, test := range map[string]struct {
		other        string
		said, placed bool
	}{
		"line numbers":    {strings.Replace(a, "-1,2 +1,2", "-7,2 +9,2", 1), true, true},
		"IDs":             {strings.Replace(a, "1..2", "3..4", 1), true, true},
		"a signature":     {strings.Replace(a, "a int", "b int", 1), true, true},
		"a function":      {strings.Replace(a, ") F(", ") G(", 1), true, false},
		"a word":          {strings.Replace(a, "Description: x", "Description: y", 1), false, false},
		"the subject":     {strings.Replace(a, "thing", "deed", 1), false, false},
		"a line that is":  {strings.Replace(a, "\n a\n", "\n A\n", 1), false, false},
		"a line of ours":  {strings.Replace(a, "+c", "+d", 1), false, false},
		"another's hands": {strings.Replace(a, "x@y", "z@y", 1), true, true},
	} {
		q := patch(test.other)
		if got := p.saying() == q.saying(); got != test.said {
			t.Errorf("%s: says the same: %v", name, got)
		}
		if got := p.stamp() == q.stamp(); got != test.said {
			t.Errorf("%s: has the same stamp: %v", name, got)
		}
		if got := p.placed() == q.placed(); got != test.placed {
			t.Errorf("%s: goes into the same place: %v", name, got)
		}
	}
}
