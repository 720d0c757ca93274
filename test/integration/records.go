package integration

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"time"
)

// event is what is read of an audit event.
type event struct {
	AuditID        string
	Stage          string
	ResponseStatus struct {
		Code           int
		Status, Reason string
	}
	RequestReceivedTimestamp time.Time
	Annotations              map[string]string
}

// checkRecords holds the audit log against what the clients saw, when the server has ended, and looks for races in its
// log. A request that got a whole answer has one event of its end, with its status. One that did not has one too.
func (e *env) checkRecords() (joined int, err error) {
	events, err := readEvents(e.cl.AuditLog())
	if err != nil {
		return 0, err
	}
	for _, x := range e.exchanges {
		ends := events[x.auditID]
		switch {
		case len(ends) == 0 && x.status == 0:
			// It may not have come to the server.
		case len(ends) != 1:
			e.wrongf("%d audit events of the end of %s: %v", len(ends), x.phase, x)
		case x.cut && (ends[0].ResponseStatus.Status != "Failure" || ends[0].ResponseStatus.Reason != "Timeout"):
			e.wrongf("audited as %+v, and the client was cut off: %s: %v", ends[0].ResponseStatus, x.phase, x)
		case x.whole && ends[0].ResponseStatus.Code != x.status:
			e.wrongf("audited as %d, and the client has %d: %s: %v", ends[0].ResponseStatus.Code, x.status, x.phase, x)
		default:
			joined++
		}
	}
	if joined == 0 {
		return 0, fmt.Errorf("%s has no event of a request", e.cl.AuditLog())
	}
	if e.policyFile != nil {
		e.checkPolicies(events)
	}
	log, err := os.ReadFile(e.cl.Log())
	if err != nil {
		return joined, err
	}
	if n := bytes.Count(log, []byte("WARNING: DATA RACE")); n > 0 {
		e.wrongf("%d data races are in %s", n, e.cl.Log())
	}
	if crash := e.cl.Crash(); crash.Line != "" {
		e.wrongf("the server has crashed: %s", crash.Line)
	}
	return joined, nil
}

// readEvents is the events of the ends of requests, by audit ID.
func readEvents(name string) (map[string][]event, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	events := map[string][]event{}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var ev event
		if err := json.Unmarshal(lines.Bytes(), &ev); err != nil {
			return nil, fmt.Errorf("%s: %w: %.300s", name, err, lines.Bytes())
		}
		if ev.Stage == "ResponseComplete" || ev.Stage == "Panic" {
			events[ev.AuditID] = append(events[ev.AuditID], ev)
		}
	}
	return events, lines.Err()
}
