package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"sync"

	auditinternal "k8s.io/apiserver/pkg/apis/audit"
	"k8s.io/klog/v2"

	"fork.internal/apiserver/test/chain"
)

// What the fork logs of handlers that go on after their request has ended:
// while they do, and when they return.
const (
	isOverdue    = `"Request handler is overdue"`
	returnedLate = `"Overdue request handler returned"`
)

// serverLog is where what the server logs goes, besides to what a case captures of it: nowhere,
// unless it is being recorded.
var serverLog io.Writer = io.Discard

// keepLog has what the server logs written to w, the lines of the HTTP log included.
func keepLog(w io.Writer) error {
	flags := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(flags)
	serverLog = w
	klog.SetOutput(w)
	// Without it, klog writes an error three times, for three files.
	return errors.Join(flags.Set("one_output", "true"), flags.Set("v", httpLogLevel))
}

// httpLogLevel is the verbosity from which on there are lines of the HTTP log.
const httpLogLevel = "3"

// captureLog has what the server logs from now on, the lines of the HTTP log
// included, kept.
func captureLog() (*logRecords, error) {
	flags := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(flags)
	if err := flags.Set("v", httpLogLevel); err != nil {
		return nil, err
	}
	log := &logRecords{}
	klog.SetOutput(io.MultiWriter(log, serverLog))
	return log, nil
}

// lines returns what was logged that contains all of parts.
func (l *logRecords) lines(parts ...string) []string {
	l.mu.Lock()
	records := l.records
	l.mu.Unlock()
	var found []string
	for _, record := range records {
		if !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(record, part) }) {
			found = append(found, record)
		}
	}
	return found
}

var respInLog = regexp.MustCompile(`"HTTP" .*? (resp=(\d+)(?: ended="[^"]*" bytes=\d+)?)`)

// logLines returns the status in each line that the HTTP log has of a request.
func logLines(log *logRecords, id string) []string {
	var found []string
	for _, m := range httpMatches(log, id) {
		found = append(found, m[2])
	}
	return found
}

// httpLines returns what these lines say of the response.
func httpLines(log *logRecords, id string) []string {
	var found []string
	for _, m := range httpMatches(log, id) {
		found = append(found, m[1])
	}
	return found
}

func httpMatches(log *logRecords, id string) [][]string {
	var found [][]string
	for _, line := range log.lines(fmt.Sprintf("audit-ID=%q", id)) {
		if m := respInLog.FindStringSubmatch(line); m != nil {
			found = append(found, m)
		}
	}
	return found
}

// finalEvents returns the events that say how a request ended: there should be
// one of them.
func finalEvents(log *chain.AuditLog, id string) []*auditinternal.Event {
	return slices.DeleteFunc(log.Events(), func(e *auditinternal.Event) bool {
		return string(e.AuditID) != id || e.Stage != auditinternal.StageResponseComplete && e.Stage != auditinternal.StagePanic
	})
}

// endings is finalEvents, where those that are turned away at the door have no event but
// that of the answer's start, as upstream's have.
func endings(log *chain.AuditLog, id string) []*auditinternal.Event {
	if events := finalEvents(log, id); len(events) > 0 {
		return events
	}
	return slices.DeleteFunc(log.Events(), func(e *auditinternal.Event) bool {
		return string(e.AuditID) != id || e.Stage != auditinternal.StageResponseStarted
	})
}

func lastEvent(log *chain.AuditLog, id string) *auditinternal.Event {
	events := log.Events()
	for _, e := range slices.Backward(events) {
		if string(e.AuditID) == id {
			return e
		}
	}
	return nil
}

// logRecords keeps what klog writes: each record, which may have many lines,
// in one call. It is safe for use by any number of goroutines.
type logRecords struct {
	mu      sync.Mutex
	records []string
}

// Write implements io.Writer.
func (l *logRecords) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records = append(l.records, string(p))
	return len(p), nil
}
