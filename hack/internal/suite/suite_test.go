package suite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/pins"
)

// toy is a checkout with two minors, and steps that note that they have run.
type toy struct {
	*testing.T
	co   *checkout.Checkout
	said bytes.Buffer
	opts Options
	ran  []string
	// does is what a step does, by "TAG STEP".
	does map[string]func(co *checkout.Checkout) error
	// results are those of the last run, "TAG STEP: OUTCOME".
	results []string
	last    Result
}

func newToy(t *testing.T) *toy {
	y := &toy{T: t, does: map[string]func(*checkout.Checkout) error{}}
	y.co = &checkout.Checkout{Root: t.TempDir(), Out: &y.said, Err: &y.said}
	for name, content := range map[string]string{
		"go.mod": "module " + checkout.Module + "\n", "go.sum": "", "hack/x.sh": "x", "test/t.go": "t",
		"pkg/p.go": "p", "patches/v0.1/0001-a.patch": "a", "patches/v0.2/0001-a.patch": "a", "README.md": "readme",
	} {
		y.write(name, content)
	}
	p := &pins.Pins{Module: "toy.test/m"}
	p.Add(pins.Tag{Tag: "v0.1.3", Sum: "h1:x"})
	p.Add(pins.Tag{Tag: "v0.2.0", Sum: "h1:x"})
	y.opts = Options{Pins: p, Resume: true, Next: "make it so", Report: func(r Result) {
		y.last = r
		y.results = append(y.results, fmt.Sprintf("%s %s: %s", r.Tag, r.Step, r.Outcome))
	}}
	for _, name := range []string{"one", "two"} {
		y.opts.Steps = append(y.opts.Steps, Step{Name: name, Run: func(_ context.Context, co *checkout.Checkout, tag string) error {
			y.ran = append(y.ran, tag+" "+name)
			fmt.Fprintf(co.Out, "%s of %s\n", name, tag)
			if do := y.does[tag+" "+name]; do != nil {
				return do(co)
			}
			return nil
		}})
	}
	return y
}

func (y *toy) write(name, content string) {
	y.Helper()
	path := filepath.Join(y.co.Root, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o644)); err != nil {
		y.Fatal(err)
	}
}

// run runs everything, and wants these to have been run.
func (y *toy) run(ctx context.Context, ran ...string) error {
	y.Helper()
	y.ran, y.results, y.opts.Tags = nil, nil, y.opts.Pins.Newest()
	err := Run(ctx, y.co, y.opts)
	if got, want := strings.Join(y.ran, ", "), strings.Join(ran, ", "); got != want {
		y.Errorf("ran %s; want %s", got, want)
	}
	return err
}

var all = []string{"v0.1.3 one", "v0.1.3 two", "v0.2.0 one", "v0.2.0 two"}

