package faults

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"fork.internal/apiserver/test/cluster"
	"fork.internal/apiserver/test/traffic"
)

const descriptors = "process_open_fds"

// openDescriptors is how many the server has.
func (r *run) openDescriptors(ctx context.Context) (int, error) {
	text, err := r.server.Get(ctx, "/metrics")
	if err != nil {
		return 0, err
	}
	sums, err := traffic.Sums(text, descriptors)
	return int(sums[descriptors]), err
}

// dialMany opens connections of which every fourth gets as far as TLS, and returns those that it has got within the time, and
// why it has not got another.
func (r *run) dialMany(ctx context.Context, n int, within time.Duration) (conns []net.Conn, refused error) {
	u, err := url.Parse(r.cl.URL())
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(r.cl.CA())
	return dialAll(ctx, u.Host, &tls.Config{RootCAs: roots, ServerName: u.Hostname(), MinVersion: tls.VersionTLS12}, n, within)
}

// dialAll is dialMany, to an address.
func dialAll(ctx context.Context, addr string, conf *tls.Config, n int, within time.Duration) (conns []net.Conn, refused error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	var mu sync.Mutex
	var wg sync.WaitGroup
	next := make(chan int)
	for range 50 {
		wg.Go(func() {
			for i := range next {
				conn, err := (&net.Dialer{}).DialContext(ctx, "tcp4", addr)
				mu.Lock()
				if err == nil {
					conns = append(conns, conn)
				} else {
					refused = err
				}
				mu.Unlock()
				if err == nil && i%4 == 0 {
					// What comes of it is the server's.
					tls.Client(conn, conf).HandshakeContext(ctx)
				}
			}
		})
	}
	for i := range n {
		select {
		case next <- i:
		case <-ctx.Done():
		}
	}
	close(next)
	wg.Wait()
	if len(conns) < n && refused == nil {
		refused = context.Cause(ctx)
	}
	return conns, refused
}

// ours is whether a connection could not be had for want of something on this machine, and not because of the server.
func ours(err error) bool {
	return slices.ContainsFunc([]error{syscall.EMFILE, syscall.ENFILE, syscall.EADDRNOTAVAIL, syscall.ENOBUFS}, func(want error) bool { return errors.Is(err, want) })
}

func closeAll(conns []net.Conn) {
	for _, c := range conns {
		c.Close()
	}
}

// many is how many connections do nothing.
const many = 10_000

// idleConnections are many connections that do nothing. Those that do something do not notice.
func idleConnections(ctx context.Context, r *run) error {
	conns, refused := r.dialMany(ctx, many, 25*time.Second)
	defer closeAll(conns)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case len(conns) < many && ours(refused):
		return errNeeds(fmt.Sprintf("%d descriptors, and has got %d connections (%v): raise the limit of open files (ulimit -n)", 2*many, len(conns), refused))
	case len(conns) < many:
		r.wrongf("it has taken %d connections, and %d are no burden: %v", len(conns), many, refused)
	}
	have, err := r.openDescriptors(ctx)
	if err != nil {
		return err
	}
	if have < len(conns)*9/10 {
		r.wrongf("it has %d descriptors open, and has closed some of %d connections", have, len(conns))
	}
	for _, x := range r.sendFor(ctx, 4, 3*time.Second, func(string) traffic.Request {
		return traffic.Request{Method: "POST", Path: traffic.ConfigMaps(hostile) + "?dryRun=All", Body: traffic.NewMap(), Timeout: 3 * time.Second}
	}) {
		r.clients.Answered(x, http.StatusCreated)
	}
	return nil
}

