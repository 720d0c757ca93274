package chain

import (
	"io"
	"sync"

	auditinternal "k8s.io/apiserver/pkg/apis/audit"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	"k8s.io/apiserver/pkg/audit"
	auditlog "k8s.io/apiserver/plugin/pkg/audit/log"
)

// AuditLog is an audit backend that keeps what it is told. It is safe for use
// by any number of goroutines.
type AuditLog struct {
	mu     sync.Mutex
	events []*auditinternal.Event
}

// keptAudit writes what KeepAudit was asked to.
var keptAudit struct {
	sync.Mutex
	audit.Backend // nil if there is nothing to be written
}

// KeepAudit has all that any AuditLog is told written to w too, an event a line, as
// kube-apiserver's --audit-log-path has it.
func KeepAudit(w io.Writer) {
	keptAudit.Lock()
	defer keptAudit.Unlock()
	keptAudit.Backend = auditlog.NewBackend(w, auditlog.FormatJson, auditv1.SchemeGroupVersion)
}

// ProcessEvents implements audit.Sink.
func (l *AuditLog) ProcessEvents(events ...*auditinternal.Event) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range events {
		l.events = append(l.events, e.DeepCopy())
	}
	keptAudit.Lock()
	defer keptAudit.Unlock()
	if keptAudit.Backend != nil {
		keptAudit.ProcessEvents(events...)
	}
	return true
}

// Run implements audit.Backend.
func (l *AuditLog) Run(<-chan struct{}) error { return nil }

// Shutdown implements audit.Backend.
func (l *AuditLog) Shutdown() {}

// String implements audit.Backend.
func (l *AuditLog) String() string { return "memory" }

// Events returns the events that were logged so far.
func (l *AuditLog) Events() []*auditinternal.Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]*auditinternal.Event(nil), l.events...)
}
