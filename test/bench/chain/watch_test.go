package chain_test

import (
	"bufio"
	"fmt"
	"net/http"
	"runtime"
	"testing"
	"time"

	"k8s.io/apiserver/pkg/endpoints"

	"fork.internal/apiserver/test/bench"
	"fork.internal/apiserver/test/chain"
)

const (
	// watches are as many as are served in BenchmarkWatch, and over HTTP/2 on so
	// many connections.
	watches            = 1000
	watchesConnections = 10
	// eventSize is about that of a small pod.
	eventSize = 2 << 10
	// burst is how many events are sent before all watches have to have had them.
	burst = 20
)

// BenchmarkWatch has a thousand watches get events: an operation is one event that
// all of them get. The memory is the server's: of an operation, and of a watch that
// waits.
func BenchmarkWatch(b *testing.B) {
	for _, proto := range []string{"HTTP1", "HTTP2"} {
		b.Run(fmt.Sprintf("proto=%s/peer=%s", proto, bench.Variant()), func(b *testing.B) { deliver(b, proto) })
	}
}

func deliver(b *testing.B, proto string) {
	pods := chain.NewWatchedPods()
	api, err := chain.API(pods, func(g *endpoints.APIGroupVersion) { g.MinRequestTimeout = time.Hour })
	if err != nil {
		b.Fatal(err)
	}
	s, err := peers()[0].start(chain.Config{Handler: warmOr(api)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(s.Stop)
	clients := startClients(b, s)
	connections := watches
	if proto == "HTTP2" {
		connections = watchesConnections
	}
	clients.tell(order{Do: "connect", Proto: proto, Connections: connections})
	before := held()
	clients.tell(order{Do: "watch", Requests: watches})
	send(pods, clients, burst) // What is used for the first time is so once.
	each := (held() - before) / watches

	b.ReportAllocs()
	used := cpu(b)
	b.ResetTimer()
	for sent := 0; sent < b.N; sent += burst {
		send(pods, clients, min(burst, b.N-sent))
	}
	b.StopTimer()
	used = cpu(b) - used
	clients.quit()
	b.ReportMetric(float64(b.N)*watches/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(used)/float64(time.Microsecond)/float64(b.N)/watches, "cpu-us/event")
	b.ReportMetric(each, "B/watch")
}

// send sends events, and returns when all watches have them.
func send(pods *chain.WatchedPods, clients *process, n int) {
	for range n {
		pods.Send(eventSize)
	}
	clients.tell(order{Do: "await", Requests: n})
}

// held is how many bytes this process, the server's, holds: of its heap, and of
// stacks.
func held() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc + m.StackInuse)
}

// watch opens watches.
func (c *crowd) watch(o order) (reply, error) {
	first := len(c.watches)
	c.watches = append(c.watches, make([]*bufio.Reader, o.Requests)...)
	return reply{}, each(o.Requests, 8, func(i int) error {
		res, err := c.clients[i%len(c.clients)].Get(c.url + chain.PodsPath + "?watch=true")
		if err != nil {
			return err
		}
		if res.StatusCode != http.StatusOK {
			return fmt.Errorf("a watch is answered with %s", res.Status)
		}
		c.watches[first+i] = bufio.NewReaderSize(res.Body, 8<<10)
		return nil
	})
}

// await returns when each watch has got so many events.
func (c *crowd) await(o order) (reply, error) {
	return reply{}, each(len(c.watches), len(c.watches), func(i int) error {
		for range o.Requests {
			if _, err := c.watches[i].ReadSlice('\n'); err != nil {
				return err
			}
		}
		return nil
	})
}
