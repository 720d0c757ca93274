package main

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// observation is what was seen of one case: by the client, by the handler, by
// who stands around it, and in the records. It has nothing in it that differs
// from run to run: times, addresses and IDs are left out.
type observation struct {
	// First is the answer to the request, and Next what the next request on the
	// connection got.
	First answer
	Next  string
	// Extra is what else came on the connection.
	Extra string
	// End is what became of the connection or, over HTTP/2, of the stream and
	// the connection.
	End string
	// Early is whether the answer was there before the rest of the body was
	// sent. It is empty if there was no rest that came late.
	Early string
	// Sent is whether an HTTP/1 client could send all of a body that it does not hold back.
	Sent string
	// Order says whether the audit event had been taken when the answer began
	// and when it was complete. It is empty unless that takes long.
	Order string
	// Handler are the handler's notes, and Outer what an outer filter noted.
	Handler, Outer []string
	// Served are the requests that net/http took from the connection.
	Served []string
	// Audit and Log are the first request's audit events and lines of the HTTP log.
	Audit, Log []string
}

// answer is what a client got for one request.
type answer struct {
	// Informational are the answers before the final one: lines, those of their headers after a "+ ".
	Informational []string
	Status        string
	// Header and Trailer are sorted lines.
	Header, Trailer []string
	// Body is a digest, Framing how its end could be told, and Cut why that was
	// not reached.
	Body, Framing, Cut string
}

// code is that of the status, or 0 if there was none.
func (a answer) code() string {
	if code := sentCode.FindString(a.Status); code != "" {
		return code
	}
	return "0"
}

// String is the answer in a line.
func (a answer) String() string {
	var parts []string
	if len(a.Informational) > 0 {
		parts = append(parts, strings.Join(a.Informational, ", "))
	}
	if a.Status != "" {
		parts = append(parts, a.Status, "body "+a.Body)
	}
	if a.Cut != "" {
		parts = append(parts, a.Cut)
	}
	return strings.Join(parts, "; ")
}

// field is one thing that was observed.
type field struct{ name, value string }

// fields are what observations are compared by.
func (o *observation) fields() []field {
	list := func(lines []string) string { return strings.Join(lines, "\n") }
	return []field{
		{"1xx", list(o.First.Informational)},
		{"status", o.First.Status},
		{"header", list(o.First.Header)},
		{"body", o.First.Body},
		{"framing", o.First.Framing},
		{"trailer", list(o.First.Trailer)},
		{"cut", o.First.Cut},
		{"next", o.Next},
		{"extra", o.Extra},
		{"end", o.End},
		{"early", o.Early},
		{"sent", o.Sent},
		{"order", o.Order},
		{"handler", list(o.Handler)},
		{"outer", list(o.Outer)},
		{"served", list(o.Served)},
		{"audit", list(o.Audit)},
		{"log", list(o.Log)},
		{"records", o.contradiction()},
	}
}

var (
	auditedCode = regexp.MustCompile(`^(ResponseComplete|Panic) (\d+)`)
	loggedCode  = regexp.MustCompile(`^resp=(\d+)`)
	sentCode    = regexp.MustCompile(`\b\d{3}\b`)
)

// mayHaveStayed is what the audit log says of a response that was cut.
const mayHaveStayed = "of which the last may not have arrived"

// contradiction says how the records contradict what the client saw, or nothing
// if they do not. What was sent to a client that had gone is not known.
func (o *observation) contradiction() string {
	if len(o.Audit) == 0 && len(o.Log) == 0 || o.End == clientLeft || o.First.Cut == nothingCame {
		return ""
	}
	sent := o.First.code()
	// Of a response that was cut, none of what was handed over may have arrived.
	differs := func(code, record, cut string) bool {
		return code != sent && !(sent == "0" && strings.Contains(record, cut))
	}
	var wrong []string
	if len(o.Audit) > 0 {
		last := o.Audit[len(o.Audit)-1]
		m := auditedCode.FindStringSubmatch(last)
		switch {
		case m == nil:
			wrong = append(wrong, "no final audit event")
		case m[1] == "Panic":
			return "" // It is audited as the panic that it was.
		case differs(m[2], last, mayHaveStayed):
			wrong = append(wrong, fmt.Sprintf("the client got %s, the audit log says %s", sent, m[2]))
		}
	}
	if len(o.Log) > 0 {
		last := o.Log[len(o.Log)-1]
		if m := loggedCode.FindStringSubmatch(last); m != nil && differs(m[1], last, `ended="aborted"`) {
			wrong = append(wrong, fmt.Sprintf("the client got %s, the HTTP log says %s", sent, m[1]))
		}
	}
	return strings.Join(wrong, "; ")
}

