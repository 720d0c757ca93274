package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/server"

	"fork.internal/apiserver/test/chain"
)

func init() {
	register(Case{
		ID:    "D6",
		Title: "an HTTP/1.1 client that stalls in its body gets no answer and holds its seat",
		run:   stalledBodies,
	})
}

// stalledBodies has clients that never finish their request bodies, for
// handlers that read them, handlers that do not, and no handler at all.
func stalledBodies(ctx context.Context) (Result, error) {
	const (
		each     = 2 // clients of a kind
		deadline = time.Second
		patience = 3 * time.Second // after the deadline
	)
	kinds := []struct{ name, path, auth string }{
		{"of a handler that reads", "/api/read", "Bearer somebody"},
		{"of a handler that does not", "/api/ignore", "Bearer somebody"},
		{"unauthenticated", "/api/read", "none"},
	}

	var reading chain.Calls
	handler := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/read" && r.ContentLength > 0 {
			defer reading.Begin()()
			if _, err := io.Copy(io.Discard, r.Body); err != nil {
				return
			}
		}
		fmt.Fprintln(w, "ok")
	}
	s, err := chain.Start(chain.Config{
		Handler:        http.HandlerFunc(handler),
		RequestTimeout: deadline,
		Authenticate: func(r *http.Request) (*authenticator.Response, bool, error) {
			known := strings.HasPrefix(r.Header.Get("Authorization"), "Bearer ")
			return &authenticator.Response{User: &user.DefaultInfo{Name: "someone"}}, known, nil
		},
		// Only those that read come to hold a seat.
		Modify: func(c *server.Config) { c.MaxMutatingRequestsInFlight = each },
	})
	if err != nil {
		return Result{}, err
	}
	defer s.Stop()

	// One kind after the other, so that each finds a seat.
	start := time.Now()
	end := start.Add(deadline + patience)
	answers := make([]answer, each*len(kinds))
	var wg sync.WaitGroup
	defer wg.Wait()
	for i := range answers {
		conn, err := dial1(ctx, s, 0)
		if err != nil {
			return Result{}, err
		}
		defer conn.drop()
		kind := kinds[len(kinds)-1-i/each]
		if err := conn.send("POST %s HTTP/1.1\nHost: test\nAuthorization: %s\nContent-Length: 1000\n\nthe beginning", kind.path, kind.auth); err != nil {
			return Result{}, err
		}
		wg.Go(func() { answers[i] = conn.receive(http.MethodPost, end) })
	}
	if !reading.Wait(deadline, func(c chain.Count) bool { return c.Total == each }) {
		return Result{}, untried("%d of %d handlers were reading within the request timeout: the machine is too slow", reading.Count().Total, each)
	}
	released := reading.Wait(time.Until(end), func(c chain.Count) bool { return c.Running == 0 })
	took := time.Since(start) - deadline
	wg.Wait()

	unanswered, got := tally{}, tally{}
	for i, a := range answers {
		kind := kinds[len(kinds)-1-i/each].name
		if a.err != nil {
			unanswered[kind]++
			continue
		}
		got[fmt.Sprintf("%v %s", a, kind)]++
	}

	client := s.Client("HTTP/1.1")
	defer client.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+"/api/probe", nil)
	if err != nil {
		return Result{}, err
	}
	req.Header.Set("Authorization", "Bearer somebody")
	other := ask(client, req)

	held := reading.Count().Running
	if !released || len(unanswered) > 0 || other.err != nil || other.status != http.StatusOK {
		return Result{Defect: true, Seen: fmt.Sprintf("%.0f s after the deadline %d of %d clients had no answer (%v), %d handlers were held, and another client got %v",
			patience.Seconds(), unanswered.total(), len(answers), unanswered, held, other)}, nil
	}
	return Result{Seen: fmt.Sprintf("all %d clients were answered (%v), handlers were released %.2f s after the deadline, and another client got %v",
		len(answers), got, took.Seconds(), other)}, nil
}
