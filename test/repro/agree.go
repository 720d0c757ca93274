package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
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

// complaint is what is wrong with what was said of one request: what any server's
// records may say wrongly, and what nobody but the fork says, which is asked of it alone.
type complaint struct{ wrong, lacks []string }

// wrongly is a complaint of what any server may do wrongly.
func wrongly(what ...string) complaint { return complaint{wrong: what} }

// String lists what is wrong, that of which a defect is made first, or is empty.
func (c complaint) String() string {
	return strings.Join(append(slices.Clone(c.wrong), c.lacks...), ", ")
}

// differ says what was said in place of that.
func (r records) differ(w *witness, e *exchange) (c complaint) {
	return r.compare(httpLines(w.log, e.id), finalEvents(w.Audit, e.id))
}

// compare is differ for the HTTP log's lines and the final audit events of a request.
func (r records) compare(lines []string, events []*auditinternal.Event) (c complaint) {
	switch resp := fmt.Sprintf("resp=%d", r.code); {
	case len(lines) != 1:
		c.wrong = append(c.wrong, fmt.Sprintf("%d log lines", len(lines)))
	case lines[0] == resp:
		c.lacks = append(c.lacks, "log "+resp+" and not how it ended")
	case !strings.HasPrefix(lines[0], resp+" "):
		c.wrong = append(c.wrong, "log "+lines[0])
	default:
		ended := fmt.Sprintf("%s ended=%q bytes=", resp, r.ended)
		if bytes, ok := strings.CutPrefix(lines[0], ended); !ok || r.bytes >= 0 && bytes != fmt.Sprint(r.bytes) {
			c.lacks = append(c.lacks, "log "+lines[0])
		}
	}
	switch {
	case len(events) != 1:
		c.wrong = append(c.wrong, fmt.Sprintf("%d final audit events", len(events)))
	case events[0].ResponseStatus == nil:
		c.wrong = append(c.wrong, "audit without a status")
	default:
		r.compareEvent(&c, events[0])
	}
	return c
}

// compareEvent looks at the stage, the code, and whether it was a failure, which any
// server can say; the reason and the message are the fork's words.
func (r records) compareEvent(c *complaint, event *auditinternal.Event) {
	if event.Stage != auditinternal.StageResponseComplete {
		c.wrong = append(c.wrong, "audit stage "+string(event.Stage))
	}
	status := event.ResponseStatus
	if int(status.Code) != r.code {
		c.wrong = append(c.wrong, fmt.Sprintf("audit code %d", status.Code))
	}
	said := strings.Join(strings.Fields(fmt.Sprintf("%s %s", status.Status, status.Reason)), " ")
	if status.Message != "" {
		said += fmt.Sprintf(" %q", shorten(status.Message))
	}
	said = strings.TrimSpace("audit says " + cmp.Or(said, "no more"))
	switch {
	case status.Status != metav1.StatusFailure && r.code < http.StatusBadRequest:
		// A code of 400 and more is a failure without the word.
		c.wrong = append(c.wrong, said)
	case status.Status != metav1.StatusFailure || status.Reason != r.reason || !strings.Contains(status.Message, r.message):
		c.lacks = append(c.lacks, said)
	}
}

// differAnswered says what was said of a request in place of that its handler
// answered it in time with that status.
func differAnswered(w *witness, e *exchange, status int) complaint {
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
	return complaint{wrong: wrong}
}

// recordsOf504 are those of a request that was answered with a 504: they have
// the message that the client has.
func recordsOf504(e *exchange) records {
	var status metav1.Status
	_ = json.Unmarshal(e.body, &status) // a 504 without a message is found elsewhere
	return records{code: 504, reason: metav1.StatusReasonTimeout, message: status.Message, ended: "timed out"}
}

// differ504 says how a request that should have been answered with a 504, and
// recorded as such, was not. That a client got something else is what D15 is
// about: here it is asked of the fork.
func differ504(w *witness) func(*exchange) complaint {
	return func(e *exchange) complaint {
		c := recordsOf504(e).differ(w, e)
		if e.err != nil || e.status != 504 {
			c.lacks = append(c.lacks, fmt.Sprintf("of %v", e.answer))
		}
		return c
	}
}
