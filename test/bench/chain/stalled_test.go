package chain_test

import (
	"fmt"
	"net/http"
	"sync"
	"syscall"
	"testing"
	"time"

	"k8s.io/apiserver/pkg/server"

	"fork.internal/apiserver/test/chain"
)

const (
	stallPath = "/api/stall"
	// stallBytes is more than sockets and windows take in.
	stallBytes = 96 << 10
)

// BenchmarkStalled has clients ask for more than they read, and looks at what
// they cost the server before, during and after. One in ten speaks HTTP/1.1, on
// a connection of its own; of the others, a hundred share one.
func BenchmarkStalled(b *testing.B) {
	for _, clients := range []int{1000, 10000} {
		for _, p := range peers()[:1] { // Nothing else is of interest here than the two chains.
			b.Run(fmt.Sprintf("clients=%d/peer=%s", clients, p.name), func(b *testing.B) {
				for range b.N {
					stalled(b, p, clients)
				}
			})
		}
	}
}

func stalled(b *testing.B, p peer, clients int) {
	http1, http2 := clients/10, clients*9/1000
	needFiles(b, http1+http2+100)
	// All are to stall, and to be measured, before the first deadline.
	timeout := 3*time.Second + time.Duration(clients)*time.Millisecond
	var requests, seats chain.Calls
	var mu sync.Mutex
	var first, last time.Time // of the deadlines
	s, err := p.start(chain.Config{
		Handler: warmOr(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			deadline, _ := r.Context().Deadline()
			mu.Lock()
			if first.IsZero() || deadline.Before(first) {
				first = deadline
			}
			if deadline.After(last) {
				last = deadline
			}
			mu.Unlock()
			body := make([]byte, stallBytes)
			defer seats.Begin()()
			_, _ = w.Write(body)
		})),
		Outside:    requests.Handler,
		SendBuffer: 8 << 10,
		StallTime:  time.Second,
		Modify: func(c *server.Config) {
			c.RequestTimeout = timeout
			c.MaxRequestsInFlight = clients
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Stop()
	crowd := startClients(b, s)
	defer crowd.quit()
	crowd.tell(order{Do: "connect", Proto: "HTTP1", Connections: http1, Small: true})
	crowd.tell(order{Do: "connect", Proto: "HTTP2", Connections: http2, Small: true})
	if !requests.Wait(patience, func(c chain.Count) bool { return c.Running == 0 }) {
		b.Fatalf("%d requests are under way, and none should be", requests.Count().Running)
	}
	before := measure()

	crowd.tell(order{Do: "stall"})
	// No event tells that a handler is stuck in Write. Those that are counted
	// are at it, and nobody reads.
	if !seats.Wait(timeout, func(c chain.Count) bool { return c.Running == clients }) {
		b.Fatalf("%+v of %d requests reached their handler and stayed: the machine is too slow, or something reads", seats.Count(), clients)
	}
	during := measure()
	mu.Lock()
	early, end := time.Until(first), last
	mu.Unlock()
	if early < 0 {
		b.Fatalf("it took %v to have all clients stall and to measure it: the machine is too slow", timeout-early)
	}

	time.Sleep(time.Until(end)) // The last deadline: there is nothing to see before.
	released := requests.Wait(patience, func(c chain.Count) bool { return c.Running == 0 }) &&
		seats.Wait(patience, func(c chain.Count) bool { return c.Running == 0 })
	took := time.Since(end)
	held := seats.Count().Running
	if released {
		time.Sleep(time.Second) // What a connection still has to do after its requests, no event tells.
	}
	before.report(b, "before")
	during.report(b, "during")
	measure().report(b, "after")
	b.ReportMetric(float64(held), "seats-after")
	b.ReportMetric(float64(took)/float64(time.Millisecond), "release-ms")
}

// needFiles makes sure that this process may have so many open files, and so
// that the clients' may: Go has raised the limit as far as it can.
func needFiles(b *testing.B, n int) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		b.Fatal(err)
	}
	if uint64(limit.Cur) < uint64(n) {
		b.Fatalf("%d open files are needed and %d allowed: raise the limit with `ulimit -n %d`", n, limit.Cur, n)
	}
}
