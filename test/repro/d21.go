package main

import (
	"context"
	"fmt"
	"net/http"

	"fork.internal/apiserver/test/chain"
)

func init() {
	register(Case{
		ID:    "D21",
		Title: "of nested timeout filters the outer one aborts the inner one's 504",
		run:   nestedFilters,
	})
}

// nestedFilters puts a second timeout filter, with the same deadline, behind the
// chain's own, as a server does that delegates to one with a chain of its own.
func nestedFilters(ctx context.Context) (Result, error) {
	const requests = 200
	release := make(chan struct{})
	handler := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release })
	s, err := chain.Start(chain.Config{Handler: timeoutFilter(handler)})
	if err != nil {
		return Result{}, err
	}
	defer s.Stop()
	defer close(release)

	answers, err := crowd(ctx, s, requests, get(s.URL+"/api/nested?timeout=50ms"), func(_ int, a answer) string { return a.String() })
	if err != nil {
		return Result{}, err
	}
	good := answers["504"]
	return Result{
		Defect: good < requests,
		Seen:   fmt.Sprintf("%d of %d clients got a 504 (%v)", good, requests, answers),
	}, nil
}
