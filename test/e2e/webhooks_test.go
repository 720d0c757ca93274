package e2e

import (
	"net/http"
	"strings"
	"sync"
	"time"

	"fork.internal/apiserver/test/e2e/suite"
)

// webhooks that hang, and that are gone, fail a request or are ignored, as they are said to, in the time that they have.
func webhooks(t *T) {
	silent := t.Silent()
	gone, err := silent.GoneAddress()
	t.Check(err)
	const patience = time.Second
	tests := []struct {
		hook suite.Hook
		code int
		took time.Duration
		says string
	}{
		{suite.Hook{Name: t.Name("hangs"), Address: silent.Address, Fail: true, Seconds: 1}, http.StatusInternalServerError, patience, "failed calling webhook"},
		{suite.Hook{Name: t.Name("hangs-ignored"), Address: silent.Address, Seconds: 1}, http.StatusCreated, patience, ""},
		{suite.Hook{Name: t.Name("gone"), Address: gone, Fail: true, Seconds: 5}, http.StatusInternalServerError, 0, "failed calling webhook"},
		{suite.Hook{Name: t.Name("gone-ignored"), Address: gone, Seconds: 5}, http.StatusCreated, 0, ""},
	}
	var all []suite.Hook
	for _, tt := range tests {
		all = append(all, tt.hook)
	}
	hooks, err := t.MakeHooks("webhooks", all...)
	t.Check(err)
	t.Cleanup(hooks.Remove)
	t.Check(hooks.Await(tests[0].hook.Name)) // All come with the first.
	everyProtocol(t, func(p suite.Protocol) {
		var each sync.WaitGroup
		for _, tt := range tests {
			each.Go(func() {
				c := t.As(p)
				name := strings.TrimPrefix(tt.hook.Name, t.Name("")) + "-" + string(p)
				a, err := c.Do(t.ctx, suite.Request{Method: http.MethodPost, Path: configMapsPath(t.Suite), Body: configMap(t.Suite, name, nil, suite.HookLabel, tt.hook.Name)})
				if err != nil {
					t.Errorf("%v", err)
					return
				}
				if a.Code != tt.code || !strings.Contains(a.Status.Message, tt.says) || a.Took < tt.took || a.Took > tt.took+10*time.Second {
					t.Errorf("the webhook %s over %s: want %d after %v or more, got %s", tt.hook.Name, p, tt.code, tt.took, a)
				}
				want := http.StatusOK
				if a.Code != http.StatusCreated {
					want = http.StatusNotFound
				}
				if got, err := c.Do(t.ctx, suite.Request{Path: configMapsPath(t.Suite) + "/" + name}); err != nil || got.Code != want {
					t.Errorf("the object of webhook %s over %s: want %d, got %v %v", tt.hook.Name, p, want, got, err)
				}
			})
		}
		each.Wait()
	})
}
