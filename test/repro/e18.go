package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	auditinternal "k8s.io/apiserver/pkg/apis/audit"

	"fork.internal/apiserver/test/chain"
)

func init() {
	register(Case{
		ID:    "E18",
		Title: "a handler that panics in time: the client gets a 500, the HTTP log says 0",
		run:   panicsInTime,
	})
}

// panicsInTime has handlers panic before they have written anything, in a
// server whose filter recovers that.
func panicsInTime(ctx context.Context) (Result, error) {
	utilruntime.ReallyCrash = false
	w, err := watchServer(chain.Config{Handler: instrumented(func(http.ResponseWriter, *http.Request) { panic("as designed") })})
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
	for _, e := range w.sent {
		if e.status != http.StatusInternalServerError {
			return Result{}, fmt.Errorf("a client got %v over %s, and not the 500 of the filter that recovers panics", e.answer, e.proto)
		}
	}
	return w.verdict(account{anyRequests: true, anyLate: true}, func(e *exchange) complaint {
		var wrong []string
		if lines := httpLines(w.log, e.id); len(lines) != 1 || lines[0] != "resp=500" {
			wrong = append(wrong, "log "+strings.Join(lines, " and "))
		}
		switch events := finalEvents(w.Audit, e.id); {
		case len(events) != 1:
			wrong = append(wrong, fmt.Sprintf("%d final audit events", len(events)))
		case events[0].Stage != auditinternal.StagePanic || events[0].ResponseStatus.Code != http.StatusInternalServerError ||
			events[0].ResponseStatus.Reason != metav1.StatusReasonInternalError:
			wrong = append(wrong, fmt.Sprintf("audit %s %+v", events[0].Stage, events[0].ResponseStatus))
		}
		return complaint{wrong: wrong}
	})
}
