package integration

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"fork.internal/apiserver/test/traffic"
)

// pausedEtcd asks for things while the storage says nothing.
func pausedEtcd(ctx context.Context, e *env) error {
	resume, err := e.cl.PauseEtcd()
	if err != nil {
		return err
	}
	defer resume()
	e.storageRequests(ctx)
	resume()
	return e.serves(ctx)
}

// killedEtcd asks for things while there is no storage.
func killedEtcd(ctx context.Context, e *env) error {
	restart, err := e.cl.KillEtcd(ctx)
	if err != nil {
		return err
	}
	e.storageRequests(ctx)
	if err := restart(ctx); err != nil {
		return err
	}
	return e.serves(ctx)
}

// storageRequests sends requests that need the storage. Each gets a whole answer in time, whatever it says.
func (e *env) storageRequests(ctx context.Context) {
	const timeout = 3 * time.Second
	traffic.Together(8, func(proto string, i int) {
		one := configMaps(plain) + "/big-00"
		for _, q := range []traffic.Request{
			{Method: "GET", Path: one, Timeout: timeout},
			{Method: "POST", Path: configMaps(plain), Body: newMap(""), Timeout: timeout},
			{Method: "DELETE", Path: configMaps(plain) + "/nothing", Timeout: timeout},
			{Method: "GET", Path: configMaps(watched), Timeout: timeout},
		} {
			e.Answered(e.Send(ctx, proto, q))
		}
	})
}

// recovers bounds how long a server may take until it serves again when its storage is back.
const recovers = time.Minute

// serves waits until the server is ready and writes.
func (e *env) serves(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, recovers, fmt.Errorf("the server does not serve again within %v", recovers))
	defer cancel()
	for {
		x := e.Send(ctx, "HTTP/2", traffic.Request{Method: "POST", Path: configMaps(plain) + "?dryRun=All", Body: newMap(""), Timeout: 3 * time.Second})
		if x.Status == http.StatusCreated && e.cl.Ready(ctx) == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-e.cl.Exited():
			return errors.New("the server has ended")
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// terminated ends the server with requests in flight: each gets a whole answer, and the server ends by itself, and well.
func terminated(ctx context.Context, e *env) error {
	const timeout = 8 * time.Second
	done := make(chan struct{})
	go func() {
		defer close(done)
		traffic.Together(10, func(proto string, i int) {
			e.Answered(e.Send(ctx, proto, traffic.Request{Method: "POST", Path: configMaps(hangs), Body: newMap(""), Timeout: timeout}), http.StatusGatewayTimeout)
		})
	}()
	if err := e.executing(ctx, 10*len(traffic.Protocols)); err != nil {
		return err
	}
	e.watch.Ending()
	if err := e.cl.Stop(ctx); err != nil {
		e.wrongf("the server has not ended well: %v", err)
	}
	<-done
	return e.watch.Stop()
}

// executing waits until n requests are.
func (e *env) executing(ctx context.Context, n int) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 10*time.Second, fmt.Errorf("%d requests have not come to be executed within 10 s", n))
	defer cancel()
	for {
		if now, err := e.measure(ctx); err == nil && now[traffic.Seats] >= float64(n) {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
		}
	}
}
