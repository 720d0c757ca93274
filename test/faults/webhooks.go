package faults

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"fork.internal/apiserver/test/traffic"
	"fork.internal/apiserver/test/webhook"
)

// misbehaves has a webhook do that to what a few clients create, for a while. Each gets a whole answer, in time, with one of
// the statuses.
func misbehaves(does string, timeout time.Duration, want ...int) func(context.Context, *run) error {
	return func(ctx context.Context, r *run) error {
		asked := r.hook.Asked()
		for _, x := range r.sendFor(ctx, 6, 4*time.Second, func(string) traffic.Request { return hooked(does, timeout) }) {
			r.clients.Answered(x, want...)
		}
		if r.hook.Asked() == asked {
			return fmt.Errorf("the webhook was not asked: nothing was tried")
		}
		return nil
	}
}

var webhookFaults = []fault{
	{id: "webhook-hangs", what: "an admission webhook takes connections and does not answer",
		inject: misbehaves(webhook.Hangs, time.Second, http.StatusGatewayTimeout)},
	{id: "webhook-late", what: "an admission webhook answers at the deadline of its request, or after it",
		inject: misbehaves(webhook.Late, hookTakes*webhook.LateFactor, http.StatusGatewayTimeout, http.StatusCreated)},
	{id: "webhook-resets", what: "an admission webhook resets the connection",
		inject: misbehaves(webhook.Resets, 3*time.Second, http.StatusInternalServerError)},
	{id: "webhook-garbage", what: "an admission webhook answers garbage: no JSON, another kind, for another request, half an answer, 4 MB of zeros",
		inject: misbehaves(webhook.Garbage, 3*time.Second, http.StatusInternalServerError)},
}
