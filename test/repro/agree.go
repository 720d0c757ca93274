package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	auditinternal "k8s.io/apiserver/pkg/apis/audit"
)

// records are what should be said of a request that was ended in its handler's
// place: in one final audit event, and in one line of the HTTP log.
type records struct {
	code    int // 0 is that there was none
	reason  metav1.StatusReason
	message string // a part of it
	ended   string
	bytes   int // -1 is any number
}

// differ says what was said in place of that, or returns "".
func (r records) differ(w *witness, e *exchange) string {
	var wrong []string
	resp := fmt.Sprintf("resp=%d", r.code)
	ended := fmt.Sprintf("%s ended=%q bytes=", resp, r.ended)
	lines := httpLines(w.log, e.id)
	switch {
	case len(lines) != 1:
		wrong = append(wrong, fmt.Sprintf("%d log lines", len(lines)))
	case r.bytes < 0 && strings.HasPrefix(lines[0], ended):
	case lines[0] != ended+fmt.Sprint(r.bytes) && lines[0] != resp:
		wrong = append(wrong, "log "+lines[0])
	}
	switch events := finalEvents(w.Audit, e.id); {
	case len(events) != 1:
		wrong = append(wrong, fmt.Sprintf("%d final audit events", len(events)))
	case events[0].ResponseStatus == nil:
		wrong = append(wrong, "audit without a status")
	default:
		wrong = append(wrong, r.differInEvent(events[0])...)
	}
	if len(wrong) == 0 && lines[0] == resp {
		// Nobody but the fork says how; it matters least.
		return "log " + resp + " and not how it ended"
	}
	return strings.Join(wrong, ", ")
}

func (r records) differInEvent(event *auditinternal.Event) (wrong []string) {
	if event.Stage != auditinternal.StageResponseComplete {
		wrong = append(wrong, "audit stage "+string(event.Stage))
	}
	status := event.ResponseStatus
	if int(status.Code) != r.code {
		wrong = append(wrong, fmt.Sprintf("audit code %d", status.Code))
	}
	if status.Status != metav1.StatusFailure || status.Reason != r.reason || !strings.Contains(status.Message, r.message) {
		said := strings.Join(strings.Fields(fmt.Sprintf("%s %s", status.Status, status.Reason)), " ")
		if status.Message != "" {
			said += fmt.Sprintf(" %q", shorten(status.Message))
		}
		wrong = append(wrong, strings.TrimSpace("audit says "+cmp.Or(said, "no more")))
	}
	return wrong
}

// differAnswered says what was said of a request in place of that its handler
// answered it in time with that status, or returns "".
func differAnswered(w *witness, e *exchange, status int) string {
	var wrong []string
	if e.err != nil || e.status != status {
		wrong = append(wrong, fmt.Sprintf("the client got %v", e.answer))
	}
	if lines := httpLines(w.log, e.id); len(lines) != 1 || lines[0] != fmt.Sprintf("resp=%d", status) {
		wrong = append(wrong, "log "+cmp.Or(strings.Join(lines, " and "), "without a line"))
	}
	switch events := finalEvents(w.Audit, e.id); {
	case len(events) != 1:
		wrong = append(wrong, fmt.Sprintf("%d final audit events", len(events)))
	case events[0].ResponseStatus == nil:
		wrong = append(wrong, "audit without a status")
	default:
		s := events[0].ResponseStatus
		if said := strings.TrimSpace(fmt.Sprintf("%d %s %s", s.Code, s.Reason, s.Message)); said != fmt.Sprint(status) || events[0].Stage != auditinternal.StageResponseComplete {
			wrong = append(wrong, fmt.Sprintf("audit %s %s", events[0].Stage, shorten(said)))
		}
	}
	return strings.Join(wrong, ", ")
}

// recordsOf504 are those of a request that was answered with a 504: they have
// the message that the client has.
func recordsOf504(e *exchange) records {
	var status metav1.Status
	_ = json.Unmarshal(e.body, &status) // a 504 without a message is found elsewhere
	return records{code: 504, reason: metav1.StatusReasonTimeout, message: status.Message, ended: "timed out"}
}

// differ504 says how a request that should have been answered with a 504, and
// recorded as such, was not.
func differ504(w *witness) func(*exchange) string {
	return func(e *exchange) string {
		problem := recordsOf504(e).differ(w, e)
		if e.err != nil || e.status != 504 {
			problem = strings.TrimSuffix(fmt.Sprintf("of %v: %s", e.answer, problem), ": ")
		}
		return problem
	}
}
