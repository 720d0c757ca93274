package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	auditinternal "k8s.io/apiserver/pkg/apis/audit"
	"k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/plugin/pkg/audit/buffered"

	"fork.internal/apiserver/test/chain"
)

func init() {
	register(Case{
		ID:    "D32",
		Title: "the shutdown is over while handlers of answered requests run, and their audit events are lost",
		run:   shutdownBesideHandlers,
	})
}

// giveUp is how long after its answer the fork's shutdown waits for a handler.
const giveUp = 10 * time.Second

// shutdownBesideHandlers stops a server beside a handler that goes on for a
// while after its request was answered, and another beside one that goes on
// for ever.
func shutdownBesideHandlers(ctx context.Context) (Result, error) {
	log, err := captureLog()
	if err != nil {
		return Result{}, err
	}
	slow, err := stopAfterAnswer(ctx, "/api/slow", 4*time.Second)
	if err != nil {
		return Result{}, err
	}
	stuck, err := stopAfterAnswer(ctx, "/api/stuck", 0)
	if err != nil {
		return Result{}, err
	}
	line, lacks := "logged", ""
	if len(log.lines("giving up on overdue request handlers", "/api/stuck")) == 0 {
		line, lacks = "not logged", "a line that names the handlers that were given up"
	}
	return Result{
		Defect: slow.running || !slow.audited || slow.late || !stuck.audited || stuck.late,
		Lacks:  lacks,
		Seen:   fmt.Sprintf("stopped beside a handler that goes on for 4 s: %v; beside one that goes on for ever: %v; that was given up: %s", slow, stuck, line),
	}, nil
}

// stopped is what the shutdown of a server left behind.
type stopped struct {
	took    time.Duration
	late    bool // it ended only when the handler did
	running bool // the handler had not returned when it ended
	audited bool // the request has its final event
}

func (s stopped) String() string {
	handler, event := "with", "with"
	if s.running {
		handler = "without"
	}
	if !s.audited {
		event = "without"
	}
	if s.late {
		return fmt.Sprintf("not ended after %.1f s, until the handler was let go", s.took.Seconds())
	}
	return fmt.Sprintf("ended after %.1f s, %s the handler's return and %s its audit event", s.took.Seconds(), handler, event)
}

// stopAfterAnswer stops a server whose client has its 504 while the handler
// goes on, for that long after the stop, or for ever.
func stopAfterAnswer(ctx context.Context, path string, goesOn time.Duration) (stopped, error) {
	var handlers chain.Calls
	letGo := make(chan struct{})
	var kept chain.AuditLog
	s, err := chain.Run(chain.Config{
		Handler: handlers.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-letGo })),
		// As kube-apiserver's: it takes in nothing more once it is shut down.
		Modify: func(c *server.Config) {
			c.AuditBackend = buffered.NewBackend(&kept, buffered.BatchConfig{BufferSize: 100, MaxBatchSize: 1})
			c.RequestTimeout = 2 * time.Second
		},
	})
	if err != nil {
		return stopped{}, err
	}
	client := s.Client("HTTP/1.1")
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+path+"?timeout=1s", nil)
	if err != nil {
		return stopped{}, err
	}
	a := ask(client, req)
	client.CloseIdleConnections()
	if a.status != http.StatusGatewayTimeout || handlers.Count().Running != 1 {
		return stopped{}, fmt.Errorf("want a 504 and the handler running, got %v and %+v", a, handlers.Count())
	}

	start := time.Now()
	s.Stop()
	if goesOn > 0 {
		time.AfterFunc(goesOn, func() { close(letGo) })
	}
	var seen stopped
	seen.late = !within(2*giveUp, s.Done)
	seen.took = time.Since(start)
	seen.running = handlers.Count().Running > 0
	if goesOn == 0 {
		close(letGo)
	}
	if !within(giveUp, s.Done) || !handlers.Wait(giveUp, func(c chain.Count) bool { return c.Running == 0 }) {
		return stopped{}, fmt.Errorf("the server did not end when its handler had returned")
	}
	// The events of a handler that has returned may be a moment late, or too late for ever.
	isFinal := func(e *auditinternal.Event) bool { return e.Stage == auditinternal.StageResponseComplete }
	seen.audited = eventually(time.Second, func() bool { return slices.ContainsFunc(kept.Events(), isFinal) })
	return seen, s.Err
}
