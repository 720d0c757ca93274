package suite

import (
	"context"
	"net"
	"sync"
	"syscall"

	"k8s.io/client-go/rest"
)

// Stall has a client's connections stop reading, and go on. It may be used by several goroutines.
//
// A connection that does not read fills its own receive buffer, which is small, then the server's.
type Stall struct {
	mu      sync.Mutex
	stopped chan struct{} // nil while connections read; closed when they go on
}

// receiveBuffer is in bytes.
const receiveBuffer = 32 << 10

// Dial has a client's connections be subject to the stall.
func (st *Stall) Dial(conf *rest.Config) {
	d := dialer
	d.Control = func(_, _ string, c syscall.RawConn) error {
		var err error
		if e := c.Control(func(fd uintptr) {
			err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, receiveBuffer)
		}); e != nil {
			return e
		}
		return err
	}
	conf.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := d.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &stallingConn{c, st, make(chan struct{}), new(sync.Once)}, nil
	}
}

// Stop stops reading, but for what is being read.
func (st *Stall) Stop() {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.stopped == nil {
		st.stopped = make(chan struct{})
	}
}

// Go lets it go on.
func (st *Stall) Go() {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.stopped != nil {
		close(st.stopped)
		st.stopped = nil
	}
}

func (st *Stall) now() <-chan struct{} {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.stopped
}

type stallingConn struct {
	net.Conn
	stall  *Stall
	closed chan struct{}
	once   *sync.Once
}

func (c *stallingConn) Read(p []byte) (int, error) {
	if stopped := c.stall.now(); stopped != nil {
		select {
		case <-stopped:
		case <-c.closed:
			return 0, net.ErrClosed
		}
	}
	return c.Conn.Read(p)
}

func (c *stallingConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}
