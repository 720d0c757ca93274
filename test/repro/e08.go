package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"fork.internal/apiserver/test/chain"
)

func init() {
	register(Case{
		ID:    "E8",
		Title: "bytes in net/http's own buffers that a client does not read hold its connection for as long as it likes",
		run:   heldInBuffers,
	})
}

// heldInBuffers has clients take nothing of what net/http, and no handler, is
// to send them: when a handler waits that has written, and after answers that
// were given in time.
func heldInBuffers(ctx context.Context) (Result, error) {
	const soon = 2 * time.Second // As of D5.
	var freed, held []string
	var took []time.Duration
	for _, kind := range []struct {
		name string
		hold func(context.Context) (func() int, time.Time, func(), error)
	}{
		{"the connection of a handler that waits", holdUnflushed},
		{"the connection of pipelined answers", holdPipelined},
	} {
		left, deadline, end, err := kind.hold(ctx)
		if err != nil {
			return Result{}, fmt.Errorf("%s: %w", kind.name, err)
		}
		const patience = 3 * time.Second
		released := eventually(time.Until(deadline.Add(patience)), func() bool { return left() == 0 })
		after, n := time.Since(deadline), left()
		end()
		if took = append(took, after); released {
			freed = append(freed, fmt.Sprintf("%s in %.2f s", kind.name, max(after, 0).Seconds()))
		} else {
			held = append(held, fmt.Sprintf("%s (%d)", kind.name, n))
		}
	}
	seen := fmt.Sprintf("released after the deadline: %s; still held after 3 s: %s", orNothing(freed), orNothing(held))
	if len(held) > 0 {
		return Result{Defect: true, Seen: seen}, nil
	}
	return Result{Lacks: beyond(soon, took...), Seen: seen}, nil
}

func orNothing(s []string) string {
	if len(s) == 0 {
		return "nothing"
	}
	return strings.Join(s, ", ")
}

// connections is how many connections net/http is serving, or closing.
func connections() int { return goroutinesIn("net/http.(*conn).serve") }

// holdUnflushed has a handler wait with 3,000 bytes in net/http's buffer, for a
// client whose socket is full. Nobody is in Write.
func holdUnflushed(ctx context.Context) (left func() int, deadline time.Time, end func(), err error) {
	const unsent, little = 64 << 10, 4 << 10
	accepted, waiting, release := make(chan *net.TCPConn, 1), make(chan time.Time, 1), make(chan struct{})
	handler := func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write(make([]byte, unsent))
		w.(http.Flusher).Flush()
		// That went into a buffer that is now smaller than what is in it.
		conn := <-accepted
		_ = conn.SetWriteBuffer(little)
		_, _ = w.Write(make([]byte, 3000))
		deadline, _ := r.Context().Deadline()
		waiting <- deadline
		<-release
	}
	s, err := chain.Start(chain.Config{Handler: http.HandlerFunc(handler), Accepted: func(conn net.Conn) {
		tcp := conn.(*net.TCPConn)
		_ = tcp.SetWriteBuffer(4 * unsent)
		accepted <- tcp
	}})
	if err != nil {
		return nil, deadline, nil, err
	}
	conn, err := dial1(ctx, s, little)
	if err != nil {
		s.Stop()
		return nil, deadline, nil, err
	}
	end = func() {
		close(release)
		conn.drop()
		s.Stop()
	}
	if err := conn.send("GET /api/part?timeout=1s HTTP/1.1\nHost: test\n\n"); err != nil {
		end()
		return nil, deadline, nil, err
	}
	select {
	case deadline = <-waiting:
		return connections, deadline, end, nil
	case <-time.After(5 * time.Second):
		end()
		return nil, deadline, nil, fmt.Errorf("the handler is stuck in Write: the socket takes in too little")
	}
}

// holdPipelined sends many requests on one connection and reads none of the
// answers, which are small, and all given in time.
func holdPipelined(ctx context.Context) (left func() int, deadline time.Time, end func(), err error) {
	const requests = 500
	var mu sync.Mutex
	var served chain.Calls
	handler := func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		deadline, _ = r.Context().Deadline()
		mu.Unlock()
		_, _ = w.Write(make([]byte, 2000))
	}
	s, err := chain.Start(chain.Config{Handler: served.Handler(http.HandlerFunc(handler)), SendBuffer: 8 << 10})
	if err != nil {
		return nil, deadline, nil, err
	}
	conn, err := dial1(ctx, s, 4<<10)
	if err != nil {
		s.Stop()
		return nil, deadline, nil, err
	}
	end = func() {
		conn.drop()
		s.Stop()
	}
	// The last of it is not taken in.
	go func() {
		_ = conn.send("%s", strings.Repeat("GET /api/small?timeout=1s HTTP/1.1\nHost: test\n\n", requests))
	}()
	// No event tells that no more are served.
	last := 0
	if !eventually(20*time.Second, func() bool {
		time.Sleep(500 * time.Millisecond)
		before := last
		last = served.Count().Total
		return last > 0 && last == before
	}) || last == requests {
		end()
		return nil, deadline, nil, fmt.Errorf("%d of %d requests were served: the sockets take in too much", last, requests)
	}
	mu.Lock()
	defer mu.Unlock()
	return connections, deadline, end, nil
}
