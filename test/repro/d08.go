package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	auditinternal "k8s.io/apiserver/pkg/apis/audit"

	"fork.internal/apiserver/test/chain"
)

func init() {
	register(Case{
		ID:    "D8",
		Title: "a request whose handler has taken the connection over is counted as a 504 at its deadline",
		run:   hijackedAtDeadline,
	})
}

// hijackedAtDeadline has a handler that is not long-running take its connection
// over, as a proxy does for an upgrade, and use it beyond the request's deadline.
func hijackedAtDeadline(ctx context.Context) (Result, error) {
	const timeout = time.Second
	handler := func(w http.ResponseWriter, _ *http.Request) {
		conn, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		defer conn.Close()
		fmt.Fprint(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		for {
			line, err := rw.ReadString('\n')
			if err != nil {
				return
			}
			if _, err := fmt.Fprint(conn, line); err != nil {
				return
			}
		}
	}
	w, err := watchServer(chain.Config{Handler: instrumented(handler)})
	if err != nil {
		return Result{}, err
	}
	defer w.Stop()
	conn, err := dial1(ctx, w.Server, 0)
	if err != nil {
		return Result{}, err
	}
	defer conn.drop()
	const id = "hijacked"
	if err := conn.send("GET %s?timeout=%v HTTP/1.1\nHost: test\nConnection: Upgrade\nUpgrade: echo\n%s: %s\n\n", chain.PodsPath, timeout, auditinternal.HeaderAuditID, id); err != nil {
		return Result{}, err
	}
	if err := conn.SetReadDeadline(time.Now().Add(timeout + patience)); err != nil {
		return Result{}, err
	}
	status, err := conn.r.ReadString('\n')
	if err != nil || !strings.Contains(status, " 101 ") {
		return Result{}, fmt.Errorf("the upgrade is answered with %q, %v", status, err)
	}
	for line := ""; line != "\r\n"; {
		if line, err = conn.r.ReadString('\n'); err != nil {
			return Result{}, err
		}
	}
	time.Sleep(timeout + timeout/2) // Beyond its deadline.
	echo := "?"
	if err := conn.send("hello\n"); err == nil {
		if echo, err = conn.r.ReadString('\n'); err != nil {
			echo = err.Error()
		}
	}
	conn.drop()
	var final []*auditinternal.Event
	hijacked := func() int { return len(w.log.lines(fmt.Sprintf("audit-ID=%q", id), "hijacked=true")) }
	recorded := eventually(patience, func() bool {
		final = finalEvents(w.Audit, id)
		return len(final) == 1 && hijacked() == 1
	})
	got, err := readAccount()
	if err != nil {
		return Result{}, err
	}
	code := int32(0)
	if len(final) == 1 && final[0].ResponseStatus != nil {
		code = final[0].ResponseStatus.Code
	}
	return Result{
		Defect: echo != "hello\r\n" || !recorded || code != http.StatusSwitchingProtocols || got.terminations.total() > 0 || got.aborts > 0,
		Seen: fmt.Sprintf("%.1f s after the deadline the connection answers %q; %d final audit events, with %d; %d lines say that it was hijacked; %v",
			timeout.Seconds()/2, strings.TrimSpace(echo), len(final), code, hijacked(), got),
	}, nil
}
