package integration

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"fork.internal/apiserver/test/demo"
	"fork.internal/apiserver/test/traffic"
)

// errHeld is a reader's that has not been read to its end.
var errHeld = errors.New("the client did not read on")

// triggers is the load that ends an unmodified server: requests that earn warnings, and time out while they do.
func triggers(ctx context.Context, e *env) error {
	seen, err := demo.Attack(ctx, e.cl, e.tokens, 4, 2*e.conf.Duration)
	if err != nil {
		return err
	}
	if e.cl.ExitError() != nil {
		return errors.New("the server has ended")
	}
	if seen.TimedOut == 0 || seen.Answered == 0 {
		return fmt.Errorf("of %d requests %d timed out and %d did not: nothing was tried", seen.Sent, seen.TimedOut, seen.Answered)
	}
	if bad := seen.Short + seen.Other + seen.Silent + seen.Unreachable; bad > 0 || seen.Reset > traffic.Rarely(seen.Sent) {
		e.wrongf("of %d requests %d got neither a whole answer nor a 504: %+v", seen.Sent, bad+seen.Reset, seen)
	}
	return nil
}

// ordinary is a day's work: each verb, with no deadline near.
func ordinary(ctx context.Context, e *env) error {
	traffic.Together(4, func(proto string, i int) {
		for end := time.Now().Add(e.conf.Duration); time.Now().Before(end) && ctx.Err() == nil; {
			name := fmt.Sprintf("ordinary-%s-%d", strings.ToLower(strings.NewReplacer("/", "", ".", "").Replace(proto)), i)
			one := configMaps(plain) + "/" + name
			e.Answered(e.Send(ctx, proto, traffic.Request{Method: "POST", Path: configMaps(plain), Body: newMap(name)}), http.StatusCreated)
			e.Answered(e.Send(ctx, proto, traffic.Request{Method: "GET", Path: one}), http.StatusOK)
			e.Answered(e.Send(ctx, proto, traffic.Request{Method: "PATCH", Path: one, ContentType: "application/merge-patch+json", Body: strings.NewReader(`{"data":{"a":"b"}}`)}), http.StatusOK)
			e.Answered(e.Send(ctx, proto, traffic.Request{Method: "GET", Path: configMaps(warns)}), http.StatusOK)
			e.Answered(e.Send(ctx, proto, traffic.Request{Method: "DELETE", Path: one}), http.StatusOK)
			e.Answered(e.Send(ctx, proto, traffic.Request{Method: "GET", Path: one}), http.StatusNotFound)
		}
	})
	return ctx.Err()
}

// slowReaders ask for more than fits between them and the server, and read on only when their deadline has long passed:
// what holds the answer back must have been let go by then, and the rest of it must not come.
func slowReaders(ctx context.Context, e *env) error {
	const timeout = 10 * time.Second
	read := make(chan struct{})
	go func() {
		defer close(read)
		select {
		case <-time.After(timeout + traffic.Slack):
		case <-ctx.Done():
		}
		now, err := e.measure(ctx)
		if held := held(now, e.baseline); err != nil || len(held) > 0 {
			e.wrongf("%v after the deadline of readers that do not read, the server holds %v (%v)", traffic.Slack, held, err)
		}
	}()
	var begun atomic.Int32
	traffic.Together(10, func(proto string, _ int) {
		x := e.Send(ctx, proto, traffic.Request{Method: "GET", Path: configMaps(plain), Timeout: timeout, Receive: func(x *traffic.Exchange, res *http.Response) {
			begun.Add(1)
			<-read
			if x.Read(res); x.Whole {
				x.Whole, x.Err = false, errHeld // It came, as if there were no deadline.
			}
		}})
		switch {
		case x.Left:
		case x.Status == 0 && x.CutOff(), x.Status == http.StatusGatewayTimeout: // It was not to be had that fast.
		case x.Status != http.StatusOK:
			e.wrongf("no list to be slow with: %v", x)
		case x.Err == errHeld:
			e.wrongf("the server waited for a reader that was late by %v: %v", traffic.Slack, x)
		default:
			x.Cut = true // Its client has come back too late to see when.
		}
	})
	<-read
	if begun.Load() == 0 && ctx.Err() == nil {
		return fmt.Errorf("no list has begun to come within %v: nothing was tried", timeout)
	}
	return ctx.Err()
}

// stalledBodies promise a body, and do not send all of it.
func stalledBodies(ctx context.Context, e *env) error {
	const timeout = 2 * time.Second
	traffic.Together(20, func(proto string, _ int) {
		body, w := io.Pipe()
		defer w.Close()
		// The transport comes back to a caller that has given up when the body has come to an end.
		bounded, cancel := context.WithTimeout(ctx, timeout+traffic.GiveUp)
		defer cancel()
		defer context.AfterFunc(bounded, func() { w.CloseWithError(bounded.Err()) })()
		go io.WriteString(w, `{"apiVersion":"v1","kind":"ConfigMap",`)
		e.Answered(e.Send(ctx, proto, traffic.Request{Method: "POST", Path: configMaps(plain), Timeout: timeout, Body: body}), http.StatusGatewayTimeout)
	})
	return ctx.Err()
}

// goneClients leave in the middle of a request that would take long.
func goneClients(ctx context.Context, e *env) error {
	traffic.Together(20, func(proto string, i int) {
		going, cancel := context.WithTimeout(ctx, time.Duration(50+25*i)*time.Millisecond)
		defer cancel()
		if i%2 == 0 {
			e.Send(going, proto, traffic.Request{Method: "POST", Path: configMaps(hangs), Body: newMap(""), Timeout: 20 * time.Second})
			return
		}
		e.Send(going, proto, traffic.Request{Method: "GET", Path: configMaps(plain), Timeout: 20 * time.Second, Receive: traffic.Unread(going)})
	})
	return ctx.Err()
}

// hangingWebhooks has requests time out in admission.
func hangingWebhooks(ctx context.Context, e *env) error {
	traffic.Together(20, func(proto string, i int) {
		timeout := time.Duration(1000+100*i) * time.Millisecond
		e.Answered(e.Send(ctx, proto, traffic.Request{Method: "POST", Path: configMaps(hangs), Body: newMap(""), Timeout: timeout}), http.StatusGatewayTimeout)
	})
	return ctx.Err()
}

// warningPolicies has each request earn two warnings, and some time out while it does.
func warningPolicies(ctx context.Context, e *env) error {
	var sent, cut atomic.Int64
	traffic.Together(4, func(proto string, i int) {
		for end, n := time.Now().Add(e.conf.Duration), 0; time.Now().Before(end) && ctx.Err() == nil; n++ {
			q := traffic.Request{Method: "POST", Path: configMaps(warns) + "?dryRun=All", Body: newMap("")}
			if n%2 == 1 {
				q.Timeout = time.Duration(1+n%20) * time.Millisecond
			}
			warnings := 0
			q.Receive = func(x *traffic.Exchange, res *http.Response) {
				warnings = len(res.Header.Values("Warning"))
				x.Read(res)
			}
			x := e.Send(ctx, proto, q)
			if sent.Add(1); x.CutOff() {
				cut.Add(1)
				continue
			}
			if e.Answered(x, http.StatusCreated, http.StatusGatewayTimeout); x.Status == http.StatusCreated && warnings != 2 {
				e.wrongf("%d warnings, want 2: %v", warnings, x)
			}
		}
	})
	if most := traffic.Rarely(sent.Load()); cut.Load() > most {
		e.wrongf("%d of %d requests were cut off at their deadline, of which at most %d may be", cut.Load(), sent.Load(), most)
	}
	return ctx.Err()
}
