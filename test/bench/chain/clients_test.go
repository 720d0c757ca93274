package chain_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"

	"fork.internal/apiserver/test/chain"
)

// crowd is the clients, each with one connection.
type crowd struct {
	url     string
	clients []client
	done    chan struct{} // never closed: stalled clients end with their process
	watches []*bufio.Reader
}

type client struct {
	*http.Client
	streams int // how many requests a connection may have under way
}

// obey is the clients' process. It ends with its input.
func obey(in io.Reader, out io.Writer, url string) error {
	c := &crowd{url: url, done: make(chan struct{})}
	orders := map[string]func(order) (reply, error){
		"connect": c.connect, "load": c.load, "timeouts": c.timeouts, "stall": c.stall, "watch": c.watch, "await": c.await,
	}
	replies := json.NewEncoder(out)
	for decoder := json.NewDecoder(in); ; {
		var o order
		if err := decoder.Decode(&o); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		obey := orders[o.Do]
		if obey == nil {
			return fmt.Errorf("no such order: %q", o.Do)
		}
		r, err := obey(o)
		if err != nil {
			r.Err = err.Error()
		}
		if err := replies.Encode(r); err != nil {
			return err
		}
	}
}

// connect connects a few at a time, as each takes two signatures.
func (c *crowd) connect(o order) (reply, error) {
	more := make([]client, o.Connections)
	for i := range more {
		more[i] = newClient(o.Proto, o.Small)
	}
	c.clients = append(c.clients, more...)
	return reply{}, each(o.Connections, 8, func(i int) error {
		res, err := more[i].Get(c.url + warmPath)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		_, err = io.Copy(io.Discard, res.Body)
		return err
	})
}

// newClient returns a client that needs no more than one connection, unless it
// has more requests under way than that allows. With small, what it does not read
// takes up little room: the kernel takes in no more than it must, and HTTP/2's
// windows are the smallest there are.
func newClient(proto string, small bool) client {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(proto == "HTTP1")
	protocols.SetHTTP2(proto == "HTTP2")
	transport := &http.Transport{TLSClientConfig: chain.ClientTLS(), Protocols: protocols}
	if small {
		transport.HTTP2 = &http.HTTP2Config{MaxReceiveBufferPerConnection: 64 << 10, MaxReceiveBufferPerStream: 64 << 10}
		transport.DialContext = dialSmall
	}
	if proto == "HTTP2" {
		return client{&http.Client{Transport: transport}, 100}
	}
	return client{&http.Client{Transport: transport}, 1}
}

func dialSmall(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return conn, conn.(*net.TCPConn).SetReadBuffer(4 << 10)
}

// each calls f with 0 to n-1, in workers of which each does one after the
// other, and returns an error if there was one; the calls then end early.
func each(n, workers int, f func(i int) error) error {
	var next atomic.Int64
	var wg sync.WaitGroup
	errs := make([]error, workers)
	for w := range workers {
		wg.Go(func() {
			for errs[w] == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if errs[w] = f(i); errs[w] != nil {
					next.Store(int64(n))
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// stall sends as many requests as there can be, and reads no answer. What
// becomes of them is the server's to say.
func (c *crowd) stall(order) (reply, error) {
	for _, client := range c.clients {
		for range client.streams {
			go func() {
				res, err := client.Get(c.url + stallPath)
				if err != nil {
					return
				}
				<-c.done // The answer is under way.
				res.Body.Close()
			}()
		}
	}
	return reply{}, nil
}
