package suite

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
)

// Silent is an address that the control plane reaches and where nobody says anything, and what else is known of how it
// reaches us. It is safe for use by several goroutines.
type Silent struct {
	// Address is its host:port.
	Address string
	// Host is an address of this machine at which the control plane reaches a listener, or empty.
	Host string

	listener *silence
}

// silence is a listener that accepts and says nothing.
type silence struct {
	net.Listener
	done chan struct{}

	mu    sync.Mutex
	conns []net.Conn
}

func listenSilently(host string) (*silence, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return nil, err
	}
	s := &silence{Listener: l, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		var readers sync.WaitGroup
		defer readers.Wait()
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns = append(s.conns, c)
			s.mu.Unlock()
			// What is read is thrown away; the end of it is what is waited for.
			readers.Go(func() {
				io.Copy(io.Discard, c)
				c.Close()
			})
		}
	}()
	return s, nil
}

// accepted is how many connections there have been.
func (s *silence) accepted() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// Close ends the listener and its connections.
func (s *silence) Close() {
	s.Listener.Close()
	s.mu.Lock()
	for _, c := range s.conns {
		c.Close()
	}
	s.mu.Unlock()
	<-s.done
}

// FindSilent finds an address for webhooks that do not answer: the configured one, or a listener of the suite's own at
// one of this machine's addresses. The error says why there is none.
func (s *Suite) FindSilent() (*Silent, error) {
	if address := s.Config.HangAddress; address != "" {
		if err := s.trySilent(address, 0); err != nil {
			return nil, fmt.Errorf("E2E_HANG_ADDRESS=%s: %w", address, err)
		}
		return &Silent{Address: address}, nil
	}
	hosts, err := ownHosts()
	if err != nil {
		return nil, err
	}
	var tried []string
	for i, host := range hosts {
		l, err := listenSilently(host)
		if err != nil {
			continue
		}
		address := l.Addr().String()
		if err = s.trySilent(address, i+1); err == nil {
			found := &Silent{Address: address, listener: l}
			if l.accepted() > 0 {
				found.Host = host
			}
			return found, nil
		}
		l.Close()
		tried = append(tried, host)
		if s.ctx.Err() != nil {
			return nil, s.ctx.Err()
		}
	}
	return nil, fmt.Errorf("the control plane reaches no listener of the suite's at %s: E2E_HANG_ADDRESS= may name an address that it reaches, and that says nothing", strings.Join(tried, ", "))
}

// Close ends the listener, if it is the suite's.
func (f *Silent) Close() {
	if f != nil && f.listener != nil {
		f.listener.Close()
	}
}

// trySilent has the control plane call a webhook there once, for a request that changes nothing.
func (s *Suite) trySilent(address string, n int) error {
	name := fmt.Sprintf("try-%d", n)
	hooks, err := s.MakeHooks(name, Hook{Name: name, Address: address, Fail: true, Seconds: 1})
	if err != nil {
		return err
	}
	defer hooks.Remove()
	var said string
	err = s.Settled(func() error {
		a, err := hooks.try(name)
		if err != nil {
			return err
		}
		if a.Code/100 == 2 {
			return errors.New("the webhook is not called")
		}
		said = a.Status.Message
		return nil
	})
	if err != nil {
		return err
	}
	// It waited, for somebody to take the connection or for an answer.
	if strings.Contains(said, "deadline exceeded") || strings.Contains(said, "i/o timeout") {
		return nil
	}
	return fmt.Errorf("it does not hang: %s", said)
}

// ownHosts are this machine's addresses, that of loopback first.
func ownHosts() ([]string, error) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	hosts := []string{"127.0.0.1"}
	for _, a := range addrs {
		if ip, ok := a.(*net.IPNet); ok && ip.IP.IsGlobalUnicast() {
			hosts = append(hosts, ip.IP.String())
		}
	}
	return hosts, nil
}

// GoneAddress is one where nobody listens any more: connections are refused there.
func (f *Silent) GoneAddress() (string, error) {
	host := f.Host
	if host == "" {
		host = "127.0.0.1" // The control plane's own.
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
