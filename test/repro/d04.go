package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"k8s.io/component-base/tracing"
	"k8s.io/klog/v2"

	"fork.internal/apiserver/test/chain"
)

func init() {
	register(Case{
		ID:    "D4",
		Title: "the patch handler returns while its storage is at work: they share traces and variables",
		Race:  "k8s.io/utils/trace.(*Trace)",
		run:   patchOverlap,
	})
}

// patchOverlap patches pods with a ?timeout= that ends while the storage is at
// work, and counts the handlers that return before it. Under the race detector
// the traces show that they share memory by then.
func patchOverlap(ctx context.Context) (Result, error) {
	const (
		requests = 16
		timeout  = 600 * time.Millisecond // a patch is traced if it takes 500 ms
	)
	// Traces are put together from this level on. What is logged is discarded.
	var verbosity klog.Level
	if err := verbosity.Set("2"); err != nil {
		return Result{}, err
	}

	type storing struct{} // the key of the atomic.Bool in a request's context
	var handlers, stored chain.Calls
	var overlaps atomic.Int64
	api, err := chain.API(&chain.Pods{OnUpdate: func(ctx context.Context) error {
		defer stored.Begin()()
		at := ctx.Value(storing{}).(*atomic.Bool)
		at.Store(true)
		defer at.Store(false)
		// The storage overstays its context a little, and its traces are
		// nested as those of etcd3's GuaranteedUpdate are.
		ctx, span := tracing.Start(ctx, "GuaranteedUpdate etcd3")
		defer span.End(timeout)
		for left := 100; left > 0; time.Sleep(time.Millisecond) {
			_, txn := tracing.Start(ctx, "Txn call")
			txn.AddEvent("sent")
			time.Sleep(time.Millisecond)
			txn.End(timeout)
			if ctx.Err() != nil {
				left--
			}
		}
		return nil
	}})
	if err != nil {
		return Result{}, err
	}
	s, err := chain.Start(chain.Config{Handler: handlers.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		at := new(atomic.Bool)
		api.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), storing{}, at)))
		if at.Load() {
			overlaps.Add(1)
		}
	}))})
	if err != nil {
		return Result{}, err
	}
	defer s.Stop()

	patch := func(i int) (*http.Request, error) {
		url := fmt.Sprintf("%s%s/pod-%d?timeout=%v", s.URL, chain.PodsPath, i, timeout)
		req, err := http.NewRequest(http.MethodPatch, url, strings.NewReader(`{"metadata":{"labels":{"a":"b"}}}`))
		if err == nil {
			req.Header.Set("Content-Type", "application/merge-patch+json")
		}
		return req, err
	}
	answers, err := crowd(ctx, s, requests, patch, func(_ int, a answer) string { return a.String() })
	if err != nil {
		return Result{}, err
	}
	idle := func(c chain.Count) bool { return c.Running == 0 }
	if !handlers.Wait(10*time.Second, idle) || !stored.Wait(10*time.Second, idle) {
		return Result{}, fmt.Errorf("handlers or storage did not return in 10 s: they should in less than one")
	}
	reached := stored.Count().Total
	if reached == 0 {
		return Result{}, fmt.Errorf("no patch got as far as the storage: %v", answers)
	}
	return Result{
		Defect: overlaps.Load() > 0,
		Seen:   fmt.Sprintf("%d of %d handlers had returned while their storage was at work (answers: %v)", overlaps.Load(), reached, answers),
	}, nil
}
