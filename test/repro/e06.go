package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	auditinternal "k8s.io/apiserver/pkg/apis/audit"

	"fork.internal/apiserver/test/chain"
)

func init() {
	register(Case{
		ID:    "E6",
		Title: "an HTTP/1.1 client that closes its sending side and waits gets a 504 at once, of which the audit log and request_total know nothing",
		run:   halfClosed,
	})
}

// halfClosed has clients close their sending side after the request. The server
// cannot tell that from going; what it does then, its records have to say.
func halfClosed(ctx context.Context) (Result, error) {
	const clients = 4
	release := make(chan struct{})
	// request_total has the requests that have come as far as their route.
	var routed chain.Calls
	w, err := watchServer(chain.Config{Handler: instrumented(func(w http.ResponseWriter, r *http.Request) {
		defer routed.Begin()()
		<-release
		fmt.Fprint(w, "the answer")
	})})
	if err != nil {
		return Result{}, err
	}
	defer w.Stop()
	for begun := range clients {
		conn, err := dial1(ctx, w.Server, 0)
		if err != nil {
			return Result{}, err
		}
		defer conn.drop()
		e := w.expect("HTTP/1.1")
		if err := conn.send("GET %s HTTP/1.1\nHost: test\n%s: %s\n\n", chain.PodsPath, auditinternal.HeaderAuditID, e.id); err != nil {
			return Result{}, err
		}
		// Once it has arrived: a client that has gone before is another matter.
		routed.Wait(10*time.Second, func(c chain.Count) bool { return c.Total == begun+1 })
		if err := conn.CloseWrite(); err != nil {
			return Result{}, err
		}
		w.wg.Go(func() { e.answer = conn.receive(http.MethodGet, time.Now().Add(10*time.Second)) })
	}
	// Some are answered before their handler does, and some perhaps not.
	routed.Wait(10*time.Second, func(c chain.Count) bool { return c.Total == clients })
	within(time.Second, async(w.wg.Wait))
	if err := w.outlast(release, &routed); err != nil {
		return Result{}, err
	}

	want := account{requests: tally{}, terminations: tally{}, anyLate: true}
	for _, e := range w.sent {
		code := fmt.Sprint(e.status) // 0 is that it was cut
		want.requests[code]++
		switch code {
		case "0":
			want.aborts++
		case "504":
			want.terminations[code]++
		}
	}
	return w.verdict(want, func(e *exchange) complaint {
		switch e.status {
		case 0:
			return records{reason: "ClientGone", ended: "client gone"}.differ(w, e)
		case http.StatusGatewayTimeout:
			return differ504(w)(e)
		}
		return differAnswered(w, e, http.StatusOK)
	})
}
