package soak

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"fork.internal/apiserver/test/demo"
	"fork.internal/apiserver/test/traffic"
	"fork.internal/apiserver/test/webhook"
)

// phase is a part of a run.
type phase struct {
	name string
	// run has hostile clients at work until during is done, and returns when they are gone. ctx is for what they have begun
	// by then. nil is none.
	run func(ctx, during context.Context, s *server) error
	// storage is whether what the server stands on is away: ordinary requests may fail, and watches end.
	storage bool
	// unmodifiedFails is whether something is known to be wrong with an unmodified server, each time.
	unmodifiedFails bool
}

// phases are all, in order. What is known to end an unmodified server comes last, so that the others are seen on it too.
var phases = []phase{
	{name: "ordinary"},
	{name: "idle connections", run: idleConnections},
	{name: "lists not read", run: unreadLists, unmodifiedFails: true},
	{name: "watches not read", run: unreadWatches},
	{name: "bodies not sent", run: unsentBodies, unmodifiedFails: true},
	{name: "clients that go", run: goneClients, unmodifiedFails: true},
	{name: "webhooks", run: webhooks},
	{name: "mutations and watches", run: mutations},
	{name: "etcd paused", run: etcdPaused, storage: true},
	{name: "timeouts", run: timeouts},
	{name: "warnings", run: warnings},
	{name: "ordinary again"},
}

// phase runs one, beside the ordinary clients, and has the server come to rest.
func (s *server) phase(ctx context.Context, p phase) error {
	s.begin(p.name)
	watching, err := s.watch.All(ctx)
	if err != nil {
		return err
	}
	var may []int
	if p.storage {
		may = traffic.Faulty
	}
	stop := s.load.Start(ctx, loadClients, may...)
	defer stop()
	during, cancel := context.WithTimeout(ctx, s.conf.Duration/time.Duration(len(phases)))
	defer cancel()
	if p.run == nil {
		<-during.Done()
	} else if err = p.run(ctx, during, s); err == nil {
		<-during.Done()
	}
	stop()
	var held []string
	if err == nil {
		held = s.settle(ctx)
		if ended := s.watch.Lasted(ctx, watching, p.storage); ended != nil && ctx.Err() == nil {
			s.lostf("%v", ended)
		}
	}
	s.end(held)
	if err == nil {
		err = ctx.Err()
	}
	return err
}

// repeat has n clients over each protocol call f until during is done, and returns when the last call has. They have
// connections of their own.
func (s *server) repeat(during context.Context, n int, f func(c *traffic.Clients, proto string)) error {
	c, err := s.newClients(s.hostileDialer())
	if err != nil {
		return err
	}
	defer func() {
		// A connection may come that was made for a request which has ended before it was there. The server would keep it
		// for half a minute.
		traffic.Pause(context.Background(), time.Second)
		c.CloseIdle()
	}()
	traffic.Together(n, func(proto string, _ int) {
		for during.Err() == nil {
			f(c, proto)
			traffic.Pause(during, 5*time.Millisecond)
		}
	})
	return nil
}

// timeouts have next to no time for what a webhook takes its time over.
func timeouts(ctx, during context.Context, s *server) error {
	rare := &rarity{}
	err := s.repeat(during, 6, func(c *traffic.Clients, proto string) {
		x := c.Send(ctx, proto, traffic.Request{
			Method: "POST", Path: traffic.ConfigMaps(hostile) + "?dryRun=All", Body: hooked("admits"),
			Timeout: 1 + rand.N(2*hookTakes),
		})
		if !rare.cut(x) {
			c.Answered(x, http.StatusCreated, http.StatusGatewayTimeout)
		}
	})
	rare.check(s)
	return err
}

