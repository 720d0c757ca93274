package main

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	auditinternal "k8s.io/apiserver/pkg/apis/audit"

	"fork.internal/apiserver/test/chain"
)

func init() {
	register(Case{
		ID:    "E29",
		Title: "a client that closes when it has the whole answer, before the handler has returned, is counted as aborted and as a 504",
		run:   closedWhenWhole,
	})
}

// closedWhenWhole has clients of HTTP/1.1 close the connection as soon as they
// have as many bytes as the answer says it has, while the handler goes on.
func closedWhenWhole(ctx context.Context) (Result, error) {
	const clients, body = 8, "the whole answer"
	release := make(chan struct{})
	var handlers chain.Calls
	gone := make(chan struct{}, clients)
	handler := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write([]byte(body))
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		gone <- struct{}{}
		if strings.HasSuffix(r.URL.RawQuery, "stays") {
			<-release
		}
	}
	w, err := watchServer(chain.Config{Handler: handlers.Handler(instrumented(handler))})
	if err != nil {
		return Result{}, err
	}
	defer w.Stop()

	for i := range clients {
		conn, err := dial1(ctx, w.Server, 0)
		if err != nil {
			return Result{}, err
		}
		e := w.expect("HTTP/1.1")
		query := []string{"stays", "returns"}[i%2]
		if err := conn.send("GET %s?%s HTTP/1.1\nHost: test\n%s: %s\n\n", chain.PodsPath, query, auditinternal.HeaderAuditID, e.id); err != nil {
			conn.drop()
			return Result{}, err
		}
		e.answer = conn.receive(http.MethodGet, time.Now().Add(10*time.Second))
		conn.drop()
		within(10*time.Second, gone)
	}
	close(release)
	if err := w.over(); err != nil {
		return Result{}, err
	}
	handlers.Wait(10*time.Second, func(c chain.Count) bool { return c.Running == 0 })
	return w.verdict(account{requests: tally{"200": clients}, anyLate: true}, func(e *exchange) complaint {
		return differAnswered(w, e, http.StatusOK)
	})
}