func TestWhatHasPassedIsNotRunAgain(t *testing.T) {
	y := newToy(t)
	ctx := context.Background()
	if err := y.run(ctx, all...); err != nil {
		t.Fatal(err)
	}
	if err := y.run(ctx); err != nil || strings.Join(y.results, ", ") != "v0.1.3 one: passed before, v0.1.3 two: passed before, v0.2.0 one: passed before, v0.2.0 two: passed before" {
		t.Errorf("got %v, %q", err, y.results)
	}
	second := all[2:]
	for _, change := range []struct {
		name string
		do   func()
		ran  []string
	}{
		{"README.md", func() { y.write("README.md", "other") }, nil},
		{"a scratch file", func() { y.write("pkg/.fork-1", "other") }, nil},
		{"pkg/", func() { y.write("pkg/p.go", "other") }, all},
		{"a new file of test/", func() { y.write("test/new.go", "new") }, all},
		{"hack/", func() { y.write("hack/x.sh", "other") }, all},
		{"go.mod", func() { y.write("go.mod", "other") }, all},
		{"a patch", func() { y.write("patches/v0.2/0001-a.patch", "b") }, second},
		{"a patch's name", func() {
			if err := os.Rename(filepath.Join(y.co.Root, "patches/v0.2/0001-a.patch"), filepath.Join(y.co.Root, "patches/v0.2/0002-a.patch")); err != nil {
				t.Fatal(err)
			}
		}, second},
		{"the pin of an older tag", func() { y.opts.Pins.Add(pins.Tag{Tag: "v0.2.0-rc.1", Sum: "h1:x"}) }, nil},
		{"a pin", func() { y.opts.Pins.Add(pins.Tag{Tag: "v0.2.0", Sum: "h1:y"}) }, second},
		{"a newer tag", func() { y.opts.Pins.Add(pins.Tag{Tag: "v0.2.1", Sum: "h1:y"}) }, []string{"v0.2.1 one", "v0.2.1 two"}},
		{"a record that cannot be read", func() { y.write("_output/passed/v0.1.3/one.json", "{") }, all[:1]},
		{"etcd", func() { y.opts.Pins.Etcd = "v3" }, []string{"v0.1.3 one", "v0.1.3 two", "v0.2.1 one", "v0.2.1 two"}},
	} {
		t.Log("changed: ", change.name)
		change.do()
		if err := y.run(ctx, change.ran...); err != nil {
			t.Error(err)
		}
	}
	y.opts.Resume = false
	if err := y.run(ctx, "v0.1.3 one", "v0.1.3 two", "v0.2.1 one", "v0.2.1 two"); err != nil {
		t.Error(err)
	}
}

// TestStepsAreOfWhatIsOnRecord: of pkg/ and patches/ as they are, and of Go with nothing set.
func TestStepsAreOfWhatIsOnRecord(t *testing.T) {
	y := newToy(t)
	y.co.Env = append(y.co.Env, "GOFLAGS=-short")
	y.does["v0.2.0 two"] = func(co *checkout.Checkout) error {
		if env := co.Environ(); !co.Pure || slices.Index(env, "GOFLAGS=") < slices.Index(env, "GOFLAGS=-short") {
			t.Errorf("Pure: %t, in %q", co.Pure, env)
		}
		return nil
	}
	if err := y.run(context.Background(), all...); err != nil {
		t.Error(err)
	}
	if y.co.Pure || len(y.co.Env) != 1 {
		t.Errorf("the caller's checkout has become %+v", y.co)
	}
	y.opts.Pins.Add(pins.Tag{Tag: "v0.3.0", Sum: "h1:x"}) // Some steps ask which minors there are.
	if err := y.run(context.Background(), append(all[:4:4], "v0.3.0 one", "v0.3.0 two")...); err != nil {
		t.Error(err)
	}
}

func TestFailuresDoNotStopTheOthers(t *testing.T) {
	y := newToy(t)
	ctx := context.Background()
	y.does["v0.1.3 one"] = func(co *checkout.Checkout) error {
		fmt.Fprint(co.Err, "ok\n--- FAIL: TestX\nFAIL\ntoy.test/m\nFAIL\ttoy.test/m/pkg/a\t1.2s\n")
		return errors.New("it broke")
	}
	err := y.run(ctx, all...)
	if err == nil || err.Error() != "1 of 4 steps failed: v0.1.3 one\nnext: make it so" {
		t.Errorf("got %v", err)
	}
	if got := strings.Join(y.results, ", "); got != "v0.1.3 one: FAILED, v0.1.3 two: passed, v0.2.0 one: passed, v0.2.0 two: passed" {
		t.Errorf("got %s", got)
	}
	if err := y.run(ctx, all[0]); err == nil || y.results[0] != "v0.1.3 one: FAILED" {
		t.Errorf("got %v, %q", err, y.results)
	}
	y.opts.Steps = y.opts.Steps[:1]
	y.opts.Pins.Minors = y.opts.Pins.Minors[:1]
	if err := y.run(ctx, all[0]); err == nil || y.last.Error != "it broke\n--- FAIL: TestX\nFAIL\ttoy.test/m/pkg/a\t1.2s" {
		t.Errorf("got %v, %+v", err, y.last)
	}
	log, err := os.ReadFile(filepath.Join(y.co.Root, filepath.FromSlash(y.last.Log)))
	if err != nil || !strings.HasPrefix(string(log), "one of v0.1.3\nok\n") {
		t.Errorf("log: %q, %v", log, err)
	}
	if !strings.Contains(y.said.String(), "1 of 4, v0.1.3 one: log in _output/log/v0.1.3-one.log\n") || strings.Contains(y.said.String(), "FAIL") {
		t.Errorf("said %q", y.said.String())
	}
	// A failure after a pass with the same inputs is not forgotten.
	delete(y.does, "v0.1.3 one")
	if err := y.run(ctx, all[0]); err != nil {
		t.Fatal(err)
	}
	y.does["v0.1.3 one"] = func(*checkout.Checkout) error { return errors.New("it broke") }
	y.opts.Resume = false
	if err := y.run(ctx, all[0]); err == nil {
		t.Error("no error")
	}
	y.opts.Resume = true
	if err := y.run(ctx, all[0]); err == nil {
		t.Error("passed before, although it has failed since")
	}
}

