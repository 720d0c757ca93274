package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"math/rand"
	"net/http"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/endpoints/handlers/negotiation"
	"k8s.io/apiserver/pkg/endpoints/handlers/responsewriters"
	"k8s.io/apiserver/pkg/server"

	"fork.internal/apiserver/test/chain"
)

func init() {
	register(Case{
		ID:    "D5",
		Title: "a client that does not read holds its request and its seat for as long as it likes",
		run:   stalledReaders,
	})
}

// stalledReaders has clients that never read fill the server's limit of
// requests, and watches what is left of them well after their deadline.
func stalledReaders(ctx context.Context) (Result, error) {
	const (
		each     = 2 // clients of a kind
		clients  = 3 * each
		deadline = time.Second
		patience = 3 * time.Second // after the deadline: what is still held then is held for ever
		soon     = 2 * time.Second // what is released then is late: it takes 0.1 s, on a busy machine with the race detector 0.9 s
	)
	// Hard to compress, so that gzip has to write all the time.
	noise := make([]byte, 1<<20)
	rand.New(rand.NewSource(1)).Read(noise)
	message := base64.StdEncoding.EncodeToString(noise)

	var s *chain.Server
	var writing, requests chain.Calls
	handler := func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/api/stream":
			defer writing.Begin()()
			chunk := make([]byte, 64<<10)
			for {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		case "/api/gzip":
			defer writing.Begin()()
			responsewriters.WriteObjectNegotiated(s.Codecs, negotiation.DefaultEndpointRestrictions, schema.GroupVersion{Version: "v1"}, w, r, http.StatusOK, &metav1.Status{Message: message}, false)
		default:
			fmt.Fprint(w, "ok")
		}
	}
	s, err := chain.Start(chain.Config{
		Handler:        http.HandlerFunc(handler),
		RequestTimeout: deadline,
		Modify:         func(c *server.Config) { c.MaxRequestsInFlight = clients },
		Outside:        requests.Handler,
	})
	if err != nil {
		return Result{}, err
	}
	defer s.Stop()
	probe := s.Client("HTTP/1.1")
	defer probe.CloseIdleConnections()

	var drop []func()
	defer func() {
		for _, f := range drop {
			f()
		}
	}()
	for range each {
		c1, err := dial1(ctx, s, 4<<10)
		if err != nil {
			return Result{}, err
		}
		drop = append(drop, c1.drop)
		if err := c1.send("GET /api/stream HTTP/1.1\nHost: test\n\n"); err != nil {
			return Result{}, err
		}
		c2, err := dial2(ctx, s)
		if err != nil {
			return Result{}, err
		}
		drop = append(drop, c2.close)
		if _, err := c2.open("/api/stream"); err != nil {
			return Result{}, err
		}
		if _, err := c2.open("/api/gzip", "accept-encoding", "gzip", "accept", "application/json"); err != nil {
			return Result{}, err
		}
	}
	start := time.Now() // No deadline of theirs is later than one that began now.
	// No event tells that a handler is stuck in Write. Those that are counted
	// are at it, and nobody reads.
	if !writing.Wait(deadline, func(c chain.Count) bool { return c.Total == clients }) {
		return Result{}, untried("%d of %d requests reached their handler within the request timeout: the machine is too slow", writing.Count().Total, clients)
	}

	over := func(c chain.Count) bool { return c.Running == 0 }
	end := start.Add(deadline + patience)
	released := writing.Wait(time.Until(end), over) && requests.Wait(time.Until(end), over)
	took := time.Since(start) - deadline
	handlers, under := writing.Count().Running, requests.Count().Running

	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/api/probe", nil)
	if err != nil {
		return Result{}, err
	}
	other := ask(probe, req)
	// net/http may still be saying goodbye to a client that does not listen.
	closing := func() int { return goroutinesIn("crypto/tls.(*Conn).closeNotify") }
	closed := eventually(time.Until(end), func() bool { return closing() == 0 })

	switch {
	case !released:
		return Result{Defect: true, Seen: fmt.Sprintf("%.1f s after the deadline %d of %d requests and %d handlers were still held by clients that do not read, and another client got %v",
			took.Seconds(), under, clients, handlers, other)}, nil
	case other.err != nil || other.status != http.StatusOK:
		return Result{Defect: true, Seen: fmt.Sprintf("all requests returned %.2f s after the deadline, but another client got %v", took.Seconds(), other)}, nil
	case !closed:
		return Result{Defect: true, Seen: fmt.Sprintf("all requests returned %.2f s after the deadline, but %d connections were still being closed after %.1f s",
			took.Seconds(), closing(), time.Since(start.Add(deadline)).Seconds())}, nil
	}
	return Result{Lacks: beyond(soon, took), Seen: fmt.Sprintf("all %d requests and handlers were released %.2f s after the deadline, their connections in %.2f s, and another client got %v",
		clients, took.Seconds(), time.Since(start.Add(deadline)).Seconds(), strings.TrimSpace(string(other.body)))}, nil
}
