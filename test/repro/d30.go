package main

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	auditinternal "k8s.io/apiserver/pkg/apis/audit"

	"fork.internal/apiserver/test/chain"
)

func init() {
	register(Case{
		ID:    "D30",
		Title: "the HTTP log and the audit log disagree about one request",
		run:   disagreements,
	})
}

// disagreements has handlers end close to their deadlines, before and after,
// and clients leave meanwhile, and counts the requests of which the two logs do
// not say the same, or not what the client saw.
func disagreements(ctx context.Context) (Result, error) {
	const each, leavers, timeout = 60, 20, 500 * time.Millisecond
	var handlers chain.Calls
	var leave sync.Map // has a client go, by the number of its request
	handler := func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.URL.Query().Get("n"))
		deadline, _ := r.Context().Deadline()
		if f, ok := leave.Load(n); ok {
			// The server's clock, or the client might go before it has come.
			time.AfterFunc(time.Until(deadline)-time.Duration(n%leavers)*time.Millisecond, f.(context.CancelFunc))
		}
		select {
		case <-time.After(time.Until(deadline) + time.Duration(n%9-4)*time.Millisecond):
		case <-r.Context().Done():
			time.Sleep(time.Duration(n%3) * 2 * time.Millisecond)
		}
		if n%2 == 0 {
			w.WriteHeader(http.StatusInternalServerError)
		}
		fmt.Fprint(w, "an answer")
	}
	w, err := watchServer(chain.Config{Handler: handlers.Handler(instrumented(handler))})
	if err != nil {
		return Result{}, err
	}
	defer w.Stop()

	request := func(i int) (*http.Request, error) {
		return http.NewRequest(http.MethodGet, fmt.Sprintf("%s%s?timeout=%v&n=%d", w.URL, chain.PodsPath, timeout, i), nil)
	}
	if err := w.send(ctx, each, request); err != nil {
		return Result{}, err
	}
	stay := len(w.sent)
	number := each
	if err := w.send(ctx, leavers, func(int) (*http.Request, error) {
		leaving, cancel := context.WithCancel(ctx)
		number++
		leave.Store(number, cancel)
		req, err := request(number)
		if err != nil {
			return nil, err
		}
		return req.WithContext(leaving), nil
	}); err != nil {
		return Result{}, err
	}
	if err := w.over(); err != nil {
		return Result{}, err
	}
	if !handlers.Wait(20*time.Second, func(c chain.Count) bool { return c.Running == 0 }) {
		return Result{}, fmt.Errorf("%d handlers have not returned: they should at their deadline", handlers.Count().Running)
	}

	var clients, agree, disagree tally
	total := 0
	eventually(patience, func() bool {
		clients, agree, disagree = tally{}, tally{}, tally{}
		for i, e := range w.sent {
			a := e.answer
			if i < stay {
				clients[e.String()]++
			} else {
				clients["what they waited for"]++
				// One that leaves may not see what was sent to it.
				a = answer{}
			}
			if logged, problem := logsAgree(a, logLines(w.log, e.id), finalEvents(w.Audit, e.id)); problem == "" {
				agree[logged]++
			} else {
				disagree[problem]++
			}
		}
		total = agree.total()
		return total == len(w.sent)
	})
	return Result{
		Defect: total != len(w.sent),
		Seen: fmt.Sprintf("of %d requests %d have two logs that say the same and what the client saw (%v); the others: %v; clients got %v",
			len(w.sent), total, agree.orNone(), disagree.orNone(), clients),
	}, nil
}

// logsAgree returns the status that both logs have of a request, once each, if it is the one that
// its client saw, or none; or it says what they have.
func logsAgree(a answer, lines []string, events []*auditinternal.Event) (status, problem string) {
	logged, audited := fmt.Sprintf("%d times", len(lines)), fmt.Sprintf("%d times", len(events))
	if len(lines) == 1 {
		logged = lines[0]
	}
	code := ""
	if len(events) == 1 && events[0].ResponseStatus != nil {
		code = strconv.Itoa(int(events[0].ResponseStatus.Code))
		audited = code
		// Of one that was cut, both have the status; the client need not.
		if a.err != nil && events[0].ResponseStatus.Status != metav1.StatusFailure {
			audited += " and nothing of how it broke off"
		}
	}
	if len(lines) == 1 && code != "" && logged == audited && (a.status == 0 || logged == strconv.Itoa(a.status)) {
		return logged, ""
	}
	return "", fmt.Sprintf("%s logged, %s audited", logged, audited)
}
