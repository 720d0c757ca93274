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

package deadline

import "context"

type givenUpKey struct{}

// GivenUpWith is for a filter outside the boundary that gives requests up, by
// cancelling their contexts, when over ends. Over HTTP/1 that does nothing to a
// request whose context net/http has cancelled before, because a read has timed
// out, and which goes on without its context. With the context that GivenUpWith
// returns, such a request times out when over ends, too. GivenUpWith is safe for
// any number of goroutines.
func GivenUpWith(ctx, over context.Context) context.Context {
	return context.WithValue(ctx, givenUpKey{}, over)
}

// givenUp is what gives the request up if it goes on alone. It never ends if nothing does.
func (g *guard) givenUp() context.Context {
	if over, ok := g.ctx.Value(givenUpKey{}).(context.Context); ok {
		return over
	}
	return context.Background()
}
