package main

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"time"

	auditinternal "k8s.io/apiserver/pkg/apis/audit"
	"k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/plugin/pkg/audit/fake"

	"fork.internal/apiserver/test/chain"
)

func init() {
	register(Case{
		ID:    "STALLED",
		Title: "1,000 clients that do not read hold goroutines, buffers and seats after their deadline",
		Plain: true,
		run:   stalledCrowd,
	})
}

// stalledCrowd has a thousand clients ask for more than they read, and counts
// what they cost the server before, during and after. They are in a process of
// their own (stall.go), so that nothing that is counted is theirs.
//
// Half of them speak HTTP/1.1, and half HTTP/2, a connection each. Of those,
// most read on and let the stream's window run out: they have a connection that
// is in order, and idle before and after. The others, as the first, leave in
// the socket what they are sent.
func stalledCrowd(ctx context.Context) (Result, error) {
	const (
		timeout  = 8 * time.Second
		patience = 4 * time.Second  // after the deadline
		soon     = 5 * patience / 8 // it takes one second, and that for which a stalled socket is left alone
		response = 256 << 10        // more than sockets and windows take in
		clients  = stalledHTTP1 + stalledWindow + stalledSocket
	)
	var requests, seats chain.Calls
	var mu sync.Mutex
	var first, last time.Time // of the deadlines
	handler := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != stallPath {
			// As much as has an idle connection's own buffers grow before they
			// are measured, to what they are at afterwards.
			_, _ = w.Write(make([]byte, 32<<10))
			return
		}
		deadline, _ := r.Context().Deadline()
		mu.Lock()
		if first.IsZero() || deadline.Before(first) {
			first = deadline
		}
		if deadline.After(last) {
			last = deadline
		}
		mu.Unlock()
		body := make([]byte, response)
		defer seats.Begin()()
		_, _ = w.Write(body)
	}
	s, err := chain.Start(chain.Config{
		Handler:    http.HandlerFunc(handler),
		Outside:    requests.Handler,
		SendBuffer: 8 << 10,
		StallTime:  time.Second,
		Modify: func(c *server.Config) {
			c.RequestTimeout = timeout
			c.MaxRequestsInFlight = clients
			// A log that keeps its events would grow.
			c.AuditBackend = &fake.Backend{OnRequest: func([]*auditinternal.Event) {}}
		},
	})
	if err != nil {
		return Result{}, err
	}
	defer s.Stop()
	crowd, err := startCrowd(ctx, s)
	if err != nil {
		return Result{}, err
	}
	defer crowd.quit()

	if err := crowd.tell("idle"); err != nil {
		return Result{}, err
	}
	if _, err := probe(ctx, s); err != nil {
		return Result{}, err
	}
	if !requests.Wait(10*time.Second, func(c chain.Count) bool { return c.Running == 0 }) {
		return Result{}, fmt.Errorf("%d requests are under way, and none should be", requests.Count().Running)
	}
	before := measure()
	if err := crowd.tell("connect"); err != nil {
		return Result{}, err
	}
	if err := crowd.tell("ask"); err != nil {
		return Result{}, err
	}
	// No event tells that a handler is stuck in Write. Those that are counted
	// are at it, and nobody reads.
	if !seats.Wait(timeout, func(c chain.Count) bool { return c.Running == clients }) {
		return Result{}, untried("%+v of %d requests reached their handler and stayed: the machine is too slow, or something reads", seats.Count(), clients)
	}
	during := measure()
	mu.Lock()
	early, end := time.Until(first), last
	mu.Unlock()
	if early < 0 {
		return Result{}, untried("it took %v to have all clients stall and to measure it: the machine is too slow", timeout-early)
	}

	time.Sleep(time.Until(end)) // The last deadline: there is nothing to see before.
	var after usage
	back := eventually(time.Until(end.Add(patience)), func() bool {
		if seats.Count().Running > 0 || requests.Count().Running > 0 {
			return false
		}
		after = measure()
		return after.near(before)
	})
	took := time.Since(end)
	held, under := seats.Count().Running, requests.Count().Running
	if !back {
		after = measure()
	}
	other, err := probe(ctx, s)
	if err != nil {
		return Result{}, err
	}
	return Result{
		Defect: !back || other.err != nil || other.status != http.StatusOK,
		Lacks:  beyond(soon, took),
		Seen: fmt.Sprintf("%d clients (%d HTTP/1.1, %d HTTP/2), before: %v; during: %v, %d seats; %.1f s after the deadline: %v, %d seats, %d requests; another client got %v",
			clients, stalledHTTP1, stalledWindow+stalledSocket, before, during, clients, took.Seconds(), after, held, under, strings.TrimSpace(other.String())),
	}, nil
}

// probe sends what another client would.
func probe(ctx context.Context, s *chain.Server) (answer, error) {
	client := s.Client("HTTP/1.1")
	defer client.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/api/probe", nil)
	if err != nil {
		return answer{}, err
	}
	return ask(client, req), nil
}

// usage is what this process, which is the server's alone, needs.
type usage struct {
	goroutines   int
	alloc, inuse uint64 // bytes of the heap: live, and of pages that have such
}

func measure() usage {
	// What a sync.Pool holds is freed by the second collection.
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return usage{goroutines: runtime.NumGoroutine(), alloc: m.HeapAlloc, inuse: m.HeapInuse}
}

// near reports whether so little is needed as before. The memory is for
// golang.org/x/net/http2, which keeps what a connection had under way when it
// was closed until its idle timer fires (90 s): here that of at most
// stalledSocket clients. Pages in use for some small thing are not counted.
func (u usage) near(before usage) bool {
	return u.goroutines <= before.goroutines+50 && u.alloc <= before.alloc+16<<20
}

func (u usage) String() string {
	return fmt.Sprintf("%d goroutines, heap %.0f MiB (%.0f in use)", u.goroutines, float64(u.alloc)/(1<<20), float64(u.inuse)/(1<<20))
}
