package diagnose

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"
)

// event is what is read of an audit event.
type event struct {
	Kind, APIVersion            string
	AuditID, Stage              string
	RequestURI, Verb, UserAgent string
	User                        struct{ Username string }
	ResponseStatus              *status
	RequestReceivedTimestamp    time.Time
	StageTimestamp              time.Time
}

type status struct {
	Code                    int
	Status, Reason, Message string
}

// parseEvent parses a line of an audit log.
func parseEvent(line []byte) (e event, ok bool) {
	if !bytes.Contains(line, []byte("audit.k8s.io/")) {
		return e, false
	}
	if json.Unmarshal(line, &e) != nil || e.Kind != "Event" || e.AuditID == "" || e.Stage == "" {
		return e, false
	}
	e.AuditID = truncated(e.AuditID)
	e.RequestURI = shortURI(e.RequestURI)
	for _, s := range []*string{&e.Verb, &e.UserAgent, &e.User.Username} {
		*s = short(*s)
	}
	if s := e.ResponseStatus; s != nil {
		s.Status, s.Reason, s.Message = short(s.Status), short(s.Reason), short(s.Message)
	}
	return e, true
}

// truncated is an audit ID as the log has it: clients may choose longer ones.
func truncated(id string) string {
	const most = 64
	if len(id) > most {
		return strings.Clone(id[:most])
	}
	return id
}

// maxText is how many bytes are kept of any text that is a client's.
const maxText = 512

func short(s string) string {
	if len(s) > maxText {
		return strings.Clone(strings.ToValidUTF8(s[:maxText], ""))
	}
	return s
}

// final says whether it is the one that says how a request ended.
func (e event) final() bool { return e.Stage == "ResponseComplete" || e.Stage == "Panic" }

func (e event) took() time.Duration { return e.StageTimestamp.Sub(e.RequestReceivedTimestamp) }
