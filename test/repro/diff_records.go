package main

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"

	auditinternal "k8s.io/apiserver/pkg/apis/audit"
)

// event is what matters of an audit event.
type event struct {
	stage                   auditinternal.Stage
	code                    int
	status, reason, message string
	object                  bool // it has a response object
}

// final reports whether no event is to come after it. A request that is
// rejected at the door has no event but ResponseStarted, as upstream's have.
func (e event) final() bool { return e.stage != auditinternal.StageRequestReceived }

// String is the event in a few words.
func (e event) String() string {
	object := ""
	if e.object {
		object = " with a response object"
	}
	return fmt.Sprintf("%s %d %s %s %.80q%s", e.stage, e.code, e.status, e.reason, e.message, object)
}

// line is what matters of a line of the HTTP log.
type line struct {
	resp  int
	ended string
	bytes int64
}

// String is the line in a few words.
func (l line) String() string {
	if l.ended == "" {
		return fmt.Sprintf("resp=%d", l.resp)
	}
	return fmt.Sprintf("resp=%d ended=%q bytes=%d", l.resp, l.ended, l.bytes)
}

// ledgerEntry is what the server has recorded of a request.
type ledgerEntry struct {
	events []event
	lines  []line
}

// final returns the events that should be one.
func (r ledgerEntry) final() (events []event) {
	for _, e := range r.events {
		if e.final() {
			events = append(events, e)
		}
	}
	return events
}

// complete reports whether nothing is missing.
func (r ledgerEntry) complete() bool { return len(r.final()) > 0 && len(r.lines) > 0 }

// ledger is an audit backend and what klog writes to. It keeps what matters
// of what it is told, by audit ID.
type ledger struct {
	mu sync.Mutex
	of map[string]*ledgerEntry
}

func newLedger() *ledger { return &ledger{of: map[string]*ledgerEntry{}} }

// get returns what is recorded of a request so far.
func (r *ledger) get(id string) ledgerEntry {
	r.mu.Lock()
	defer r.mu.Unlock()
	if rec := r.of[id]; rec != nil {
		return ledgerEntry{append([]event(nil), rec.events...), append([]line(nil), rec.lines...)}
	}
	return ledgerEntry{}
}

func (r *ledger) add(id string, change func(*ledgerEntry)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.of[id] == nil {
		r.of[id] = &ledgerEntry{}
	}
	change(r.of[id])
}

// ProcessEvents implements audit.Sink.
func (r *ledger) ProcessEvents(events ...*auditinternal.Event) bool {
	for _, e := range events {
		kept := event{stage: e.Stage, object: e.ResponseObject != nil}
		if s := e.ResponseStatus; s != nil {
			kept.code, kept.status, kept.reason, kept.message = int(s.Code), s.Status, string(s.Reason), s.Message
		}
		r.add(string(e.AuditID), func(rec *ledgerEntry) { rec.events = append(rec.events, kept) })
	}
	return true
}

// Run implements audit.Backend.
func (r *ledger) Run(<-chan struct{}) error { return nil }

// Shutdown implements audit.Backend.
func (r *ledger) Shutdown() {}

// String implements audit.Backend.
func (r *ledger) String() string { return "records" }

var (
	httpLine  = []byte(`"HTTP" verb=`)
	lineID    = regexp.MustCompile(` audit-ID="([^"]*)"`)
	lineResp  = regexp.MustCompile(` resp=(\d+)`)
	lineEnded = regexp.MustCompile(` ended="([^"]*)"`)
	lineBytes = regexp.MustCompile(` bytes=(\d+)`)
)

// Write takes an entry of klog's.
func (r *ledger) Write(entry []byte) (int, error) {
	if !bytes.Contains(entry, httpLine) {
		return len(entry), nil
	}
	// What comes after is stacks.
	text, _, _ := strings.Cut(string(entry), "\n")
	field := func(re *regexp.Regexp) string {
		if m := re.FindStringSubmatch(text); m != nil {
			return m[1]
		}
		return ""
	}
	l := line{ended: field(lineEnded)}
	l.resp, _ = strconv.Atoi(field(lineResp))
	l.bytes, _ = strconv.ParseInt(field(lineBytes), 10, 64)
	r.add(field(lineID), func(rec *ledgerEntry) { rec.lines = append(rec.lines, l) })
	return len(entry), nil
}
