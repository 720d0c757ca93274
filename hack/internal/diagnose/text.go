package diagnose

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

const shownUnknown = 12 // lines of a crash that is not known

// WriteText writes the report for people.
func (r *Report) WriteText(to io.Writer) error {
	w := bufio.NewWriter(to)
	for _, s := range r.Sources {
		fmt.Fprintf(w, "read %s: %s\n", s.Name, s.describe())
	}
	for _, v := range r.Versions {
		of := "not the fork's"
		if forks(v) {
			of = "the fork's"
		}
		fmt.Fprintf(w, "version %s, %s\n", v, of)
	}
	for _, f := range r.Findings {
		f.write(w)
	}
	for _, c := range r.Unknown {
		fmt.Fprintf(w, "\n?       A CRASH THAT IS NONE OF THE KNOWN ROWS: %s\n", c.Line)
		for i, line := range c.First {
			if i == 0 || i >= shownUnknown {
				continue
			}
			fmt.Fprintf(w, "          %s\n", strings.ReplaceAll(line, "\t", "  "))
		}
		if c.Hint != "" {
			fmt.Fprintf(w, "        but:   %s\n", c.Hint)
		}
		if c.fork {
			fmt.Fprint(w, "        next:  THIS IS THE FORK: report it with this output and the files (SECURITY.md says where), the more so if a frame is in pkg/endpoints/deadline.\n"+
				"               Without it at once: --feature-gates=PerHandlerReadWriteTimeout=false, and no --deadline-policy-file; or the released image ("+rollOut+")\n")
			continue
		}
		fmt.Fprint(w, "        next:  it is upstream's or a plugin's own; search kubernetes/kubernetes for the first line and the first k8s.io frame\n")
	}
	if len(r.Findings)+len(r.Unknown) == 0 {
		fmt.Fprint(w, "\nnone of the known rows shows\n"+
			"next: if the server died all the same, its log does not say of what: crictl inspect of its container (exit code 137: killed; OOMKilled: for its memory), dmesg, etcd's log\n")
	}
	if len(r.Notes) > 0 {
		fmt.Fprintln(w)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(w, "note: %s\n", n)
	}
	if len(r.Findings) > 0 {
		fmt.Fprintf(w, "\nwhere nothing else is said, these are %s\n", since)
		if !r.Fork {
			fmt.Fprintf(w, "next: run the fork, %s; no flag of upstream's ends them\n", rollOut)
		}
		fmt.Fprint(w, "the rows are in test/repro/README.md; make repro ID=<row> shows one on an unmodified server and on the fork\n")
	}
	return w.Flush()
}

func (s Source) describe() string {
	var parts []string
	for _, p := range []struct {
		n    int
		what string
	}{{s.Log, "of a log"}, {s.Crash, "of a crash"}, {s.Audit, "of an audit log"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	if len(parts) == 0 {
		return fmt.Sprintf("%d lines, none of which is of a kube-apiserver's log, crash or audit log", s.Lines)
	}
	return fmt.Sprintf("%d lines, %s", s.Lines, strings.Join(parts, ", "))
}

func (f Finding) write(w io.Writer) {
	row, certain := strings.Join(f.Rows, "|"), "one of these rows"
	switch {
	case len(f.Rows) == 0:
		row, certain = "-", ""
	case f.Certain:
		certain = "certain"
	case len(f.Rows) == 1:
		certain = "probable"
	}
	count := ""
	if len(f.Frames) == 0 {
		count = fmt.Sprintf(": %d", f.Count)
	}
	fmt.Fprintf(w, "\n%-7s %s%s\n", row, f.What, count)
	line := func(format string, args ...any) { fmt.Fprintf(w, "        "+format+"\n", args...) }
	if at := strings.Trim(certain+"; "+f.Seen, "; "); at != "" {
		line("%s", at)
	}
	for _, detail := range f.Details {
		line("%s", detail)
	}
	for _, frame := range f.Frames {
		line("    %s", frame)
	}
	if f.WhoAre != "" {
		line("%s:", f.WhoAre)
	}
	for _, who := range f.Who {
		line("%6d  %s", who.Count, who.Request)
	}
	if len(f.AuditIDs) > 0 && len(f.Frames) == 0 {
		line("audit ID, for one: %s", f.AuditIDs[0])
	}
	if f.Since != "" && f.Since != since {
		line("since: %s", f.Since)
	}
	line("with the fork: %s", f.Fork)
	if f.Next != "" {
		line("next:  %s", f.Next)
	}
}
