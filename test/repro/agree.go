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
	bytes   int
}

// differ says what was said in place of that, or returns "".
func (r records) differ(w *witness, e *exchange) string {
	var wrong []string
	resp := fmt.Sprintf("resp=%d", r.code)
	ended := fmt.Sprintf("%s ended=%q bytes=%d", resp, r.ended, r.bytes)
	lines := httpLines(w.log, e.id)
	switch {
	case len(lines) != 1:
		wrong = append(wrong, fmt.Sprintf("%d log lines", len(lines)))
	case lines[0] != ended && lines[0] != resp:
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
