package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"fork.internal/apiserver/test/chain"
)

func init() {
	register(Case{
		ID:    "D25",
		Title: "a panic after the 504: the audit log says 500, request_total has nothing",
		run:   latePanics,
	})
}

// latePanics has handlers panic when their clients have a 504.
func latePanics(ctx context.Context) (Result, error) {
	const each, reason = 4, "as designed"
	release := make(chan struct{})
	var handlers chain.Calls
	handler := func(http.ResponseWriter, *http.Request) {
		<-release
		panic(reason)
	}
	w, err := watchServer(chain.Config{Handler: handlers.Handler(instrumented(handler))})
	if err != nil {
		return Result{}, err
	}
	defer w.Stop()

	if err := w.send(ctx, each, get(w.URL+chain.PodsPath+"?timeout=300ms")); err != nil {
		return Result{}, err
	}
	if err := w.outlast(release, &handlers); err != nil {
		return Result{}, err
	}
	n := len(w.sent)
	return w.verdict(account{
		requests:     tally{"504": n},
		terminations: tally{"504": n},
		late:         tally{"panic": n},
	}, func(e *exchange) complaint {
		c := differ504(w)(e)
		lines := w.log.lines(returnedLate, fmt.Sprintf("auditID=%q", e.id))
		if len(lines) != 1 || !strings.Contains(lines[0], reason) {
			c.lacks = append(c.lacks, "the panic not logged with its audit ID")
		}
		return c
	})
}
