package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"fork.internal/apiserver/hack/internal/toy"
)

func TestBadOptions(t *testing.T) {
	co := toy.New(t)
	for _, tt := range []struct {
		o    Options
		want string
	}{
		{Options{Tag: "v0.9.9"}, "unknown tag v0.9.9"},
		{Options{Focus: "("}, "FOCUS= takes a regular expression"},
	} {
		if _, err := Run(t.Context(), co, tt.o); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: got %v, want %q", tt.o, err, tt.want)
		}
	}
	if _, err := os.Stat(filepath.Join(co.Output(), "conformance")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("something was written: %v", err)
	}
}

func TestNothingIsChosen(t *testing.T) {
	o := Options{Focus: "x"}
	for leftOut, want := range map[int]string{
		0: "FOCUS=x matches none of 9 specs; next: e2e.test --list-tests", 2: "all 2 specs that FOCUS=x matches are Serial or Disruptive",
	} {
		if err := o.nothing(9, leftOut, "e2e.test"); !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestSelection(t *testing.T) {
	if got, want := (Options{}).selection(alone).labels, "Conformance && (sig-api-machinery || sig-auth || sig-cli || sig-node) && !Serial && !Disruptive"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := (Options{Focus: "x"}).selection(nil); got != (selection{focus: "x"}) {
		t.Errorf("got %+v", got)
	}
	s := exactly([]string{"[sig-a] one (or two)", "[sig-a] three"})
	focus := regexp.MustCompile(s.focus)
	for name, want := range map[string]bool{
		"Suite [sig-a] one (or two)": true, "Suite [sig-a] three": true, "Suite [sig-a] three more": false, "Suite [sig-b] [sig-a] one or two": false,
	} {
		if focus.MatchString(name) != want {
			t.Errorf("%s: %t", name, !want)
		}
	}
	if got := s.args("--"); len(got) != 1 || got[0] != "--focus="+s.focus {
		t.Errorf("got %q", got)
	}
}

// report writes a ginkgo report with nodes that have a type, a state and what they have printed.
func report(t *testing.T, nodes ...[3]string) string {
	t.Helper()
	var all []map[string]any
	for _, n := range nodes {
		all = append(all, map[string]any{
			"ContainerHierarchyTexts": []string{"[sig-a] things"}, "ContainerHierarchyLabels": [][]string{{"sig-a"}},
			"LeafNodeType": n[0], "LeafNodeText": "that " + n[1], "LeafNodeLabels": []string{"Conformance"}, "State": n[1], "NumAttempts": 1,
			"RunTime": 1_500_000_000, "Failure": map[string]any{"Message": "it is\n so"}, "CapturedGinkgoWriterOutput": n[2],
		})
	}
	data, err := json.Marshal([]any{map[string]any{"SpecReports": all}})
	toy.Check(t, err)
	path := filepath.Join(t.TempDir(), "report.json")
	toy.Write(t, path, string(data))
	return path
}

func TestReport(t *testing.T) {
	const said = `  Events: 	{kubelet k} Failed: Failed to pull image "registry.test/there/nginx:1": not found`
	all, err := readReport(report(t, [3]string{"BeforeSuite", "passed", ""}, [3]string{"It", "passed", said}, [3]string{"It", "failed", said}, [3]string{"It", "timedout", ""}))
	toy.Check(t, err)
	if len(all) != 3 || all[0].name != "[sig-a] things that passed" || all[0].group() != "sig-a" || all[0].seconds != 1.5 || all[0].image != "" {
		t.Errorf("got %+v", all)
	}
	if failed := all.failures(); len(failed) != 2 || failed[0].image != "registry.test/there/nginx:1" || failed[1].image != "" {
		t.Errorf("got %+v", failed)
	}
	if _, err := readReport(report(t, [3]string{"SynchronizedBeforeSuite", "failed", ""})); err == nil || !strings.Contains(err.Error(), "SynchronizedBeforeSuite has failed: it is so") {
		t.Errorf("got %v", err)
	}
	path := filepath.Join(t.TempDir(), "report.json")
	toy.Write(t, path, `[{"SpecReports":[`)
	if _, err := readReport(path); err == nil {
		t.Error("half a report is taken for one")
	}
}

func TestNoImage(t *testing.T) {
	for said, want := range map[string]string{
		`Back-off pulling image "a/b:1": ErrImagePull`:   "a/b:1",
		`message:"Failed to pull image \"a/b:1\": none"`: "a/b:1",
		"timed out waiting for the condition":            "",
	} {
		if got := noImage("", said); got != want {
			t.Errorf("%s: got %q, want %q", said, got, want)
		}
	}
}

func TestCounter(t *testing.T) {
	var into bytes.Buffer
	c := &counter{w: &into}
	const said = "•• • [FAILED] “x” •"
	for i := range len(said) {
		if n, err := c.Write([]byte(said[i : i+1])); n != 1 || err != nil {
			t.Fatal(n, err)
		}
	}
	if c.n.Load() != 4 || into.String() != said {
		t.Errorf("got %d, %q", c.n.Load(), into.String())
	}
}

// fake fails, at each run, what it is told to fail at that run, with the image that it names, if any.
type fake struct {
	t     *testing.T
	runs  []map[string]string
	asked []string
}

func (f *fake) run(_ context.Context, s selection, n int) (specs, error) {
	f.asked = append(f.asked, s.focus)
	if len(f.runs) == 0 {
		return nil, errors.New("too many runs")
	}
	now := f.runs[0]
	f.runs = f.runs[1:]
	var all specs
	focus := regexp.MustCompile(s.focus)
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		if focus.MatchString(" " + name) {
			all = append(all, one(name, now))
		}
	}
	if len(all) != n {
		f.t.Errorf("asked for %d specs by %s", n, s.focus)
	}
	return all, nil
}

func one(name string, failing map[string]string) spec {
	s := spec{name: name, state: "passed", run: true}
	if image, ok := failing[name]; ok {
		s.state, s.why, s.image = "failed", "no", image
	}
	return s
}

func TestCompare(t *testing.T) {
	v := verdict{}
	first := map[string]string{"a": "", "b": "img", "c": "img", "d": "", "e": "", "f": ""}
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g"} {
		v.all = append(v.all, one(name, first))
	}
	v.all = append(v.all, spec{name: "h", state: "skipped", run: true})
	fork := &fake{t: t, runs: []map[string]string{{"f": ""}, {"d": ""}, {}}}
	plain := &fake{t: t, runs: []map[string]string{{"a": "", "b": "img", "c": ""}, {}, {"f": ""}, {}}}
	toy.Check(t, v.compare(t.Context(), fork, plain))
	got := map[string]Outcome{}
	for _, s := range v.specs() {
		got[s.Name] = s.Outcome
	}
	for name, want := range map[string]Outcome{
		"a": Unmodified, "b": NoImage, "c": Unmodified, // It could be had there, and it failed all the same.
		"d": Differs, "e": Once, "f": Unmodified, // f fails there one time in four.
		"g": Passed, "h": Skipped,
	} {
		if got[name] != want {
			t.Errorf("%s: got %q, want %q", name, got[name], want)
		}
	}
	if len(fork.runs)+len(plain.runs) > 0 {
		t.Errorf("not run: %v, %v", fork.runs, plain.runs)
	}
	// What has failed again is not run once more.
	if want := []string{" (d|e|f)$", " (d|e)$", " (e)$"}; !slices.Equal(fork.asked, want) {
		t.Errorf("got %q, want %q", fork.asked, want)
	}
}

func TestNothingFailsUnmodifiedWhereThatCannotBeSaid(t *testing.T) {
	v := verdict{all: specs{one("a", map[string]string{"a": ""})}}
	if err := v.compare(t.Context(), &fake{t: t}, &fake{t: t}); err == nil {
		t.Error("no error")
	}
}

func TestVerdict(t *testing.T) {
	for _, tt := range []struct {
		outcomes []Outcome
		want     string // in the error; empty for none
	}{
		{[]Outcome{Passed, Skipped, Unmodified, NoImage, Once}, ""},
		{[]Outcome{Passed, Differs}, "1 specs fail with the fork, and pass unmodified"},
		{[]Outcome{Skipped, Skipped}, "of 2 specs none passes"},
		{[]Outcome{Unmodified, NoImage, Once}, "of 3 specs none passes"},
		{nil, "of 0 specs none passes"},
	} {
		r := Report{Logs: "logs"}
		for _, o := range tt.outcomes {
			r.Specs = append(r.Specs, Spec{Outcome: o})
		}
		if err := r.verdict(); (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v: got %v", tt.outcomes, err)
		}
	}
}