// fewDescriptors leaves the server with ten more descriptors than it has, and takes them. On connections that are there,
// requests go on.
func fewDescriptors(ctx context.Context, r *run) error {
	old, err := r.openDescriptors(ctx)
	if err != nil {
		return err
	}
	restore, err := limitFiles(r.server.Pid(), uint64(old)+10)
	if err != nil {
		return err
	}
	defer restore()
	conns, _ := r.dialMany(ctx, 200, 3*time.Second)
	defer closeAll(conns)
	have, err := r.openDescriptors(ctx)
	if err != nil {
		return fmt.Errorf("on a connection that was there before the descriptors were gone: %w", err)
	}
	if have < old+8 {
		return fmt.Errorf("the server has %d descriptors open, and had %d: they are not used up", have, old)
	}
	wrong := 0
	for _, x := range r.sendFor(ctx, 4, 3*time.Second, func(string) traffic.Request {
		return traffic.Request{Method: "GET", Path: traffic.ConfigMaps(calmly) + "/kept-00", Timeout: 3 * time.Second}
	}) {
		if strings.HasPrefix(x.Title, "HTTP/2 ") && (!x.Whole || x.Status != http.StatusOK) { // All on the one connection.
			if wrong++; wrong == 1 {
				r.wrongf("on a connection that was there: %v", x)
			}
		}
	}
	return nil
}

func littleMemory(_ *run, c *cluster.Config) error {
	c.Env = append(c.Env, "GOMEMLIMIT=150MiB")
	return nil
}

// largeLists has the server make lists that are more than its memory limit would have it hold. It is slow, and that is all.
func largeLists(ctx context.Context, r *run) error {
	if err := r.fill(ctx); err != nil {
		return err
	}
	var lists int
	for _, x := range r.sendFor(ctx, 8, 8*time.Second, func(string) traffic.Request {
		return traffic.Request{Method: "GET", Path: traffic.ConfigMaps(hostile), Timeout: 8 * time.Second}
	}) {
		if x.CutOff() {
			continue // It had begun.
		}
		if r.clients.Answered(x, http.StatusOK, http.StatusGatewayTimeout); x.Status == http.StatusOK {
			lists++
		}
	}
	if lists == 0 {
		return errors.New("no list has come: nothing was tried")
	}
	return nil
}

// unreadLists has clients, one after the other, ask for a list of which the server has to hold all, and read nothing of it. As
// long as nobody lets go of them, they are soon more than the server may have of memory. Each comes when the one before has
// begun to get its list, which no server can let go of while it makes it: a busy machine has no more of them to make at once.
func unreadLists(ctx context.Context, r *run) error {
	const (
		more    = 768 << 20
		clients = 96
		every   = 500 * time.Millisecond
		timeout = 3 * time.Second
	)
	if err := r.fill(ctx); err != nil {
		return err
	}
	remove, err := limitMemory(r.server.Pid(), more)
	if err != nil {
		return err
	}
	r.cleanup(remove)
	gone, leave := context.WithCancel(ctx)
	var all sync.WaitGroup
	defer all.Wait()
	defer leave()
	var begun atomic.Int64
	unread := traffic.Unread(gone)
	for i := range clients {
		come := make(chan struct{})
		all.Go(func() {
			came := sync.OnceFunc(func() { close(come) })
			defer came()
			r.clients.Send(gone, traffic.Protocols[i%len(traffic.Protocols)], traffic.Request{
				Method: "GET", Path: traffic.ConfigMaps(hostile), Accept: "application/yaml", Timeout: timeout,
				Receive: func(x *traffic.Exchange, res *http.Response) {
					begun.Add(1)
					came()
					unread(x, res)
				},
			})
		})
		traffic.Pause(ctx, every)
		select {
		case <-come:
		case <-ctx.Done():
		}
		if r.server.ExitError() != nil {
			return fmt.Errorf("the server has ended, when %d lists had begun to come", begun.Load())
		}
	}
	if asked := begun.Load() * traffic.BigMaps * traffic.BigBytes; asked < more {
		return fmt.Errorf("all lists that have begun to come are %d MiB, and the server may have %d MiB: nothing was tried", asked>>20, more>>20)
	}
	return nil
}

const (
	// watchWriteTimeout is the fork's bound for watches that are not taken.
	watchWriteTimeout = 5 * time.Second

	// stalledTimeout is the fork's bound for HTTP/2 connections of which nothing is taken while a request on them is past its
	// deadline, which cannot be ended until then.
	stalledTimeout = 5 * time.Second
)

