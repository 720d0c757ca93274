package foreign

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fork.internal/apiserver/hack/internal/checkout"
)

// pkgs is a module with tests of every end.
var pkgs = map[string]string{
	"go.mod": "module example.org/m\n\ngo 1.24\n",
	"a/a_test.go": `package a

import ("os"; "testing")

func TestPasses(t *testing.T) {}
func TestOnce(t *testing.T) {
	if f, err := os.OpenFile(os.Getenv("RUNS"), os.O_CREATE|os.O_EXCL, 0o600); err == nil { f.Close(); t.Error("the first time") }
}
func TestParent(t *testing.T) {
	t.Run("one", func(*testing.T) {})
	t.Run("two", func(t *testing.T) { t.Error("as it always does") })
}
func TestSkipped(t *testing.T) { t.Skip() }
var n int
func TestPanics(t *testing.T) {
	if n++; n == 2 { panic("boom") }
}
`,
	"b/b_test.go": "package b\n\nfunc f() { undefined() }\n",
	"c/c.go":      "package c // no tests\n",
}

// script is a tester of package p whose tests fail as it says, run by run.
type script struct {
	t    *testing.T
	runs []string   // the tests that fail, separated by spaces; p is the package, all that no other passes, and none that none does
	args [][]string // what was asked for
}

func (s *script) test(_ context.Context, args ...string) (results, error) {
	s.args = append(s.args, args)
	if len(s.args) > len(s.runs) {
		s.t.Errorf("run once too often: %q", args)
		return results{}, nil
	}
	r := results{passed: 5, skipped: 1, failed: map[test]bool{}}
	for _, name := range strings.Fields(s.runs[len(s.args)-1]) {
		switch name {
		case "all":
			r.passed = 0
		case "none":
			r.passed = 0
			continue
		case "broken":
			r.broken = []string{"p"}
			fallthrough
		case "p":
			name = ""
		}
		r.failed[test{"p", name}] = true
	}
	return r, nil
}

func TestOnlyADifferenceIsAFailure(t *testing.T) {
	for name, tt := range map[string]struct {
		fork, plain []string
		rerun       string // the -run of what is run again
		want        string // in the error, or "" for none
		said        string
	}{
		"all pass": {fork: []string{""}, said: "5 tests pass, 1 are skipped"},
		"one":      {fork: []string{"TestA", "TestA"}, plain: []string{"", ""}, rerun: "-run=^(TestA)$", want: "\n  p TestA\n"},
		"one, that fails unmodified now and then": {fork: []string{"TestA", "TestA"}, plain: []string{"", "TestA"}, said: "fails unmodified too: p TestA"},
		"on both":           {fork: []string{"TestA"}, plain: []string{"TestA"}, said: "fails unmodified too: p TestA"},
		"two, of which one": {fork: []string{"TestA TestB", "TestB"}, plain: []string{"TestA", ""}, rerun: "-run=^(TestA|TestB)$", want: "1 tests fail with the fork, and pass unmodified:\n  p TestB\n"},
		"a subtest": {fork: []string{"TestA TestA/two", "TestA TestA/two"}, plain: []string{"TestA TestA/one", ""}, rerun: "-run=^(TestA)$",
			want: "\n  p TestA/two\n"},
		"a subtest, once": {fork: []string{"TestA TestA/two", ""}, plain: []string{""},
			said: "failed with the fork once, passed 3 times when it was run again, and 3 times unmodified: p TestA/two"},
		"all, on both":           {fork: []string{"all"}, want: "none passes, which shows nothing\nnext: "},
		"none but skipped ones":  {fork: []string{"none"}, want: "0 tests fail with the fork, 1 are skipped, and none passes"},
		"what builds on no side": {fork: []string{"broken"}, want: "do not build with the fork:\n  p\nnext: "},
		"the package":            {fork: []string{"p", "p"}, plain: []string{"", ""}, rerun: "p", want: "\n  p\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var said []string
			fork, plain := &script{t: t, runs: tt.fork}, &script{t: t, runs: tt.plain}
			err := compare(t.Context(), fork, plain, []string{"./..."}, func(line string) { said = append(said, line) })
			if got := fmt.Sprint(err); (tt.want == "") != (err == nil) || !strings.Contains(got, tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if tt.said != "" && !slices.Contains(said, tt.said) {
				t.Errorf("said %q, and not %q", said, tt.said)
			}
			if len(fork.args) != len(tt.fork) || len(plain.args) != len(tt.plain) {
				t.Errorf("ran %q and %q", fork.args, plain.args)
			}
			if tt.rerun != "" {
				if args := plain.args[0]; args[len(args)-1] != tt.rerun {
					t.Errorf("ran again %q, want %q", args, tt.rerun)
				}
			}
		})
	}
}

