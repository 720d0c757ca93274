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
		ID:    "E15",
		Title: "the client goes in mid-response, the handler sees that and returns: a success in the audit log, a 504 in request_terminations or nothing of it",
		run:   handlersThatNotice,
	})
}

// handlersThatNotice has clients go in the middle of their answer, from
// handlers that return as soon as they notice: by their context, or by a Write
// that fails. They may return before anybody else has noticed.
func handlersThatNotice(ctx context.Context) (Result, error) {
	const each, part = 10, "part"
	var handlers, ready chain.Calls
	handler := func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, part)
		w.(http.Flusher).Flush()
		if strings.Contains(r.URL.Path, "/writes/") {
			defer ready.Begin()()
			for chunk := make([]byte, 64<<10); ; {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		}
		ready.Begin()()
		<-r.Context().Done()
	}
	w, err := watchServer(chain.Config{Handler: handlers.Handler(instrumented(handler))})
	if err != nil {
		return Result{}, err
	}
	defer w.Stop()

	leaving, leave := context.WithCancel(ctx)
	defer leave()
	for _, namespace := range []string{"waits", "writes"} {
		if err := w.send(leaving, each, get(strings.Replace(w.URL+chain.PodsPath, "/default/", "/"+namespace+"/", 1))); err != nil {
			return Result{}, err
		}
	}
	n := len(w.sent)
	if !ready.Wait(20*time.Second, func(c chain.Count) bool { return c.Total == n }) {
		return Result{}, fmt.Errorf("%d of %d requests reached their handler in 20 s", ready.Count().Total, n)
	}
	leave()
	if err := w.over(); err != nil {
		return Result{}, err
	}
	handlers.Wait(10*time.Second, func(c chain.Count) bool { return c.Running == 0 })

	return w.verdict(account{requests: tally{"200": n}, aborts: n, anyLate: true}, func(e *exchange) complaint {
		return records{code: http.StatusOK, reason: "ClientGone", ended: "client gone", bytes: -1}.differ(w, e)
	})
}
