package faults

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"fork.internal/apiserver/test/cluster"
	"fork.internal/apiserver/test/traffic"
)

// delayer is between a server and etcd, and passes on what comes a while later.
type delayer struct {
	l      net.Listener
	target string
	delay  atomic.Int64 // of each piece, in nanoseconds
	done   sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]bool // nil when it is closed
}

func startDelayer(target string) (*delayer, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	d := &delayer{l: l, target: target, conns: map[net.Conn]bool{}}
	d.done.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			d.done.Go(func() { d.serve(conn) })
		}
	})
	return d, nil
}

func (d *delayer) serve(client net.Conn) {
	server, err := net.Dial("tcp4", d.target)
	if err != nil {
		client.Close()
		return
	}
	if !d.holds(client, server) {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { d.pass(client, server) })
	d.pass(server, client)
	both.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.conns, client)
	delete(d.conns, server)
}

// holds keeps connections for close; it reports false, and closes them, if that has been.
func (d *delayer) holds(conns ...net.Conn) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range conns {
		if d.conns == nil {
			c.Close()
		} else {
			d.conns[c] = true
		}
	}
	return d.conns != nil
}

// pass passes on what comes, until either end closes; then it closes both.
func (d *delayer) pass(from, to net.Conn) {
	defer from.Close()
	defer to.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		time.Sleep(time.Duration(d.delay.Load()))
		if _, writeErr := to.Write(buf[:n]); err != nil || writeErr != nil {
			return
		}
	}
}

func (d *delayer) close() {
	d.l.Close()
	d.mu.Lock()
	for c := range d.conns {
		c.Close()
	}
	d.conns = nil
	d.mu.Unlock()
	d.done.Wait()
}

// farFromEtcd puts a delayer between the server and etcd, without a delay.
func farFromEtcd(r *run, c *cluster.Config) error {
	c.EtcdVia = func(addr string) (string, error) {
		d, err := startDelayer(addr)
		if err != nil {
			return "", err
		}
		r.cleanup(d.close)
		r.between = d
		return d.l.Addr().String(), nil
	}
	return nil
}

// slowEtcd has each piece between the server and etcd take longer: all of a request's longer than some may, and than others not.
func slowEtcd(ctx context.Context, r *run) error {
	const delay = 300 * time.Millisecond
	r.between.delay.Store(int64(delay))
	defer r.between.delay.Store(0)
	// A write takes two delays at least, and more while others are on the same connection.
	timeouts := []time.Duration{delay, 3 * delay, 20 * delay}
	var n atomic.Int64
	all := r.sendFor(ctx, 4, 10*time.Second, func(string) traffic.Request {
		timeout := timeouts[n.Add(1)%int64(len(timeouts))]
		return traffic.Request{Method: "POST", Path: traffic.ConfigMaps(hostile), Body: traffic.NewMap(), Timeout: timeout}
	})
	for _, x := range all {
		r.clients.Answered(x, append(traffic.Faulty, http.StatusCreated)...)
	}
	return answeredWith(all, http.StatusGatewayTimeout, http.StatusCreated)
}

const quota = 16 << 20

func tinyQuota(_ *run, c *cluster.Config) error {
	c.EtcdArgs = append(c.EtcdArgs, fmt.Sprintf("--quota-backend-bytes=%d", quota))
	return nil
}

// fullEtcd fills etcd until it takes no more, and makes room again. What is there can be read meanwhile.
func fullEtcd(ctx context.Context, r *run) error {
	var names []string
	full := false
	for i := 0; i < 2*quota/traffic.BigBytes && !full; i++ {
		name := fmt.Sprintf("fills-%02d", i)
		x := r.clients.Send(ctx, "HTTP/2", traffic.Request{Method: "POST", Path: traffic.ConfigMaps(hostile), Timeout: 10 * time.Second, Body: strings.NewReader(
			fmt.Sprintf(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":%q},"data":{"x":%q}}`, name, strings.Repeat("x", traffic.BigBytes)))})
		r.clients.Answered(x, http.StatusCreated, http.StatusInternalServerError)
		if x.Status == http.StatusCreated {
			names = append(names, name)
		}
		full = x.Status == http.StatusInternalServerError && strings.Contains(string(x.Body), "space exceeded")
	}
	if !full {
		return errors.New("etcd has taken twice of what it may: nothing was tried")
	}
	for _, x := range r.sendFor(ctx, 2, 3*time.Second, func(string) traffic.Request {
		return traffic.Request{Method: "GET", Path: traffic.ConfigMaps(calmly) + "/kept-00", Timeout: 3 * time.Second}
	}) {
		r.clients.Answered(x, http.StatusOK)
	}
	for _, x := range r.sendFor(ctx, 2, 3*time.Second, func(string) traffic.Request {
		return traffic.Request{Method: "POST", Path: traffic.ConfigMaps(hostile), Body: traffic.NewMap(), Timeout: 3 * time.Second}
	}) {
		r.clients.Answered(x, http.StatusInternalServerError)
	}
	for _, name := range names {
		r.clients.Answered(r.clients.Send(ctx, "HTTP/2", traffic.Request{Method: "DELETE", Path: traffic.ConfigMaps(hostile) + "/" + name, Timeout: 10 * time.Second}), http.StatusOK)
	}
	return r.cl.MakeRoom(ctx)
}

func threeMembers(_ *run, c *cluster.Config) error {
	c.EtcdMembers = 3
	return nil
}

// movedLeader has etcd's leader be another each second.
func movedLeader(ctx context.Context, r *run) error {
	const times = 5
	done := make(chan error, 1)
	go func() {
		for range times {
			traffic.Pause(ctx, time.Second)
			if err := r.cl.MoveEtcdLeader(ctx); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for _, x := range r.sendFor(ctx, 4, (times+1)*time.Second, func(string) traffic.Request {
		return traffic.Request{Method: "POST", Path: traffic.ConfigMaps(hostile), Body: traffic.NewMap(), Timeout: 3 * time.Second}
	}) {
		r.clients.Answered(x, append(traffic.Faulty, http.StatusCreated)...)
	}
	return <-done
}

var etcdFaults = []fault{
	{id: "etcd-leader", what: "etcd has three members, and another leader each second",
		conf: threeMembers, inject: movedLeader, others: traffic.Faulty, cuts: true, recovers: etcdRecovery},
	{id: "etcd-slow", what: "each piece between kube-apiserver and etcd takes 300 ms longer",
		conf: farFromEtcd, inject: slowEtcd, others: traffic.Faulty, recovers: etcdRecovery},
	{id: "etcd-full", what: "etcd has used up its quota and refuses writes, until somebody makes room",
		conf: tinyQuota, inject: fullEtcd, others: traffic.Faulty, recovers: etcdRecovery},
}