func TestWhatGoTestSays(t *testing.T) {
	dir := t.TempDir()
	for name, text := range pkgs {
		name = filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	out := new(bytes.Buffer)
	v := variant{name: "fork", dir: dir, co: &checkout.Checkout{Root: dir, Out: out, Err: out, Env: []string{"RUNS=" + filepath.Join(t.TempDir(), "runs")}}}
	got, err := v.test(t.Context(), "-count=2", "./...")
	if err != nil {
		t.Fatal(err)
	}
	want := map[test]bool{}
	for _, at := range []test{{"a", "TestOnce"}, {"a", "TestParent"}, {"a", "TestParent/two"}, {"a", "TestPanics"}, {"b", ""}} {
		at.Package = "example.org/m/" + at.Package
		want[at] = true
	}
	if !maps.Equal(got.failed, want) || got.passed != 2 || got.skipped != 1 || !slices.Equal(got.broken, []string{"example.org/m/b"}) {
		t.Errorf("got %+v, want %v\n%s", got, want, out)
	}
	for _, pkg := range []string{"./c", "./nowhere"} {
		if got, err := v.test(t.Context(), pkg); err == nil && len(got.failed) == 0 {
			t.Errorf("%s, which has no test, passes", pkg)
		}
	}
}

func TestWhatHadNotEndedHasFailed(t *testing.T) {
	const said = `{"Action":"start","Package":"p"}
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"run","Package":"p","Test":"TestB"}
{"Action":"output","Package":"p","Test":"TestB","Output":"panic: test timed out after 1s\n"}
{"Action":"fail","Package":"p"}
`
	out := new(bytes.Buffer)
	r, err := readEvents(strings.NewReader(said), out)
	want := map[test]bool{{"p", ""}: true, {"p", "TestB"}: true}
	if err != nil || r.passed != 1 || !maps.Equal(r.failed, want) || !strings.Contains(out.String(), "timed out") {
		t.Errorf("got %+v, %v, %q", r, err, out)
	}
}

// TestAnEndOfGoTestIsNoFailedTest has a go command that says of one package that a test has failed, and is killed, or ends, in the
// middle of another.
func TestAnEndOfGoTestIsNoFailedTest(t *testing.T) {
	real, err := exec.LookPath("go")
	if err != nil {
		t.Fatal(err)
	}
	const failed = `{"Action":"start","Package":"p"}
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"p"}
`
	const cut = `{"Action":"start","Package":"q"}
{"Action":"run","Package":"q","Test":"TestB"}
{"Action":"pass","Package":"q","Test":"TestB"}
`
	for name, tt := range map[string]struct{ said, end, want string }{
		"a failed test":         {failed, "exit 1", ""},
		"killed":                {failed, "kill -9 $$", "signal: killed"},
		"killed in another":     {failed + cut, "kill -9 $$", "signal: killed"},
		"wrong usage":           {failed, "exit 2", "exit status 2"},
		"the other has no end":  {failed + cut, "exit 1", "has not said how these packages ended:\n  q"},
		"nor has it otherwise":  {cut, "exit 0", "has not said how these packages ended:\n  q"},
		"a failure of no test":  {cut + `{"Action":"pass","Package":"q"}` + "\n", "exit 1", "exit status 1"},
		"no test":               {`{"Action":"start","Package":"p"}` + "\n" + `{"Action":"skip","Package":"p"}` + "\n", "exit 0", "has run no test"},
		"half a line, and gone": {failed + `{"Action":` + "\n", "exit 1", "go test -json"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			script := "#!/bin/sh\n[ $1 = test ] || exec " + real + " \"$@\"\ncat <<'END'\n" + tt.said + "END\n" + tt.end + "\n"
			if err := errors.Join(os.WriteFile(filepath.Join(dir, "go"), []byte(script), 0o755), os.WriteFile(filepath.Join(dir, "go.mod"), []byte(pkgs["go.mod"]), 0o644)); err != nil {
				t.Fatal(err)
			}
			t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
			out := new(bytes.Buffer)
			_, err := runTests(t.Context(), &checkout.Checkout{Root: dir, Out: out, Err: out}, dir, []string{"test"})
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
