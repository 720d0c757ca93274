package demo

import (
	"context"
	"crypto/rand"
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

// Kinds are the sorts of requests of the load: a pod and a patch, a user's each.
func (t Tokens) Kinds() []Kind { return []Kind{podKind(t.pod), patchKind(t.patch)} }

// Attack puts a cluster that knows the tokens, and in which SetUp has been, under the load of so many clients until the
// duration has passed or none of its servers is left, and returns what became of the requests. An error means that there
// was no load: the servers do not send the warnings that it lives on.
func Attack(ctx context.Context, cl *cluster.Cluster, tokens Tokens, clients int, duration time.Duration) (Requests, error) {
	return AttackWith(ctx, cl, tokens.Kinds(), clients, duration)
}

// AttackWith is Attack with requests of somebody's own.
func AttackWith(ctx context.Context, cl *cluster.Cluster, kinds []Kind, clients int, duration time.Duration) (Requests, error) {
	l, err := newLoad(ctx, cl, kinds, clients)
	if err != nil {
		return Requests{}, err
	}
	defer l.close()
	watching, stop := context.WithCancel(ctx)
	defer stop()
	l.run(ctx, allExited(watching, cl), duration, func(time.Duration) {})
	return l.counts.snapshot(), ctx.Err()
}

// allExited is closed when no server is left, or ctx ends.
func allExited(ctx context.Context, cl *cluster.Cluster) <-chan struct{} {
	all := make(chan struct{})
	go func() {
		defer close(all)
		for _, s := range cl.Servers() {
			select {
			case <-s.Exited():
			case <-ctx.Done():
			}
		}
	}()
	return all
}
