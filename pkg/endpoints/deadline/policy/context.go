/*
Copyright The Kubernetes Authors.

Licensed under the Apache License, Version 2.0 (the "License");
you may not use this file except in compliance with the License.
You may obtain a copy of the License at

    http://www.apache.org/licenses/LICENSE-2.0

Unless required by applicable law or agreed to in writing, software
distributed under the License is distributed on an "AS IS" BASIS,
WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
See the License for the specific language governing permissions and
limitations under the License.
*/

package policy

import (
	"context"
	"time"
)

type contextKey struct{}

type applied struct {
	policy *Policy
	bound  Bound
}

// NewContext returns a context that holds a request's bound, and the Policy that
// gave it: that Policy is to be asked again about the request, even if another is
// in force by then.
func NewContext(ctx context.Context, p *Policy, b Bound) context.Context {
	return context.WithValue(ctx, contextKey{}, &applied{p, b})
}

// FromContext returns what NewContext was given. It is not ok if the request crossed
// no policy.
func FromContext(ctx context.Context) (p *Policy, b Bound, ok bool) {
	a, ok := ctx.Value(contextKey{}).(*applied)
	if !ok {
		return nil, Bound{}, false
	}
	return a.policy, a.bound, true
}

// RequestTimeout is how long a request may take, counted from its arrival: what
// its bound says or, if it has none, the argument otherwise.
func RequestTimeout(ctx context.Context, otherwise time.Duration) time.Duration {
	if _, b, ok := FromContext(ctx); ok {
		return b.Request.Duration
	}
	return otherwise
}

// HandlerTimeout is how long the handler of a create, update, patch or delete may
// take, counted from now: what the request's bound says or, if it has none, the
// argument otherwise.
func HandlerTimeout(ctx context.Context, otherwise time.Duration) time.Duration {
	if _, b, ok := FromContext(ctx); ok {
		return b.Handler.Duration
	}
	return otherwise
}
