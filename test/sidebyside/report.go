package sidebyside

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// Report is in what two servers differ. Its JSON form is for scripts.
type Report struct {
	Servers [2]Server `json:"servers"`

	// Requests is how many each of them was sent.
	Requests int `json:"requests"`

	Differences []Difference  `json:"differences"`
	Stale       []Expectation `json:"stale"` // in the table, and not there

	// Wrong are the requests that the first server did not answer with the status that they are sent for.
	Wrong []string `json:"wrong"`
}

// Server is one of the two.
type Server struct {
	Name     string `json:"name"`
	Version  string `json:"version"`
	Log      string `json:"log"`
	AuditLog string `json:"auditLog"`
	Seen     string `json:"seen"` // a file with all that was compared
}

func newReport(servers [2]*server, seen [2][]observation, table []Expectation) Report {
	r := Report{Requests: len(seen[0]), Wrong: servers[0].wrong}
	for i, s := range servers {
		r.Servers[i] = Server{Name: s.name, Version: s.version, Log: s.cluster.Log(), AuditLog: s.cluster.AuditLog(), Seen: s.seenPath()}
	}
	r.Differences, r.Stale = judge(compare(seen[0], seen[1]), table, seen[0])
	return r
}

// Verdict is nil when the servers differ in what the table says, and in nothing else.
func (r Report) Verdict() error {
	var errs []error
	if n := len(r.Wrong); n > 0 {
		errs = append(errs, fmt.Errorf("%d requests were not answered with the status that they are sent for; next: put their steps right, in test/sidebyside", n))
	}
	unexpected := 0
	for _, d := range r.Differences {
		if d.Row == "" {
			unexpected++
		}
	}
	if unexpected > 0 {
		errs = append(errs, fmt.Errorf("%d differences are not in the table; next: mend what makes them, or enter them in test/sidebyside/expected.go with their reason", unexpected))
	}
	if n := len(r.Stale); n > 0 {
		errs = append(errs, fmt.Errorf("%d differences in the table are not there any more; next: take them out of test/sidebyside/expected.go", n))
	}
	return errors.Join(errs...)
}

// WriteTable writes the differences for people, those that are expected as one line for each entry of the table.
func (r Report) WriteTable(w io.Writer) error {
	var b strings.Builder
	for _, s := range r.Servers {
		fmt.Fprintf(&b, "%-10s  %s\n", s.Name, s.Version)
	}
	fmt.Fprintf(&b, "%-10s  %d\n", "requests", r.Requests)

	type entry struct{ row, why string }
	counts := map[entry]int{}
	var order []entry
	unexpected := 0
	for _, d := range r.Differences {
		if d.Row == "" {
			unexpected++
			continue
		}
		e := entry{d.Row, d.Why}
		if counts[e] == 0 {
			order = append(order, e)
		}
		counts[e]++
	}
	fmt.Fprintf(&b, "\nexpected differences: %d\n", len(r.Differences)-unexpected)
	for _, e := range order {
		fmt.Fprintf(&b, "  %-6s %4d  %s\n", e.row, counts[e], e.why)
	}
	fmt.Fprintf(&b, "\nother differences: %d\n", unexpected)
	last := ""
	for _, d := range r.Differences {
		if d.Row != "" {
			continue
		}
		if d.Request != last {
			fmt.Fprintf(&b, "  %s\n", d.Request)
			last = d.Request
		}
		fmt.Fprintf(&b, "    %s\n      %-10s  %s\n      %-10s  %s\n", d.Aspect, r.Servers[0].Name, oneLine(d.Unmodified), r.Servers[1].Name, oneLine(d.Patched))
	}
	if len(r.Stale) > 0 {
		fmt.Fprintf(&b, "\nin the table, and not there: %d\n", len(r.Stale))
		for _, e := range r.Stale {
			fmt.Fprintf(&b, "  %s %s: %s: %s, %s\n", e.Row, strings.Join(e.Requests, ", "), e.Aspect, e.Unmodified, e.Patched)
		}
	}
	if len(r.Wrong) > 0 {
		fmt.Fprintf(&b, "\nnot answered as they should be: %d\n  %s\n", len(r.Wrong), strings.Join(r.Wrong, "\n  "))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func oneLine(s string) string { return strings.ReplaceAll(s, "\n", `\n`) }
