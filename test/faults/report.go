package faults

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Report is what came of a run.
type Report struct {
	Results []Result `json:"results"`
}

// Result is what came of a fault on a server.
type Result struct {
	ID     string `json:"id"`
	What   string `json:"what"`
	Server string `json:"server"`
	// Requests is how many were sent during the fault and until the server had recovered: whole answers by their status, and
	// None, which are those that had none, or not all of it, or whose client went.
	Requests int `json:"requests"`
	OK       int `json:"ok"`
	TimedOut int `json:"timedOut"`
	Other    int `json:"other"`
	None     int `json:"none"`
	// RecoveredAfter is how long after the fault's end the server was ready, wrote and read, in seconds.
	RecoveredAfter float64 `json:"recoveredAfterSeconds"`
	// Joined is how many requests were joined with their audit events, with those before and after the fault.
	Joined int `json:"joined"`
	// Wrong is what a client, or an operator, may not expect, the first few of it, and WrongCount all of it.
	Wrong      []string `json:"wrong,omitempty"`
	WrongCount int      `json:"wrongCount"`
	// Skipped is why the fault was not tried, for want of something on this machine.
	Skipped string `json:"skipped,omitempty"`
	// Failed is why it could not be tried otherwise.
	Failed string `json:"failed,omitempty"`

	mustFail bool // it is an unmodified server, of which something is known to be wrong
}

// verdict is a word about the result.
func (r Result) verdict() string {
	switch {
	case r.Skipped != "":
		return "not tried: " + r.Skipped
	case r.Failed != "":
		return "could not be tried: " + r.Failed
	case r.WrongCount > 0:
		return fmt.Sprintf("%d wrong", r.WrongCount)
	}
	return "holds"
}

// String is a line about the result.
func (r Result) String() string {
	return fmt.Sprintf("%s, %s: %d requests, %d 2xx, %d 504, %d other, %d none; well after %.1f s; %s",
		r.ID, r.Server, r.Requests, r.OK, r.TimedOut, r.Other, r.None, r.RecoveredAfter, r.verdict())
}

// Verdict is nil if the patched server has held what it must, in all faults that this machine can bring about, and if each of
// them has shown on the unmodified one what it is known to.
func (r Report) Verdict() error {
	var errs []error
	tried := false
	skipped := map[string]string{} // by fault, on the server before
	for _, result := range r.Results {
		if result.Failed != "" {
			errs = append(errs, fmt.Errorf("%s could not be tried on the %s server: %s; next: make test-faults ID=%s", result.ID, result.Server, result.Failed, result.ID))
		}
		if result.mustFail && result.Skipped == "" && result.Failed == "" && result.WrongCount == 0 {
			errs = append(errs, fmt.Errorf("%s: nothing was wrong with the unmodified server, which is known not to stand it: this shows nothing; next: see if the fault still strikes", result.ID))
		}
		if result.Server != patched {
			skipped[result.ID] = result.Skipped
			continue
		}
		if before, ok := skipped[result.ID]; ok && (before == "") != (result.Skipped == "") {
			errs = append(errs, fmt.Errorf("%s was tried on one of the servers, and not on the other: this compares nothing; next: make test-faults ID=%s", result.ID, result.ID))
		}
		tried = tried || result.Skipped == ""
		if result.WrongCount > 0 {
			errs = append(errs, fmt.Errorf("%s: %d things were wrong with the patched server; next: see what is said above and, for each audit ID, the logs below faults/%s/%s",
				result.ID, result.WrongCount, result.ID, patched))
		}
	}
	if !tried {
		errs = append(errs, errors.New("no fault could be tried; next: see what this machine lacks, above"))
	}
	return errors.Join(errs...)
}

// WriteTable writes a table of the results, what the faults are, and what was wrong.
func (r Report) WriteTable(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "fault\tserver\trequests\t2xx\t504\tother\tnone\twell after\tresult")
	for _, result := range r.Results {
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%d\t%d\t%.1f s\t%s\n", result.ID, result.Server, result.Requests, result.OK, result.TimedOut, result.Other, result.None,
			result.RecoveredAfter, result.verdict())
	}
	if err := w.Flush(); err != nil {
		return err
	}
	said := map[string]bool{}
	for _, result := range r.Results {
		if !said[result.ID] {
			said[result.ID] = true
			fmt.Fprintf(out, "%s: %s\n", result.ID, result.What)
		}
		for _, wrong := range result.Wrong {
			fmt.Fprintf(out, "    %s: %.500s\n", result.Server, strings.TrimSpace(wrong))
		}
	}
	return nil
}
