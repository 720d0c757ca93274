package mutate

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"fork.internal/apiserver/hack/internal/checkout"
)

const toySource = `package toy

func Sum(to int) int {
	sum := 0
	for i := 0; ; {
		if i > to {
			return sum
		}
		sum += i
		i++
	}
}

func Name(n int) string {
	if n == 0 || n == 1 {
		return "few"
	}
	return "many"
}

func Crash(n int) {
	if n == 3 {
		panic("three")
	}
}

func Nobody(n int) { n++ }
`

const toyTest = `package toy

import "testing"

func TestSum(t *testing.T) {
	if Sum(3) != 6 {
		t.Error("not 6")
	}
}

func TestName(t *testing.T) {
	if Name(0) != "few" || Name(2) != "many" {
		t.Error("wrong")
	}
}

func TestCrash(t *testing.T) { Crash(1) }
`

// toy is a checkout with a package in it, and what is said of it.
func toy(t *testing.T) (co *checkout.Checkout, dir string, said *bytes.Buffer) {
	t.Helper()
	said = &bytes.Buffer{}
	co = &checkout.Checkout{Root: t.TempDir(), Out: said, Err: said}
	dir = filepath.Join(co.Root, "toy")
	for name, content := range map[string]string{"go.mod": "module toy.test\n\ngo 1.25\n", "toy/toy.go": toySource, "toy/toy_test.go": toyTest} {
		put(t, filepath.Join(co.Root, name), content)
	}
	return co, dir, said
}

