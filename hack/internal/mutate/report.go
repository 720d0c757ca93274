package mutate

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

// Verdicts on a mutant.
const (
	Killed    = "killed"    // a test fails, or does not end
	Survived  = "survived"  // no test notices
	Unreached = "unreached" // no test comes there
)

// Result is what has become of a mutant.
type Result struct {
	ID string `json:"id"`
	Mutant
	Verdict string `json:"verdict"`
	// By is the test that has killed it.
	By string `json:"by,omitempty"`
	// Once is a test that failed with it, and did not when it was run again, or failed without it as well: it has not killed it.
	Once string `json:"once,omitempty"`
	// Seconds is what that took, or what it took to find that nothing does.
	Seconds float64 `json:"seconds"`
	// Explained is why it may survive, of the subject's Explanations.
	Explained string `json:"explained,omitempty"`
}

// once says so of it.
func (r Result) once() string {
	if r.Once == "" {
		return ""
	}
	return r.Once + " failed, and not surely of it"
}

// Report is what has become of all mutants that were asked for.
type Report struct {
	Results []Result           `json:"results"`
	Skipped map[string]Skipped `json:"skipped"` // by file, of those asked for: statements without a mutant
	// Stale are explanations to be taken out: of mutants that are killed, or that there are no more.
	Stale []string `json:"stale,omitempty"`
	// LeftOut are tests that fail by themselves, with no mutant alive, and so tell nothing of one.
	LeftOut []string `json:"leftOut,omitempty"`
	// Within is how long the tests took, in seconds, of those that were run; 0 if that was all.
	Within float64 `json:"within,omitempty"`

	explanations string // the file, below the checkout
}

// WriteTable writes a line for each file, and then those mutants that survive with no explanation.
func (r Report) WriteTable(w io.Writer) error {
	type row struct{ mutants, killed, explained, survived, unreached int }
	rows := map[string]*row{}
	var total row
	for _, res := range r.Results {
		if rows[res.File] == nil {
			rows[res.File] = &row{}
		}
		for _, to := range []*row{rows[res.File], &total} {
			to.mutants++
			switch {
			case res.Verdict == Killed:
				to.killed++
			case res.Explained != "":
				to.explained++
			case res.Verdict == Unreached:
				to.unreached++
			default:
				to.survived++
			}
		}
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "FILE\tMUTANTS\tKILLED\tEXPLAINED\tSURVIVED\tUNREACHED\tSKIPPED")
	skipped := 0
	for _, file := range slices.Sorted(maps.Keys(rows)) {
		x, without := rows[file], 0
		for _, n := range r.Skipped[file] {
			without += n
		}
		skipped += without
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\t%d\t%d\n", file, x.mutants, x.killed, x.explained, x.survived, x.unreached, without)
	}
	fmt.Fprintf(table, "all\t%d\t%d\t%d\t%d\t%d\t%d\n", total.mutants, total.killed, total.explained, total.survived, total.unreached, skipped)
	if err := table.Flush(); err != nil {
		return err
	}
	for _, res := range r.Results {
		if res.Verdict != Killed && res.Explained == "" {
			fmt.Fprintln(w, strings.TrimSpace(fmt.Sprintf("%-9s  line %-4d %s  %s", res.Verdict, res.Line, res.ID, res.once())))
		}
	}
	for _, s := range r.Stale {
		fmt.Fprintln(w, "stale      "+s)
	}
	for _, name := range r.LeftOut {
		fmt.Fprintf(w, "left out   %s: it fails by itself, with no mutant alive\n", name)
	}
	if r.Within > 0 {
		_, err := fmt.Fprintf(w, "Only tests of up to %g s were run: what survived may be killed by a slower one.\n", r.Within)
		return err
	}
	return nil
}

// Verdict is an error if a mutant survives that is not explained, or an explanation is stale.
func (r Report) Verdict() error {
	left := 0
	for _, res := range r.Results {
		if res.Verdict != Killed && res.Explained == "" {
			left++
		}
	}
	var errs []error
	if left > 0 {
		errs = append(errs, fmt.Errorf("%d of %d mutants survive, and nothing says why; next: write a test that fails with the mutant, or add its line, from its file's name on, and a reason to %s",
			left, len(r.Results), r.explanations))
	}
	if len(r.Stale) > 0 {
		errs = append(errs, fmt.Errorf("%d explanations explain nothing; next: take them out of %s", len(r.Stale), r.explanations))
	}
	return errors.Join(errs...)
}
