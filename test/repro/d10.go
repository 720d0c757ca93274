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

// resetFlood opens streams, and resets each when its request is being authenticated:
// by a webhook, say, that takes its time and does not hear of the reset.
func resetFlood(ctx context.Context) (Result, error) {
	const enough, batch = 500, 50
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
		return Result{}, fmt.Errorf("the server allows %d streams at a time, and the flood is of %d; next: raise that", limit, enough)
	}

	f := flood{limit: limit, ended: ", until the server closed the connection"}
	for f.sent < 2*enough && authenticating.Count().Running < enough {
		if err := f.wave(conn, &authenticating, batch); err != nil {
			return f.judge(authenticating.Count())
		}
	}
	f.ended = ""
	return f.judge(authenticating.Count())
}

// flood is of streams that were opened and reset.
type flood struct {
	limit int    // of streams, that the server has announced
	sent  int    // streams that were opened and reset
	over  int    // of these, when as many handlers ran as the limit is
	ended string // how it came to an end
}

// wave opens some streams, and resets them when their handlers run. As long as fewer do
// than may, all of them are waited for; after that, those that the server still starts. It
// returns an error if the connection ends.
func (f *flood) wave(conn *conn2, running *chain.Calls, n int) error {
	before := running.Count()
	beyond, patience := before.Running >= f.limit, 500*time.Millisecond
	if !beyond {
		n, patience = min(n, f.limit-before.Running), 10*time.Second
	}
	var streams []uint32
	for range n {
		stream, err := conn.open("/api/v1/namespaces/default/pods")
		if err != nil {
			return err
		}
		streams = append(streams, stream)
	}
	running.Wait(patience, func(c chain.Count) bool { return c.Total >= before.Total+n })
	for _, stream := range streams {
		if err := conn.reset(stream); err != nil {
			return err
		}
	}
	f.sent += n
	if beyond {
		f.over += n
	}
	// With the ping the server has seen all of it.
	return conn.ping()
}

// judge says what came of it. That as many handlers ran as may, and that there was more
// to start, is what a server has to come to that keeps the limit; if it does not, nothing was tried.
func (f flood) judge(count chain.Count) (Result, error) {
	seen := fmt.Sprintf("%d handlers ran at a time for a connection that is allowed %d (%d streams were opened, and reset when their handlers ran; %d of them beyond those%s)",
		count.Peak, f.limit, f.sent, f.over, f.ended)
	if count.Peak < f.limit || f.over == 0 {
		return Result{}, untried("the limit was not tried: %s", seen)
	}
	return Result{Defect: count.Peak > f.limit, Seen: seen}, nil
}