func put(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// verdicts are a line for each mutant.
func verdicts(r Report) []string {
	var lines []string
	for _, res := range r.Results {
		lines = append(lines, strings.TrimSpace(res.Verdict+" "+strings.TrimPrefix(res.ID, "toy.go ")+": "+res.By))
	}
	return lines
}

func TestRun(t *testing.T) {
	co, dir, said := toy(t)
	o := Options{Jobs: 2, Spare: time.Second}
	r, err := Run(t.Context(), co, Package("toy", dir), o)
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	want := []string{
		"killed Sum negate i > to: TestSum",
		"killed Sum delete return sum: TestSum (hangs)",
		"killed Sum delete sum += i: TestSum",
		"killed Sum delete i++: TestSum (hangs)",
		"killed Name negate n == 0 || n == 1: TestName",
		"killed Name negate n == 0: TestName",
		"killed Name negate n == 1: TestName",
		`killed Name delete return "few": TestName`,
		"killed Crash negate n == 3: TestCrash (crashes)",
		`unreached Crash delete panic("three"):`,
		"unreached Nobody delete n++:",
	}
	// Which of the two a test is found to do that panics is the testing package's affair.
	got := strings.ReplaceAll(strings.Join(verdicts(r), "\n"), "TestCrash\n", "TestCrash (crashes)\n")
	if got != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
	if err := r.Verdict(); err == nil || !strings.Contains(err.Error(), "2 of 11 mutants survive") {
		t.Errorf("got %v", err)
	}
	var table bytes.Buffer
	if err := r.WriteTable(&table); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"toy.go  11       9       0          0         2          2\n", "unreached  line 27   toy.go Nobody delete n++\n"} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("%q is not in\n%s", want, table.String())
		}
	}
	left, err := filepath.Glob(filepath.Join(co.Output(), "mutants", "*"))
	if err != nil || len(left) != 1 || !strings.HasSuffix(left[0], ".jsonl") {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestTestsThatFailOfEachOther has two tests of which the later fails after the earlier, with no mutant alive: a kill is
// what a test says by itself.
func TestTestsThatFailOfEachOther(t *testing.T) {
	co, dir, said := toy(t)
	put(t, filepath.Join(dir, "toy_test.go"), `package toy

import "testing"

var ran bool

func TestFirst(t *testing.T) { ran = Name(0) != "" }

func TestSecond(t *testing.T) {
	if ran {
		t.Error("not the first")
	}
	Name(0)
}
`)
	r, err := Run(t.Context(), co, Package("toy", dir), Options{Only: []string{"Name"}, Spare: time.Second})
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	for _, res := range r.Results {
		if res.Verdict == Killed {
			t.Errorf("%s %s %s", res.Verdict, res.ID, res.By)
		}
	}
}

// TestTestsThatFailNowAndThen: what a test says once, and not when it is asked again, or without the mutant as well, is no
// kill. It is told, and asked again the next time.
func TestTestsThatFailNowAndThen(t *testing.T) {
	for name, tt := range map[string]struct {
		fails string // at which run since it was measured, which takes the first
		want  string
		runs  int
		spare time.Duration // what a run that does not hang has in plenty; little where it does
	}{
		"once":                     {"n == 2", "survived Name negate n == 1: ; TestName", 3, 20 * time.Second},
		"by itself, as it seems":   {"n == 2 || n == 3 || n == 4", "survived Name negate n == 1: ; TestName", 4, 20 * time.Second},
		"twice, and not without":   {"n == 2 || n == 3", "killed Name negate n == 1: TestName; ", 4, 20 * time.Second},
		"never":                    {"n < 0", "survived Name negate n == 1: ; ", 2, 20 * time.Second},
		"it hangs, once":           {"n == 2 && hang()", "survived Name negate n == 1: ; TestName (hangs)", 3, 2 * time.Second},
		"the machine stands still": {"n > 1 && hang()", "survived Name negate n == 1: ; TestName (hangs)", 4, 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			co, dir, said := toy(t)
			runs := filepath.Join(t.TempDir(), "runs")
			put(t, filepath.Join(dir, "toy_test.go"), `package toy

import (
	"os"
	"testing"
	"time"
)

func hang() bool { time.Sleep(time.Hour); return true }

func TestName(t *testing.T) {
	Name(1)
	f, err := os.OpenFile("`+runs+`", os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString(".")
	data, _ := os.ReadFile("`+runs+`")
	if n := len(data); `+tt.fails+` {
		t.Error("now and then")
	}
}
`)
			o := Options{Only: []string{"toy.go Name negate n == 1"}, Spare: tt.spare}
			r, err := Run(t.Context(), co, Package("toy", dir), o)
			if err != nil {
				t.Fatalf("%v\n%s", err, said)
			}
			if got := verdicts(r)[0] + "; " + r.Results[0].Once; got != strings.Replace(tt.want, ": ;", ":;", 1) {
				t.Errorf("got %q, want %q\n%s", got, tt.want, said)
			}
			var table bytes.Buffer
			if err := r.WriteTable(&table); err != nil || strings.Contains(table.String(), "not surely") != (r.Results[0].Once != "") {
				t.Errorf("%v, and the table says\n%s", err, &table)
			}
			ran, err := os.ReadFile(runs)
			if err != nil || len(ran) != tt.runs {
				t.Errorf("the test was run %d times, not %d, %v", len(ran), tt.runs, err)
			}
			// What it could not tell is asked again, and nothing else.
			said.Reset()
			if _, err := Run(t.Context(), co, Package("toy", dir), o); err != nil || strings.Contains(said.String(), "[1/1]") != (r.Results[0].Once != "") {
				t.Errorf("%v, and the next time was said\n%s", err, said)
			}
		})
	}
}

