package mutate

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/lines"
	"fork.internal/apiserver/hack/internal/proc"
)

// test is a Test, Fuzz or Example function by itself, with no mutant alive.
type test struct {
	Name string `json:"test"`
	// Seconds is how long it takes, without what TestMain does after it.
	Seconds float64 `json:"seconds"`
	Reaches []int   `json:"reaches"` // numbers of mutants
}

// runner runs a test binary. It may be used by any number of goroutines.
type runner struct {
	co     *checkout.Checkout
	dir    string
	binary string
	spare  time.Duration // what a test may take beyond a multiple of its time
}

// patience is by how much longer than alone a test may take with a mutant, beyond the runner's spare time.
const patience = 5

// runnable are the functions that a test binary runs without further flags.
var runnable = regexp.MustCompile(`^(Test|Fuzz|Example)`)

// list returns the names of the tests.
func (r *runner) list(ctx context.Context) ([]string, error) {
	out, err := proc.Cmd{Args: []string{r.binary, "-test.list", "."}, Dir: r.dir, Env: r.co.Environ()}.Output(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for line := range strings.Lines(out) {
		if name := strings.TrimSpace(line); runnable.MatchString(name) {
			names = append(names, name)
		}
	}
	return names, nil
}

// errHangs is why a test binary is ended that says nothing any more.
var errHangs = errors.New("nothing has happened for too long")

// run runs these tests, in the order of the binary, until one fails, and returns what is known of that: "" if none
// does, and how long they took then. No test may go on for longer than limit with nothing to say.
func (r *runner) run(ctx context.Context, names []string, limit time.Duration, env ...string) (failure string, took time.Duration, err error) {
	watched, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	hangs := time.AfterFunc(limit, func() { cancel(errHangs) })
	defer hangs.Stop()
	out := tail{progress: func() { hangs.Reset(limit) }}
	start := time.Now()
	_, err = proc.Cmd{
		Args: []string{r.binary, "-test.run", "^(" + strings.Join(names, "|") + ")$", "-test.v", "-test.failfast", "-test.timeout", "0"},
		Dir:  r.dir, Env: append(r.co.Environ(), env...), Stdout: &out, Stderr: &out,
	}.Output(watched)
	var failed *proc.Error
	switch {
	case err == nil:
		return "", out.passed.Sub(start), nil
	case ctx.Err() != nil:
		return "", 0, context.Cause(ctx)
	case errors.Is(err, errHangs):
		return out.began + " (hangs)", 0, nil
	case !errors.As(err, &failed):
		return "", 0, err
	}
	return out.failure(), 0, nil
}

// tail keeps what is to be known of a test binary's output. It is for one goroutine, which is that of a proc.Cmd
// while it runs.
type tail struct {
	progress func() // called when a test begins or ends
	lines    lines.Splitter
	began    string // the last test that has begun
	failed   string // the first that has failed
	passed   time.Time
	crashed  bool
}

// Write takes some of the output, and never fails.
func (t *tail) Write(data []byte) (int, error) {
	t.lines.Feed(data, func(line []byte) { t.line(string(line)) })
	return len(data), nil
}

func (t *tail) line(line string) {
	if name, ok := strings.CutPrefix(line, "=== RUN   "); ok {
		t.began, _, _ = strings.Cut(name, "/")
		t.progress()
	}
	if line = strings.TrimSpace(line); strings.HasPrefix(line, "--- ") {
		t.progress()
	}
	if name, ok := strings.CutPrefix(line, "--- FAIL: "); ok && t.failed == "" {
		t.failed, _, _ = strings.Cut(name, " ")
	}
	if line == "PASS" {
		t.passed = time.Now()
	}
	t.crashed = t.crashed || strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ")
}

func (t *tail) failure() string {
	switch {
	case t.failed != "":
		return t.failed
	case t.crashed:
		return t.began + " (crashes)"
	}
	return "the end of the tests" // TestMain, or a test that calls os.Exit.
}

// measure runs one test by itself with no mutant alive. One that fails is tried again, once.
func (r *runner) measure(ctx context.Context, name string) (test, error) {
	var failure string
	for range 2 {
		file, err := os.CreateTemp(filepath.Dir(r.binary), "reached-")
		if err != nil {
			return test{}, err
		}
		file.Close()
		defer os.Remove(file.Name())
		var took time.Duration
		if failure, took, err = r.run(ctx, []string{name}, 10*time.Minute, envReached+"="+file.Name()); err != nil {
			return test{}, err
		} else if failure != "" {
			continue
		}
		t := test{Name: name, Seconds: took.Seconds()}
		data, err := os.ReadFile(file.Name())
		if err != nil {
			return test{}, err
		}
		for line := range strings.Lines(string(data)) {
			var n int
			if _, err := fmt.Sscan(line, &n); err != nil {
				return test{}, fmt.Errorf("%s: %q: %w", file.Name(), line, err)
			}
			t.Reaches = append(t.Reaches, n)
		}
		return t, nil
	}
	return test{}, fmt.Errorf("%s: %s fails by itself with no mutant alive, so it can tell nothing of them; next: go test -run '^%s$' there",
		r.co.Rel(r.dir), failure, name)
}