// clientLeft is the end of a connection that the client closed on purpose.
const clientLeft = "the client left"

// varying are the headers whose values differ from run to run, and added those
// that the chain adds to each answer.
var (
	varying = []string{"Date", "Audit-Id", "X-Kubernetes-Pf-Flowschema-Uid"}
	added   = []string{"audit-id", "cache-control"}
)

// headerLine is a line of a header as it is compared.
func headerLine(k, v string) string {
	if slices.ContainsFunc(varying, func(name string) bool { return strings.EqualFold(name, k) }) {
		v = "..."
	}
	return k + ": " + boundary.ReplaceAllString(v, "boundary=...")
}

func sortedHeader(h http.Header) []string {
	lines := []string{}
	for k, values := range h {
		for _, v := range values {
			lines = append(lines, headerLine(k, v))
		}
	}
	slices.Sort(lines)
	return lines
}

// withoutAdded returns the lines of a header that the chain does not add.
func withoutAdded(lines []string) []string {
	return slices.DeleteFunc(slices.Clone(lines), func(line string) bool {
		k, _, _ := strings.Cut(strings.TrimPrefix(line, "+ "), ":")
		return slices.Contains(added, strings.ToLower(k))
	})
}

// withoutAdded returns the observation as it would be without the chain: what
// there is to compare with a handler that stands alone.
func (o observation) withoutAdded() observation {
	o.First.Header, o.First.Informational = withoutAdded(o.First.Header), withoutAdded(o.First.Informational)
	o.Audit, o.Log, o.Order = nil, nil, ""
	return o
}

var (
	endpoints = regexp.MustCompile(`127\.0\.0\.1:\d+`)
	boundary  = regexp.MustCompile(`boundary=[0-9a-f]+`)
	brokenOff = regexp.MustCompile(`\b(\w+ tcp ADDRESS->ADDRESS: )?\w+: (broken pipe|connection reset by peer)`)
	counts    = regexp.MustCompile(`\b\d{5,}( bytes of its body)|(bytes=)\d{5,}`)
	goroutine = regexp.MustCompile(`(?s)\ngoroutine \d+.*`)
)

// plainly is a text without what differs from run to run: how a connection
// broke off, and how many of an answer's bytes had been taken by then, are
// matters of the kernel's buffers.
func plainly(s string) string {
	s = endpoints.ReplaceAllString(s, "ADDRESS")
	s = brokenOff.ReplaceAllString(s, "the connection was closed")
	s = counts.ReplaceAllString(s, "${2}many$1")
	return goroutine.ReplaceAllString(s, " (a stack)")
}

// bodyOf returns an answer's body as it is compared: one of several parts has a
// boundary in it that is made up each time.
func (a *answer) bodyOf(d *digest) string {
	if slices.ContainsFunc(a.Header, func(line string) bool { return strings.Contains(line, "boundary=") }) {
		return fmt.Sprintf("%d bytes", d.n)
	}
	return d.String()
}

// nothingCame is how a client that gives up names what it waited for.
const nothingCame = "nothing came"

// brokenBy names the ways in which a connection can end.
func brokenBy(err error) string {
	s := err.Error()
	switch {
	case strings.Contains(s, "EOF"), strings.Contains(s, "reset by peer"), strings.Contains(s, "broken pipe"):
		// Which of them is a matter of what lay in the kernel's buffers.
		return "the connection was closed"
	case strings.Contains(s, "timeout"), strings.Contains(s, "deadline exceeded"):
		return nothingCame
	case strings.Contains(s, "closed network connection"):
		return "the client had gone"
	}
	return fmt.Sprintf("error: %s", plainly(s))
}