// TestSurvivor has a test that does not tell two mutants from the original: one is killed by a further test, which
// takes nothing back of what is known, and one is explained.
func TestSurvivor(t *testing.T) {
	co, dir, said := toy(t)
	put(t, filepath.Join(dir, "toy_test.go"), strings.Replace(toyTest, `Name(0) != "few" || `, `Name(0) == "none" || `, 1))
	o := Options{Only: []string{"Name"}, Spare: time.Second}
	run := func() Report {
		t.Helper()
		said.Reset()
		r, err := Run(t.Context(), co, Package("toy", dir), o)
		if err != nil {
			t.Fatalf("%v\n%s", err, said)
		}
		return r
	}
	want := []string{"killed Name negate n == 0 || n == 1: TestName", "killed Name negate n == 0: TestName", "killed Name negate n == 1: TestName", `survived Name delete return "few":`}
	if got := verdicts(run()); !slices.Equal(got, want) {
		t.Fatalf("got %q", got)
	}
	id := `toy.go Name delete return "few"`
	put(t, filepath.Join(dir, "testdata", "mutants.txt"), id+"\n\tNobody asks.\n")
	if r := run(); r.Verdict() != nil || strings.Contains(said.String(), "]") {
		t.Errorf("got %v, and was said again: %s", r.Verdict(), said)
	}
	put(t, filepath.Join(dir, "testdata", "mutants.txt"), "toy.go Name negate n == 0\n  So.\ntoy.go gone delete x()\n  So.\n")
	r := run()
	if err := r.Verdict(); err == nil || !strings.Contains(err.Error(), "1 of 4 mutants") || !strings.Contains(err.Error(), "2 explanations explain nothing") {
		t.Errorf("got %v", err)
	}
	if want := []string{"toy.go Name negate n == 0 (TestName kills it)", "toy.go gone delete x() (there is no such mutant)"}; !slices.Equal(r.Stale, want) {
		t.Errorf("got %q", r.Stale)
	}
	if err := os.Remove(filepath.Join(dir, "testdata", "mutants.txt")); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, "more_test.go"), "package toy\n\nimport \"testing\"\n\nfunc TestFew(t *testing.T) {\n\tif Name(1) != \"few\" {\n\t\tt.Error(\"wrong\")\n\t}\n}\n")
	want[3] = `killed Name delete return "few": TestFew`
	if got := verdicts(run()); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	for line := range strings.Lines(said.String()) {
		if strings.Contains(line, "]") && !strings.Contains(line, "TestFew") {
			t.Errorf("done again: %s", line)
		}
	}
	put(t, filepath.Join(dir, "toy_test.go"), toyTest)
	if run(); !strings.Contains(said.String(), "TestSum takes") {
		t.Error("a test's file has changed, and nothing is done again")
	}
}

