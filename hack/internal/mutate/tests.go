package mutate

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"time"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/lines"
	"fork.internal/apiserver/hack/internal/proc"
)

// test is a Test, Fuzz or Example function by itself, with no mutant alive.
type test struct {
	// Name is the function's, after the directory of its package if that is not the subject's.
	Name string `json:"test"`
	// Seconds is how long it takes, without what TestMain does after it.
	Seconds float64 `json:"seconds"`
	Reaches []int   `json:"reaches"` // numbers of mutants
	// Fails is which test fails, usually this one, when it is run by itself.
	Fails string `json:"-"`

	binary   int // the runner's that it is in
	function string
}

// binary is a package's tests, built.
type binary struct {
	path   string
	dir    string // where they run
	prefix string // of the names of its tests
}

// runner runs test binaries. It may be used by any number of goroutines.
type runner struct {
	co       *checkout.Checkout
	work     string // a directory for files
	binaries []binary
	spare    time.Duration // what a test may take beyond a multiple of its time
}

// patience is by how much longer than alone a test may take with a mutant, beyond the runner's spare time.
const patience = 5

// lastResort ends a test binary of which nobody sees any more that it hangs. It is longer than those may take that are run
// together: a test of a second has patience seconds, and the spare ones.
const lastResort = 3 * time.Hour

// runnable are the functions that a test binary runs without further flags.
var runnable = regexp.MustCompile(`^(Test|Fuzz|Example)`)

// list returns the tests, of which nothing else is known.
func (r *runner) list(ctx context.Context) ([]test, error) {
	var tests []test
	for i, b := range r.binaries {
		out, err := proc.Cmd{Args: []string{b.path, "-test.list", "."}, Dir: b.dir, Env: r.co.Environ()}.Output(ctx)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(out) {
			if name := strings.TrimSpace(line); runnable.MatchString(name) {
				tests = append(tests, test{Name: b.prefix + name, binary: i, function: name})
			}
		}
	}
	return tests, nil
}

// errHangs is why a test binary is ended that says nothing any more.
var errHangs = errors.New("nothing has happened for too long")

// run runs these tests, which are of one binary, in its order, until one fails, and returns what is known of that: "" if
// none does, and how long they took then. No test may go on for longer than limit with nothing to say.
func (r *runner) run(ctx context.Context, tests []test, limit time.Duration, env ...string) (failure string, took time.Duration, err error) {
	b := r.binaries[tests[0].binary]
	var names []string
	for _, t := range tests {
		names = append(names, t.function)
	}
	watched, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	hangs := time.AfterFunc(limit, func() { cancel(errHangs) })
	defer hangs.Stop()
	out := tail{progress: func() { hangs.Reset(limit) }}
	start := time.Now()
	_, err = proc.Cmd{
		Args: []string{b.path, "-test.run", "^(" + strings.Join(names, "|") + ")$", "-test.v", "-test.failfast", "-test.timeout", lastResort.String()},
		Dir:  b.dir, Env: append(r.co.Environ(), env...), Stdout: &out, Stderr: &out,
	}.Output(watched)
	var failed *exec.ExitError
	switch {
	case err == nil:
		return "", out.passed.Sub(start), nil
	case ctx.Err() != nil:
		return "", 0, context.Cause(ctx)
	case errors.Is(err, errHangs):
		return b.prefix + out.began + " (hangs)", 0, nil
	case !errors.As(err, &failed) || failed.ExitCode() < 0:
		return "", 0, err // It could not be run, or somebody else has ended it: that says nothing of the mutant.
	}
	return b.prefix + out.failure(), 0, nil
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

// measure runs one test by itself with no mutant alive. One that fails is tried again, once; what it reaches counts for
// nothing then.
func (r *runner) measure(ctx context.Context, t test) (test, error) {
	var failure string
	for range 2 {
		file, err := os.CreateTemp(r.work, "reached-")
		if err != nil {
			return test{}, err
		}
		file.Close()
		defer os.Remove(file.Name())
		var took time.Duration
		if failure, took, err = r.run(ctx, []test{t}, 10*time.Minute, envReached+"="+file.Name()); err != nil {
			return test{}, err
		} else if failure != "" {
			continue
		}
		t.Seconds = took.Seconds()
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
	t.Fails = failure
	return t, nil
}
