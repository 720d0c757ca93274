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
		ID:    "D23",
		Title: "a client that goes is a 504 in the HTTP log and in request_terminations, and a 200 in the audit log and request_total",
		run:   vanishedClients,
	})
}

// vanishedClients has clients go before anything was sent to them, and in the
// middle of their answer. The handlers succeed when that is over.
func vanishedClients(ctx context.Context) (Result, error) {
	const each, part = 2, "part"
	release := make(chan struct{})
	var handlers, ready chain.Calls
	handler := func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/streamed/") {
			fmt.Fprint(w, part)
			w.(http.Flusher).Flush()
		}
		defer ready.Begin()()
		<-r.Context().Done()
		<-release
		fmt.Fprint(w, "the rest")
	}
	w, err := watchServer(chain.Config{Handler: handlers.Handler(instrumented(handler))})
	if err != nil {
		return Result{}, err
	}
	defer w.Stop()

	leaving, leave := context.WithCancel(ctx)
	defer leave()
	url := w.URL + chain.PodsPath
	streamed := map[string]bool{}
	for _, u := range []string{url, strings.Replace(url, "/default/", "/streamed/", 1)} {
		from := len(w.sent)
		if err := w.send(leaving, each, get(u)); err != nil {
			return Result{}, err
		}
		for _, e := range w.sent[from:] {
			streamed[e.id] = u != url
		}
	}
	n := len(w.sent)
	if !ready.Wait(20*time.Second, func(c chain.Count) bool { return c.Total == n }) {
		return Result{}, fmt.Errorf("%d of %d requests reached their handler in 20 s", ready.Count().Total, n)
	}
	leave()
	if err := w.outlast(release, &handlers); err != nil {
		return Result{}, err
	}

	return w.verdict(account{requests: tally{"0": n / 2, "200": n / 2}, aborts: n, late: tally{"any": n}}, func(e *exchange) complaint {
		want := records{reason: "ClientGone", message: "0 bytes", ended: "client gone"}
		if streamed[e.id] {
			want.code, want.bytes, want.message = http.StatusOK, len(part), fmt.Sprintf("%d bytes", len(part))
		}
		return want.differ(w, e)
	})
}
