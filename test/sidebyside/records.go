package sidebyside

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const (
	// A request's records may come after its answer. lineTimeout is how long its line in the HTTP log is
	// awaited, without which nothing can be compared; eventTimeout how long an audit event is after that, which
	// some requests never have.
	lineTimeout  = 15 * time.Second
	eventTimeout = time.Second

	pollInterval = 5 * time.Millisecond
)

// records are what a server writes down about requests, by audit ID. They are used by one goroutine.
type records struct {
	log, audit tail
	norm       *normaliser

	lines  map[string][]logLine
	events map[string][]event
}

// event is an audit event.
type event struct {
	stage string
	text  string // the event, normalised
}

// logLine is a line of the HTTP log.
type logLine struct {
	keys   []string // in their order
	values map[string]string
}

func newRecords(logPath, auditPath string, n *normaliser) *records {
	return &records{
		log: tail{path: logPath}, audit: tail{path: auditPath}, norm: n,
		lines: map[string][]logLine{}, events: map[string][]event{},
	}
}

// read takes in what has been written since.
func (r *records) read() error {
	lines, err := r.log.lines()
	if err != nil {
		return err
	}
	for _, line := range lines {
		if l, ok := parseLine(string(line)); ok {
			id := l.values["audit-ID"]
			r.lines[id] = append(r.lines[id], l)
		}
	}
	if lines, err = r.audit.lines(); err != nil {
		return err
	}
	for _, line := range lines {
		id, e, err := parseEvent(line, r.norm)
		if err != nil {
			return err
		}
		r.events[id] = append(r.events[id], e)
	}
	return nil
}

// await returns when there is all that a request leaves behind. That there is no event of its end is no error.
func (r *records) await(ctx context.Context, id string) error {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	begun := time.Now()
	var since time.Time // when the line was there
	for {
		if err := r.read(); err != nil {
			return err
		}
		line := len(r.lines[id]) > 0
		if line && since.IsZero() {
			since = time.Now()
		}
		switch {
		case line && r.ended(id):
			return nil
		case line && time.Since(since) > eventTimeout:
			return nil
		case !line && time.Since(begun) > lineTimeout:
			return nil // That it is missing is what will be compared.
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
		}
	}
}

func (r *records) ended(id string) bool {
	for _, e := range r.events[id] {
		if e.stage == "ResponseComplete" || e.stage == "Panic" {
			return true
		}
	}
	return false
}

// aspects are what two servers are compared by. They have the prefix for a name.
func (r *records) aspects(id, prefix string) map[string]string {
	out := map[string]string{}
	out[prefix+"log.lines"] = strconv.Itoa(len(r.lines[id]))
	for i, l := range r.lines[id] {
		name := prefix + "log."
		if i > 0 {
			name = fmt.Sprintf("%slog[%d].", prefix, i+1)
		}
		for k, v := range l.values {
			out[name+k] = r.norm.text(v)
		}
	}
	var stages []string
	for _, e := range r.events[id] {
		name := prefix + "audit." + e.stage
		for n := 2; ; n++ {
			if _, taken := out[name]; !taken {
				break
			}
			name = fmt.Sprintf("%saudit.%s[%d]", prefix, e.stage, n)
		}
		stages = append(stages, e.stage)
		out[name] = e.text
	}
	out[prefix+"audit.stages"] = strings.Join(stages, " ")
	return out
}

// duration is a Go duration in a log line: a latency, or the time in a queue.
var duration = regexp.MustCompile(`^([\d.]+(h|ms|m|s|µs|ns))+$`)

// parseLine parses a line of the HTTP log, which klog has written: I1128 10:11:12.123456 77 httplog.go:134] "HTTP" k="v" k2=3.
func parseLine(line string) (l logLine, ok bool) {
	_, rest, found := strings.Cut(line, `] "HTTP" `)
	if !found {
		return l, false
	}
	l.values = map[string]string{}
	for rest = strings.TrimSpace(rest); rest != ""; rest = strings.TrimSpace(rest) {
		var key, value string
		if key, rest, found = strings.Cut(rest, "="); !found {
			break
		}
		if strings.HasPrefix(rest, `"`) {
			quoted, err := strconv.QuotedPrefix(rest)
			if err != nil {
				// klog writes a text of several lines as it is, from the next line on.
				value, rest = "<several lines>", ""
			} else {
				rest = rest[len(quoted):]
				value, _ = strconv.Unquote(quoted)
			}
		} else if strings.HasPrefix(rest, "<") {
			value, rest = "<several lines>", ""
		} else {
			value, rest, _ = strings.Cut(rest, " ")
		}
		switch {
		case duration.MatchString(value):
			value = "<duration>"
		case strings.HasSuffix(key, "seats"):
			value = "<seats>" // A LIST's depend on when the server has last counted the objects.
		}
		l.keys = append(l.keys, key)
		l.values[key] = value
	}
	return l, l.values["audit-ID"] != ""
}

// latencies are annotations of requests that take long, which is a matter of the machine.
var latencies = regexp.MustCompile(`"apiserver\.latency\.k8s\.io/[^"]*":"[^"]*",|,?"apiserver\.latency\.k8s\.io/[^"]*":"[^"]*"`)

func parseEvent(line []byte, n *normaliser) (id string, e event, err error) {
	var ev struct{ AuditID, Stage string }
	if err := json.Unmarshal(line, &ev); err != nil {
		return "", e, fmt.Errorf("the audit log has a line that is no event: %w: %.200s", err, line)
	}
	return ev.AuditID, event{ev.Stage, n.text(latencies.ReplaceAllString(string(line), ""))}, nil
}
