package main

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"fork.internal/apiserver/test/chain"
)

func init() {
	register(Case{
		ID:    "E26",
		Title: "a handler ends by runtime.Goexit: what it had written is passed off as the whole answer, and request_total has nothing of it",
		run:   goexits,
	})
}

// goexits has handlers end by runtime.Goexit, before they have written and in
// the middle of their answer. Its client does not get that for a whole one, and
// no record calls it a success. It is no panic either, and so not counted with
// the aborts, which are those that WithPanicRecovery sees.
func goexits(ctx context.Context) (Result, error) {
	const each, part = 2, "part"
	w, err := watchServer(chain.Config{Handler: instrumented(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/part/") {
			fmt.Fprint(w, part)
			w.(http.Flusher).Flush()
		}
		runtime.Goexit()
	})})
	if err != nil {
		return Result{}, err
	}
	defer w.Stop()
	status := map[string]int{} // that the client may see, by ID
	for _, kind := range []struct {
		namespace string
		status    int
	}{{"part", http.StatusOK}, {"none", 0}} {
		from := len(w.sent)
		if err := w.send(ctx, each, get(strings.Replace(w.URL+chain.PodsPath, "/default/", "/"+kind.namespace+"/", 1))); err != nil {
			return Result{}, err
		}
		for _, e := range w.sent[from:] {
			status[e.id] = kind.status
		}
	}
	if err := w.over(); err != nil {
		return Result{}, err
	}
	return w.verdict(account{anyRequests: true, anyLate: true}, func(e *exchange) complaint {
		var wrong []string
		if e.err == nil {
			wrong = append(wrong, fmt.Sprintf("the client got a whole %d", e.status))
		}
		if lines := logLines(w.log, e.id); len(lines) != 1 || lines[0] != fmt.Sprint(status[e.id]) {
			wrong = append(wrong, "log "+strings.Join(lines, " and "))
		}
		events := finalEvents(w.Audit, e.id)
		if len(events) != 1 || events[0].ResponseStatus == nil || events[0].ResponseStatus.Status != metav1.StatusFailure {
			wrong = append(wrong, "audit knows of no failure")
		}
		return complaint{wrong: wrong}
	})
}
