package demo

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"fork.internal/apiserver/test/cluster"
)

// Tokens are the bearer tokens of the load's two users. It is a value.
type Tokens struct{ pod, patch string }

// NewTokens returns tokens that nobody can guess.
func NewTokens() Tokens { return Tokens{pod: rand.Text(), patch: rand.Text()} }

// Users maps each token to its user, for cluster.Config.
func (t Tokens) Users() map[string]string {
	return map[string]string{t.pod: podUser, t.patch: patchUser}
}

func (t Tokens) kinds() []kind { return []kind{podKind(t.pod), patchKind(t.patch)} }

// Attack puts a cluster that knows the tokens, and in which SetUp has been, under the load of so many clients until the
// duration has passed or the server has ended, and returns what became of the requests. An error means that there was no
// load: the server does not send the warnings that it lives on.
func Attack(ctx context.Context, cl *cluster.Cluster, tokens Tokens, clients int, duration time.Duration) (Requests, error) {
	l, err := newLoad(ctx, cl, tokens.kinds(), clients)
	if err != nil {
		return Requests{}, err
	}
	defer l.close()
	l.run(ctx, cl.Exited(), duration, func(time.Duration) {})
	if exit := cl.ExitError(); exit != nil {
		return l.counts.snapshot(), fmt.Errorf("the server has ended: %w", exit)
	}
	return l.counts.snapshot(), ctx.Err()
}
