package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"fork.internal/apiserver/test/chain"
)

func init() {
	register(Case{
		ID:    "D31",
		Title: "one client that does not read holds up the shutdown for as long as it likes",
		run:   stalledShutdown,
	})
}

// stalledShutdown stops, for each protocol, a server of which one client does
// not read, and waits for it to end.
func stalledShutdown(ctx context.Context) (Result, error) {
	const (
		timeout  = 2 * time.Second  // of requests, and of http.Server.Shutdown
		patience = 15 * time.Second // after the stop: far more than the two together
		soon     = 2 * timeout      // it is the request's deadline that ends it
	)
	seen, held := make([]string, len(protocols)), make([]bool, len(protocols))
	errs, took := make([]error, len(protocols)), make([]time.Duration, len(protocols))
	var wg sync.WaitGroup
	for i, proto := range protocols {
		wg.Go(func() {
			took[i], held[i], errs[i] = stopBeside(ctx, proto, timeout, patience)
			seen[i] = fmt.Sprintf("%s: it ended after %.1f s", proto, took[i].Seconds())
			if held[i] {
				seen[i] = fmt.Sprintf("%s: it had not ended after %.0f s", proto, patience.Seconds())
			}
		})
	}
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			return Result{}, fmt.Errorf("%s: %w", protocols[i], err)
		}
	}
	return Result{
		Defect: held[0] || held[1],
		Lacks:  beyond(soon, took...),
		Seen: fmt.Sprintf("one client of a server that is being stopped does not read, requests and connections have %v each; %s",
			timeout, strings.Join(seen, ", ")),
	}, nil
}

// stopBeside stops a server beside a client of that protocol that does not
// read, and tells how long that took, or whether it was still held in the end.
func stopBeside(ctx context.Context, proto string, timeout, patience time.Duration) (took time.Duration, held bool, err error) {
	var writing chain.Calls
	s, err := chain.Run(chain.Config{
		RequestTimeout: timeout,
		Handler: writing.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			for chunk := make([]byte, 64<<10); ; {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		})),
	})
	if err != nil {
		return 0, false, err
	}
	drop, err := askAndStall(ctx, s.Server, proto)
	if err != nil {
		return 0, false, err
	}
	defer drop()
	if !writing.Wait(10*time.Second, func(c chain.Count) bool { return c.Running == 1 }) {
		return 0, false, fmt.Errorf("the request did not reach its handler, or did not stay: %+v", writing.Count())
	}
	start := time.Now()
	s.Stop()
	held = !within(patience, s.Done)
	took = time.Since(start)
	if !held {
		return took, false, s.Err
	}
	// What it waited for has gone, so that now it ends.
	drop()
	if !within(patience, s.Done) {
		return took, held, fmt.Errorf("the server did not end when the client had gone")
	}
	return took, held, s.Err
}

// askAndStall sends a request over that protocol and reads nothing of the answer.
func askAndStall(ctx context.Context, s *chain.Server, proto string) (drop func(), err error) {
	if proto == "HTTP/2.0" {
		conn, err := dial2(ctx, s)
		if err != nil {
			return nil, err
		}
		if _, err := conn.open("/api/stream"); err != nil {
			conn.close()
			return nil, err
		}
		return conn.close, nil
	}
	conn, err := dial1(ctx, s, 4<<10)
	if err != nil {
		return nil, err
	}
	if err := conn.send("GET /api/stream HTTP/1.1\nHost: test\n\n"); err != nil {
		conn.drop()
		return nil, err
	}
	return conn.drop, nil
}
