package suite

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"
)

// recordsTimeout bounds what the last events may take to be in the file.
const recordsTimeout = 20 * time.Second

// Ending is how a request ended, as far as its client knows.
type Ending struct {
	// Code is that of the answer; 0 stands for any, as a client that has seen none does not know what was sent.
	Code int32
	// Reason is that of the audit event's status; empty stands for whatever the handler said.
	Reason string
	// Message is the client's copy of it; empty stands for any.
	Message string
	// Complete is whether the event says that it was completed, and nothing of an error.
	Complete bool
	// From and To are within what the event is to be of; the zero Time is for ever.
	From, To time.Time
}

// Endings that only the fork's records know.
const (
	reasonTimeout = "Timeout"
	reasonGone    = "ClientGone"
	reasonStalled = "ClientStalled"
)

// Gone is the ending of a request whose client went when it had seen code, or 0.
func Gone(code int32) Ending { return Ending{Code: code, Reason: reasonGone} }

// Cut is the ending of one whose deadline passed with its answer, with status 200, under way.
func Cut() Ending { return Ending{Code: 200, Reason: reasonTimeout} }

// Lasted is the ending of a long-running request of which the client has seen all, with code.
func Lasted(code int32, from time.Time) Ending { return Ending{Code: code, Complete: true, From: from} }

// Stalled is the ending of one whose client took nothing.
func Stalled(code int32, from, to time.Time) Ending {
	return Ending{Code: code, Reason: reasonStalled, From: from, To: to}
}

// Unanswered is the ending of one whose deadline passed before its client had the answer, whatever was under way.
func Unanswered() Ending { return Ending{Reason: reasonTimeout} }

// Records holds what clients have seen of requests against the server's audit log. Without such a log it holds
// nothing. It may be used by several goroutines.
type Records struct {
	path string
	from int64 // where the log ended when the suite began

	mu   sync.Mutex
	seen map[string]Ending // by Audit-ID
}

// openRecords remembers where the log ends now. There is none if path is empty.
func openRecords(path string) (*Records, error) {
	r := &Records{path: path, seen: map[string]Ending{}}
	if path == "" {
		return r, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("the audit log: %w; next: E2E_AUDIT_LOG= names a file that this user can read, or nothing", err)
	}
	defer f.Close()
	r.from, err = f.Seek(0, io.SeekEnd)
	return r, err
}

// Kept is whether there is an audit log.
func (r *Records) Kept() bool { return r.path != "" }

// answered notes a whole answer; if it was relayed, the log has no more than its code.
func (r *Records) answered(a *Answer, relayed bool) {
	e := Ending{Code: int32(a.Code)}
	if IsTimeout(a) && !relayed {
		e.Reason, e.Message = reasonTimeout, a.Status.Message
	}
	r.Saw(a.AuditID, e)
}

// Saw notes how a request ended.
func (r *Records) Saw(auditID string, e Ending) {
	if !r.Kept() {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen[auditID] = e
}

// IsTimeout is whether an answer is the 504 of a request that ran out of time, and not an error of its handler's.
func IsTimeout(a *Answer) bool { return a.Code == 504 && a.Status.Reason == reasonTimeout }

// auditEvent is what is compared of an audit event.
type auditEvent struct {
	AuditID        string    `json:"auditID"`
	Stage          string    `json:"stage"`
	Verb           string    `json:"verb"`
	RequestURI     string    `json:"requestURI"`
	StageTimestamp time.Time `json:"stageTimestamp"`
	ResponseStatus struct {
		Code    int32  `json:"code"`
		Status  string `json:"status"`
		Reason  string `json:"reason"`
		Message string `json:"message"`
	} `json:"responseStatus"`
}

// Compare returns how many requests were compared, and what the log says of them that clients have not seen. Requests
// that ended before their handler did are left out unless fork is set. It waits for the last events.
func (r *Records) Compare(fork bool) (compared int, differences []string, err error) {
	r.mu.Lock()
	want := map[string]Ending{}
	for id, e := range r.seen {
		if fork || e.Reason == "" {
			want[id] = e
		}
	}
	r.mu.Unlock()
	begun := time.Now()
	for {
		events, err := r.read(want)
		if err != nil {
			return 0, nil, err
		}
		missing := len(want) - len(events)
		if missing > 0 && time.Since(begun) < recordsTimeout {
			time.Sleep(time.Second) // The file says nothing when it grows.
			continue
		}
		for id, e := range want {
			differences = append(differences, differs(id, e, events[id])...)
		}
		slices.Sort(differences)
		return len(want), differences, nil
	}
}

// differs compares the final events of one request.
func differs(id string, e Ending, events []auditEvent) (all []string) {
	if len(events) != 1 {
		return []string{fmt.Sprintf("Audit-ID %s, which the client saw end with %d %s: %d final events, not 1: %+v", id, e.Code, e.Reason, len(events), events)}
	}
	status := events[0].ResponseStatus
	what := fmt.Sprintf("Audit-ID %s (%s %s)", id, events[0].Verb, events[0].RequestURI)
	if e.Code != 0 && status.Code != e.Code {
		all = append(all, fmt.Sprintf("%s: code %d, and the client saw %d", what, status.Code, e.Code))
	}
	if e.Reason != "" && status.Reason != e.Reason {
		all = append(all, fmt.Sprintf("%s: reason %q, not %q", what, status.Reason, e.Reason))
	}
	if e.Message != "" && status.Message != e.Message {
		all = append(all, fmt.Sprintf("%s: message %q, and the client got %q", what, status.Message, e.Message))
	}
	if failed := status.Reason != "" || status.Message != "" || status.Status == "Failure"; e.Complete && (failed || events[0].Stage != "ResponseComplete") {
		all = append(all, fmt.Sprintf("%s: it lasted and was completed, and the log has %s with %+v", what, events[0].Stage, status))
	}
	if at := events[0].StageTimestamp; !e.From.IsZero() && at.Before(e.From) || !e.To.IsZero() && at.After(e.To) {
		all = append(all, fmt.Sprintf("%s: it ended at %v, which is not from %v to %v", what, at, e.From, e.To))
	}
	return all
}

// read collects the final events of the wanted requests. Where a filter answers, which is before the handler begins, the
// only event says that the answer has been started.
func (r *Records) read(want map[string]Ending) (map[string][]auditEvent, error) {
	f, err := os.Open(r.path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() < r.from {
		return nil, fmt.Errorf("the audit log %s was rotated while the suite ran; next: a larger --audit-log-maxsize, and again", r.path)
	}
	if _, err := f.Seek(r.from, io.SeekStart); err != nil {
		return nil, err
	}
	events, started := map[string][]auditEvent{}, map[string][]auditEvent{}
	lines := bufio.NewReaderSize(f, 1<<20)
	for {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF { // What is left is a line that is being written.
			for id, e := range started {
				if len(events[id]) == 0 {
					events[id] = e
				}
			}
			return events, nil
		}
		if err != nil {
			return nil, err
		}
		if bytes.Contains(line, []byte(`"RequestReceived"`)) {
			continue
		}
		var e auditEvent
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("the audit log %s: %w", r.path, err)
		}
		if _, ok := want[e.AuditID]; !ok {
			continue
		}
		switch e.Stage {
		case "ResponseStarted":
			started[e.AuditID] = append(started[e.AuditID], e)
		case "ResponseComplete", "Panic":
			events[e.AuditID] = append(events[e.AuditID], e)
		}
	}
}
