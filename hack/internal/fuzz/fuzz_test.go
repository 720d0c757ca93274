package fuzz

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/toy"
)

const holds = `package holds

import "testing"

func FuzzHolds(f *testing.F) {
	f.Add([]byte("seed"))
	f.Fuzz(func(t *testing.T, data []byte) { _ = len(data) })
}

func Fuzzes(n int) {}

type T struct{}

func (T) FuzzMethod(f *testing.F) {}
`

const breaks = `package breaks_test

import "testing"

func FuzzBreaks(f *testing.F) {
	f.Add([]byte("seed"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if string(data) != "seed" {
			t.Fatal("not the seed")
		}
	})
}

func FuzzSeed(f *testing.F) {
	f.Add([]byte("seed"))
	f.Fuzz(func(t *testing.T, data []byte) { t.Fatal("not even that") })
}
`

func newToy(t *testing.T) (co *checkout.Checkout, said *bytes.Buffer) {
	said = &bytes.Buffer{}
	co = &checkout.Checkout{Root: t.TempDir(), Out: said, Err: said}
	toy.Write(t, filepath.Join(co.Root, "go.mod"), "module "+checkout.Module+"\n\ngo 1.24\n")
	toy.Write(t, filepath.Join(co.Root, "toyholds", "holds_test.go"), holds)
	toy.Write(t, filepath.Join(co.Root, "toybreaks", "breaks_test.go"), breaks)
	toy.Write(t, filepath.Join(co.Root, "toyholds", "other_test.go"), "//go:build other\n\npackage holds\n\nimport \"testing\"\n\nfunc FuzzOther(f *testing.F) {}\n")
	toy.Write(t, filepath.Join(co.Root, "toyholds", "holds.go"), "package holds\n")
	toy.Write(t, filepath.Join(co.Root, "toybreaks", "breaks.go"), "package breaks\n")
	return co, said
}

func names(targets []Target) (names []string) {
	for _, target := range targets {
		names = append(names, target.Package+" "+target.Name)
	}
	return names
}

func TestTargetsAreFound(t *testing.T) {
	co, _ := newToy(t)
	targets, err := Targets(t.Context(), co)
	if want := []string{"./toybreaks FuzzBreaks", "./toybreaks FuzzSeed", "./toyholds FuzzHolds"}; err != nil || !slices.Equal(names(targets), want) {
		t.Errorf("got %v, %v, want %v", names(targets), err, want)
	}
	toy.Check(t, os.RemoveAll(filepath.Join(co.Root, "toybreaks")))
	toy.Check(t, os.RemoveAll(filepath.Join(co.Root, "toyholds", "holds_test.go")))
	if targets, err := Targets(t.Context(), co); err == nil || !strings.Contains(err.Error(), "no package of") {
		t.Errorf("of none: got %v, %v", names(targets), err)
	}
}

// TestOwnTargets: those of this module are found, whoever adds one.
func TestOwnTargets(t *testing.T) {
	co, err := checkout.Find(".")
	toy.Check(t, err)
	targets, err := Targets(t.Context(), co)
	if err != nil || !slices.Contains(names(targets), "./pkg/endpoints/deadline FuzzGuard") {
		t.Errorf("got %v, %v", names(targets), err)
	}
}

func TestRun(t *testing.T) {
	co, said := newToy(t)
	report, err := Run(t.Context(), co, Options{Time: "50x"})
	if err != nil || len(report) != 3 {
		t.Fatalf("got %+v, %v", report, err)
	}
	breaks, seed, holds := report[0], report[1], report[2]
	if holds.Verdict != Passed || holds.Execs < 50 || holds.Said+holds.Crasher+holds.Again != "" {
		t.Errorf("what holds: %+v", holds)
	}
	if breaks.Verdict != Failed || !strings.Contains(breaks.Said, "not the seed") || !strings.HasPrefix(breaks.Crasher, "toybreaks/testdata/fuzz/FuzzBreaks/") {
		t.Errorf("what breaks: %+v", breaks)
	}
	if _, err := os.Stat(filepath.Join(co.Root, breaks.Crasher)); err != nil {
		t.Error(err)
	}
	if want := "go test -run='^FuzzBreaks$/^" + filepath.Base(breaks.Crasher) + "$' ./toybreaks"; breaks.Again != want {
		t.Errorf("to run it again: got %s, want %s", breaks.Again, want)
	}
	if want := "go test -run='^FuzzSeed$/^seed#0$' ./toybreaks"; seed.Verdict != Failed || seed.Crasher != "" || seed.Again != want {
		t.Errorf("what breaks with a seed: %+v, want %s", seed, want)
	}
	if verdict := report.Verdict(); verdict == nil || !strings.Contains(verdict.Error(), "2 of 3 fuzz targets failed: FuzzBreaks, FuzzSeed; next: "+breaks.Again+", and commit "+breaks.Crasher) {
		t.Errorf("got %v", verdict)
	}
	var table strings.Builder
	toy.Check(t, report.WriteTable(&table))
	for _, want := range []string{"FuzzHolds", "./toyholds", Passed, "not the seed", breaks.Crasher, seed.Again} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("the table is without %s:\n%s", want, table.String())
		}
	}
	for _, want := range []string{"FuzzBreaks, 1 of 3, in ./toybreaks", "FuzzHolds, 3 of 3, in ./toyholds"} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("progress is without %s:\n%s", want, said)
		}
	}
	if data, err := json.Marshal(holds); err != nil || !strings.Contains(string(data), `"target":"FuzzHolds","package":"./toyholds","verdict":"passed"`) {
		t.Errorf("as JSON: %s, %v", data, err)
	}
	report, err = Run(t.Context(), co, Options{Time: "50x", IDs: []string{"FuzzHolds"}})
	if err != nil || len(report) != 1 || report.Verdict() != nil {
		t.Errorf("one alone: got %+v, %v", report, err)
	}
}

