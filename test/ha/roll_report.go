package ha

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

// RollReport is what was seen while servers were replaced. Its JSON form is for scripts.
type RollReport struct {
	// Phases are unmodified to unmodified, which is what the others are compared with, to the fork, and back.
	Phases []Phase `json:"phases"`

	Watched Watched `json:"watched"`

	// Leftover is what is in etcd after the fork has gone, and would not be, had it never been there; a line each.
	Leftover []string `json:"leftover"`
}

// Phase is the replacement of all servers, one after the other.
type Phase struct {
	Name         string      `json:"name"`
	Seconds      float64     `json:"seconds"`
	Replaced     []Replaced  `json:"replaced"`
	Requests     Seen        `json:"requests"`
	SlowRequests int64       `json:"slowRequests"` // that the webhook was asked about
	Streams      Seen        `json:"streams"`      // of watches
	Etcd         Differences `json:"etcd"`         // since the phase before
}

// Replaced is one server's replacement; times are in seconds since it was told to stop.
type Replaced struct {
	Version     string  `json:"version"`     // of what came in its place
	Connections int     `json:"connections"` // when it was told to stop
	OutAfter    float64 `json:"outAfterSeconds"`
	GoneAfter   float64 `json:"goneAfterSeconds"`
	BackAfter   float64 `json:"backAfterSeconds"`
	// Panics are those in the log of a patched server that has gone, with crashes and races.
	Panics []string `json:"panics,omitempty"`
}

// terminationCosts are what a graceful termination costs who is in the midst of a connection when it comes, and how many
// requests of a phase may fail so: for each server, a 503 that asks to come again of each client, and, of the
// one that speaks HTTP/1.1, a request that crosses with the end of its idle connection, which cannot be announced.
var terminationCosts = map[string]int64{
	turnedAway: servers * (workers + 1 + slowWorkers),
	crossed:    servers,
}

// Verdict is nil when the phases with the fork cost clients nothing that the one without does not, or any
// graceful termination, no watch missed anything, and nothing of the fork's is left. The error names everything that was
// otherwise.
func (r RollReport) Verdict() error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for _, p := range r.Phases {
		for i, step := range p.Replaced {
			for _, found := range step.Panics {
				fail("%s, server %d: %s; next: see what is around it", p.Name, i+1, found)
			}
			if step.Connections == 0 {
				fail("%s, server %d: it had no connection when it was told to stop, so nothing was shown", p.Name, i+1)
			}
			if step.OutAfter >= shutdownDelay.Seconds() {
				fail("%s, server %d: the balancer knew that it was not ready after %.1f s, which is later than it served for (%v); next: make test-ha again, on a machine with less to do",
					p.Name, i+1, step.OutAfter, shutdownDelay)
			}
		}
		if p.Requests.OK == 0 || p.SlowRequests == 0 {
			fail("%s: %d answers, %d slow requests: nothing was shown", p.Name, p.Requests.OK, p.SlowRequests)
		}
	}
	base := r.Phases[0]
	for _, p := range r.Phases[1:] {
		for _, kind := range sortedKeys(p.Requests.Failed) {
			allowed := max(base.Requests.Failed[kind], terminationCosts[kind])
			if n := p.Requests.Failed[kind]; n > allowed {
				fail("%s: %d requests failed by %s, where it may be %d: %s", p.Name, n, kind, allowed, p.Requests.Examples[kind])
			}
		}
		for _, kind := range sortedKeys(p.Streams.Failed) {
			if n, allowed := p.Streams.Failed[kind], base.Streams.Failed[kind]; n > allowed {
				fail("%s: %d watches failed by %s, where it may be %d: %s", p.Name, n, kind, allowed, p.Streams.Examples[kind])
			}
		}
	}
	if err := r.Watched.verdict(); err != nil {
		errs = append(errs, err)
	}
	if len(r.Leftover) > 0 {
		fail("etcd has, after the fork has gone, what it would not have without it: %s", strings.Join(r.Leftover, "; "))
	}
	return errors.Join(errs...)
}

// WriteTable writes the phases side by side, for people.
func (r RollReport) WriteTable(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	row := func(label string, cell func(Phase) any) {
		fmt.Fprint(tw, label)
		for _, p := range r.Phases {
			fmt.Fprintf(tw, "\t%v", cell(p))
		}
		fmt.Fprintln(tw)
	}
	each := func(label string, of func(Replaced) any) {
		row(label, func(p Phase) any {
			var all []string
			for _, step := range p.Replaced {
				all = append(all, fmt.Sprint(of(step)))
			}
			return strings.Join(all, ", ")
		})
	}
	seconds := func(s float64) string { return fmt.Sprintf("%.1f s", s) }
	failed := func(of func(Phase) Seen) {
		kinds := map[string]bool{}
		for _, p := range r.Phases {
			for kind := range of(p).Failed {
				kinds[kind] = true
			}
		}
		for _, kind := range slices.Sorted(maps.Keys(kinds)) {
			row("  "+kind, func(p Phase) any { return of(p).Failed[kind] })
		}
	}
	row("", func(p Phase) any { return strings.ToUpper(p.Name) })
	row("version", func(p Phase) any { return p.Replaced[0].Version })
	row("time", func(p Phase) any { return seconds(p.Seconds) })
	each("each server: connections", func(s Replaced) any { return s.Connections })
	each("  not ready after", func(s Replaced) any { return seconds(s.OutAfter) })
	each("  gone after", func(s Replaced) any { return seconds(s.GoneAfter) })
	each("  ready again after", func(s Replaced) any { return seconds(s.BackAfter) })
	row("requests answered", func(p Phase) any { return p.Requests.OK })
	row("  of them slow ones", func(p Phase) any { return p.SlowRequests })
	row("requests failed", func(p Phase) any { return p.Requests.Failures() })
	failed(func(p Phase) Seen { return p.Requests })
	row("longest time without an answer", func(p Phase) any { return seconds(p.Requests.LongestGap) })
	row("watches' streams that ended in order", func(p Phase) any { return p.Streams.OK })
	row("watches' streams otherwise", func(p Phase) any { return p.Streams.Failures() })
	failed(func(p Phase) Seen { return p.Streams })
	row("keys in etcd afterwards", func(p Phase) any { return p.Etcd.Keys })
	row("  added, removed, changed", func(p Phase) any {
		return fmt.Sprintf("%d, %d, %d", len(p.Etcd.Added), len(p.Etcd.Removed), len(p.Etcd.Changed))
	})
	if err := tw.Flush(); err != nil {
		return err
	}
	watched := fmt.Sprintf("each of %d saw each of %d events once, in order", r.Watched.Watches, r.Watched.Events)
	if err := r.Watched.verdict(); err != nil {
		watched = err.Error()
	}
	left := "nothing"
	if len(r.Leftover) > 0 {
		left = strings.Join(r.Leftover, "\n  ")
	}
	_, err := fmt.Fprintf(w, "\nwatches, over all phases: %s; the longest without a stream: %.2f s\nleft in etcd by the fork: %s\n",
		watched, r.Watched.Blind, left)
	return err
}