// TestSeveralPackages has what is on some lines of two packages tried with the tests of either.
func TestSeveralPackages(t *testing.T) {
	co, _, said := toy(t)
	put(t, filepath.Join(co.Root, "user", "user.go"), "package user\n\nimport \"toy.test/toy\"\n\nfunc Few(n int) bool {\n\tif n < 0 {\n\t\treturn true\n\t}\n\treturn toy.Name(n) == \"few\"\n}\n")
	put(t, filepath.Join(co.Root, "user", "user_test.go"), "package user\n\nimport \"testing\"\n\nfunc TestFew(t *testing.T) {\n\tif !Few(1) {\n\t\tt.Error()\n\t}\n}\n")
	put(t, filepath.Join(co.Root, "user", "zz_generated.go"), "// Code generated by nobody. DO NOT EDIT.\n\npackage user\n\nfunc Zero(n int) bool { return n == 0 }\n")
	put(t, filepath.Join(co.Root, "untested", "untested.go"), "package untested\n\nfunc F(n int) { n++ }\n")
	put(t, filepath.Join(co.Root, "toy", "toy_test.go"), strings.Replace(toyTest, `Name(0) != "few" || `, "", 1))
	what := Subject{
		Name: "toys", Dir: co.Root, Explanations: filepath.Join(co.Root, "why.txt"),
		Packages: []string{"toy", "untested", "user"}, Tests: []string{"toy", "untested", "user"},
		Lines: func(file string, line int) bool {
			return file == "toy/toy.go" && (line == 15 || line == 16) || file == "user/user.go" && line > 7 || file == "user/zz_generated.go" || file == "untested/untested.go"
		},
	}
	put(t, what.Explanations, "untested/untested.go F delete n++\n  Nobody tries.\n")
	r, err := Run(t.Context(), co, what, Options{})
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	want := []string{
		"killed toy/toy.go Name negate n == 0 || n == 1: TEST",
		"killed toy/toy.go Name negate n == 0: toy TestName",
		"killed toy/toy.go Name negate n == 1: TEST",
		`killed toy/toy.go Name delete return "few": user TestFew`,
		"unreached untested/untested.go F delete n++:",
		`killed user/user.go Few negate toy.Name(n) == "few": user TestFew`,
	}
	// Which of two tests that take no time comes first is nothing to rely on.
	got := strings.NewReplacer("n == 1: user TestFew", "n == 1: TEST", "n == 1: toy TestName", "n == 1: TEST").Replace(strings.Join(verdicts(r), "\n"))
	if got != strings.Join(want, "\n") || r.Verdict() != nil {
		t.Errorf("%v, got\n%s\nwant\n%s", r.Verdict(), got, strings.Join(want, "\n"))
	}
	said.Reset()
	if _, err := Run(t.Context(), co, what, Options{}); err != nil || strings.Contains(said.String(), "]") {
		t.Errorf("%v, and was done again: %s", err, said)
	}
	put(t, filepath.Join(co.Root, "user", "fails_test.go"), "package user\n\nimport \"testing\"\n\nfunc TestFails(t *testing.T) { t.Error(Few(1)) }\n")
	if _, err := Run(t.Context(), co, what, Options{}); err == nil || !strings.Contains(err.Error(), "user: user TestFails fails by itself") {
		t.Errorf("got %v", err)
	}
	what.Theirs = true
	for range 2 { // What fails by itself is in no journal: it is left out again.
		if r, err := Run(t.Context(), co, what, Options{}); err != nil || !slices.Equal(r.LeftOut, []string{"user TestFails"}) || r.Verdict() != nil {
			t.Errorf("left out %q, %v, %v", r.LeftOut, err, r.Verdict())
		}
	}
	what.Packages, what.Tests = []string{"untested"}, []string{"untested"}
	if _, err := Run(t.Context(), co, what, Options{}); err == nil || !strings.Contains(err.Error(), "toys has no tests") {
		t.Errorf("got %v", err)
	}
}

func TestRunOfLittle(t *testing.T) {
	co, dir, _ := toy(t)
	for _, test := range []struct {
		name string
		do   func(*Subject, *Options)
		want string
	}{
		{"no such function", func(_ *Subject, o *Options) { o.Only = []string{"Sum", "nothing"} }, `"nothing" is no file, function or mutant`},
		{"a reason without a mutant", func(*Subject, *Options) { put(t, filepath.Join(dir, "testdata", "mutants.txt"), "  why\n") }, "mutants.txt:1: a reason without a mutant"},
		{"a mutant without a reason", func(*Subject, *Options) { put(t, filepath.Join(dir, "testdata", "mutants.txt"), "a b\n") }, "a b has no reason"},
		{"twice", func(*Subject, *Options) {
			put(t, filepath.Join(dir, "testdata", "mutants.txt"), "a b\n  why\n\na b\n  why\n")
		}, "mutants.txt:4: this mutant is explained twice"},
		{"a test that fails", func(*Subject, *Options) {
			put(t, filepath.Join(dir, "testdata", "mutants.txt"), "")
			put(t, filepath.Join(dir, "fails_test.go"), "package toy\n\nimport \"testing\"\n\nfunc TestA(t *testing.T) { t.Error() }\n")
		}, "toy: TestA fails by itself with no mutant alive"},
		{"no Go", func(*Subject, *Options) {
			put(t, filepath.Join(dir, "toy.go"), "package toy\n\nfunc f() { undefined() }\n")
		}, "does not build with its mutants in it"},
		{"no mutant", func(what *Subject, _ *Options) {
			put(t, filepath.Join(dir, "toy.go"), toySource)
			what.Lines = func(string, int) bool { return false }
		}, "toy has no condition and no statement to make a mutant of"},
		{"no package", func(what *Subject, _ *Options) { what.Dir = co.Root }, "no Go files"},
	} {
		what, o := Package("toy", dir), Options{}
		test.do(&what, &o)
		if _, err := Run(t.Context(), co, what, o); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %s", test.name, err, test.want)
		}
	}
}

