package balancer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// server answers each line with its name, and says of itself what it is told to.
type server struct {
	name     string
	listener net.Listener
	wg       sync.WaitGroup

	mu    sync.Mutex
	says  error
	conns []net.Conn
}

func startServer(t *testing.T, name string) *server {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{name: name, listener: l}
	s.wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns = append(s.conns, conn)
			s.mu.Unlock()
			s.wg.Go(func() {
				for lines := bufio.NewScanner(conn); lines.Scan(); {
					fmt.Fprintln(conn, name)
				}
				conn.Close()
			})
		}
	})
	t.Cleanup(s.die)
	return s
}

// die ends the listener and all connections.
func (s *server) die() {
	s.listener.Close()
	s.mu.Lock()
	for _, conn := range s.conns {
		conn.Close()
	}
	s.mu.Unlock()
	s.wg.Wait()
}

func (s *server) say(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.says = err
}

func (s *server) backend() Backend {
	return Backend{Addr: s.listener.Addr().String(), Ready: func(context.Context) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.says
	}}
}

// start balances between servers, waits until the ready ones are known, and checks that nothing is left of it.
func start(t *testing.T, o Options, servers ...*server) *Balancer {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var backends []Backend
	for _, s := range servers {
		backends = append(backends, s.backend())
	}
	b := Start(l, backends, o)
	t.Cleanup(func() {
		b.Stop()
		b.Stop()
		for i, s := range b.States() {
			if s.Open != 0 {
				t.Errorf("backend %d has %d connections after Stop", i, s.Open)
			}
		}
		stacks := make([]byte, 1<<20)
		left := string(stacks[:runtime.Stack(stacks, true)])
		for _, frame := range []string{"balancer.(*Balancer)", "balancer.relay"} {
			if strings.Contains(left, frame+".") || strings.Contains(left, frame+"(") {
				t.Errorf("left running:\n%s", left)
			}
		}
	})
	for i, s := range servers {
		if err := s.backend().Ready(t.Context()); err == nil {
			await(t, b, i, true)
		}
	}
	return b
}

func await(t *testing.T, b *Balancer, i int, ready bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := b.Await(ctx, i, ready); err != nil {
		t.Fatal(err)
	}
}

type client struct {
	net.Conn
	lines *bufio.Reader
}

func dial(t *testing.T, b *Balancer) *client {
	t.Helper()
	conn, err := net.Dial("tcp4", b.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	return &client{conn, bufio.NewReader(conn)}
}

// ask is the name of the server at the other end.
func (c *client) ask() (string, error) {
	if _, err := fmt.Fprintln(c, "who?"); err != nil {
		return "", err
	}
	line, err := c.lines.ReadString('\n')
	return strings.TrimSpace(line), err
}

func (c *client) mustAsk(t *testing.T) string {
	t.Helper()
	name, err := c.ask()
	if err != nil {
		t.Fatal(err)
	}
	return name
}

var quick = Options{Interval: 5 * time.Millisecond}

func TestInTurn(t *testing.T) {
	b := start(t, quick, startServer(t, "a"), startServer(t, "b"), startServer(t, "c"))
	var got []string
	for range 6 {
		got = append(got, dial(t, b).mustAsk(t))
	}
	if want := []string{"a", "b", "c", "a", "b", "c"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for i, s := range b.States() {
		if !s.Ready || s.Why != nil || s.Open != 2 || s.Total != 2 {
			t.Errorf("backend %d: %+v", i, s)
		}
	}
}

// TestNotReady: a backend that says no keeps its connections and gets no more, until it says yes.
func TestNotReady(t *testing.T) {
	one, two := startServer(t, "one"), startServer(t, "two")
	b := start(t, quick, one, two)
	old := dial(t, b)
	if got := old.mustAsk(t); got != "one" {
		t.Fatalf("the first connection is to %s", got)
	}
	no := errors.New("shutting down")
	one.say(no)
	await(t, b, 0, false)
	if s := b.States()[0]; !errors.Is(s.Why, no) || s.Open != 1 {
		t.Errorf("it says no: %+v", s)
	}
	for range 4 {
		if got := dial(t, b).mustAsk(t); got != "two" {
			t.Errorf("a new connection is to %s", got)
		}
	}
	if got := old.mustAsk(t); got != "one" {
		t.Errorf("the old connection is to %s", got)
	}
	one.say(nil)
	await(t, b, 0, true)
	got := []string{dial(t, b).mustAsk(t), dial(t, b).mustAsk(t)}
	if slices.Sort(got); !slices.Equal(got, []string{"one", "two"}) {
		t.Errorf("with both ready again: %v", got)
	}
}

// TestDies: the connections of a server that dies end, and a new one goes to another at once, though nobody has
// asked the dead one since.
func TestDies(t *testing.T) {
	one, two := startServer(t, "one"), startServer(t, "two")
	b := start(t, Options{Interval: time.Hour}, one, two)
	old := dial(t, b)
	old.mustAsk(t)
	dial(t, b).mustAsk(t)
	one.die()
	if name, err := old.ask(); err == nil {
		t.Errorf("a connection to a dead server: answer of %s", name)
	}
	if got := dial(t, b).mustAsk(t); got != "two" {
		t.Errorf("a new connection is to %q", got)
	}
	if s := b.States()[0]; s.Ready || s.Why == nil || s.Total != 1 {
		t.Errorf("the dead one: %+v", s)
	}
}

func TestNobodyReady(t *testing.T) {
	one := startServer(t, "one")
	one.say(errors.New("not yet"))
	b := start(t, quick, one)
	if name, err := dial(t, b).ask(); err == nil {
		t.Errorf("answer of %q", name)
	}
	if n := b.Refused(); n != 1 {
		t.Errorf("%d connections refused, want 1", n)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := b.Await(ctx, 0, true); err == nil || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "not ready") {
		t.Errorf("Await = %v", err)
	}
}

// TestSilent: a backend that does not answer in time is not ready.
func TestSilent(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var silent atomic.Bool
	b := Start(l, []Backend{{Addr: "127.0.0.1:1", Ready: func(ctx context.Context) error {
		if silent.Load() {
			<-ctx.Done()
		}
		return ctx.Err()
	}}}, Options{Interval: 5 * time.Millisecond, Timeout: 20 * time.Millisecond})
	defer b.Stop()
	await(t, b, 0, true)
	silent.Store(true)
	await(t, b, 0, false)
	if why := b.States()[0].Why; !errors.Is(why, context.DeadlineExceeded) {
		t.Errorf("it is not ready because %v", why)
	}
}

// TestHalfClose: the end of a request is passed on without cutting off the answer.
func TestHalfClose(t *testing.T) {
	b := start(t, quick, startServer(t, "one"))
	c := dial(t, b)
	fmt.Fprint(c, "1\n2\n3\n")
	c.Conn.(*net.TCPConn).CloseWrite()
	if all, err := io.ReadAll(c.lines); string(all) != "one\none\none\n" || err != nil {
		t.Errorf("got %q, %v", all, err)
	}
}

// TestStopWithTraffic: connections under way end with Stop, which start's clean-up checks.
func TestStopWithTraffic(t *testing.T) {
	b := start(t, quick, startServer(t, "one"), startServer(t, "two"))
	var wg sync.WaitGroup
	for range 8 {
		c := dial(t, b)
		c.mustAsk(t)
		wg.Go(func() {
			for {
				if _, err := c.ask(); err != nil {
					return
				}
			}
		})
	}
	b.Stop()
	wg.Wait()
	if conn, err := net.Dial("tcp4", b.Addr()); err == nil {
		conn.Close()
		t.Error("it still listens")
	}
}
