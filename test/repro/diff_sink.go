package main

import (
	"time"

	auditinternal "k8s.io/apiserver/pkg/apis/audit"
)

// slowSink is an audit log that has the caller wait, for some requests.
type slowSink struct {
	*ledger
	cast *cast
}

// ProcessEvents implements audit.Sink. What is told is known at once, and to
// be relied on when the call returns.
func (s slowSink) ProcessEvents(events ...*auditinternal.Event) bool {
	s.ledger.ProcessEvents(events...)
	for _, e := range events {
		x := s.cast.exchanges[string(e.AuditID)]
		if x == nil {
			continue
		}
		time.Sleep(x.sink)
		if e.Stage != auditinternal.StageRequestReceived {
			x.audited.CompareAndSwap(0, time.Now().UnixNano())
		}
	}
	return true
}
