package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"

	auditinternal "k8s.io/apiserver/pkg/apis/audit"

	"fork.internal/apiserver/test/chain"
)

func init() {
	register(Case{
		ID:    "E14",
		Title: "an informational status is recorded as the one that was sent: 100, 101 and 103 in the audit log and the HTTP log",
		run:   informationalRecords,
	})
}

// informationalRecords has handlers give an informational status before the
// final one, by themselves and as a proxy of a backend that does, and compares
// what was recorded.
func informationalRecords(ctx context.Context) (Result, error) {
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		discard(r.Body) // which is when net/http sends the 100
		http.Error(w, "there is one already", http.StatusConflict)
	}))
	defer backend.Close()
	location, err := url.Parse(backend.URL)
	if err != nil {
		return Result{}, err
	}
	transport := &http.Transport{ExpectContinueTimeout: 5 * time.Second}
	defer transport.CloseIdleConnections()
	proxy := httputil.NewSingleHostReverseProxy(location)
	proxy.Transport = transport
	handler := func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.Contains(r.URL.Path, "/hints/"):
			w.WriteHeader(http.StatusEarlyHints)
			http.Error(w, "there is none", http.StatusNotFound)
		case strings.Contains(r.URL.Path, "/switch/"):
			w.WriteHeader(http.StatusSwitchingProtocols)
			http.Error(w, "not for you", http.StatusForbidden)
		default:
			proxy.ServeHTTP(w, r)
		}
	}
	w, err := watchServer(chain.Config{Handler: instrumented(handler)})
	if err != nil {
		return Result{}, err
	}
	defer w.Stop()

	want := map[*exchange]int{}
	send := func(namespace, proto string, status int) error {
		from := len(w.sent)
		err := w.sendOver(ctx, proto, 2, get(strings.Replace(w.URL+chain.PodsPath, "/default/", "/"+namespace+"/", 1)))
		for _, e := range w.sent[from:] {
			want[e] = status
		}
		return err
	}
	for _, proto := range protocols {
		if err := send("hints", proto, http.StatusNotFound); err != nil {
			return Result{}, err
		}
	}
	// Over HTTP/1.1 it would be final.
	if err := send("switch", "HTTP/2.0", http.StatusForbidden); err != nil {
		return Result{}, err
	}
	e := w.expect("HTTP/1.1")
	want[e] = http.StatusConflict
	if e.answer, err = expectContinue(ctx, w, e.id); err != nil {
		return Result{}, err
	}
	if err := w.over(); err != nil {
		return Result{}, err
	}
	return w.verdict(account{requests: tally{"404": 4, "403": 2, "409": 1}}, func(e *exchange) complaint {
		c := differAnswered(w, e, want[e])
		if len(c.wrong) > 0 {
			c.wrong = []string{fmt.Sprintf("of a %d: %v", want[e], c)}
		}
		return c
	})
}

// expectContinue sends a request that expects a 100, and returns the answer
// that comes after it.
func expectContinue(ctx context.Context, w *witness, id string) (answer, error) {
	conn, err := dial1(ctx, w.Server, 0)
	if err != nil {
		return answer{}, err
	}
	defer conn.drop()
	if err := conn.send("POST %s HTTP/1.1\nHost: test\n%s: %s\nContent-Length: 2\nExpect: 100-continue\n\n{}", chain.PodsPath, auditinternal.HeaderAuditID, id); err != nil {
		return answer{}, err
	}
	for end := time.Now().Add(10 * time.Second); ; {
		if a := conn.receive(http.MethodPost, end); a.err != nil || a.status >= 200 {
			return a, nil
		}
	}
}
