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

	"fork.internal/apiserver/test/chain"
)

func init() {
	register(Case{
		ID:    "D17",
		Title: "a 1xx status is taken for the final one: a backend's 409 becomes a 200",
		run:   informational,
	})
}

// informational sends a request that expects a 100 to a backend behind a proxy,
// as the aggregator's is, and others to a handler that gives early hints.
func informational(ctx context.Context) (Result, error) {
	const conflict = "there is one already"
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		discard(r.Body) // which is when net/http sends the 100
		http.Error(w, conflict, http.StatusConflict)
	}))
	defer backend.Close()
	location, err := url.Parse(backend.URL)
	if err != nil {
		return Result{}, err
	}
	transport := &http.Transport{ExpectContinueTimeout: 5 * time.Second}
	defer transport.CloseIdleConnections()
	// What kube-aggregator's proxy handler comes down to.
	proxy := httputil.NewSingleHostReverseProxy(location)
	proxy.Transport, proxy.FlushInterval = transport, 200*time.Millisecond
	handler := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/hints" {
			w.Header().Set("Link", "</style.css>; rel=preload")
			w.WriteHeader(http.StatusEarlyHints)
			http.Error(w, conflict, http.StatusConflict)
			return
		}
		proxy.ServeHTTP(w, r)
	}
	s, err := chain.Start(chain.Config{Handler: http.HandlerFunc(handler)})
	if err != nil {
		return Result{}, err
	}
	defer s.Stop()

	got, wrong := tally{}, 0
	note := func(what string, a answer) {
		got[fmt.Sprintf("%v for %s", a, what)]++
		if a.err != nil || a.status != http.StatusConflict || !strings.Contains(string(a.body), conflict) {
			wrong++
		}
	}

	conn, err := dial1(ctx, s, 0)
	if err != nil {
		return Result{}, err
	}
	defer conn.drop()
	if err := conn.send("POST /apis/example/v1/things HTTP/1.1\nHost: test\nContent-Length: 2\nExpect: 100-continue\n\n{}"); err != nil {
		return Result{}, err
	}
	a := conn.receive(http.MethodPost, time.Now().Add(10*time.Second))
	for a.err == nil && a.status >= 100 && a.status < 200 {
		a = conn.receive(http.MethodPost, time.Now().Add(10*time.Second))
	}
	note("a conflict behind a proxy, after Expect: 100-continue", a)

	for _, proto := range protocols {
		client := s.Client(proto)
		defer client.CloseIdleConnections()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/api/hints", nil)
		if err != nil {
			return Result{}, err
		}
		note("a conflict after early hints over "+proto, ask(client, req))
	}
	return Result{Defect: wrong > 0, Seen: fmt.Sprintf("%d of %d conflicts did not arrive as a 409 (%v)", wrong, got.total(), got)}, nil
}
