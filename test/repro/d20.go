package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"fork.internal/apiserver/test/chain"
)

func init() {
	register(Case{
		ID:    "D20",
		Title: "the timeout filter's 504 is plain text with no kind, the finisher's is a Status",
		run:   kindsOf504,
	})
}

// kindsOf504 collects the 504s for a handler that ignores its deadline, one that
// goes with it and has set headers, and a create whose storage waits.
func kindsOf504(ctx context.Context) (Result, error) {
	const each = 5
	release := make(chan struct{})
	api, err := chain.API(&chain.Pods{OnCreate: func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}})
	if err != nil {
		return Result{}, err
	}
	handler := func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/apis/") {
			api.ServeHTTP(w, r)
			return
		}
		w.Header().Set("X-From-Handler", "yes")
		w.Header().Set("Content-Length", "1000")
		<-release
	}
	s, err := chain.Start(chain.Config{Handler: http.HandlerFunc(handler)})
	if err != nil {
		return Result{}, err
	}
	defer s.Stop()
	defer close(release)

	kinds := tally{}
	good, sent := 0, 0
	for _, proto := range protocols {
		client := s.Client(proto)
		defer client.CloseIdleConnections()
		for i := range each {
			for _, newRequest := range []func(int) (*http.Request, error){
				get(s.URL + "/api/stuck?timeout=50ms"),
				post(s.URL+chain.PodsPath+"?timeout=50ms", podNumber),
			} {
				req, err := newRequest(i)
				if err != nil {
					return Result{}, err
				}
				a := ask(client, req.WithContext(ctx))
				kind := a.status504()
				switch {
				case kind != "":
				case a.header.Get("X-From-Handler") != "":
					kind = "a 504 with a header of the handler's"
				case a.header.Get("Audit-Id") == "" || a.header.Get("Cache-Control") == "":
					kind = "a 504 without the filters' headers"
				default:
					good++
					kind = "a 504 that is a Status"
				}
				kinds[kind]++
				sent++
			}
		}
	}
	return Result{
		Defect: good < sent,
		Seen:   fmt.Sprintf("%d of %d clients got a Status with its content type, length, kind and reason (%v)", good, sent, kinds),
	}, nil
}
