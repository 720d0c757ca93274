package chain_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"fork.internal/apiserver/test/chain"
)

// warmPath is asked for once on each connection before it is measured.
const warmPath = "/api/warm"

// workers is how many requests are under way in BenchmarkChain: over HTTP/1.1
// on a connection each, over HTTP/2 on two.
const workers = 8

// BenchmarkChain has clients get, list, create and patch pods as fast as they
// can. The time is that of a request among its likes; the memory is the server's.
func BenchmarkChain(b *testing.B) {
	api, err := chain.API(storage())
	if err != nil {
		b.Fatal(err)
	}
	servers := map[string]*chain.Server{}
	b.Cleanup(func() {
		for _, s := range servers {
			s.Stop()
		}
	})
	for _, proto := range []string{"HTTP1", "HTTP2"} {
		for _, verb := range verbs {
			for _, p := range peers() {
				b.Run(fmt.Sprintf("proto=%s/verb=%s/peer=%s", proto, verb, p.name), func(b *testing.B) {
					if servers[p.name] == nil {
						s, err := p.start(chain.Config{Handler: warmOr(api)})
						if err != nil {
							b.Fatal(err)
						}
						servers[p.name] = s
					}
					load(b, servers[p.name], proto, verb)
				})
			}
		}
	}
}

// load measures b.N requests of one kind.
func load(b *testing.B, s *chain.Server, proto, verb string) {
	clients := startClients(b, s)
	connections := workers
	if proto == "HTTP2" {
		connections = 2
	}
	clients.tell(order{Do: "connect", Proto: proto, Connections: connections})
	clients.tell(order{Do: "load", Verb: verb, Workers: workers, Requests: 50 * workers})

	b.ReportAllocs()
	used := cpu(b)
	b.ResetTimer()
	r := clients.tell(order{Do: "load", Verb: verb, Workers: workers, Requests: b.N})
	b.StopTimer()
	used = cpu(b) - used
	clients.quit()

	b.ReportMetric(float64(b.N)/r.Took.Seconds(), "req/s")
	b.ReportMetric(float64(used)/float64(time.Microsecond)/float64(b.N), "cpu-us/req")
	milliseconds(b, r.Latencies, 0.50, "p50-ms")
	milliseconds(b, r.Latencies, 0.99, "p99-ms")
}

// warmOr answers warmPath with as much as has a connection's own buffers grow
// to what they are later on, and leaves the rest to handler.
func warmOr(handler http.Handler) http.Handler {
	warm := make([]byte, 32<<10)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == warmPath {
			_, _ = w.Write(warm)
			return
		}
		handler.ServeHTTP(w, r)
	})
}
