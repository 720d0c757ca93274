// Package model has spin check test/model, the model of the boundary, with gcc: each configuration has to hold, and each
// mutation to be found by the property that is there for it.
package model

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"golang.org/x/sync/errgroup"

	"fork.internal/apiserver/hack/internal/alive"
	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/proc"
)

// Result is what has come of one run.
type Result struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	Kind  Kind   `json:"kind"`
	// Flags are the macros that make it of the model.
	Flags []string `json:"flags"`
	// Expected is the property that is to fail, empty for none; Found the one that did.
	Expected string `json:"expected,omitempty"`
	Found    string `json:"found,omitempty"`
	// States and Depth are how many were looked at until then, and how long the longest way was.
	States  int64   `json:"states"`
	Depth   int     `json:"depth"`
	Seconds float64 `json:"seconds"`
	// Trail is the shortest way to what was found, a step in each line, where that was asked for or not expected.
	Trail []string `json:"trail,omitempty"`
	// Error says why the run says nothing.
	Error string `json:"error,omitempty"`
}

// OK reports whether the run came to what it is to come to.
func (r Result) OK() bool { return r.Error == "" && r.Found == r.Expected }

// Report is all of it.
type Report []Result

// Verdict is an error if a run did not come to what it is to come to.
func (r Report) Verdict() error {
	var wrong []string
	for _, result := range r {
		if !result.OK() {
			wrong = append(wrong, result.ID)
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	return fmt.Errorf("%d of %d runs did not come to what they are to come to: %s; next: make model ID=%s, and test/model/README.md",
		len(wrong), len(r), strings.Join(wrong, ", "), wrong[0])
}

// WriteTable writes a line for each run.
func (r Report) WriteTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "RUN\tSTATES\tDEPTH\tSECONDS\tRESULT\t")
	for _, result := range r {
		fmt.Fprintf(t, "%s\t%d\t%d\t%.1f\t%s\t\n", result.ID, result.States, result.Depth, result.Seconds, result.verdict())
	}
	return t.Flush()
}

func (r Result) verdict() string {
	switch {
	case r.Error != "":
		return "FAILED: " + r.Error
	case r.Found == "" && r.Expected == "":
		return "holds"
	case r.Found == r.Expected:
		return "found, by " + r.Found
	case r.Found == "":
		return "NOT FOUND, by " + r.Expected
	default:
		return "DOES NOT HOLD: " + r.Found
	}
}

// Options say what is checked.
type Options struct {
	// IDs are the runs; none means all.
	IDs []string
	// Done, if not nil, is called with each result, one at a time.
	Done func(Result)
}

const (
	// jobs is how many runs go on at a time. Each takes one processor, at the lowest priority.
	jobs = 2
	// maxDepth is how long a way may be, in steps. A longer one fails the run: what is behind it was not looked at.
	maxDepth = 10_000
	// maxMiB is how much memory a run may take.
	maxMiB = 6000
	// maxTime is how long the search for a shortest way may take.
	maxTime = 3 * time.Minute
	// every is how often progress is told.
	every = 15 * time.Second
)

// compile is how gcc makes a checker of what spin writes. COLLAPSE keeps a state in a quarter of the room; SAFETY
// leaves out what only cycles need, for which there are runs of their own (NP). Spin's partial order reduction is on,
// which keeps every assertion; hashing that may lose states (BITSTATE, HC) is not used.
var compile = []string{"gcc", "-w", "-DVECTORSZ=1024", "-DMEMLIM=" + strconv.Itoa(maxMiB)}

// Check runs spin. The error says what could not be run; what was found is in the report.
func Check(ctx context.Context, co *checkout.Checkout, o Options) (Report, error) {
	for _, program := range []string{"spin", "gcc", "cpp"} {
		if _, err := exec.LookPath(program); err != nil {
			return nil, fmt.Errorf("%s is not in PATH; next: apt-get install spin gcc cpp", program)
		}
	}
	chosen, err := choose(Runs, o.IDs)
	if err != nil {
		return nil, err
	}
	c := checker{source: filepath.Join(co.Root, "test", "model"), always: len(o.IDs) > 0}
	if c.numbers, err = properties(filepath.Join(c.source, "properties.pml")); err != nil {
		return nil, err
	}
	if c.figures, err = figures(filepath.Join(c.source, pageFile)); err != nil {
		return nil, err
	}
	var remove func()
	if c.dir, remove, err = checkout.Scratch(filepath.Join(co.Output(), "model"), "run-"); err != nil {
		return nil, err
	}
	defer remove()
	return c.all(ctx, co, chosen, o.Done)
}

// choose returns the runs of those IDs.
func choose(runs []Run, ids []string) ([]Run, error) {
	if len(ids) == 0 {
		return runs, nil
	}
	var chosen []Run
	for _, id := range ids {
		i := slices.IndexFunc(runs, func(r Run) bool { return r.ID == id })
		if i < 0 {
			var known []string
			for _, r := range runs {
				known = append(known, r.ID)
			}
			return nil, fmt.Errorf("there is no run %q; next: make model ID= with one of %s", id, strings.Join(known, ", "))
		}
		chosen = append(chosen, runs[i])
	}
	return chosen, nil
}

