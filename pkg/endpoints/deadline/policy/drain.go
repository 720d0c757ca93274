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

// ErrShutdown is the cause of the end of a context that a Drain has ended. It is a
// context.DeadlineExceeded: the request is to be answered as one whose deadline has
// passed, with these words.
var ErrShutdown error = shutdownError{}

type shutdownError struct{}

func (shutdownError) Error() string {
	return "the server is shutting down, and has waited for as long as its --request-timeout"
}

func (shutdownError) Is(target error) bool { return target == context.DeadlineExceeded }

// Drain keeps requests whose bound is longer than --request-timeout from holding up a
// graceful shutdown for longer than the others can. It may be used by any number of
// goroutines. A nil Drain bounds nothing.
type Drain struct {
	over context.Context
	end  context.CancelFunc
}

// NewDrain returns a Drain that has ended nothing.
func NewDrain() *Drain {
	d := &Drain{}
	d.over, d.end = context.WithCancel(context.Background())
	return d
}

// Start has the Drain end after that time, and with it all contexts that it bounds,
// also those that it is yet to bound. It is called when the server accepts no more
// requests. It does not block.
func (d *Drain) Start(after time.Duration) {
	if d != nil {
		time.AfterFunc(after, d.end)
	}
}

// Over returns a context that ends when the Drain does, for whoever has to be told of
// that even if the request's own context has ended before. That of a nil Drain never
// ends.
func (d *Drain) Over() context.Context {
	if d == nil {
		return context.Background()
	}
	return d.over
}

// Bound returns a context that also ends when the Drain does, with ErrShutdown for its
// cause. The caller calls cancel when the request is over. It costs no goroutine.
func (d *Drain) Bound(ctx context.Context) (bound context.Context, cancel context.CancelFunc) {
	if d == nil {
		return ctx, func() {}
	}
	bound, end := context.WithCancelCause(ctx)
	stop := context.AfterFunc(d.over, func() { end(ErrShutdown) })
	return bound, func() {
		stop()
		end(nil)
	}
}