// TestInterrupt ends a run while a mutant hangs: it goes on with what is left.
func TestInterrupt(t *testing.T) {
	co, dir, said := toy(t)
	ctx, cancel := context.WithCancel(t.Context())
	co.Err = writer(func(p []byte) {
		said.Write(p)
		if bytes.Contains(p, []byte("Sum negate")) {
			time.AfterFunc(300*time.Millisecond, cancel)
		}
	})
	o := Options{Only: []string{"Sum"}, Spare: time.Minute}
	start := time.Now()
	r, err := Run(ctx, co, Package("toy", dir), o)
	if !errors.Is(err, context.Canceled) || len(r.Results) != 1 || time.Since(start) > 30*time.Second {
		t.Fatalf("after %s: %v, %q\n%s", time.Since(start), err, verdicts(r), said)
	}
	said.Reset()
	co.Err, o.Spare = said, time.Second
	if r, err = Run(t.Context(), co, Package("toy", dir), o); err != nil || len(r.Results) != 4 || strings.Contains(said.String(), "Sum negate") {
		t.Errorf("%v, %q\n%s", err, verdicts(r), said)
	}
}

type writer func([]byte)

func (w writer) Write(p []byte) (int, error) { w(p); return len(p), nil }

// TestWhatTheJournalHangsOn: it is of all that goes into the tests' programs, also of a package that only the tests of another one
// have, and that is compiled for them.
func TestWhatTheJournalHangsOn(t *testing.T) {
	co, dir, _ := toy(t)
	for name, content := range map[string]string{
		"toy/outside_test.go":      "package toy_test\n\nimport (\n\t_ \"embed\"\n\t\"testing\"\n\n\t\"toy.test/user\"\n)\n\n//go:embed data.txt\nvar data string\n\nfunc TestUser(t *testing.T) { user.Few(1) }\n",
		"toy/data.txt":             "a",
		"toy/testdata/x.txt":       "a",
		"user/user.go":             "package user\n\nimport (\n\t_ \"embed\"\n\n\t\"toy.test/toy\"\n)\n\n//go:embed limit.txt\nvar limit string\n\nfunc Few(n int) bool { return toy.Name(n) == limit }\n",
		"user/limit.txt":           "few",
		"user/unused_test.go":      "package user\n",
		"toy/testdata/mutants.txt": "",
		"README.md":                "a",
	} {
		put(t, filepath.Join(co.Root, name), content)
	}
	of := func() (key, set string) {
		t.Helper()
		s, err := load(t.Context(), co, Package("toy", dir))
		if err != nil {
			t.Fatal(err)
		}
		return s.key, setOf(s.hashes)
	}
	key, set := of()
	for name, want := range map[string]string{
		"toy/toy.go": "key", "user/user.go": "key", "user/limit.txt": "key",
		"toy/toy_test.go": "tests", "toy/outside_test.go": "tests", "toy/data.txt": "tests", "toy/testdata/x.txt": "tests",
		"user/unused_test.go": "", "toy/testdata/mutants.txt": "", "README.md": "",
	} {
		path := filepath.Join(co.Root, name)
		before, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		put(t, path, string(before)+"\n// more\n")
		nowKey, nowSet := of()
		if (nowKey != key) != (want == "key") || (nowSet != set) != (want == "tests") {
			t.Errorf("%s has changed: the key too: %t, the tests' hashes too: %t, want %q", name, nowKey != key, nowSet != set, want)
		}
		put(t, path, string(before))
	}
	if nowKey, nowSet := of(); nowKey != key || nowSet != set {
		t.Error("with all as it was, it is of something else")
	}
}
