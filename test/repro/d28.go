package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"fork.internal/apiserver/test/chain"
)

func init() {
	register(Case{
		ID:    "D28",
		Title: "a 504 that is due to the bound of a handler's own, as the 34 s of mutations, is not in request_terminations",
		run:   boundsOfHandlers,
	})
}

// boundsOfHandlers sends creates that run into a bound which is nearer than
// the request's deadline. The handler's own is 34 s; here it is given a context
// that ends before, which it takes in its place.
func boundsOfHandlers(ctx context.Context) (Result, error) {
	const each, bound = 4, 300 * time.Millisecond
	release := make(chan struct{})
	var storing chain.Calls
	api, err := chain.API(&chain.Pods{OnCreate: func(ctx context.Context) error {
		defer storing.Begin()()
		<-release
		return ctx.Err()
	}})
	if err != nil {
		return Result{}, err
	}
	handler := func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), bound)
		defer cancel()
		api.ServeHTTP(w, r.WithContext(ctx))
	}
	var handlers chain.Calls
	w, err := watchServer(chain.Config{Handler: handlers.Handler(http.HandlerFunc(handler))})
	if err != nil {
		return Result{}, err
	}
	defer w.Stop()

	if err := w.send(ctx, each, post(w.URL+chain.PodsPath, podNumber)); err != nil {
		return Result{}, err
	}
	if err := w.outlast(release, &handlers, &storing); err != nil {
		return Result{}, err
	}
	n := len(w.sent)
	result, err := w.verdict(account{
		requests:     tally{"504": n},
		terminations: tally{"504": n},
		late:         tally{"any": n},
	}, differ504(w))
	if err != nil || result.Defect {
		return result, err
	}

	// The series have to be those of any create, or no sum over them is right.
	samples, err := scrape()
	if err != nil {
		return Result{}, err
	}
	for _, s := range samples {
		if s.name != "apiserver_request_total" && s.name != "apiserver_request_terminations_total" {
			continue
		}
		for label, want := range map[string]string{
			"verb": "POST", "group": "example.apiserver.k8s.io", "version": "v1", "resource": "pods", "scope": "resource", "component": "apiserver",
		} {
			if s.labels[label] != want {
				result.Defect = true
				result.Seen += fmt.Sprintf("; %s has %s=%q and not %q", s.name, label, s.labels[label], want)
			}
		}
	}
	return result, nil
}
