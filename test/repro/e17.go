package main

import (
	"context"
	"fmt"
	"net/http"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"fork.internal/apiserver/test/chain"
)

func init() {
	register(Case{
		ID:    "E17",
		Title: "bytes that never left as the deadline passed: the client gets nothing, the audit log and request_total say that it got a 201",
		run:   unsentBytes,
	})
}

// unsentBytes has deadlines pass when a handler has written a few bytes of a
// response, which net/http keeps until there are more. Either the client gets
// a 504, which the records say, or they say that the response was cut.
func unsentBytes(ctx context.Context) (Result, error) {
	const each, part = 4, "eleven byte"
	release := make(chan struct{})
	var handlers chain.Calls
	handler := func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, part)
		<-release
	}
	w, err := watchServer(chain.Config{Handler: handlers.Handler(instrumented(handler))})
	if err != nil {
		return Result{}, err
	}
	defer w.Stop()
	if err := w.send(ctx, each, get(w.URL+chain.PodsPath+"?timeout=500ms")); err != nil {
		return Result{}, err
	}
	if err := w.outlast(release, &handlers); err != nil {
		return Result{}, err
	}

	n := len(w.sent)
	answered := 0
	for _, e := range w.sent {
		if e.err == nil {
			answered++
		}
	}
	want := account{requests: tally{}, terminations: tally{}, aborts: n - answered, late: tally{"any": n}}
	if answered > 0 {
		want.requests["504"], want.terminations["504"] = answered, answered
	}
	if answered < n {
		want.requests["201"] = n - answered
	}
	cut := records{
		code: http.StatusCreated, reason: metav1.StatusReasonTimeout, ended: "aborted",
		bytes: len(part), message: fmt.Sprintf("aborted after %d bytes", len(part)),
	}
	return w.verdict(want, func(e *exchange) complaint {
		if e.err == nil {
			c := differ504(w)(e)
			if missing := e.status504(); missing != "" {
				c.lacks = append(c.lacks, missing)
			}
			return c
		}
		return cut.differ(w, e)
	})
}
