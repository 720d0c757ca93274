package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	auditinternal "k8s.io/apiserver/pkg/apis/audit"
	"k8s.io/apiserver/pkg/server"

	"fork.internal/apiserver/test/chain"
)

func init() {
	register(Case{
		ID:    "D13",
		Title: "?timeout=bogus gets no answer while the audit sink blocks, whatever the request timeout is",
		run:   blockedSink,
	})
}

// blockedSink sends requests with an invalid timeout while the audit log takes
// nothing, and looks what has come of them well after the request timeout.
func blockedSink(ctx context.Context) (Result, error) {
	const each, deadline, patient = 2, time.Second, 4 * time.Second
	sink := &stuckLog{unstuck: make(chan struct{})}
	w, err := watchServer(chain.Config{
		Handler:        http.NotFoundHandler(),
		RequestTimeout: deadline,
		Modify: func(c *server.Config) {
			sink.AuditLog = c.AuditBackend.(*chain.AuditLog)
			c.AuditBackend = sink
		},
	})
	if err != nil {
		return Result{}, err
	}
	defer w.Stop()

	if err := w.send(ctx, each, get(w.URL+chain.PodsPath+"?timeout=bogus")); err != nil {
		return Result{}, err
	}
	answered := make(chan struct{})
	start := time.Now()
	go func() {
		w.wg.Wait()
		close(answered)
	}()
	inTime := within(patient, answered)
	took := time.Since(start)
	close(sink.unstuck)
	if !inTime && !within(20*time.Second, answered) {
		return Result{}, fmt.Errorf("the requests are not answered when the audit log goes on")
	}

	clients := tally{}
	for _, e := range w.sent {
		clients[e.String()]++
	}
	audited := 0
	eventually(patience, func() bool {
		audited = 0
		for _, e := range w.sent {
			if event := lastEvent(w.Audit, e.id); event != nil && event.ResponseStatus != nil &&
				event.ResponseStatus.Code == http.StatusBadRequest && strings.Contains(event.ResponseStatus.Message, "bogus") {
				audited++
			}
		}
		return audited == len(w.sent)
	})
	when := fmt.Sprintf("in %.2f s", took.Seconds())
	if !inTime {
		when = fmt.Sprintf("not in %.0f s, but when the audit log went on", patient.Seconds())
	}
	return Result{
		Defect: !inTime || clients["400"] != len(w.sent) || audited != len(w.sent),
		Seen:   fmt.Sprintf("clients got %v, %s; %d of %d are audited as a 400, with the reason", clients, when, audited, len(w.sent)),
	}, nil
}

// stuckLog is an audit log that takes nothing until it is unstuck.
type stuckLog struct {
	*chain.AuditLog
	unstuck chan struct{}
}

// ProcessEvents implements audit.Sink.
func (l *stuckLog) ProcessEvents(events ...*auditinternal.Event) bool {
	<-l.unstuck
	return l.AuditLog.ProcessEvents(events...)
}
