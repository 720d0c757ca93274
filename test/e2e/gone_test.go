package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/google/uuid"
	"k8s.io/client-go/rest"

	"fork.internal/apiserver/test/e2e/suite"
)

// clientsThatGo go while a webhook is called, in the middle of their body, and in the middle of the answer. Their seats are
// free soon, and others are served.
func clientsThatGo(t *T) {
	const each = 3
	silent := t.Silent()
	k, err := t.MakeKind("gone")
	t.Check(err)
	widgets := k.Path("v1", t.Namespace)
	label := t.Name("gone")
	hooks, err := t.MakeHooks("gone", suite.Hook{Name: label, Address: silent.Address, Fail: true, Seconds: 30})
	t.Check(err)
	t.Cleanup(hooks.Remove)
	t.Check(hooks.Await(label))
	list := bigList(t)
	measured := t.Measured()
	hanging := encode(k.New(suite.Object{"generateName": "gone-", "labels": t.Labels(suite.HookLabel, label)}, suite.Object{}))
	plain := encode(k.New(suite.Object{"generateName": "gone-", "labels": t.Labels()}, suite.Object{"text": "half of this"}))

	for _, p := range suite.Protocols {
		for _, tt := range []struct {
			name    string
			request func(context.Context) suite.Request
		}{
			{"in a webhook", func(context.Context) suite.Request {
				return suite.Request{Method: http.MethodPost, Path: widgets, Body: hanging}
			}},
			{"in its body", func(ctx context.Context) suite.Request {
				return suite.Request{Method: http.MethodPost, Path: widgets, Stream: half(ctx, plain)}
			}},
		} {
			ctx, cancel := context.WithCancel(t.ctx)
			ended := make(chan error, each)
			for range each {
				c := t.AsUser(p)
				go func() {
					r := tt.request(ctx)
					r.AuditID = uuid.NewString()
					resp, _, err := c.Send(ctx, r)
					if err == nil {
						resp.Body.Close()
						err = fmt.Errorf("it was answered with %d", resp.StatusCode)
					} else if ctx.Err() != nil {
						t.Records.Saw(r.AuditID, suite.Gone(0))
						err = nil
					}
					ended <- err
				}()
			}
			if measured {
				seatsAre(t, release, "while they wait "+tt.name, func(seats float64) bool { return seats >= each })
			}
			cancel()
			for range each {
				if err := <-ended; err != nil {
					t.Errorf("a client that went %s, over %s: %v", tt.name, p, err)
				}
			}
			if measured {
				seatsAre(t, release, "after clients went "+tt.name+", over "+string(p), none)
			}
			served(t, p, widgets)
		}
		for range each {
			stall := &suite.Stall{}
			ctx, cancel := context.WithCancel(t.ctx)
			c, err := t.NewClient(p, func(conf *rest.Config) { conf.Impersonate.UserName = t.User; stall.Dial(conf) })
			t.Check(err)
			resp, a, err := c.Send(ctx, suite.Request{Path: list})
			t.Check(err)
			if _, err := io.CopyN(io.Discard, resp.Body, 1<<20); err != nil {
				t.Errorf("the first megabyte of a large LIST: %v", err)
			}
			cancel()
			resp.Body.Close()
			c.Close()
			t.Records.Saw(a.AuditID, suite.Gone(http.StatusOK))
		}
		if measured {
			seatsAre(t, release, "after clients went in their answers, over "+string(p), none)
		}
		served(t, p, widgets)
	}
	if !t.Fork {
		t.Partly("what the metrics and the audit log say of them: only the fork promises that (D23)")
		return
	}
	if !measured {
		return
	}
	t.Check(t.Settled(func() error {
		m, err := t.Metrics()
		if err != nil {
			return err
		}
		group := suite.L{"group": k.Group}
		if got, want := m.Sum("apiserver_request_aborts_total", group), float64(2*each*len(suite.Protocols)); got != want {
			return fmt.Errorf("apiserver_request_aborts_total%v is %g, not %g", group, got, want)
		}
		if got := m.Sum("apiserver_request_terminations_total", group); got != 0 {
			return fmt.Errorf("apiserver_request_terminations_total%v is %g, and nothing was terminated", group, got)
		}
		return nil
	}))
}
