package main

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net/http"
	"sync"
	"time"
)

// check asks all backends how they are, until ctx ends.
func (b *balancer) check(ctx context.Context) {
	client := &http.Client{Timeout: dialTime, Transport: &http.Transport{
		// As kind has envoy do it: what is asked is whether it answers, and clients see for themselves who it is.
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}}
	for ctx.Err() == nil {
		var wg sync.WaitGroup
		for i, backend := range b.backends {
			wg.Go(func() {
				now := isHealthy(ctx, client, backend)
				if b.healthy[i].Swap(now) != now {
					log.Printf("%s is healthy: %t", backend, now)
				}
			})
		}
		wg.Wait()
		select {
		case <-time.After(checkEvery):
		case <-ctx.Done():
		}
	}
}

func isHealthy(ctx context.Context, client *http.Client, backend string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+backend+"/healthz", nil)
	if err != nil {
		return false
	}
	answer, err := client.Do(request)
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode == http.StatusOK
}
