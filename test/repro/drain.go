package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"k8s.io/apiserver/plugin/pkg/audit/buffered"

	"fork.internal/apiserver/test/chain"
)

func init() {
	register(Case{
		ID:    "DRAIN",
		Title: "a graceful shutdown under random load loses the audit events of requests that were answered (N= requests, SEED=)",
		Fatal: "fatal error: concurrent map", // As for DIFF.
		run:   drainUnderLoad,
	})
}

// drainUnderLoad stops a server in the middle of random requests, and looks for
// those that it began and has no final audit event of when it has ended.
func drainUnderLoad(ctx context.Context) (Result, error) {
	plans, err := diffPlans()
	if err != nil {
		return Result{}, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit+time.Duration(len(plans))*diffEach)
	defer cancel()
	seen := newLedger()
	if err := captureRecords(seen); err != nil {
		return Result{}, err
	}
	all, order := newCast(plans)
	// As kube-apiserver's webhook has it: events that come in once it is shut
	// down are lost, and the process would end.
	config, err := all.config(buffered.NewBackend(seen, buffered.BatchConfig{
		BufferSize: 10000, MaxBatchSize: 400, MaxBatchWait: 30 * time.Second, AsyncDelegate: true,
	}))
	if err != nil {
		return Result{}, err
	}
	defer all.close()
	s, err := chain.Run(config)
	if err != nil {
		return Result{}, err
	}
	defer all.release()

	// In the middle it is told to stop. From then on clients may fail to connect.
	stopping := make(chan struct{})
	var stopped time.Time
	middle := order[len(order)/2]
	go func() {
		select {
		case <-middle.over:
		case <-ctx.Done():
		}
		stopped = time.Now()
		close(stopping)
		s.Stop()
	}()
	sent := make(chan error, 1)
	go func() {
		sent <- sendAll(ctx, s.Server, order, func(err error) error {
			if within(time.Second, stopping) {
				return nil
			}
			return err
		})
	}()
	if !within(limit, s.Done) {
		return Result{}, fmt.Errorf("the server has not ended")
	}
	<-stopping
	took := time.Since(stopped)
	running := all.handlers.Count().Running
	// The process would end here: what is recorded now is all there is.
	began := snapshot(order, seen)
	if err := <-sent; err != nil {
		return Result{}, err
	}
	if s.Err != nil {
		return Result{}, s.Err
	}
	return began.judge(took, running), nil
}

// drained is what a server has left that has ended.
type drained struct {
	exchanges []*randomRequest
	lost      []*randomRequest // without a final event
	refused   int              // with a 503, because the server shuts down, which upstream does not audit
}

// snapshot tells of each request that was begun whether its event is there.
func snapshot(order []*randomRequest, seen *ledger) (d drained) {
	for _, x := range order {
		if x.arrived.Load() == 0 {
			continue
		}
		d.exchanges = append(d.exchanges, x)
		rec := seen.get(x.id)
		switch {
		case len(rec.final()) > 0:
		case len(rec.lines) > 0 && rec.lines[0].resp == http.StatusServiceUnavailable:
			d.refused++
		default:
			d.lost = append(d.lost, x)
		}
	}
	return d
}

// judge says what is lost.
func (d drained) judge(took time.Duration, running int) Result {
	answered := 0
	var example *randomRequest
	for _, x := range d.lost {
		if x.view.whole {
			answered++
		}
		if example == nil || x.view.whole && !example.view.whole {
			example = x
		}
	}
	result := Result{
		Defect: example != nil,
		Seen: fmt.Sprintf("of %d requests begun (%s) %d have no final audit event, %d of which were answered; the shutdown took %.1f s, and %d handlers were still running (%d were refused with a 503)",
			len(d.exchanges), d.exchanges[0].id, len(d.lost), answered, took.Seconds(), running, d.refused),
	}
	if example != nil {
		result.Seen += fmt.Sprintf("\n    for one: the client got %v; %v", example.view, example.plan)
	}
	return result
}
