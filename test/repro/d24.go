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
		ID:    "D24",
		Title: "a response that is cut by its deadline is a 504 in request_terminations, and a success in the audit log",
		run:   cutResponses,
	})
}

// cutResponses has deadlines pass while responses are under way.
func cutResponses(ctx context.Context) (Result, error) {
	const each, part = 4, "part"
	release := make(chan struct{})
	var handlers chain.Calls
	handler := func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, part)
		w.(http.Flusher).Flush()
		<-release
		fmt.Fprint(w, "the rest")
	}
	w, err := watchServer(chain.Config{Handler: handlers.Handler(instrumented(handler))})
	if err != nil {
		return Result{}, err
	}
	defer w.Stop()

	if err := w.send(ctx, each, get(w.URL+chain.PodsPath+"?timeout=1s")); err != nil {
		return Result{}, err
	}
	if err := w.outlast(release, &handlers); err != nil {
		return Result{}, err
	}
	n := len(w.sent)
	for _, e := range w.sent {
		if e.status != http.StatusOK {
			return Result{}, untried("a client got %v over %s before its deadline, and not the beginning of a response: the machine is too slow", e.answer, e.proto)
		}
	}
	want := records{
		code: http.StatusOK, reason: metav1.StatusReasonTimeout, ended: "aborted",
		bytes: len(part), message: fmt.Sprintf("aborted after %d bytes", len(part)),
	}
	return w.verdict(account{requests: tally{"200": n}, aborts: n, late: tally{"any": n}},
		func(e *exchange) complaint { return want.differ(w, e) })
}
