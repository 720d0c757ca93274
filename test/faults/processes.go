package faults

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"fork.internal/apiserver/test/traffic"
	"fork.internal/apiserver/test/webhook"
)

// pausedServer stops the server for longer than those wait whose requests are under way. When it goes on, each of them has
// an answer.
func pausedServer(ctx context.Context, r *run) error {
	const (
		timeout = 2 * time.Second
		paused  = timeout + traffic.Slack/2
	)
	answers, err := r.hang(ctx, 8, timeout)
	if err != nil {
		return err
	}
	resume, err := r.server.Pause()
	if err != nil {
		return err
	}
	defer resume()
	traffic.Pause(ctx, paused)
	resume()
	for _, x := range answers() {
		r.clients.Answered(x, http.StatusGatewayTimeout)
	}
	return nil
}

// hang sends n requests over each protocol that a webhook hangs at, and returns when they are under way. answers waits for
// what comes of them.
func (r *run) hang(ctx context.Context, n int, timeout time.Duration) (answers func() []*traffic.Exchange, err error) {
	var mu sync.Mutex
	var all []*traffic.Exchange
	done := make(chan struct{})
	go func() {
		defer close(done)
		traffic.Together(n, func(proto string, _ int) {
			x := r.clients.Send(ctx, proto, hooked(webhook.Hangs, timeout))
			mu.Lock()
			defer mu.Unlock()
			all = append(all, x)
		})
	}()
	answers = func() []*traffic.Exchange {
		<-done
		return all
	}
	if err := r.executing(ctx, n*len(traffic.Protocols)); err != nil {
		answers()
		return nil, err
	}
	return answers, nil
}

// executing waits until n requests are.
func (r *run) executing(ctx context.Context, n int) error {
	for begun := time.Now(); ctx.Err() == nil; traffic.Pause(ctx, 50*time.Millisecond) {
		if now, err := r.measure(ctx); err == nil && now[traffic.Seats] >= float64(n) {
			return nil
		}
		if time.Since(begun) > 5*time.Second {
			return fmt.Errorf("%d requests have not come to be executed: nothing was tried", n)
		}
	}
	return ctx.Err()
}

// amidAll has requests of every sort be under way while f is done, again and again: ones that hang, time out, are large, have
// no body, and whose clients go.
func (r *run) amidAll(ctx context.Context, times int, f func() error) error {
	if err := r.fill(ctx); err != nil {
		return err
	}
	sending, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	defer func() { <-done }()
	defer stop()
	go func() {
		defer close(done)
		traffic.Together(6, func(proto string, _ int) {
			for sending.Err() == nil {
				going, cancel := context.WithTimeout(sending, 200*time.Millisecond+rand.N(2*time.Second))
				switch rand.N(4) {
				case 0:
					r.clients.Send(going, proto, hooked(webhook.Hangs, time.Second))
				case 1:
					r.clients.Send(going, proto, hooked("admits", time.Millisecond+rand.N(2*hookTakes)))
				case 2:
					r.clients.Send(going, proto, traffic.Request{Method: "GET", Path: traffic.ConfigMaps(hostile), Timeout: time.Second})
				case 3:
					r.clients.Send(going, proto, traffic.Request{Method: "GET", Path: traffic.ConfigMaps(watched) + "?watch=1"})
				}
				cancel()
				traffic.Pause(sending, 10*time.Millisecond)
			}
		})
	}()
	for range times {
		traffic.Pause(ctx, time.Second+rand.N(time.Second))
		if err := f(); err != nil {
			return err
		}
		if err := r.recovers(ctx); err != nil {
			return err
		}
	}
	return nil
}

// killedServer kills the server at any moment, and starts it again, three times.
func killedServer(ctx context.Context, r *run) error {
	return r.amidAll(ctx, 3, func() error {
		r.server.Kill()
		return r.server.Start(ctx, r.program)
	})
}

// terminatedServer ends the server amid requests of every sort, of which those that have come have their whole answers, and
// starts it again.
func terminatedServer(ctx context.Context, r *run) error {
	return r.amidAll(ctx, 1, func() error {
		const timeout = 3 * time.Second
		answers, err := r.hang(ctx, 8, timeout)
		if err != nil {
			return err
		}
		if err := r.server.Stop(ctx); err != nil {
			r.wrongf("the server has not ended well: %v", err)
		}
		for _, x := range answers() {
			if !x.Whole || x.Status != http.StatusGatewayTimeout {
				r.wrongf("under way when the server was told to end: %v", x)
			}
		}
		return r.server.Start(ctx, r.program)
	})
}

var processFaults = []fault{
	{id: "server-paused", what: "the server has SIGSTOP for longer than its requests' deadlines, then SIGCONT",
		inject: pausedServer, others: []int{http.StatusGatewayTimeout}},
	{id: "server-killed", what: "the server has SIGKILL amid requests of every sort, and is started again, three times",
		inject: killedServer, silent: true, kills: true, restarts: true, recovers: 30 * time.Second},
	{id: "server-terminated", what: "the server has SIGTERM amid requests of every sort, and is started again",
		inject: terminatedServer, silent: true, restarts: true, recovers: 30 * time.Second},
}
