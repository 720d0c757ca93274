package mutate

import (
	"fmt"
	"go/parser"
	"go/token"
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestFind(t *testing.T) {
	for _, test := range []struct {
		name, body string
		want       []string // ID without the file, or what is skipped
	}{
		{"if and else", `func f(a, b bool) { if a { println(1) } else if !b { println(2) } }`,
			[]string{"f negate a", "f delete println(1)", "f negate !b", "f delete println(2)"}},
		{"operands", `func f(a, b bool) { if a && (b || !a) { return } }`,
			[]string{"f negate a && (b || !a)", "f negate a", "f negate b || !a", "f negate b", "f negate !a", "f delete return"}},
		{"the opposite of a comparison, once", `func f(a int) { if !(a == 1) { a++ } }`,
			[]string{"f negate !(a == 1)", "f delete a++"}},
		{"for", `func f(a int) { for i := 0; i < a; i++ { if i == 2 { continue } ; break } }`,
			[]string{"f negate i < a", "f negate i == 2", "f delete continue", "f delete break", "1 is the third part of a for"}},
		{"cases", `func f(a int) { switch { case a > 1, a < 0: a = 1 } ; switch a { case 1: a = 2 } }`,
			[]string{"f negate a > 1", "f negate a < 0", "f delete a = 1", "f delete a = 2"}},
		{"what ends a function", `func f(a bool) int { if a { return 1 } ; switch { case a: return 2; default: panic("x") } }`,
			[]string{"f negate a", "f delete return 1", "f negate#2 a", "2 ends a function that has results"}},
		{"a result that compares", `func (g *guard[T]) f(a int) bool { return a > 1 }`,
			[]string{"guard.f negate a > 1", "1 ends a function that has results"}},
		{"declarations", `func f() { const c = 1 == 2; x := 1; var y int; x = y; _ = x; _ = c }`,
			[]string{"f delete x = y", "f delete _ = x", "f delete _ = c", "3 declares what others use"}},
		{"statements", `func f(c chan int) { defer close(c); go func() { c <- 1 }(); c <- 2; <-c }`,
			[]string{"f delete defer close(c)", "f delete go func() { c <- 1 }()", "f delete c <- 1", "f delete c <- 2", "f delete <-c"}},
		{"communications", `func f(c chan int) { select { case <-c: println(1); default: println(2) } }`,
			[]string{"f delete println(1)", "f delete println(2)"}},
		{"function literals have ends too", `var v = func() int { if len("a") == 1 { panic("b") }; return 2 }`,
			[]string{`v negate len("a") == 1`, `v delete panic("b")`, "1 ends a function that has results"}},
		{"the same again", `func f() { println(); println() } ; func g() { println() }`,
			[]string{"f delete println()", "f delete#2 println()", "g delete println()"}},
		{"labels", `func f() { here: for { break here } }`, []string{"f delete break here", "1 a label or a fallthrough"}},
		{"several lines", "func f(a bool) { if a &&\n\ta { return } }", []string{"f negate a && a", "f negate a", "f negate#2 a", "f delete return"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			src := []byte("package p\n\n" + test.body + "\n")
			mutants, skipped, err := Find("p.go", src, anywhere)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, m := range mutants {
				got = append(got, strings.TrimPrefix(m.ID(), "p.go "))
			}
			for _, reason := range slices.Sorted(maps.Keys(skipped)) {
				got = append(got, fmt.Sprint(skipped[reason], " ", reason))
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
			out := instrument(src, mutants, 1)
			if _, err := parser.ParseFile(token.NewFileSet(), "p.go", out, 0); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
			if a, b := strings.Count(string(src), "\n"), strings.Count(string(out), "\n"); a != b {
				t.Errorf("%d lines have become %d", a, b)
			}
		})
	}
}

func TestFindOfNoGo(t *testing.T) {
	if _, _, err := Find("p.go", []byte("func"), anywhere); err == nil {
		t.Error("no error")
	}
}

func anywhere(int) bool { return true }
