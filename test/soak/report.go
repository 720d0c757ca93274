package soak

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"fork.internal/apiserver/test/cluster"
)

// Report is what came of a run.
type Report struct {
	Duration float64 `json:"durationSeconds"` // of all phases together
	Sides    []Side  `json:"sides"`           // the patched server's is the last
}

// Side is what came of one server.
type Side struct {
	Name    string  `json:"name"`
	Version string  `json:"version"`
	Phases  []Phase `json:"phases"`
	Died    *Death  `json:"died,omitempty"`
	// Joined is how many requests were joined with their audit events.
	Joined  int      `json:"joined"`
	Samples []Sample `json:"samples"`
	Log     string   `json:"log"`

	mustHold bool // it is the one that is tested
}

// Death is how a server ended by itself.
type Death struct {
	At    float64       `json:"atSeconds"`
	Phase string        `json:"phase"`
	Crash cluster.Crash `json:"crash"`
}

// Phase is what came of one.
type Phase struct {
	Name    string  `json:"name"`
	From    float64 `json:"fromSeconds"` // since the first began
	Seconds float64 `json:"seconds"`     // with the time until the server was at rest
	// Requests is the sum of what follows: whole answers by their status; answers that the server, or its end, has cut or that
	// have not come; and those of clients that went first.
	Requests int `json:"requests"`
	OK       int `json:"ok"`
	TimedOut int `json:"timedOut"`
	Other    int `json:"other"`
	Cut      int `json:"cut"`
	Left     int `json:"left"`
	// Lies is what was answered, or recorded, otherwise than it was; Lost is what was promised and not there. Examples has the
	// first few of both.
	Lies     int      `json:"lies"`
	Lost     int      `json:"lost"`
	Examples []string `json:"examples,omitempty"`
	// Held is what the server did not let go of in time, and SettledIn is how long it took otherwise, in seconds.
	Held      []string `json:"held,omitempty"`
	SettledIn float64  `json:"settledInSeconds"`
	Peak      Sample   `json:"peak"` // the most of each value
	After     Sample   `json:"after"`
}

// examples is how many of what was wrong in a phase is kept.
const examples = 3

// say keeps one of the first few.
func (p *Phase) say(what string) {
	if len(p.Examples) < examples {
		p.Examples = append(p.Examples, what)
	}
}

// String is a line about the phase.
func (p Phase) String() string {
	return fmt.Sprintf("%s: %d requests, %d 2xx, %d 504, %d other, %d cut, %d left; %d lies, %d lost; at rest after %.0f s (%.0f s)",
		p.Name, p.Requests, p.OK, p.TimedOut, p.Other, p.Cut, p.Left, p.Lies, p.Lost, p.SettledIn, p.Seconds)
}

// wrong is how much was.
func (p Phase) wrong() int { return p.Lies + p.Lost + len(p.Held) }

// Verdict is nil if the patched server has held what it must. The unmodified one must not, and not in any phase of which that is
// known, or nothing was shown.
func (r Report) Verdict() error {
	var errs []error
	for _, s := range r.Sides {
		if !s.mustHold {
			if s.Died == nil && !slices.ContainsFunc(s.Phases, func(p Phase) bool { return p.wrong() > 0 }) {
				errs = append(errs, fmt.Errorf("nothing was wrong with the %s server: this shows nothing; next: give it longer", s.Name))
			}
			for _, p := range s.stood() {
				errs = append(errs, fmt.Errorf("nothing was wrong with the %s server in %s, which it is known not to stand: this shows nothing; next: see if its clients still do what they are to", s.Name, p))
			}
			continue
		}
		if s.Died != nil {
			errs = append(errs, fmt.Errorf("the %s server died in its second %.0f (%s): %s", s.Name, s.Died.At, s.Died.Phase, s.Died.Crash.Line))
		}
		for _, p := range s.Phases {
			if p.wrong() > 0 {
				errs = append(errs, fmt.Errorf("%s server, %s: %d lies, %d lost, held: %d", s.Name, p.Name, p.Lies, p.Lost, len(p.Held)))
			}
		}
		if s.Died != nil || slices.ContainsFunc(s.Phases, func(p Phase) bool { return p.wrong() > 0 }) {
			errs = append(errs, fmt.Errorf("next: see what is said above and, for each audit ID, %s and the audit log beside it", s.Log))
		}
	}
	return errors.Join(errs...)
}

// stood are the phases in which nothing was wrong with an unmodified server, and ought to have been. That in which it died is
// none of them.
func (s Side) stood() (names []string) {
	for _, p := range s.Phases {
		known := slices.ContainsFunc(phases, func(one phase) bool { return one.name == p.Name && one.unmodifiedFails })
		if known && p.wrong() == 0 && (s.Died == nil || s.Died.Phase != p.Name) {
			names = append(names, p.Name)
		}
	}
	return names
}

// WriteTable writes a table of the phases of each side, and what was wrong.
func (r Report) WriteTable(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "server\tphase\trequests\t2xx\t504\tother\tcut\tleft\tlies\tlost\tgoroutines\theap MiB\tdescriptors\tseats\toverdue\tat rest after")
	for _, s := range r.Sides {
		for _, p := range s.Phases {
			rest := fmt.Sprintf("%.0f s", p.SettledIn)
			if len(p.Held) > 0 {
				rest = "never"
			}
			fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d", s.Name, p.Name, p.Requests, p.OK, p.TimedOut, p.Other, p.Cut, p.Left, p.Lies, p.Lost)
			for _, of := range []func(Sample) float64{
				func(s Sample) float64 { return s.Goroutines }, func(s Sample) float64 { return s.HeapMiB },
				func(s Sample) float64 { return s.Descriptors }, func(s Sample) float64 { return s.Seats }, func(s Sample) float64 { return s.Overdue },
			} {
				fmt.Fprintf(w, "\t%.0f, %.0f", of(p.Peak), of(p.After))
			}
			fmt.Fprintf(w, "\t%s\n", rest)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(out, "(goroutines to overdue: the most of it, and how much when the phase was over and the server had come to rest)")
	for _, s := range r.Sides {
		fmt.Fprintf(out, "%s: %s, %d requests joined with their audit events", s.Name, s.Version, s.Joined)
		if s.Died != nil {
			fmt.Fprintf(out, "; died in its second %.0f (%s): %s", s.Died.At, s.Died.Phase, s.Died.Crash.Line)
		}
		fmt.Fprintln(out)
		for _, p := range s.Phases {
			for _, what := range append(p.Examples, p.Held...) {
				fmt.Fprintf(out, "    %s: %s\n", p.Name, strings.TrimSpace(what))
			}
		}
	}
	return nil
}
