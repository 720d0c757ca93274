package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"fork.internal/apiserver/test/chain"
)

func init() {
	register(Case{
		ID:    "D14",
		Title: "storage is called for requests whose deadline has passed on arrival",
		run:   passedDeadlines,
	})
}

// passedDeadlines sends creates with a ?timeout= that no request can meet.
func passedDeadlines(ctx context.Context) (Result, error) {
	const requests = 100
	var expired atomic.Int64
	var handlers, storing chain.Calls
	api, err := chain.API(&chain.Pods{OnCreate: func(ctx context.Context) error {
		defer storing.Begin()()
		if ctx.Err() != nil {
			expired.Add(1)
		}
		return ctx.Err()
	}})
	if err != nil {
		return Result{}, err
	}
	s, err := chain.Start(chain.Config{Handler: handlers.Handler(api)})
	if err != nil {
		return Result{}, err
	}
	defer s.Stop()

	answers, err := crowd(ctx, s, requests, post(s.URL+chain.PodsPath+"?timeout=1ns", podNumber),
		func(_ int, a answer) string { return a.String() })
	if err != nil {
		return Result{}, err
	}
	if answers.total() != requests {
		return Result{}, fmt.Errorf("%d of %d requests were sent", answers.total(), requests)
	}
	// What was started and left behind may take a moment to get there.
	storing.Wait(time.Second, func(c chain.Count) bool { return c.Total == requests })
	handlers.Wait(10*time.Second, func(c chain.Count) bool { return c.Running == 0 })
	lacks := ""
	if answers["504"] != requests {
		lacks = fmt.Sprintf("%d 504s", requests)
	}
	return Result{
		Defect: storing.Count().Total > 0,
		Lacks:  lacks,
		Seen: fmt.Sprintf("the storage was called for %d of %d requests, %d times with an expired context, and %d handlers were started (answers: %v)",
			storing.Count().Total, requests, expired.Load(), handlers.Count().Total, answers),
	}, nil
}
