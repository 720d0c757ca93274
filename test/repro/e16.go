package main

import (
	"context"
	"net/http"

	"fork.internal/apiserver/test/chain"
)

func init() {
	register(Case{
		ID:    "E16",
		Title: "a handler that writes nothing: the client gets a 200, the HTTP log says 0, request_total too, and the audit log that the connection was closed early",
		run:   nothingWritten,
	})
}

// nothingWritten has handlers write nothing, which net/http makes a 200 of.
func nothingWritten(ctx context.Context) (Result, error) {
	w, err := watchServer(chain.Config{Handler: instrumented(func(http.ResponseWriter, *http.Request) {})})
	if err != nil {
		return Result{}, err
	}
	defer w.Stop()
	if err := w.send(ctx, 2, get(w.URL+chain.PodsPath)); err != nil {
		return Result{}, err
	}
	if err := w.over(); err != nil {
		return Result{}, err
	}
	return w.verdict(account{requests: tally{"200": len(w.sent)}}, func(e *exchange) complaint {
		return differAnswered(w, e, http.StatusOK)
	})
}
