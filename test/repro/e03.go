package main

import (
	"context"
	"io"
	"net/http"
	"strings"
	"time"

	auditinternal "k8s.io/apiserver/pkg/apis/audit"

	"fork.internal/apiserver/test/chain"
)

func init() {
	register(Case{
		ID:    "E3",
		Title: "a handler's own read deadline passes: the client gets a 504 or nothing in place of the handler's answer, which is what the records say it got",
		run:   ownReadDeadlines,
	})
}

// ownReadDeadlines has handlers bound their reads of HTTP/1.1 connections, and
// answer when that bound has passed: some for a body that does not come, some
// that read nothing. To net/http the client has gone, but it has not.
func ownReadDeadlines(ctx context.Context) (Result, error) {
	const clients, bound = 6, 100 * time.Millisecond
	w, err := watchServer(chain.Config{Handler: instrumented(func(w http.ResponseWriter, r *http.Request) {
		if err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(bound)); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		if strings.Contains(r.URL.Path, "/body/") {
			_, _ = io.Copy(io.Discard, r.Body)
		} else {
			// There is no event: what ends at the bound is nobody's read.
			time.Sleep(2 * bound)
		}
		http.Error(w, "too slow", http.StatusRequestTimeout)
	})})
	if err != nil {
		return Result{}, err
	}
	defer w.Stop()
	for i := range clients {
		conn, err := dial1(ctx, w.Server, 0)
		if err != nil {
			return Result{}, err
		}
		defer conn.drop()
		e := w.expect("HTTP/1.1")
		request := "GET " + chain.PodsPath + " HTTP/1.1\nHost: test\n%s: %s\n\n"
		if i%2 == 0 {
			request = "POST " + strings.Replace(chain.PodsPath, "/default/", "/body/", 1) + " HTTP/1.1\nHost: test\n%s: %s\nContent-Length: 100\n\nthe beginning"
		}
		if err := conn.send(request, auditinternal.HeaderAuditID, e.id); err != nil {
			return Result{}, err
		}
		w.wg.Go(func() { e.answer = conn.receive(http.MethodPost, time.Now().Add(10*time.Second)) })
	}
	if err := w.over(); err != nil {
		return Result{}, err
	}
	return w.verdict(account{requests: tally{"408": clients}}, func(e *exchange) complaint {
		return differAnswered(w, e, http.StatusRequestTimeout)
	})
}
