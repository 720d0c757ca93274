package demo

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"fork.internal/apiserver/test/cluster"
)

// fatalError begins the line with which the Go runtime ends a process for D1. Which of "writes", "read and
// write" and "iteration and write" it goes on with depends on who met whom.
const fatalError = "fatal error: concurrent map "

// Report is what became of both servers. Its JSON form is for scripts.
type Report struct {
	Clients    int    `json:"clients"`
	Unmodified Target `json:"unmodified"`
	Patched    Target `json:"patched"`
}

// Target is what became of one server.
type Target struct {
	Name    string `json:"name"`
	Version string `json:"version"` // as /version has it
	Log     string `json:"log"`     // path of its log

	// How many warnings a whole answer carries.
	WarningsPerPod   int `json:"warningsPerPod"`
	WarningsPerPatch int `json:"warningsPerPatch"`

	LoadSeconds float64  `json:"loadSeconds"`
	Requests    Requests `json:"requests"`

	// OtherExample is the first answer that was neither a whole 2xx nor a 504.
	OtherExample string `json:"otherExample,omitempty"`

	// Died says that the process ended under load; the next three then say when, of what, and its exit
	// status with what its log has about it.
	Died           bool          `json:"died"`
	SecondsToDeath float64       `json:"secondsToDeath,omitempty"`
	Crash          cluster.Crash `json:"crash"`
	Exit           string        `json:"exit,omitempty"`

	// ReadyAfter says that after the load the server was ready and gave whole answers; AfterError is what
	// it said instead.
	ReadyAfter bool   `json:"readyAfter"`
	AfterError string `json:"afterError,omitempty"`
}

// cause is one line.
func (t Target) cause() string {
	if t.Crash.Line != "" {
		return t.Crash.Line
	}
	line, _, _ := strings.Cut(t.Exit, "\n")
	return line
}

// Verdict is nil when the unmodified server died of D1 and the patched one did not, answered every request
// with all of its answer or with a 504, and was as good as new afterwards. The error names everything that
// was otherwise.
func (r Report) Verdict() error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }

	switch u := r.Unmodified; {
	case !u.Died:
		fail("the unmodified kube-apiserver survived %.1f s of load: run it again, for longer", u.LoadSeconds)
	case !strings.HasPrefix(u.Crash.Line, fatalError):
		fail("the unmodified kube-apiserver died of something else: %s (log: %s)", u.cause(), u.Log)
	}

	p := r.Patched
	if p.Died {
		fail("the patched kube-apiserver died after %.1f s: %s (log: %s)", p.SecondsToDeath, p.cause(), p.Log)
		return errors.Join(errs...)
	}
	if !p.ReadyAfter {
		fail("the patched kube-apiserver is not well after the load: %s", p.AfterError)
	}
	if n := p.Requests; n.Answered == 0 || n.TimedOut == 0 {
		fail("the load on the patched kube-apiserver did not straddle the deadline: 2xx %d, 504 %d", n.Answered, n.TimedOut)
	}
	if n := p.Requests.Silent + p.Requests.Unreachable; n > 0 {
		fail("the patched kube-apiserver left %d requests without an answer", n)
	}
	if n := p.Requests.Reset; n > 0 {
		fail("the patched kube-apiserver cut %d answers off: a 504 is due instead", n)
	}
	if n := p.Requests.Short + p.Requests.Other; n > 0 {
		fail("the patched kube-apiserver gave %d wrong answers, the first: %s", n, p.OtherExample)
	}
	if r.Unmodified.Version == p.Version {
		fail("both kube-apiservers say that they are %s: one of the binaries is not the one it should be", p.Version)
	}
	if u := r.Unmodified; u.WarningsPerPod != p.WarningsPerPod || u.WarningsPerPatch != p.WarningsPerPatch {
		fail("warnings per pod and patch differ: unmodified %d and %d, patched %d and %d",
			u.WarningsPerPod, u.WarningsPerPatch, p.WarningsPerPod, p.WarningsPerPatch)
	}
	return errors.Join(errs...)
}

// WriteTable writes the two side by side, for people.
func (r Report) WriteTable(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	row := func(label string, cell func(Target) string) {
		fmt.Fprintf(tw, "%s\t%s\t%s\n", label, cell(r.Unmodified), cell(r.Patched))
	}
	count := func(n func(Requests) int64) func(Target) string {
		return func(t Target) string { return fmt.Sprint(n(t.Requests)) }
	}
	row("", func(t Target) string { return strings.ToUpper(t.Name) })
	row("version", func(t Target) string { return t.Version })
	row("outcome", func(t Target) string {
		switch {
		case t.LoadSeconds == 0:
			return "not run"
		case t.Died:
			return fmt.Sprintf("died after %.1f s", t.SecondsToDeath)
		case t.ReadyAfter:
			return "alive and ready"
		}
		return "alive, not well"
	})
	row("seconds of load", func(t Target) string { return fmt.Sprintf("%.1f", t.LoadSeconds) })
	row("requests", count(func(n Requests) int64 { return n.Sent }))
	row("  answered (2xx)", count(func(n Requests) int64 { return n.Answered }))
	row("  timed out (504)", count(func(n Requests) int64 { return n.TimedOut }))
	row("  cut off (reset)", count(func(n Requests) int64 { return n.Reset }))
	row("  connection broken", count(func(n Requests) int64 { return n.Unreachable }))
	row("  other", count(func(n Requests) int64 { return n.Short + n.Other + n.Silent }))
	row("warnings per pod, patch", func(t Target) string {
		return fmt.Sprintf("%d, %d", t.WarningsPerPod, t.WarningsPerPatch)
	})
	if err := tw.Flush(); err != nil {
		return err
	}
	for _, t := range []Target{r.Unmodified, r.Patched} {
		if err := t.writeDeath(w); err != nil {
			return err
		}
	}
	return nil
}

func (t Target) writeDeath(w io.Writer) error {
	var lines []string
	if t.Died {
		lines = append(lines, "", t.Name+": "+t.cause())
		for _, f := range t.Crash.Frames {
			lines = append(lines, "    "+f)
		}
		lines = append(lines, "  log: "+t.Log)
	}
	if t.OtherExample != "" {
		lines = append(lines, "", t.Name+": first other answer: "+t.OtherExample)
	}
	if t.AfterError != "" {
		lines = append(lines, "", t.Name+": after the load: "+t.AfterError)
	}
	if len(lines) == 0 {
		return nil
	}
	_, err := fmt.Fprintln(w, strings.Join(lines, "\n"))
	return err
}
