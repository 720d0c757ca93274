package model

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fork.internal/apiserver/hack/internal/checkout"
)

func fixture(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestParse(t *testing.T) {
	for name, want := range map[string]struct {
		property string
		states   int64
		depth    int
		err      string
	}{
		"holds.txt":    {"", 600021, 30008, ""},
		"violated.txt": {"never_three", 4, 3, ""},
		"depth.txt":    {err: "maxDepth"},
		"memory.txt":   {err: "not completed"},
		"unnamed.txt":  {err: "no property"},
		"trail.txt":    {err: "says nothing"},
	} {
		got, err := parse(fixture(t, name))
		if want.err != "" {
			if err == nil || !strings.Contains(err.Error(), want.err) {
				t.Errorf("%s: error %v, want one with %q", name, err, want.err)
			}
			continue
		}
		if err != nil || got.property != want.property || got.states != want.states || got.depth != want.depth {
			t.Errorf("%s: got %+v, %v; want %+v", name, got, err, want)
		}
	}
}

func TestSteps(t *testing.T) {
	got := steps(fixture(t, "trail.txt"))
	want := []string{"counter: counts to 1: guard.go guard.seal", "counter: counts to 2: guard.go guard.seal", "counter: counts to 3: guard.go guard.seal"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func source() string { return filepath.Join("..", "..", "..", "test", "model") }

// TestRunsFitTheModel: each run's property is one of the model's, each macro is one that the model knows, and each
// property is one that some run shows to be able to fail.
func TestRunsFitTheModel(t *testing.T) {
	numbers, err := properties(filepath.Join(source(), "properties.pml"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(source(), "*.pml"))
	if err != nil {
		t.Fatal(err)
	}
	var text, page strings.Builder
	for _, file := range append(files, filepath.Join(source(), "README.md")) {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Ext(file) == ".md" {
			page.Write(data)
		} else {
			text.Write(data)
		}
	}
	states, err := figures(filepath.Join(source(), pageFile))
	if err != nil {
		t.Fatal(err)
	}
	fails, ids := map[string]bool{}, map[string]bool{}
	for _, r := range Runs {
		if ids[r.ID] {
			t.Errorf("there are two runs %s", r.ID)
		}
		ids[r.ID] = true
		if (r.Kind == Plain) != (r.Property == "") || r.Property != "" && numbers[r.Property] == 0 {
			t.Errorf("%s is a %s with the property %q", r.ID, r.Kind, r.Property)
		}
		if r.Kind == Plain && states[r.ID] == 0 {
			t.Errorf("the page does not say how many states %s has", r.ID)
		}
		fails[r.Property] = true
		for _, flag := range r.Flags() {
			macro, _, _ := strings.Cut(strings.TrimPrefix(flag, "-D"), "=")
			if !strings.Contains(text.String(), "def "+macro+"\n") && !strings.Contains(text.String(), "defined("+macro+")") {
				t.Errorf("%s defines %s, which changes nothing in the model", r.ID, macro)
			}
		}
		if !strings.Contains(page.String(), "| "+r.ID+" |") {
			t.Errorf("the page has no row for %s", r.ID)
		}
	}
	for property := range numbers {
		if !fails[property] {
			t.Errorf("no run shows that %s can fail", property)
		}
		if !strings.Contains(page.String(), "`"+property+"`") {
			t.Errorf("the page does not say what %s is", property)
		}
	}
}

func TestMissingProgram(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := Check(context.Background(), &checkout.Checkout{Root: t.TempDir(), Out: io.Discard, Err: io.Discard}, Options{})
	if err == nil || err.Error() != "spin is not in PATH; next: apt-get install spin gcc cpp" {
		t.Error(err)
	}
}

func TestChoose(t *testing.T) {
	if _, err := choose(Runs, []string{"h1", "E99"}); err == nil || !strings.Contains(err.Error(), `no run "E99"; next: make model ID= with one of h1, `) {
		t.Error(err)
	}
	if got, err := choose(Runs, []string{"E4"}); err != nil || len(got) != 1 || got[0].ID != "E4" {
		t.Error(got, err)
	}
}

func TestVerdict(t *testing.T) {
	right := Report{{ID: "h1"}, {ID: "E4", Expected: "p", Found: "p"}}
	if err := right.Verdict(); err != nil {
		t.Error(err)
	}
	for _, wrong := range []Result{{ID: "x", Found: "p"}, {ID: "x", Expected: "p"}, {ID: "x", Expected: "p", Found: "q"}, {ID: "x", Error: "e"}} {
		err := append(right[:2:2], wrong).Verdict()
		if err == nil || !strings.Contains(err.Error(), "1 of 3 runs did not come to what they are to come to: x; next: make model ID=x") {
			t.Errorf("%+v: %v", wrong, err)
		}
	}
}

func TestStatesAreNearThePages(t *testing.T) {
	for _, tt := range []struct {
		states, figure int64
		ok             bool
	}{{1000, 1000, true}, {600, 1000, true}, {1900, 1000, true}, {400, 1000, false}, {2100, 1000, false}, {1000, 0, false}} {
		if err := near(tt.states, tt.figure); (err == nil) != tt.ok {
			t.Errorf("%+v: %v", tt, err)
		}
	}
}

// TestMacrosChangeTheModel: a configuration whose macro has come to do nothing holds, too.
func TestMacrosChangeTheModel(t *testing.T) {
	cpp, err := exec.LookPath("cpp")
	if err != nil {
		t.Skip("cpp is not in PATH")
	}
	text := func(flags []string) string {
		t.Helper()
		cmd := exec.Command(cpp, append([]string{"-P"}, append(flags, mainFile)...)...)
		cmd.Dir = source()
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	for _, r := range Runs {
		flags := r.Flags()
		with := text(flags)
		for i, flag := range flags {
			if text(slices.Delete(slices.Clone(flags), i, i+1)) == with {
				t.Errorf("%s is the same without %s", r.ID, flag)
			}
		}
	}
}