// webhooks do what none should, and what comes of it depends on who has more patience, the server or its client.
func webhooks(ctx, during context.Context, s *server) error {
	kinds := []struct {
		does    string
		timeout time.Duration
		want    int
	}{
		{webhook.Hangs, time.Second, http.StatusGatewayTimeout},
		{webhook.Late, hookTakes * webhook.LateFactor / 2, http.StatusGatewayTimeout},
		{webhook.Late, 0, http.StatusCreated},
		{webhook.Resets, 0, http.StatusInternalServerError},
		{webhook.Garbage, 0, http.StatusInternalServerError},
		{webhook.Fails, 0, http.StatusInternalServerError},
	}
	return s.repeat(during, 6, func(c *traffic.Clients, proto string) {
		kind := kinds[rand.N(len(kinds))]
		c.Answered(c.Send(ctx, proto, traffic.Request{
			Method: "POST", Path: traffic.ConfigMaps(hostile) + "?dryRun=All", Body: hooked(kind.does), Timeout: kind.timeout,
		}), kind.want)
	})
}

// mutations of the same objects, while watches on them come and go.
func mutations(ctx, during context.Context, s *server) error {
	return s.repeat(during, 4, func(c *traffic.Clients, proto string) {
		one := fmt.Sprintf("%s/shared-%d", secrets(hostile), rand.N(2))
		if rand.N(4) == 0 {
			going, cancel := context.WithTimeout(ctx, rand.N(time.Second))
			defer cancel()
			c.Send(going, proto, traffic.Request{Method: "GET", Path: secrets(hostile) + "?watch=1"})
			return
		}
		// The server tries again, and gives up at some time.
		c.Answered(c.Send(ctx, proto, traffic.Request{
			Method: "PATCH", Path: one, ContentType: "application/merge-patch+json", Timeout: 10 * time.Second,
			Body: strings.NewReader(fmt.Sprintf(`{"stringData":{"n":"%d"}}`, rand.N(1000))),
		}), http.StatusOK, http.StatusConflict)
	})
}

const (
	// pausedFor is how long etcd says nothing: longer than ordinary clients wait.
	pausedFor = 7 * time.Second

	// recovers bounds how long after that a server may take until all is well again.
	recovers = time.Minute
)

// etcdPaused has the storage be away for longer than the clients wait, again and again.
func etcdPaused(ctx, during context.Context, s *server) error {
	for during.Err() == nil {
		resume, err := s.cl.PauseEtcd()
		if err != nil {
			return err
		}
		traffic.Pause(ctx, pausedFor)
		resume()
		if err := s.serves(ctx); err != nil {
			return err
		}
		traffic.Pause(during, pausedFor)
	}
	return nil
}

// serves waits until the server is ready and writes.
func (s *server) serves(ctx context.Context) error {
	begun := time.Now()
	for ctx.Err() == nil {
		x := s.clients.Send(ctx, "HTTP/2", traffic.Request{Method: "POST", Path: traffic.ConfigMaps(hostile), Body: traffic.NewMap(), Timeout: 3 * time.Second})
		if x.Status == http.StatusCreated && s.cl.Ready(ctx) == nil {
			return nil
		}
		if time.Since(begun) > recovers {
			s.lief("the server does not serve again within %v: %v", recovers, x)
			return nil
		}
		traffic.Pause(ctx, 100*time.Millisecond)
	}
	return ctx.Err()
}

// warnings are the load that ends an unmodified server.
func warnings(ctx, during context.Context, s *server) error {
	deadline, _ := during.Deadline()
	seen, err := demo.Attack(ctx, s.cl, s.tokens, 4, time.Until(deadline))
	s.mu.Lock()
	s.extra = seen
	s.mu.Unlock()
	switch {
	case err != nil:
		return err
	case s.cl.ExitError() != nil:
		return nil
	case seen.TimedOut == 0 || seen.Answered == 0:
		return errors.New("no request that earns warnings has timed out, or all have: nothing was tried")
	}
	if bad := seen.Short + seen.Other + seen.Silent + seen.Unreachable; bad > 0 || seen.Reset > traffic.Rarely(seen.Sent) {
		s.lief("of %d requests %d got neither a whole answer nor a 504: %+v", seen.Sent, bad+seen.Reset, seen)
	}
	return nil
}
