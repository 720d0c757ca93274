package chain_test

import (
	"crypto/sha256"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"fork.internal/apiserver/test/chain"
)

// Benchmark504 sends 500 requests that time out, eight at a time, and looks at
// how long after its deadline each was over for its client. Busy is a server
// that has other work for each of its CPUs.
func Benchmark504(b *testing.B) {
	const requests = 500
	for _, proto := range []string{"HTTP1", "HTTP2"} {
		for _, cpu := range []string{"idle", "busy"} {
			for _, p := range peers() {
				if p.name == "none" {
					continue // Nothing happens at its deadline.
				}
				b.Run(fmt.Sprintf("proto=%s/cpu=%s/peer=%s", proto, cpu, p.name), func(b *testing.B) {
					s := startTimed(b, p, requests, 50*time.Millisecond)
					clients := startClients(b, s.Server)
					connections := workers
					if proto == "HTTP2" {
						connections = 2
					}
					clients.tell(order{Do: "connect", Proto: proto, Connections: connections})
					if cpu == "busy" {
						defer busy()()
					}
					b.ResetTimer()
					var ends []end
					for range b.N {
						ends = clients.tell(order{Do: "timeouts", Requests: requests, Workers: workers, Timeout: 50 * time.Millisecond}).Ends
					}
					b.StopTimer()
					s.report(b, ends)
					clients.quit()
				})
			}
		}
	}
}

// busy keeps all CPUs busy until the function that it returns is called.
func busy() (stop func()) {
	var stopped atomic.Bool
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			var data [4096]byte
			for !stopped.Load() {
				sum := sha256.Sum256(data[:])
				copy(data[:], sum[:])
			}
		})
	}
	return func() {
		stopped.Store(true)
		wg.Wait()
	}
}

// BenchmarkTimeouts has 10,000 creates, whose storage heeds their deadline,
// time out at once: max-ms is how long it takes until all have their answer.
func BenchmarkTimeouts(b *testing.B) {
	const (
		requests    = 10000
		connections = 100 // of 100 streams, which is the limit
		timeout     = 15 * time.Second
	)
	for _, p := range peers() {
		if p.name == "none" {
			continue
		}
		b.Run(fmt.Sprintf("requests=%d/peer=%s", requests, p.name), func(b *testing.B) {
			for range b.N {
				s := startTimed(b, p, requests, 0)
				clients := startClients(b, s.Server)
				clients.tell(order{Do: "connect", Proto: "HTTP2", Connections: connections})
				before := measure()
				r := clients.tell(order{Do: "timeouts", Verb: "create", Requests: requests, Workers: requests, Timeout: timeout, Together: true})
				if peak := s.waiting.Count().Peak; peak < requests*9/10 {
					b.Fatalf("%d of %d requests waited for their deadline at a time, %v after the first was sent: the machine is too slow", peak, requests, timeout)
				}
				s.requests.Wait(patience, func(c chain.Count) bool { return c.Running == 0 })
				before.report(b, "before")
				measure().report(b, "after")
				s.report(b, r.Ends)
				clients.quit()
			}
		})
	}
}

// patience is how long after their deadline requests may hold something that
// still counts as held during it.
const patience = 3 * time.Second
