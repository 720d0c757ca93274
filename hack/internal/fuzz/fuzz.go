// Package fuzz runs the module's fuzz targets one after the other, each for a while, and says what was found.
package fuzz

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"fork.internal/apiserver/hack/internal/alive"
	"fork.internal/apiserver/hack/internal/build"
	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/gotool"
	"fork.internal/apiserver/hack/internal/lines"
	"fork.internal/apiserver/hack/internal/proc"
)

// Options say what is run.
type Options struct {
	// IDs are the names of targets; none means all.
	IDs []string
	// Time is for how long each is run, as go test's -fuzztime has it: 30s, or 1000x for so many executions.
	Time string
	// Race has the race detector look on, with which a target runs several times as slow.
	Race bool
}

// Verdicts of a target.
const (
	Passed      = "passed"
	Failed      = "FAILED"
	Interrupted = "interrupted"
	NotRun      = "not run"
)

// Result is what came of a target.
type Result struct {
	Target
	Verdict string `json:"verdict"`
	// Execs are the executions, and New the inputs among them that came where none had come before.
	Execs   int64   `json:"execs"`
	New     int64   `json:"new"`
	Seconds float64 `json:"seconds"`
	// Crasher is the file with the input that fails, below the checkout; empty if there is none, or if it is a seed of the
	// test's own.
	Crasher string `json:"crasher,omitempty"`
	// Again is the command that runs that input again.
	Again string `json:"again,omitempty"`
	// Said is the end of what go test said of a target that has failed.
	Said string `json:"said,omitempty"`
}

// Report is all of it.
type Report []Result

// Verdict is an error if a target has failed.
func (r Report) Verdict() error {
	var failed []string
	next := ""
	for _, result := range r {
		if result.Verdict != Failed {
			continue
		}
		failed = append(failed, result.Name)
		switch {
		case next != "":
		case result.Crasher != "":
			next = fmt.Sprintf("%s, and commit %s with the mend", result.Again, result.Crasher)
		case result.Again != "":
			next = result.Again
		default:
			next = "make fuzz ID=" + result.Name
		}
	}
	if failed == nil {
		return nil
	}
	return fmt.Errorf("%d of %d fuzz targets failed: %s; next: %s", len(failed), len(r), strings.Join(failed, ", "), next)
}

// WriteTable writes a line for each target, and then what is known of those that have failed.
func (r Report) WriteTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "TARGET\tPACKAGE\tEXECUTIONS\tNEW\tSECONDS\tRESULT\t")
	for _, result := range r {
		fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%.0f\t%s\t\n", result.Name, result.Package, result.Execs, result.New, result.Seconds, result.Verdict)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, result := range r {
		if result.Verdict != Failed {
			continue
		}
		fmt.Fprintf(w, "\n%s: %s\n", result.Name, indent(result.Said))
		if result.Crasher != "" {
			fmt.Fprintf(w, "  the input, to be committed with the mend: %s\n", result.Crasher)
		}
		if result.Again != "" {
			fmt.Fprintf(w, "  again: %s\n", result.Again)
		}
	}
	return nil
}

func indent(s string) string { return strings.ReplaceAll(s, "\n", "\n  ") }

// every is how often progress is told.
const every = 10 * time.Second

// Run runs the targets. When it is interrupted, the error is the context's, and the report says what there is.
func Run(ctx context.Context, co *checkout.Checkout, o Options) (Report, error) {
	if err := checkTime(o.Time); err != nil {
		return nil, err
	}
	all, err := Targets(ctx, co)
	if err != nil {
		return nil, err
	}
	chosen, err := choose(all, o.IDs)
	if err != nil {
		return nil, err
	}
	var report Report
	for i, target := range chosen {
		if ctx.Err() != nil {
			report = append(report, Result{Target: target, Verdict: NotRun})
			continue
		}
		fmt.Fprintf(co.Err, "%s, %d of %d, in %s ...\n", target.Name, i+1, len(chosen), target.Package)
		report = append(report, run(ctx, co, target, o))
	}
	return report, context.Cause(ctx)
}

var executions = regexp.MustCompile(`^[1-9][0-9]{0,17}x$`)

func checkTime(s string) error {
	if d, err := time.ParseDuration(s); err == nil && d > 0 || executions.MatchString(s) {
		return nil
	}
	return fmt.Errorf("%q is no time to fuzz for; next: FUZZTIME=30s, or FUZZTIME=1000x for so many executions", s)
}

// choose returns the targets of those names.
func choose(all []Target, names []string) ([]Target, error) {
	if len(names) == 0 {
		return all, nil
	}
	var chosen []Target
	for _, name := range names {
		found := false
		for _, target := range all {
			if target.Name == name {
				found = true
				if !slices.Contains(chosen, target) {
					chosen = append(chosen, target)
				}
			}
		}
		if !found {
			var known []string
			for _, target := range all {
				known = append(known, target.Name)
			}
			return nil, fmt.Errorf("there is no fuzz target %q; next: make fuzz ID= with one of %s", name, strings.Join(known, ", "))
		}
	}
	return chosen, nil
}

// minimize is for how long go test tries to shorten an input that has come somewhere new, or that fails. Meanwhile it tries
// nothing else, and its minute would be most of a short run.
const minimize = "2s"

