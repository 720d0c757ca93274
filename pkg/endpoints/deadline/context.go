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

import (
	"context"
	"net/http"
	"reflect"
	"time"
)

type guardKey struct{}

func guardFrom(ctx context.Context) *guard {
	g, _ := ctx.Value(guardKey{}).(*guard)
	return g
}

// owner is what the response to a request is written through, as the context of
// the request tells: a guard, or the stream of a long-running request.
type owner interface {
	// leads reports whether what is written to w is written through the owner.
	leads(w http.ResponseWriter) bool
	// decided returns the outcome that the handler did not bring about, if that
	// is so.
	decided() (Outcome, bool)
	// sit notes what Seated is told.
	sit(ctx context.Context)
}

// ownerFrom returns the innermost owner, or nil.
func ownerFrom(ctx context.Context) owner {
	o, _ := ctx.Value(guardKey{}).(owner)
	return o
}

// sameHeader reports whether header is the map that w has: w is then the writer
// that has that one, or wraps it. Each writer has one of its own.
func sameHeader(w http.ResponseWriter, header http.Header) bool {
	return reflect.ValueOf(w.Header()).Pointer() == reflect.ValueOf(header).Pointer()
}

// For returns the request as it is to be served with w. If w does not lead to the
// writer of the boundary, or the LongRunning, that the request's context has,
// that is the request without those in its context. A handler that serves a
// sub-request in its own process, with a ResponseWriter of its own, may use its
// own context for it; what answers and records the sub-request must not take the
// outer one's response for its own. For is for filters that use Report or Bind,
// or have handlers that do.
func For(w http.ResponseWriter, r *http.Request) *http.Request {
	if o := ownerFrom(r.Context()); o == nil || o.leads(w) {
		return r
	}
	ctx := context.WithValue(r.Context(), connKey{}, nil) // It is the outer request's, too.
	return r.WithContext(context.WithValue(ctx, guardKey{}, nil))
}

func (g *guard) leads(w http.ResponseWriter) bool { return sameHeader(w, g.header) }

// guardContext is a guard as the context of its handler's request. It has the
// deadline and the values of the context that the request came with, but an end
// of its own: when the deadline strikes, when the client goes, or when the
// request is over. The context that the request came with ends for further
// reasons, such as a read that timed out: to net/http that is a client that has
// gone. If both have ended alike, the cause is that context's.
//
// From the first call of Done on, which package context makes before it derives
// another context, package context takes it for one of its own kind: see root.
//
// The serve goroutine ends it. Its lock is its own, and is not held while
// anything is called: whoever holds the guard's asks contexts that were derived
// from it. Whoever finds that it has ended has the root end too, if there is one,
// before others learn of the end: no Done is open after an Err that says so.
type guardContext guard

// root is the parent of child, which is of package context's own kind: contexts
// that a handler derives hang on it without a goroutine, whatever filters have put
// in between. A root never ends: end ends the child, at any time and any number
// of times, as the guardContext has ended.
type root struct {
	*guardContext
	child context.Context
	end   func()
}

// ensureRoot returns the root, which there is from the first call on.
func (c *guardContext) ensureRoot() *root {
	if c.root.Load() == nil {
		c.root.CompareAndSwap(nil, newRoot(c))
	}
	r := c.root.Load()
	if c.ownErr() != nil {
		r.end()
	}
	return r
}

func newRoot(c *guardContext) *root {
	r := &root{guardContext: c}
	child, cancel := context.WithCancel(r)
	if r.end == nil {
		panic("package context does not ask a parent for AfterFunc any more: nothing would end the context of a handler")
	}
	_ = cancel // r.end does it, and there is nothing else that would hold the child.
	r.child = child
	return r
}

func (c *guardContext) Deadline() (time.Time, bool) { return c.ctx.Deadline() }

func (c *guardContext) Done() <-chan struct{} { return c.ensureRoot().child.Done() }

func (c *guardContext) Err() error {
	err := c.ownErr()
	if r := c.root.Load(); err != nil && r != nil {
		r.end()
	}
	return err
}

// ownErr is Err without ending the root: for what ends it, and for the root,
// which is asked meanwhile.
func (c *guardContext) ownErr() error {
	c.ctxMu.Lock()
	defer c.ctxMu.Unlock()
	return c.ctxErr
}

func (c *guardContext) Value(key any) any {
	if r := c.root.Load(); r != nil {
		return r.child.Value(key) // The child knows itself, and asks r for the rest.
	}
	return c.value(key)
}

func (c *guardContext) value(key any) any {
	if key == (guardKey{}) {
		return (*guard)(c)
	}
	if err := c.ctx.Err(); err != nil && err != c.ownErr() {
		// That end is not this context's: context.Cause, which asks here, must
		// not find it.
		return context.WithoutCancel(c.ctx).Value(key)
	}
	return c.ctx.Value(key)
}

// String and GoString keep fmt from walking the guard, which others change.
func (c *guardContext) String() string   { return "deadline.Boundary" }
func (c *guardContext) GoString() string { return c.String() }

// notDone is what package context looks at before it asks a root for AfterFunc.
var notDone = make(chan struct{})

func (r *root) Done() <-chan struct{} { return notDone }

func (r *root) Err() error { return r.ownErr() }

func (r *root) Value(key any) any { return r.value(key) }

// AfterFunc is what package context looks for in a parent that is none of its
// own, to cancel a child without a goroutine. There is one child, which is
// cancelled by nobody else, so that f is not to be stopped.
func (r *root) AfterFunc(f func()) (stop func() bool) {
	r.end = f
	return func() bool { return false }
}

// endContext ends the handler's context, unless it has ended.
func (g *guard) endContext(err error) {
	g.ctxMu.Lock()
	if g.ctxErr != nil {
		g.ctxMu.Unlock()
		return
	}
	g.ctxErr = err
	g.ctxMu.Unlock()
	if r := g.root.Load(); r != nil {
		r.end()
	}
}
