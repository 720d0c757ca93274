package ha

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"fork.internal/apiserver/test/demo"
)

// fatalError begins the line with which the Go runtime ends a process for D1.
const fatalError = "fatal error: concurrent map "

// DemoReport is what became of both sides. Its JSON form is for scripts.
type DemoReport struct {
	Unmodified Side `json:"unmodified"`
	Patched    Side `json:"patched"`
}

// Side is what became of three servers of one build. Times are in seconds since the ordinary clients began.
type Side struct {
	Name    string `json:"name"`
	Version string `json:"version"` // as /version has it

	LoadBegins float64 `json:"loadBeginsSeconds"`
	LoadEnds   float64 `json:"loadEndsSeconds"`

	Deaths []Death `json:"deaths"` // in their order

	// Hostile is what became of the load's requests.
	Hostile demo.Requests `json:"hostile"`

	// Before and During are what ordinary clients saw before the load, and under it and for a while after; Streams is what
	// became of watches' streams under it.
	Before  Seen `json:"before"`
	During  Seen `json:"during"`
	Streams Seen `json:"streams"`

	// Watched is what watches saw in all. Dead servers are started again after the load, so that a watch can go on: what
	// it has not seen then is lost.
	Watched Watched `json:"watched"`

	// Refused is how many connections the balancer closed at once, since nobody was there to take them.
	Refused int64 `json:"refusedConnections"`

	Samples            []Sample `json:"samples"`
	AnsweredEachSecond []int64  `json:"answeredEachSecond"` // to ordinary clients
}

// Death is the end of one server.
type Death struct {
	Server int     `json:"server"` // the first is 1
	At     float64 `json:"atSeconds"`
	Cause  string  `json:"cause"` // a line
	Log    string  `json:"log"`   // path
}

// LoadSeconds is how long the load was.
func (s Side) LoadSeconds() float64 { return s.LoadEnds - s.LoadBegins }

// around are the last sample before a time and the first half a second after it, when clients have come back to others.
func (s Side) around(at float64) (before, after Sample) {
	for _, sample := range s.Samples {
		if sample.At < at {
			before = sample
		}
		if after = sample; sample.At > at+0.5 {
			break
		}
	}
	return before, after
}

// Verdict is nil when all unmodified servers died of D1, and of the patched ones none, whose ordinary clients had all
// they asked for answered and whose watches saw every event once. The error names everything that was otherwise.
func (r DemoReport) Verdict() error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	u, p := r.Unmodified, r.Patched
	if alive := servers - len(u.Deaths); alive > 0 {
		fail("%d of %d unmodified kube-apiservers survived %.0f s of load; next: make demo-ha again, on a machine with less to do",
			alive, servers, u.LoadSeconds())
	}
	for _, d := range u.Deaths {
		if !strings.HasPrefix(d.Cause, fatalError) {
			fail("an unmodified kube-apiserver died of something else: %s (log: %s)", d.Cause, d.Log)
		}
	}
	for _, d := range p.Deaths {
		fail("a patched kube-apiserver died: %s (log: %s)", d.Cause, d.Log)
	}
	for _, phase := range []struct {
		when string
		seen Seen
	}{{"unmodified kube-apiservers before the load", u.Before}, {"patched kube-apiservers before the load", p.Before}, {"patched kube-apiservers under load", p.During}} {
		if phase.seen.Failures() > 0 || phase.seen.OK == 0 {
			fail("ordinary clients of the %s had %d answers; failed: %s", phase.when, phase.seen.OK, phase.seen.failures())
		}
	}
	if p.Streams.Failures() > 0 {
		fail("watches of the patched kube-apiservers lost their streams: %s", p.Streams.failures())
	}
	if err := p.Watched.verdict(); err != nil {
		fail("patched: %w", err)
	}
	if n := p.Hostile; n.Answered == 0 || n.TimedOut == 0 {
		fail("the load on the patched kube-apiservers did not straddle the deadline: 2xx %d, 504 %d", n.Answered, n.TimedOut)
	}
	// A committed answer that is not whole 20 ms after its deadline is cut, by design, which a busy machine may bring about.
	if n := p.Hostile; n.Sent != n.Answered+n.TimedOut+n.Reset || n.Reset > 1+n.Sent/1000 {
		fail("hostile clients of the patched kube-apiservers got other than an answer or a 504: %+v", n)
	}
	if u.Version == p.Version {
		fail("both sides say that they are %s: one of the binaries is not the one it should be", p.Version)
	}
	return errors.Join(errs...)
}