// run runs one target. Those of test/ are built against the tree that the fork makes of the newest tag.
func run(ctx context.Context, co *checkout.Checkout, target Target, o Options) Result {
	log := &log{}
	start := time.Now()
	var with []string
	if strings.HasPrefix(target.Package, "./test/") {
		mod, err := build.TestMod(ctx, co, build.Fork)
		switch {
		case ctx.Err() != nil:
			return Result{Target: target, Verdict: Interrupted}
		case err != nil:
			return Result{Target: target, Verdict: Failed, Said: err.Error()}
		}
		with = []string{"-mod=mod", "-modfile=" + mod}
	}
	stop := alive.Watch(co.Err, every, target.Name, log.last)
	args := []string{"test", "-run=^$", "-fuzz=^" + target.Name + "$", "-fuzztime=" + o.Time, "-fuzzminimizetime=" + minimize}
	if o.Race {
		args = append(args, "-race")
	}
	args = append(append(args, with...), target.Package)
	err := gotool.Stream(ctx, co, co.Root, log, log, args...)
	stop()
	result := Result{Target: target, Verdict: Passed, Seconds: time.Since(start).Seconds()}
	log.into(&result, co, target, with)
	switch {
	case ctx.Err() != nil && result.Again == "":
		result.Verdict = Interrupted
	case err != nil && !(result.Again == "" && log.ranOut()):
		var failed *proc.Error
		result.Verdict, result.Said = Failed, log.end()
		if !errors.As(err, &failed) {
			result.Said = err.Error()
		}
	case result.Execs == 0 && log.last() == building:
		// go test is content with a target that is not there.
		result.Verdict, result.Said = Failed, "go test has run nothing of it:\n"+log.end()
	case result.Execs == 0:
		result.Verdict, result.Said = Failed, fmt.Sprintf("the time was over before all inputs that are known had been run (%s): nothing new was tried; next: a longer FUZZTIME", log.last())
	}
	return result
}

// log keeps what go test says. It may be written to beside its other methods.
type log struct {
	mu          sync.Mutex
	split       lines.Splitter
	lines       []string
	execs, news int64
	state       string // the last line about how far it is
	input       string // what has failed, as -run has it
	crasher     string // and its file, below the package
}

// kept is how many lines of go test's are: a crash comes with the stacks of all goroutines.
const kept = 400

var (
	status  = regexp.MustCompile(`^fuzz: elapsed: \S+, (.*)$`)
	counts  = regexp.MustCompile(`^execs: ([0-9]+) \([0-9]+/sec\), new interesting: ([0-9]+)`)
	written = regexp.MustCompile(`^\s*Failing input written to (\S+)$`)
	seed    = regexp.MustCompile(`failure while testing seed corpus entry: (\S+)$`)
	rerun   = regexp.MustCompile(`^\s*go test -run=(\S+)$`)
)

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.split.Feed(p, func(line []byte) { l.take(string(line)) })
	return len(p), nil
}

func (l *log) take(line string) {
	if m := status.FindStringSubmatch(line); m != nil {
		l.state = m[1]
		if n := counts.FindStringSubmatch(m[1]); n != nil {
			l.execs, _ = strconv.ParseInt(n[1], 10, 64)
			l.news, _ = strconv.ParseInt(n[2], 10, 64)
		}
		return
	}
	if m := written.FindStringSubmatch(line); m != nil {
		l.crasher = m[1]
	}
	for _, re := range []*regexp.Regexp{seed, rerun} {
		if m := re.FindStringSubmatch(line); m != nil {
			l.input = m[1]
		}
	}
	if len(l.lines) < kept {
		l.lines = append(l.lines, line)
	}
}

func (l *log) last() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state == "" {
		return building
	}
	return l.state
}

const building = "building"

// ranOut reports whether nothing is wrong but that the time was over, which go test now and then takes for a failure.
func (l *log) ranOut() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	over := false
	for _, line := range l.lines {
		switch trimmed := strings.TrimSpace(line); {
		case trimmed == "context deadline exceeded":
			over = true
		case trimmed == "", trimmed == "FAIL", strings.HasPrefix(line, "--- FAIL: Fuzz"), strings.HasPrefix(line, "FAIL\t"), strings.HasPrefix(line, "exit status "):
		default:
			return false
		}
	}
	return over
}

// saidLines is how many lines of what go test has said are shown.
const saidLines = 60

func (l *log) end() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := append(slices.Clip(l.lines), l.split.Rest())
	// The cause stands first, and stacks follow.
	return strings.TrimSpace(strings.Join(all[:min(len(all), saidLines)], "\n"))
}

// into notes what go test has said in a result of the target's, which was built with those flags.
func (l *log) into(r *Result, co *checkout.Checkout, target Target, with []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r.Execs, r.New = l.execs, l.news
	if l.crasher != "" {
		r.Crasher = filepath.ToSlash(co.Rel(filepath.Join(target.dir, filepath.FromSlash(l.crasher))))
	}
	if l.input != "" {
		flags := strings.ReplaceAll(strings.Join(append(with, ""), " "), co.Root+"/", "")
		r.Again = fmt.Sprintf("go test %s-run='^%s$' %s", flags, strings.ReplaceAll(l.input, "/", "$/^"), target.Package)
	}
}
