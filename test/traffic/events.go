package traffic

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"time"
)

// AuditPolicy has each request of a client's arrival and end in one event each, and no more. That a request came is said
// before anything is done for it: so a request without an end is told from one that never came.
const AuditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [ResponseStarted]
rules:
- level: Metadata
`

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

// Record is what an audit log has of one request.
type Record struct {
	Arrivals int // events that say that it came
	Ends     []Event
}

// add adds an event to what there is.
func (r Record) add(ev Event) Record {
	switch ev.Stage {
	case "RequestReceived":
		r.Arrivals++
	case "ResponseComplete", "Panic":
		r.Ends = append(r.Ends, ev)
	}
	return r
}

// ReadRecords is what an audit log has of these requests, by audit ID.
func ReadRecords(name string, of []*Exchange) (map[string]Record, error) {
	records := make(map[string]Record, len(of))
	for _, x := range of {
		records[x.AuditID] = Record{}
	}
	err := eachEvent(name, func(ev Event) {
		if r, ok := records[ev.AuditID]; ok {
			records[ev.AuditID] = r.add(ev)
		}
	})
	return records, err
}

// eachEvent calls f with each event, in the order of the audit log.
func eachEvent(name string, f func(Event)) error {
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
		f(ev)
	}
	return lines.Err()
}

// Disagrees is what the audit log says of a request otherwise than its client has seen, and "" if they agree. A request that
// came to the server has one event of that, and one of its end. What a client has got no whole answer to, and has not left,
// was no success.
func (x *Exchange) Disagrees(r Record) string {
	if len(r.Ends) == 0 && r.Arrivals == 0 && x.Status == 0 {
		return "" // It has not come.
	}
	if len(r.Ends) != 1 || r.Arrivals != 1 {
		return fmt.Sprintf("%d audit events of the arrival and %d of the end of %s: %v", r.Arrivals, len(r.Ends), x.Phase, x)
	}
	said := r.Ends[0].ResponseStatus
	switch {
	case x.Status != 0 && said.Code != x.Status:
		return fmt.Sprintf("audited as %d, and the client has %d: %s: %v", said.Code, x.Status, x.Phase, x)
	case x.Cut && (said.Status != "Failure" || said.Reason != "Timeout"):
		return fmt.Sprintf("audited as %+v, and the client was cut off at its deadline: %s: %v", said, x.Phase, x)
	case !x.Whole && !x.Left && said.Status != "Failure":
		return fmt.Sprintf("audited as %+v, and the client has no whole answer: %s: %v", said, x.Phase, x)
	case x.Left && said.Code == http.StatusGatewayTimeout && x.Status == 0 && x.Timeout > x.Took+Slack:
		return fmt.Sprintf("audited as 504, and the client went long before its deadline: %s: %v", x.Phase, x)
	}
	return ""
}
