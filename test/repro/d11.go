package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"fork.internal/apiserver/test/chain"
)

func init() {
	register(Case{
		ID:    "D11",
		Title: "handlers that never return are never reported again",
		run:   neverReturning,
	})
}

// neverReturning has handlers not return, and looks for what tells of them
// after their requests have been answered; and then has them return.
func neverReturning(ctx context.Context) (Result, error) {
	const (
		each = 1
		// When a handler is told of again, and how much later is too late.
		again, slack = 10 * time.Second, 10 * time.Second
	)
	release := make(chan struct{})
	var handlers chain.Calls
	stuck := func(http.ResponseWriter, *http.Request) { <-release }
	w, err := watchServer(chain.Config{Handler: handlers.Handler(instrumented(stuck))})
	if err != nil {
		return Result{}, err
	}
	defer w.Stop()

	if err := w.send(ctx, each, get(w.URL+chain.PodsPath+"?timeout=1s")); err != nil {
		return Result{}, err
	}
	err = w.over()
	n := len(w.sent)
	var meanwhile, afterwards overdueReport
	told := 0 // log lines that name their requests, again
	if err == nil {
		meanwhile, err = awaitOverdue(w, patience, overdueReport{gauge: n, lines: n})
	}
	if err == nil {
		before := namedInLog(w)
		meanwhile, err = awaitOverdue(w, again+slack, overdueReport{gauge: n, lines: 2 * n, pending: n})
		told = namedInLog(w) - before
	}
	running := handlers.Count().Running
	close(release)
	if err != nil {
		return Result{}, err
	}
	if running != n {
		return Result{}, fmt.Errorf("%d handlers are stuck, not %d", running, n)
	}
	handlers.Wait(10*time.Second, func(c chain.Count) bool { return c.Running == 0 })
	wantAfterwards := overdueReport{lines: 2 * n, pending: n, observed: n, returned: n}
	if afterwards, err = awaitOverdue(w, patience, wantAfterwards); err != nil {
		return Result{}, err
	}
	lacks := ""
	if meanwhile != (overdueReport{gauge: n, lines: 2 * n, pending: n}) || afterwards != wantAfterwards {
		lacks = "what the fork counts and logs of them"
	}
	return Result{
		Defect: told < n && meanwhile.pending < n,
		Lacks:  lacks,
		Seen:   fmt.Sprintf("while %d handlers do not return: %v; when they have: %v", n, meanwhile, afterwards),
	}, nil
}

// namedInLog counts what the log has of the requests, whoever says it and how.
func namedInLog(w *witness) (n int) {
	for _, e := range w.sent {
		n += len(w.log.lines(fmt.Sprintf("%q", e.id)))
	}
	return n
}

// overdueReport is what is said of handlers that run on.
type overdueReport struct {
	gauge    int // apiserver_overdue_requests
	lines    int // log lines that they do, with the audit ID of their request
	pending  int // counted in apiserver_request_post_timeout_total{status="pending"}
	observed int // in apiserver_overdue_request_duration_seconds
	returned int // log lines that they have returned
}

func (o overdueReport) String() string {
	return fmt.Sprintf("gauge %d, %d log lines, %d counted as pending, %d durations observed, %d log lines of their return",
		o.gauge, o.lines, o.pending, o.observed, o.returned)
}

// awaitOverdue returns what is said, once it is what is wanted or d is over.
func awaitOverdue(w *witness, d time.Duration, want overdueReport) (got overdueReport, err error) {
	eventually(d, func() bool {
		var samples []sample
		if samples, err = scrape(); err != nil {
			return true
		}
		got = overdueReport{
			gauge:    sum(samples, "apiserver_overdue_requests", "").total(),
			pending:  sum(samples, "apiserver_request_post_timeout_total", "status")["pending"],
			observed: sum(samples, "apiserver_overdue_request_duration_seconds", "").total(),
		}
		for _, e := range w.sent {
			id := fmt.Sprintf("auditID=%q", e.id)
			got.lines += len(w.log.lines(isOverdue, id, "overdue=", `ended="timed out"`))
			for _, line := range w.log.lines(returnedLate, id) {
				if strings.Contains(line, "overdue=") && strings.Contains(line, "result=") {
					got.returned++
				}
			}
		}
		return got == want
	})
	return got, err
}
