package main

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apiserver/pkg/server"

	"fork.internal/apiserver/test/chain"
)

func init() {
	register(Case{
		ID:    "D9",
		Title: "mutations give back their seat at ?timeout= while their storage goes on",
		run:   seatsGivenBack,
	})
}

// seatsGivenBack sends creates with a short ?timeout= to a server that allows
// one at a time, and whose storage does not heed its context.
func seatsGivenBack(ctx context.Context) (Result, error) {
	const requests = 100
	var storing chain.Calls
	stored := make(chan struct{})
	api, err := chain.API(&chain.Pods{OnCreate: func(context.Context) error {
		defer storing.Begin()()
		<-stored
		return nil
	}})
	if err != nil {
		return Result{}, err
	}
	s, err := chain.Start(chain.Config{
		Handler: api,
		Modify:  func(c *server.Config) { c.MaxMutatingRequestsInFlight = 1 },
	})
	if err != nil {
		return Result{}, err
	}
	defer s.Stop()
	defer storing.Wait(10*time.Second, func(c chain.Count) bool { return c.Running == 0 })
	defer close(stored)

	client := s.Client("HTTP/2.0")
	defer client.CloseIdleConnections()
	create := post(s.URL+chain.PodsPath+"?timeout=20ms", podNumber)
	answers := tally{}
	// A request after another may be too early for the seat: it is sent again.
	for i := 0; i < 3*requests && storing.Count().Total < requests; i++ {
		req, err := create(i)
		if err != nil {
			return Result{}, err
		}
		answers[ask(client, req.WithContext(ctx)).String()]++
	}
	peak := storing.Count().Peak
	if peak == 0 {
		return Result{}, fmt.Errorf("no create got as far as the storage: %v", answers)
	}
	return Result{
		Defect: peak > 1,
		Seen:   fmt.Sprintf("%d creates were being stored at a time under a limit of 1 (answers to %d: %v)", peak, answers.total(), answers),
	}, nil
}
