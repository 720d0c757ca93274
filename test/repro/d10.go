package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"k8s.io/apiserver/pkg/authentication/authenticator"

	"fork.internal/apiserver/test/chain"
)

func init() {
	register(Case{
		ID:    "D10",
		Title: "a flood of HTTP/2 resets, unauthenticated, has more handlers run than the connection allows streams",
		run:   resetFlood,
	})
}

// resetFlood opens and resets streams while authentication takes its time: a
// webhook, say, that does not hear of it.
func resetFlood(ctx context.Context) (Result, error) {
	const (
		enough   = 500
		batch    = 50
		patience = 3 * time.Second
	)
	var authenticating chain.Calls
	answered := make(chan struct{})
	s, err := chain.Start(chain.Config{
		Handler: http.NotFoundHandler(),
		Authenticate: func(*http.Request) (*authenticator.Response, bool, error) {
			defer authenticating.Begin()()
			<-answered
			return nil, false, nil
		},
	})
	if err != nil {
		return Result{}, err
	}
	defer s.Stop()
	defer authenticating.Wait(10*time.Second, func(c chain.Count) bool { return c.Running == 0 })
	defer close(answered)

	conn, err := dial2(ctx, s)
	if err != nil {
		return Result{}, err
	}
	defer conn.close()
	limit := conn.limit()
	if limit == 0 || limit >= enough {
		return Result{}, fmt.Errorf("the server allows %d streams at a time, and the flood is of %d: raise it", limit, enough)
	}

	sent, ended := 0, ""
	end := time.Now().Add(patience)
	for authenticating.Count().Running < enough && time.Now().Before(end) && ended == "" {
		for range batch {
			stream, err := conn.open("/api/v1/namespaces/default/pods")
			if err == nil {
				err = conn.reset(stream)
			}
			if err != nil {
				ended = ", until the server closed the connection"
				break
			}
			sent++
		}
		// With the ping the server has seen the whole batch. What it still
		// starts of it, it starts soon, or when a handler returns.
		if err := conn.ping(); err != nil {
			ended = ", until the server closed the connection"
		}
		want := authenticating.Count().Total + batch
		authenticating.Wait(100*time.Millisecond, func(c chain.Count) bool { return c.Total >= want })
	}
	count := authenticating.Count()
	if count.Total == 0 {
		return Result{}, fmt.Errorf("no request got as far as authentication (%d sent%s)", sent, ended)
	}
	return Result{
		Defect: count.Peak > limit,
		Seen:   fmt.Sprintf("%d handlers ran at a time for a connection that is allowed %d (%d streams were opened and reset%s)", count.Peak, limit, sent, ended),
	}, nil
}
