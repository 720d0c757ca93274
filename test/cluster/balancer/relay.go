package balancer

import (
	"context"
	"io"
	"net"
	"sync"
	"time"
)

// acceptPause is for what passes, such as too many open files.
const acceptPause = 50 * time.Millisecond

func (b *Balancer) accept(ctx context.Context) {
	for {
		conn, err := b.listener.Accept()
		if err != nil {
			select {
			case <-ctx.Done():
				return
			case <-time.After(acceptPause):
			}
			continue
		}
		client := conn.(*net.TCPConn)
		if b.keep(client) {
			b.wg.Go(func() { b.serve(ctx, client) })
		}
	}
}

// serve is the whole life of a client's connection.
func (b *Balancer) serve(ctx context.Context, client *net.TCPConn) {
	defer b.drop(client)
	be, server := b.connect(ctx)
	if be == nil {
		return
	}
	defer b.leave(be)
	if !b.keep(server) {
		return
	}
	defer b.drop(server)

	var wg sync.WaitGroup
	wg.Go(func() { relay(client, server) })
	relay(server, client)
	wg.Wait()
}

// relay passes on what comes from a connection, and how it ends: the end of what is sent leaves the other direction
// open, as in TCP, and anything else ends both.
func relay(to, from *net.TCPConn) {
	if _, err := io.Copy(to, from); err != nil {
		for _, conn := range []*net.TCPConn{to, from} {
			conn.SetLinger(0) // a reset, which is what has been met
			conn.Close()
		}
		return
	}
	to.CloseWrite()
}

// connect reaches the backend whose turn it is, and counts the connection. It is nil when there is none.
func (b *Balancer) connect(ctx context.Context) (*backend, *net.TCPConn) {
	for range b.backends {
		be := b.take()
		if be == nil {
			break
		}
		dialer := net.Dialer{Timeout: dialTimeout}
		conn, err := dialer.DialContext(ctx, "tcp", be.Addr)
		if err == nil {
			return be, conn.(*net.TCPConn)
		}
		b.giveBack(be)
		if ctx.Err() == nil {
			b.note(be, err)
		}
	}
	b.mu.Lock()
	b.refused++
	b.mu.Unlock()
	return nil, nil
}

// take is the next ready backend, with one more connection.
func (b *Balancer) take() *backend {
	b.mu.Lock()
	defer b.mu.Unlock()
	for range b.backends {
		b.last = (b.last + 1) % len(b.backends)
		if be := b.backends[b.last]; be.state.Ready {
			be.state.Open++
			be.state.Total++
			return be
		}
	}
	return nil
}

// giveBack undoes take.
func (b *Balancer) giveBack(be *backend) {
	b.mu.Lock()
	defer b.mu.Unlock()
	be.state.Open--
	be.state.Total--
}

// leave ends a connection's being counted as open.
func (b *Balancer) leave(be *backend) {
	b.mu.Lock()
	defer b.mu.Unlock()
	be.state.Open--
}

// keep has Stop close a connection. It is false, and the connection closed, when Stop has been called.
func (b *Balancer) keep(conn *net.TCPConn) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stopped {
		conn.Close()
		return false
	}
	b.conns[conn] = struct{}{}
	return true
}

func (b *Balancer) drop(conn *net.TCPConn) {
	conn.Close()
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.conns, conn)
}
