package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
)

// How many clients there are, by what they stall.
const (
	stalledHTTP1  = 500 // HTTP/1.1: the socket
	stalledWindow = 450 // HTTP/2: the stream's window
	stalledSocket = 50  // HTTP/2: the socket
)

// stallPath is what they ask for.
const stallPath = "/api/stall"

// crowdProcess is the process that the clients are in.
type crowdProcess struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *bufio.Reader
	close sync.Once
}

// startCrowd starts the process. It does what it is told to.
func startCrowd(ctx context.Context, s listener) (*crowdProcess, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &crowdProcess{cmd: exec.CommandContext(ctx, self, "stall", s.Addr())}
	p.cmd.Stderr = os.Stderr
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReader(out)
	return p, p.cmd.Start()
}

// tell has the clients do something, and returns when they have.
func (p *crowdProcess) tell(what string) error {
	if _, err := fmt.Fprintln(p.in, what); err != nil {
		return err
	}
	done, err := p.out.ReadString('\n')
	if err != nil || done != what+"\n" {
		return fmt.Errorf("the clients' process, asked to %s: %q, %v", what, done, err)
	}
	return nil
}

// quit ends the process, and so the connections.
func (p *crowdProcess) quit() {
	p.close.Do(func() {
		p.in.Close()
		_ = p.cmd.Wait()
	})
}

// address is one of another process.
type address string

func (a address) Addr() string { return string(a) }

// stall is that process. It obeys, and says when it has: "idle" connects those
// that have a connection before they stall and have it used, "connect" connects
// the others, and "ask" sends all requests. It ends with its input.
func stall(in io.Reader, out io.Writer, s listener) error {
	ctx := context.Background()
	var asks []func() error
	orders := map[string]func() error{
		"idle": func() error {
			return together(stalledWindow, func(add func(func() error)) error {
				conn, err := dial2(ctx, s)
				if err != nil {
					return err
				}
				add(conn.ask)
				if _, err := conn.open("/api/ok"); err != nil {
					return err
				}
				return conn.ping()
			}, &asks)
		},
		"connect": func() error {
			err := together(stalledHTTP1, func(add func(func() error)) error {
				conn, err := dial1(ctx, s, 4<<10)
				if err != nil {
					return err
				}
				add(func() error { return conn.send("GET %s HTTP/1.1\nHost: test\n\n", stallPath) })
				return nil
			}, &asks)
			if err != nil {
				return err
			}
			return together(stalledSocket, func(add func(func() error)) error {
				conn, err := dial2(ctx, s)
				if err != nil {
					return err
				}
				add(conn.ask)
				return conn.stopReading()
			}, &asks)
		},
		"ask": func() error {
			for _, ask := range asks {
				if err := ask(); err != nil {
					return err
				}
			}
			return nil
		},
	}
	for sc := bufio.NewScanner(in); sc.Scan(); {
		order := orders[sc.Text()]
		if order == nil {
			return fmt.Errorf("no such order: %q", sc.Text())
		}
		if err := order(); err != nil {
			return err
		}
		fmt.Fprintln(out, sc.Text())
	}
	return nil
}

// ask asks for what will stall.
func (c *conn2) ask() error {
	_, err := c.open(stallPath)
	return err
}

// together connects n clients, some at a time, and collects what each adds.
func together(n int, connect func(add func(func() error)) error, asks *[]func() error) error {
	var mu sync.Mutex
	var failed error
	var wg sync.WaitGroup
	places := make(chan struct{}, 8)
	for range n {
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			err := connect(func(ask func() error) {
				mu.Lock()
				defer mu.Unlock()
				*asks = append(*asks, ask)
			})
			if err != nil {
				mu.Lock()
				defer mu.Unlock()
				failed = err
			}
		})
	}
	wg.Wait()
	return failed
}