// checker is one call of Check.
type checker struct {
	source  string
	dir     string
	numbers map[string]int
	figures map[string]int64
	always  bool // show what was found also where it was expected
}

func (c *checker) all(ctx context.Context, co *checkout.Checkout, runs []Run, done func(Result)) (Report, error) {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(jobs)
	report := make(Report, len(runs))
	var mu sync.Mutex
	finished := 0
	defer alive.Watch(co.Err, every, "checking the model", func() string {
		mu.Lock()
		defer mu.Unlock()
		return fmt.Sprintf("%d of %d runs", finished, len(runs))
	})()
	for i, r := range runs {
		group.Go(func() error {
			result, err := c.run(ctx, r)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			report[i] = result
			finished++
			if done != nil {
				done(result)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return report, nil
}

// run checks one run in a directory of its own. The error is the context's.
func (c *checker) run(ctx context.Context, r Run) (Result, error) {
	result := Result{ID: r.ID, Title: r.Title, Kind: r.Kind, Flags: r.Flags(), Expected: r.Property}
	if ctx.Err() != nil {
		return result, ctx.Err()
	}
	start := time.Now()
	fail := func(err error) (Result, error) {
		if ctx.Err() != nil {
			return result, ctx.Err()
		}
		result.Error = err.Error()
		return result, nil
	}
	defines := r.Flags()
	if r.Property != "" {
		n, ok := c.numbers[r.Property]
		if !ok {
			return fail(fmt.Errorf("%s is to be found by %s, which is no property of properties.pml", r.ID, r.Property))
		}
		defines = append(defines, fmt.Sprintf("-DONLY=%d", n))
	}
	dir := filepath.Join(c.dir, r.ID)
	if err := os.CopyFS(dir, os.DirFS(c.source)); err != nil {
		return fail(err)
	}
	how, args := []string{"-DCOLLAPSE", "-DSAFETY"}, []string(nil)
	if r.Cycles {
		how, args = []string{"-DCOLLAPSE", "-DNP"}, []string{"-l"}
	}
	if r.Kind == Plain {
		// To optimise takes gcc longer than most mutations take to be found.
		how = append(how, "-O2")
	}
	found, err := c.search(ctx, dir, defines, how, args)
	result.Seconds = time.Since(start).Seconds()
	if err != nil {
		return fail(err)
	}
	result.States, result.Depth, result.Found = found.states, found.depth, found.property
	if r.Kind == Plain && result.Found == "" {
		if err := near(result.States, c.figures[r.ID]); err != nil {
			return fail(err)
		}
	}
	if result.Found == "" || result.OK() && !c.always {
		return result, nil
	}
	// A search by breadth finds the shortest way. Where it takes too long, the first that was found has to do.
	if result.Trail, err = c.trail(ctx, dir, defines); err != nil {
		return fail(err)
	}
	if r.Cycles {
		return result, nil // A breadth-first search finds none.
	}
	short, stop := context.WithTimeout(ctx, maxTime)
	defer stop()
	if _, err := c.search(short, dir, defines, []string{"-DBFS", "-DSAFETY"}, nil); err == nil {
		if result.Trail, err = c.trail(ctx, dir, defines); err != nil {
			return fail(err)
		}
	} else if ctx.Err() != nil {
		return result, ctx.Err()
	}
	return result, nil
}

// search makes a checker and runs it.
func (c *checker) search(ctx context.Context, dir string, defines, how, with []string) (found, error) {
	if _, err := (proc.Cmd{Args: slices.Concat([]string{"spin"}, defines, []string{"-a", mainFile}), Dir: dir}).Output(ctx); err != nil {
		return found{}, err
	}
	if _, err := (proc.Cmd{Args: slices.Concat([]string{"nice", "-n", "19"}, compile, how, []string{"-o", "pan", "pan.c"}), Dir: dir}).Output(ctx); err != nil {
		return found{}, err
	}
	_ = os.Remove(filepath.Join(dir, mainFile+".trail"))
	args := slices.Concat([]string{"nice", "-n", "19", "./pan", "-E", "-n", "-c1", "-w25", "-m" + strconv.Itoa(maxDepth)}, with)
	out, err := proc.Cmd{Args: args, Dir: dir}.Output(ctx)
	var failed *proc.Error
	if err != nil && !errors.As(err, &failed) {
		return found{}, err
	}
	return parse(out)
}

// trail plays what was found, and returns what each step says.
func (c *checker) trail(ctx context.Context, dir string, defines []string) ([]string, error) {
	out, err := proc.Cmd{Args: slices.Concat([]string{"spin"}, defines, []string{"-t", "-T", "-B", mainFile}), Dir: dir}.Output(ctx)
	var failed *proc.Error
	if err != nil && !errors.As(err, &failed) {
		return nil, err
	}
	return steps(out), nil
}