// reachable has the server be reached from elsewhere, and a patched one let go of who takes nothing soon.
func reachable(r *run, c *cluster.Config) error {
	c.ExtraArgs = append(c.ExtraArgs, "--bind-address=0.0.0.0")
	if r.patched() {
		c.ExtraArgs = append(c.ExtraArgs, "--watch-write-timeout="+watchWriteTimeout.String(), "--stalled-connection-timeout="+stalledTimeout.String())
	}
	return nil
}

// lostRoute has lists and watches under way to clients whose route is lost: what they send and what is sent to them is
// dropped. The server lets go of the lists soon after their deadline, and the patched one of the watches too.
func lostRoute(ctx context.Context, r *run) error {
	const (
		timeout = 4 * time.Second
		lists   = 4
	)
	if err := r.fill(ctx); err != nil {
		return err
	}
	net, err := newFarAway()
	if err != nil {
		return err
	}
	defer net.close()
	u, err := url.Parse(r.cl.URL())
	if err != nil {
		return err
	}
	conf := r.cl.RESTConfig()
	conf.Dial = net.dial
	conf.Host = "https://" + net.host + ":" + u.Port()
	conf.ServerName = u.Hostname()
	far, err := traffic.NewClients(conf)
	if err != nil {
		return err
	}
	far.Keep, far.Wrongf = r.keep, r.clientWrongf
	before, err := r.measure(ctx)
	if err != nil {
		return err
	}
	gone, leave := context.WithCancel(ctx)
	defer leave()
	begun := make(chan *traffic.Exchange, 4*lists)
	var clients sync.WaitGroup
	defer clients.Wait()
	defer leave()
	unread := traffic.Unread(gone)
	start := func(proto string, q traffic.Request) {
		q.Receive = func(x *traffic.Exchange, res *http.Response) {
			begun <- x
			unread(x, res)
		}
		clients.Go(func() { far.Send(gone, proto, q) })
	}
	for _, proto := range traffic.Protocols {
		for range lists {
			start(proto, traffic.Request{Method: "GET", Path: traffic.ConfigMaps(hostile), Timeout: timeout})
			start(proto, traffic.Request{Method: "GET", Path: traffic.ConfigMaps(watched) + "?watch=1"})
		}
	}
	sent := time.Now()
	for range 4 * lists {
		select {
		case <-begun:
		case <-time.After(timeout):
			return errors.New("no answer has begun to come to clients that are far away: nothing was tried")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err := net.cut(); err != nil {
		return err
	}
	lets := timeout + stalledTimeout + traffic.Slack/2
	traffic.Pause(ctx, time.Until(sent.Add(lets)))
	now, err := r.measure(ctx)
	if err != nil {
		return err
	}
	if n := now[traffic.Seats] - before[traffic.Seats]; n > spare[traffic.Seats] {
		r.wrongf("%v after the lists came, which had %v, and whose client cannot be reached, they have %v seats", lets, timeout, n)
	}
	if !r.patched() {
		return nil
	}
	// A watch is looked at once in its bound.
	for end := time.Now().Add(2*watchWriteTimeout + traffic.Slack); ; traffic.Pause(ctx, 200*time.Millisecond) {
		now, err := r.measure(ctx)
		if err != nil {
			return err
		}
		left := now[traffic.LongRunning] - before[traffic.LongRunning]
		if left <= 0 || ctx.Err() != nil {
			return ctx.Err()
		}
		if time.Now().After(end) {
			r.wrongf("%v watches whose client cannot be reached are there after %v", left, 2*watchWriteTimeout+traffic.Slack)
			return nil
		}
	}
}

var resourceFaults = []fault{
	{id: "descriptors", what: "the server has used up its descriptors",
		inject: fewDescriptors, silent: true},
	{id: "idle-connections", what: "10,000 connections do nothing",
		inject: idleConnections},
	{id: "route-lost", what: "the route to clients is lost, of whom half watch and half are in the midst of a list",
		conf: reachable, inject: lostRoute, unmodifiedFails: true},
	{id: "memory", what: "GOMEMLIMIT is 150 MiB, and lists take more",
		conf: littleMemory, inject: largeLists, others: []int{http.StatusGatewayTimeout}},
	{id: "memory-limit", what: "a control group leaves 768 MiB to the server, and clients ask for lists and do not read them",
		inject: unreadLists, unmodifiedFails: true},
}
