package main

import (
	"context"
	"fmt"

	"fork.internal/apiserver/test/chain"
)

func init() {
	register(Case{
		ID:    "D15",
		Title: "a create that runs out of time: clients get EOF or a reset in place of a 504",
		run:   createTimeouts,
	})
}

// createTimeouts sends creates whose storage waits for as long as it may.
func createTimeouts(ctx context.Context) (Result, error) {
	const requests = 200
	var storing chain.Calls
	api, err := chain.API(&chain.Pods{OnCreate: func(ctx context.Context) error {
		defer storing.Begin()()
		<-ctx.Done()
		return ctx.Err()
	}})
	if err != nil {
		return Result{}, err
	}
	s, err := chain.Start(chain.Config{Handler: api})
	if err != nil {
		return Result{}, err
	}
	defer s.Stop()

	answers, err := crowd(ctx, s, requests, post(s.URL+chain.PodsPath+"?timeout=50ms", podNumber),
		func(_ int, a answer) string { return a.String() })
	if err != nil {
		return Result{}, err
	}
	if storing.Count().Total < requests/2 {
		return Result{}, fmt.Errorf("storage was reached by %d of %d requests: their ?timeout= is too short for this machine (%v)", storing.Count().Total, requests, answers)
	}
	good := answers["504"]
	return Result{
		Defect: good < requests,
		Seen:   fmt.Sprintf("%d of %d clients got a 504 (%v)", good, requests, answers),
	}, nil
}