func TestAnInterruptedRunIsGoneOnWith(t *testing.T) {
	y := newToy(t)
	ctx, cancel := context.WithCancel(context.Background())
	y.does["v0.1.3 two"] = func(*checkout.Checkout) error { cancel(); return ctx.Err() }
	if err := y.run(ctx, all[:2]...); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	delete(y.does, "v0.1.3 two")
	if err := y.run(context.Background(), all[1:]...); err != nil || y.results[0] != "v0.1.3 one: passed before" {
		t.Errorf("got %v, %q", err, y.results)
	}
}

func TestWhatWasEditedMeanwhileHasNotPassed(t *testing.T) {
	y := newToy(t)
	y.does["v0.2.0 two"] = func(*checkout.Checkout) error { y.write("patches/v0.2/0001-a.patch", "edited"); return nil }
	if err := y.run(context.Background(), all...); err != nil {
		t.Fatal(err)
	}
	if err := y.run(context.Background(), all[2:]...); err != nil {
		t.Fatal(err)
	}
}

func TestJournalSaysHowFarItIs(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	j := &journal{file: f}
	if got := j.last(); got != "no output yet" {
		t.Errorf("got %q", got)
	}
	for _, part := range []string{"ok  a\n\nok  b", "\nok"} {
		if _, err := j.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	if got := j.last(); got != "3 lines; last: ok  b" {
		t.Errorf("got %q", got)
	}
}

func TestAPatchThatMinorsShareCountsForEach(t *testing.T) {
	y := newToy(t)
	ctx := context.Background()
	if err := os.Remove(filepath.Join(y.co.Root, "patches/v0.1/0001-a.patch")); err != nil {
		t.Fatal(err)
	}
	y.write("patches/v0.1/series", "../v0.2/0001-a.patch\n")
	for _, change := range []struct {
		name string
		do   func()
		ran  []string
	}{
		{"nothing before", func() {}, all},
		{"a shared patch", func() { y.write("patches/v0.2/0001-a.patch", "b") }, all},
		{"a patch of one", func() { y.write("patches/v0.2/0002-b.patch", "b") }, all[2:]},
		{"the list of the other", func() { y.write("patches/v0.1/series", "../v0.2/0001-a.patch\n../v0.2/0002-b.patch\n") }, all[:2]},
	} {
		t.Log("changed: ", change.name)
		change.do()
		if err := y.run(ctx, change.ran...); err != nil {
			t.Error(err)
		}
	}
	y.write("patches/v0.1/series", "../v0.2/0009-none.patch\n")
	if err := y.run(ctx); err == nil || !strings.Contains(err.Error(), "patches/v0.1/series names patches/v0.2/0009-none.patch") {
		t.Errorf("got %v", err)
	}
}