func TestThatDoesNotBuild(t *testing.T) {
	co, _ := newToy(t)
	toy.Write(t, filepath.Join(co.Root, "toyholds", "holds.go"), "package holds\n\nvar x int = \"\"\n")
	report, err := Run(t.Context(), co, Options{Time: "1x", IDs: []string{"FuzzHolds"}})
	if err != nil || len(report) != 1 || report[0].Verdict != Failed || !strings.Contains(report[0].Said, "cannot use") {
		t.Errorf("got %+v, %v", report, err)
	}
	if verdict := report.Verdict(); verdict == nil || !strings.HasSuffix(verdict.Error(), "next: make fuzz ID=FuzzHolds") {
		t.Errorf("got %v", verdict)
	}
}

// TestOfTheTree: what is below test/ is built with the fork's tree, and not without.
func TestOfTheTree(t *testing.T) {
	co, _ := newToy(t)
	toy.Write(t, filepath.Join(co.Root, "test", "toytree", "tree_test.go"), strings.NewReplacer("package holds", "package tree", "FuzzHolds", "FuzzTree").Replace(holds))
	report, err := Run(t.Context(), co, Options{Time: "1x", IDs: []string{"FuzzTree"}})
	if err != nil || len(report) != 1 || report[0].Verdict != Failed || !strings.Contains(report[0].Said, "pins.json is missing") {
		t.Errorf("without pins: got %+v, %v", report, err)
	}
	l := &log{input: "FuzzTree/x"}
	var r Result
	l.into(&r, co, report[0].Target, []string{"-mod=mod", "-modfile=" + filepath.Join(co.Root, "a.mod")})
	if want := "go test -mod=mod -modfile=a.mod -run='^FuzzTree$/^x$' ./test/toytree"; r.Again != want {
		t.Errorf("to run it again: got %s, want %s", r.Again, want)
	}
}

// interrupting cancels when it is told that a target is being fuzzed.
type interrupting struct{ cancel func() }

func (i interrupting) Write(p []byte) (int, error) {
	if strings.Contains(string(p), "execs:") {
		i.cancel()
	}
	return len(p), nil
}

func TestInterrupted(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for progress")
	}
	co, _ := newToy(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	co.Err = interrupting{cancel}
	toy.Check(t, os.RemoveAll(filepath.Join(co.Root, "toybreaks")))
	toy.Write(t, filepath.Join(co.Root, "toylast", "last_test.go"), strings.NewReplacer("package holds", "package last", "FuzzHolds", "FuzzLast").Replace(holds))
	toy.Write(t, filepath.Join(co.Root, "toylast", "last.go"), "package last\n")
	report, err := Run(ctx, co, Options{Time: "10m"})
	if !errors.Is(err, context.Canceled) || len(report) != 2 || report[0].Verdict != Interrupted || report[0].Execs == 0 || report[1].Verdict != NotRun {
		t.Errorf("got %+v, %v", report, err)
	}
	if err := report.Verdict(); err != nil {
		t.Errorf("nothing has failed, and the verdict is %v", err)
	}
}

func TestBadOptions(t *testing.T) {
	co, _ := newToy(t)
	co.Err = io.Discard
	for _, s := range []string{"", "5", "0s", "-1s", "0x", "-3x", "1.5x", "x", "soon"} {
		if report, err := Run(t.Context(), co, Options{Time: s}); err == nil || report != nil || !strings.Contains(err.Error(), "FUZZTIME=30s") {
			t.Errorf("%q: got %v, %v", s, report, err)
		}
	}
	report, err := Run(t.Context(), co, Options{Time: "1x", IDs: []string{"FuzzHolds", "FuzzNo"}})
	if err == nil || report != nil || !strings.Contains(err.Error(), `no fuzz target "FuzzNo"; next: make fuzz ID= with one of FuzzBreaks, FuzzSeed, FuzzHolds`) {
		t.Errorf("got %v, %v", report, err)
	}
}

func TestWhatGoTestSays(t *testing.T) {
	for name, tt := range map[string]struct {
		said    string
		ranOut  bool
		crasher bool
		state   string
	}{
		"nothing":         {"", false, false, building},
		"how far it is":   {"fuzz: elapsed: 3s, execs: 7 (2/sec), new interesting: 1 (total: 2)\nPASS\n", false, false, "execs: 7 (2/sec), new interesting: 1 (total: 2)"},
		"the time's end":  {"fuzz: elapsed: 3s, gathering baseline coverage: 0/9 completed\n--- FAIL: FuzzX (3.00s)\n    context deadline exceeded\nFAIL\nexit status 1\nFAIL\tx\t3.1s\n", true, false, "gathering baseline coverage: 0/9 completed"},
		"of a handler":    {"--- FAIL: FuzzX (3.00s)\n    context deadline exceeded\n    x_test.go:3: wrong\nFAIL\n", false, false, building},
		"a failing input": {"--- FAIL: FuzzX (3.00s)\n    Failing input written to testdata/fuzz/FuzzX/ab\n    To re-run:\n    go test -run=FuzzX/ab\n", false, true, building},
	} {
		l := &log{}
		io.Copy(l, strings.NewReader(tt.said))
		if l.ranOut() != tt.ranOut || (l.crasher != "") != tt.crasher || l.last() != tt.state {
			t.Errorf("%s: got %v, %q, %q", name, l.ranOut(), l.crasher, l.last())
		}
	}
}
