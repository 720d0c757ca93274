// Balancer stands in for envoy before the control planes of a kind cluster, where envoy's image cannot be had. It reads
// what kind writes for envoy, and passes each connection on to the next control plane that says it is healthy.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"sync/atomic"
	"time"
)

const (
	// checkEvery is how often control planes are asked how they are, and how often the files are looked for.
	checkEvery = time.Second
	// dialTime is what a control plane has to take a connection.
	dialTime = 2 * time.Second
)

func main() {
	if err := run(context.Background(), "/home/envoy/lds.yaml", "/home/envoy/cds.yaml"); err != nil {
		fmt.Fprintf(os.Stderr, "balancer: %v\n", err)
		os.Exit(1)
	}
}

// run serves the listener that the file listeners names, once it does, with the backends of the file clusters.
func run(ctx context.Context, listeners, clusters string) error {
	port := 0
	for port == 0 {
		var err error
		if port, err = readListener(listeners); err != nil {
			return err
		}
		select {
		case <-time.After(checkEvery):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	backends, err := readBackends(clusters)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
	if err != nil {
		return err
	}
	log.Printf("port %d goes to %q", port, backends)
	b := &balancer{backends: backends, healthy: make([]atomic.Bool, len(backends))}
	go b.check(ctx)
	return b.serve(ctx, l)
}

// balancer passes connections on.
type balancer struct {
	backends []string
	healthy  []atomic.Bool
	next     atomic.Uint64
}

// serve takes connections until ctx ends.
func (b *balancer) serve(ctx context.Context, l net.Listener) error {
	defer context.AfterFunc(ctx, func() { l.Close() })()
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go b.pass(ctx, c.(*net.TCPConn))
	}
}

// pass gives the client to a backend, and copies both ways until both are done.
func (b *balancer) pass(ctx context.Context, client *net.TCPConn) {
	defer client.Close()
	backend := b.dial(ctx)
	if backend == nil {
		return
	}
	defer backend.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		oneWay(backend, client)
	}()
	oneWay(client, backend)
	<-done
}

// oneWay copies, and passes on that there is no more.
func oneWay(to, from *net.TCPConn) {
	if _, err := io.Copy(to, from); err != nil {
		to.Close()
		from.Close()
		return
	}
	_ = to.CloseWrite()
}

// dial connects to the next healthy backend; to the next one that takes connections if none is healthy, as while the
// first control plane comes up.
func (b *balancer) dial(ctx context.Context) *net.TCPConn {
	n := uint64(len(b.backends))
	first := b.next.Add(1)
	for _, healthy := range []bool{true, false} {
		for i := range n {
			k := (first + i) % n
			if b.healthy[k].Load() != healthy {
				continue
			}
			c, err := (&net.Dialer{Timeout: dialTime}).DialContext(ctx, "tcp", b.backends[k])
			if err == nil {
				return c.(*net.TCPConn)
			}
			log.Printf("%s: %v", b.backends[k], err)
		}
	}
	return nil
}
