// Package report is what a run of the end-to-end tests has come to.
package report

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// The results of a test.
const (
	Passed  = "passed"
	Failed  = "failed"
	Skipped = "skipped"
)

// What a server may be expected to be.
const (
	Forked     = "fork"
	Unmodified = "unmodified"
)

// Test is one test's result.
type Test struct {
	Name    string  `json:"name"`
	Result  string  `json:"result"`
	Seconds float64 `json:"seconds"`
	// Reasons are why it, or a part of it, was skipped; a test of which only a part was is none that is Skipped.
	Reasons []string `json:"reasons,omitempty"`
	// Output is what a test has said that failed.
	Output []string `json:"output,omitempty"`
}

// Report is a run.
type Report struct {
	// Server is its URL, and Version what it says that it is.
	Server  string `json:"server"`
	Version string `json:"version"`
	// Fork is whether it has the fork, switched on.
	Fork    bool    `json:"fork"`
	Seconds float64 `json:"seconds"`
	Tests   []Test  `json:"tests"`
	// Error is why none were run, or empty.
	Error string `json:"error,omitempty"`
	// Left is what could not be removed.
	Left []string `json:"left,omitempty"`
}

// Failed are the names of the tests that failed.
func (r *Report) Failed() (names []string) {
	for _, t := range r.Tests {
		if t.Result == Failed {
			names = append(names, t.Name)
		}
	}
	return names
}

// Passed is how many tests passed.
func (r *Report) Passed() (n int) {
	for _, t := range r.Tests {
		if t.Result == Passed {
			n++
		}
	}
	return n
}

// Line is a test in a line.
func (t Test) Line() string { return fmt.Sprintf("%-8s %6.1f s  %s", t.Result, t.Seconds, t.Name) }

// WriteSummary prints what stands at the end: the skips with their reasons, and the counts.
func (r *Report) WriteSummary(w io.Writer) {
	counts := map[string]int{}
	title := "\nskipped:\n"
	for _, t := range r.Tests {
		counts[t.Result]++
		for _, reason := range t.Reasons {
			what := t.Name
			if t.Result != Skipped {
				what += " (a part)"
			}
			fmt.Fprintf(w, "%s  %s: %s\n", title, what, reason)
			title = ""
		}
	}
	title = "\nfailed:\n"
	for _, t := range r.Tests {
		if t.Result == Failed {
			fmt.Fprintf(w, "%s  %s\n", title, t.Name)
			title = ""
			for _, line := range t.Output {
				fmt.Fprintf(w, "    %s\n", strings.ReplaceAll(line, "\n", "\n    "))
			}
		}
	}
	for _, left := range r.Left {
		fmt.Fprintf(w, "left behind: %s\n", left)
	}
	what := "unmodified"
	if r.Fork {
		what = "the fork"
	}
	fmt.Fprintf(w, "\n%s %s (%s): %d passed, %d failed, %d skipped in %v\n", r.Server, r.Version, what,
		counts[Passed], counts[Failed], counts[Skipped], time.Duration(r.Seconds*float64(time.Second)).Round(time.Second))
}