// WriteTable writes both sides, for people.
func (r DemoReport) WriteTable(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	row := func(label string, cell func(Side) any) {
		fmt.Fprintf(tw, "%s\t%v\t%v\n", label, cell(r.Unmodified), cell(r.Patched))
	}
	seconds := func(s float64) string { return fmt.Sprintf("%.1f s", s) }
	number := func(n float64) string { return fmt.Sprintf("%.0f", n) }
	row("", func(s Side) any { return strings.ToUpper(s.Name) })
	row("version", func(s Side) any { return s.Version })
	row("load", func(s Side) any { return seconds(s.LoadSeconds()) })
	row("servers that died", func(s Side) any { return fmt.Sprintf("%d of %d", len(s.Deaths), servers) })
	row("most of one server", func(Side) any { return "" })
	row("  connections", func(s Side) any {
		return number(s.most(func(o ServerSample) float64 { return float64(o.Connections) }))
	})
	row("  watches", func(s Side) any { return number(s.most(func(o ServerSample) float64 { return float64(o.Watches) })) })
	row("  goroutines", func(s Side) any { return number(s.most(func(o ServerSample) float64 { return float64(o.Goroutines) })) })
	row("  resident memory, MiB", func(s Side) any { return number(s.most(func(o ServerSample) float64 { return o.MiB })) })
	row("hostile clients: requests", func(s Side) any { return s.Hostile.Sent })
	row("  answered (2xx)", func(s Side) any { return s.Hostile.Answered })
	row("  timed out (504)", func(s Side) any { return s.Hostile.TimedOut })
	row("  cut off, broken, other", func(s Side) any { return s.Hostile.Sent - s.Hostile.Answered - s.Hostile.TimedOut })
	row("ordinary clients: answered", func(s Side) any { return s.During.OK })
	row("  failed", func(s Side) any { return s.During.Failures() })
	row("  longest time without an answer", func(s Side) any { return seconds(s.During.LongestGap) })
	row("  slowest answer", func(s Side) any { return seconds(s.During.Slowest) })
	row("  connections refused", func(s Side) any { return s.Refused })
	row("watches: streams cut off, or not to be had", func(s Side) any { return s.Streams.Failures() })
	row("  longest time without a stream", func(s Side) any { return seconds(s.Watched.Blind) })
	row("  events that each ought to have seen", func(s Side) any { return s.Watched.Events })
	row("  watches that have not, and would list again", func(s Side) any { return fmt.Sprintf("%d of %d", s.Watched.Wrong, s.Watched.Watches) })
	if err := tw.Flush(); err != nil {
		return err
	}
	for _, s := range []Side{r.Unmodified, r.Patched} {
		for _, d := range s.Deaths {
			before, after := s.around(d.At)
			if _, err := fmt.Fprintf(w, "\n%s, server %d, after %.1f s of load: %s\n  before: %s\n  after:  %s\n  log: %s\n", s.Name,
				d.Server, d.At-s.LoadBegins, d.Cause, before, after, d.Log); err != nil {
				return err
			}
		}
	}
	return nil
}

// String is a line: what each server had.
func (s Sample) String() string {
	var all []string
	for i, of := range s.Servers {
		text := "dead"
		if of.Alive {
			text = fmt.Sprintf("%d connections, %d watches, %.0f MiB", of.Connections, of.Watches, of.MiB)
		}
		all = append(all, fmt.Sprintf("%d: %s", i+1, text))
	}
	return strings.Join(all, "; ")
}
