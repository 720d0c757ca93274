package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"fork.internal/apiserver/test/chain"
)

// crowd has clients of both protocols, four of each, send n requests of one
// kind between them, and counts what judge calls the answers.
func crowd(ctx context.Context, s *chain.Server, n int, newRequest func(i int) (*http.Request, error), judge func(i int, a answer) string) (tally, error) {
	const clients = 8
	seen, next := tally{}, make(chan int)
	var mu sync.Mutex
	var failed error
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			client := s.Client(protocols[c%2])
			defer client.CloseIdleConnections()
			for i := range next {
				req, err := newRequest(i)
				if err != nil {
					mu.Lock()
					failed = err
					mu.Unlock()
					continue
				}
				outcome := judge(i, ask(client, req.WithContext(ctx)))
				mu.Lock()
				seen[outcome]++
				mu.Unlock()
			}
		})
	}
	for i := range n {
		if ctx.Err() != nil {
			break
		}
		next <- i
	}
	close(next)
	wg.Wait()
	if failed != nil {
		return nil, failed
	}
	return seen, ctx.Err()
}

// get and post return functions that make requests for crowd.
func get(url string) func(int) (*http.Request, error) {
	return func(int) (*http.Request, error) { return http.NewRequest(http.MethodGet, url, nil) }
}

func post(url string, body func(i int) string) func(int) (*http.Request, error) {
	return func(i int) (*http.Request, error) {
		req, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body(i)))
		if err == nil {
			req.Header.Set("Content-Type", "application/json")
		}
		return req, err
	}
}

// podNumber returns the body that creates the ith pod.
func podNumber(i int) string { return chain.Pod(fmt.Sprintf("pod-%d", i)) }

// discard reads what is left of a body.
func discard(r io.ReadCloser) {
	_, _ = io.Copy(io.Discard, r)
	r.Close()
}
