package traffic

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"time"
)

// Event is what is read of an audit event.
type Event struct {
	AuditID        string
	Stage          string
	ResponseStatus struct {
		Code           int
		Status, Reason string
	}
	RequestReceivedTimestamp time.Time
	Annotations              map[string]string
}

// ReadEvents is the events of the ends of requests, by audit ID.
func ReadEvents(name string) (map[string][]Event, error) {
	events := map[string][]Event{}
	err := EachEvent(name, func(ev Event) { events[ev.AuditID] = append(events[ev.AuditID], ev) })
	return events, err
}

// EachEvent calls f with each event of the end of a request, in the order of the audit log.
func EachEvent(name string, f func(Event)) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var ev Event
		if err := json.Unmarshal(lines.Bytes(), &ev); err != nil {
			return fmt.Errorf("%s: %w: %.300s", name, err, lines.Bytes())
		}
		if ev.Stage == "ResponseComplete" || ev.Stage == "Panic" {
			f(ev)
		}
	}
	return lines.Err()
}

// Disagrees is what the events of a request's end say otherwise than its client has seen, and "" if they agree. A request
// that got a whole answer has one event of its end, with its status; one that did not has one too, if it came to the server.
func (x *Exchange) Disagrees(ends []Event) string {
	switch {
	case len(ends) == 0 && x.Status == 0:
	case len(ends) != 1:
		return fmt.Sprintf("%d audit events of the end of %s: %v", len(ends), x.Phase, x)
	case x.Cut && (ends[0].ResponseStatus.Status != "Failure" || ends[0].ResponseStatus.Reason != "Timeout"):
		return fmt.Sprintf("audited as %+v, and the client was cut off: %s: %v", ends[0].ResponseStatus, x.Phase, x)
	case x.Whole && ends[0].ResponseStatus.Code != x.Status:
		return fmt.Sprintf("audited as %d, and the client has %d: %s: %v", ends[0].ResponseStatus.Code, x.Status, x.Phase, x)
	}
	return ""
}
