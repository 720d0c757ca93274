// Package suite runs long steps for one tag after the other, keeps what they print, and knows which
// have passed on the same inputs before.
package suite

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"fork.internal/apiserver/hack/internal/alive"
	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/pins"
)

// Step is one thing to do for a tag.
type Step struct {
	// Name is a word, for people, file names and the record of what has passed.
	Name string
	// Run does it. The checkout is the caller's, but what is written to its Out and Err goes to the log.
	Run func(ctx context.Context, co *checkout.Checkout, tag string) error
}

// Outcome is what became of a step.
type Outcome string

// The outcomes.
const (
	Passed Outcome = "passed"
	// Before is a step that was not run: it has passed on the same inputs.
	Before Outcome = "passed before"
	Failed Outcome = "FAILED"
)

// Result is one step of one tag.
type Result struct {
	Minor   string  `json:"minor"`
	Tag     string  `json:"tag"`
	Step    string  `json:"step"`
	Outcome Outcome `json:"result"`
	// Seconds is how long the run took that the outcome is of.
	Seconds float64 `json:"seconds"`
	// Log is the file with everything that the step has printed, below the checkout.
	Log string `json:"log"`
	// Error is why the step failed, with the lines of the log that say most.
	Error string `json:"error,omitempty"`
}

// Options are what a run is made of.
type Options struct {
	Pins  *pins.Pins
	Tags  []pins.Tag
	Steps []Step
	// Resume leaves out the steps that have passed on the same inputs.
	Resume bool
	// Next is the command that the error names for after a failure.
	Next string
	// Report gets each result as it comes. Required.
	Report func(Result)
}

// every is how often a step says that it goes on.
const every = 30 * time.Second

// Run runs every step for every tag, and goes on after a failure. What has passed is on record at
// once, so that an interrupted run can be gone on with. The error names the steps that failed.
func Run(ctx context.Context, co *checkout.Checkout, o Options) error {
	total, n := len(o.Tags)*len(o.Steps), 0
	var failed []string
	for _, tag := range o.Tags {
		for _, step := range o.Steps {
			n++
			r, err := one(ctx, co, o, tag, step, fmt.Sprintf("%d of %d, %s %s", n, total, tag.Tag, step.Name))
			if err != nil {
				return err
			}
			if r.Outcome == Failed {
				failed = append(failed, r.Tag+" "+r.Step)
			}
			o.Report(r)
		}
	}
	if len(failed) > 0 {
		return fmt.Errorf("%d of %d steps failed: %s\nnext: %s", len(failed), total, strings.Join(failed, ", "), o.Next)
	}
	return nil
}

// one runs one step, if need be. The error is one that ends the run: the context's, or a checkout
// that cannot be read or written.
func one(ctx context.Context, co *checkout.Checkout, o Options, tag pins.Tag, step Step, title string) (Result, error) {
	r := Result{Minor: pins.MinorOf(tag.Tag), Tag: tag.Tag, Step: step.Name}
	key, err := inputs(co, o.Pins, tag)
	if err != nil {
		return r, err
	}
	path := filepath.Join(co.Output(), "log", fmt.Sprintf("%s-%s.log", tag.Tag, step.Name))
	r.Log = co.Rel(path)
	if seconds, ok := passedBefore(co, r, key); ok && o.Resume {
		r.Outcome, r.Seconds = Before, seconds
		return r, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return r, err
	}
	file, err := os.Create(path)
	if err != nil {
		return r, err
	}
	defer file.Close()
	log := &journal{file: file}
	// What has passed is said of pkg/ and patches/, and of no flags that somebody has set for himself.
	quiet := co.With(plainGo...)
	quiet.Out, quiet.Err, quiet.Pure = log, log, true
	fmt.Fprintf(co.Err, "%s: log in %s\n", title, r.Log)
	start, stop := time.Now(), alive.Watch(co.Err, every, title, log.last)
	err = step.Run(ctx, quiet, tag.Tag)
	stop()
	r.Seconds = time.Since(start).Round(100 * time.Millisecond).Seconds()
	if ctx.Err() != nil {
		return r, context.Cause(ctx)
	}
	if err != nil {
		r.Outcome, r.Error = Failed, strings.Join(append([]string{err.Error()}, log.failures...), "\n")
		return r, forget(co, r)
	}
	r.Outcome = Passed
	now, err := inputs(co, o.Pins, tag)
	if err == nil && now == key { // nobody has edited them meanwhile
		err = remember(co, r, key)
	}
	return r, err
}
