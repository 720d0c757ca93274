package main

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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
			logged, audited := "nothing", "nothing"
			if lines := logLines(w.log, e.id); len(lines) == 1 {
				logged = lines[0]
			}
			if events := finalEvents(w.Audit, e.id); len(events) == 1 && events[0].ResponseStatus != nil {
				audited = strconv.Itoa(int(events[0].ResponseStatus.Code))
				// Of one that was cut, both have the status; the client need not.
				if i < stay && e.err != nil && events[0].ResponseStatus.Status != metav1.StatusFailure {
					audited += " and nothing of how it broke off"
				}
			}
			// One that leaves may not see what was sent to it.
			got := logged
			if i < stay && e.status != 0 {
				got = strconv.Itoa(e.status)
			}
			if i < stay {
				clients[e.String()]++
			} else {
				clients["what they waited for"]++
			}
			if logged == audited && logged == got {
				agree[logged]++
			} else {
				disagree[fmt.Sprintf("%s logged, %s audited", logged, audited)]++
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
