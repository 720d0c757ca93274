// Package balancer is a TCP balancer in process: it stands between clients and servers as the one before a
// control plane does, and follows what the servers say of themselves.
package balancer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

const (
	defaultInterval = 500 * time.Millisecond
	defaultTimeout  = time.Second

	// dialTimeout is far beyond what loopback takes.
	dialTimeout = 2 * time.Second
)

// Backend is one server.
type Backend struct {
	// Addr is its host and port.
	Addr string

	// Ready is nil when it may get new connections; the error is what it says instead. Called every
	// Options.Interval, never twice at a time for one backend.
	Ready func(context.Context) error
}

// Options are how backends are asked; the zero value has the defaults.
type Options struct {
	// Interval is the pause between two questions to a backend; default 500 ms.
	Interval time.Duration

	// Timeout is how long an answer may take, after which the backend counts as not ready; default 1 s.
	Timeout time.Duration
}

// State is how a backend stands.
type State struct {
	Ready bool
	Why   error // why not; nil when it is ready
	Open  int   // its connections now
	Total int64 // the connections that it has been given so far
}

// Balancer gives each new connection to the next ready backend in turn, and to the one after where that does not
// take it. A connection stays with its backend until either side ends it: what becomes of the backend meanwhile
// changes nothing. With no backend ready, a connection is closed at once. Its methods may be called from several
// goroutines.
//
// Every goroutine and connection of its own ends within Stop.
type Balancer struct {
	listener net.Listener
	options  Options
	cancel   context.CancelFunc
	wg       sync.WaitGroup

	mu       sync.Mutex
	backends []*backend
	last     int                       // whose turn it was
	conns    map[*net.TCPConn]struct{} // both sides' of all
	refused  int64
	stopped  bool
	changed  chan struct{} // closed, and replaced, when a backend has become ready or not
}

type backend struct {
	Backend
	state State // guarded by Balancer.mu
}

// errNotAsked is said of a backend before its first answer.
var errNotAsked = errors.New("it has not been asked yet")

// Start balances what comes in at the listener, which must be one of TCP and is the balancer's from then on. No
// backend is ready before it has said so.
func Start(l net.Listener, backends []Backend, o Options) *Balancer {
	if o.Interval <= 0 {
		o.Interval = defaultInterval
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	ctx, cancel := context.WithCancel(context.Background())
	b := &Balancer{
		listener: l, options: o, cancel: cancel, last: -1,
		conns: map[*net.TCPConn]struct{}{}, changed: make(chan struct{}),
	}
	for _, each := range backends {
		b.backends = append(b.backends, &backend{Backend: each, state: State{Why: errNotAsked}})
	}
	for _, be := range b.backends {
		b.wg.Go(func() { b.follow(ctx, be) })
	}
	b.wg.Go(func() { b.accept(ctx) })
	return b
}

// Addr is where it listens.
func (b *Balancer) Addr() string { return b.listener.Addr().String() }

// Stop ends the listener and all connections, and returns when nothing of it runs. It may be called again.
func (b *Balancer) Stop() {
	b.cancel()
	b.mu.Lock()
	b.stopped = true // so that what is accepted meanwhile is closed
	for conn := range b.conns {
		conn.Close()
	}
	b.mu.Unlock()
	b.listener.Close()
	b.wg.Wait()
}

// States are those of the backends, in Start's order.
func (b *Balancer) States() []State {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []State
	for _, be := range b.backends {
		all = append(all, be.state)
	}
	return all
}

// Refused is how many connections were closed at once, because no backend was ready or took them.
func (b *Balancer) Refused() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.refused
}

// Await returns when the backend with the index is known to be ready, or not to be. The error is ctx's, with what
// the backend said last.
func (b *Balancer) Await(ctx context.Context, i int, ready bool) error {
	for {
		b.mu.Lock()
		state, changed := b.backends[i].state, b.changed
		b.mu.Unlock()
		if state.Ready == ready {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			if state.Why == nil {
				return fmt.Errorf("%s is still ready: %w", b.backends[i].Addr, context.Cause(ctx))
			}
			return fmt.Errorf("%s is not ready: %w; it last said: %w", b.backends[i].Addr, context.Cause(ctx), state.Why)
		}
	}
}

// follow asks a backend again and again.
func (b *Balancer) follow(ctx context.Context, be *backend) {
	ticker := time.NewTicker(b.options.Interval)
	defer ticker.Stop()
	for {
		asking, cancel := context.WithTimeout(ctx, b.options.Timeout)
		err := be.Ready(asking)
		cancel()
		if ctx.Err() != nil {
			return
		}
		b.note(be, err)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// note takes what a backend said, or that it takes no connection.
func (b *Balancer) note(be *backend, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	was := be.state.Ready
	be.state.Ready, be.state.Why = err == nil, err
	if was != be.state.Ready {
		close(b.changed)
		b.changed = make(chan struct{})
	}
}
