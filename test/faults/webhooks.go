package faults

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"fork.internal/apiserver/test/traffic"
	"fork.internal/apiserver/test/webhook"
)

// misbehaves has a webhook do that to what a few clients create, for a while, with timeouts from least on and below most. Each
// gets a whole answer, in time, with one of the statuses, and each of these is somebody's.
func misbehaves(does string, least, most time.Duration, want ...int) func(context.Context, *run) error {
	return func(ctx context.Context, r *run) error {
		asked := r.hook.Asked()
		all := r.sendFor(ctx, 6, 4*time.Second, func(string) traffic.Request { return hooked(does, least+rand.N(most-least)) })
		for _, x := range all {
			r.clients.Answered(x, want...)
		}
		if r.hook.Asked() == asked {
			return errors.New("the webhook was not asked: nothing was tried")
		}
		return answeredWith(all, want...)
	}
}

// answeredWith is an error if no answer has one of the statuses: what ought to bring it about was not tried then.
func answeredWith(all []*traffic.Exchange, want ...int) error {
	for _, status := range want {
		if !slices.ContainsFunc(all, func(x *traffic.Exchange) bool { return x.Status == status }) {
			return fmt.Errorf("none of %d requests was answered %d: what that is due to was not tried; next: again, on a machine with less to do", len(all), status)
		}
	}
	return nil
}

var webhookFaults = []fault{
	{id: "webhook-hangs", what: "an admission webhook takes connections and does not answer",
		inject: misbehaves(webhook.Hangs, time.Second, 1100*time.Millisecond, http.StatusGatewayTimeout)},
	{id: "webhook-late", what: "an admission webhook answers about the deadline of its request, before it or after it",
		inject: misbehaves(webhook.Late, hookTakes*webhook.LateFactor-50*time.Millisecond, hookTakes*webhook.LateFactor+100*time.Millisecond, http.StatusGatewayTimeout, http.StatusCreated)},
	{id: "webhook-resets", what: "an admission webhook resets the connection",
		inject: misbehaves(webhook.Resets, 3*time.Second, 4*time.Second, http.StatusInternalServerError)},
	{id: "webhook-garbage", what: "an admission webhook answers garbage: no JSON, another kind, for another request, half an answer, 4 MB of zeros",
		inject: misbehaves(webhook.Garbage, 3*time.Second, 4*time.Second, http.StatusInternalServerError)},
}
