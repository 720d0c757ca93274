package chain

import (
	"sync"

	auditinternal "k8s.io/apiserver/pkg/apis/audit"
)

// AuditLog is an audit backend that keeps what it is told. It is safe for use
// by any number of goroutines.
type AuditLog struct {
	mu     sync.Mutex
	events []*auditinternal.Event
}

// ProcessEvents implements audit.Sink.
func (l *AuditLog) ProcessEvents(events ...*auditinternal.Event) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range events {
		l.events = append(l.events, e.DeepCopy())
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
