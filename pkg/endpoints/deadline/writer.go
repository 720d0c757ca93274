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
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// The guard implements every optional method of a ResponseWriter itself, and
// unwraps to none but itself, so that nothing reaches net/http's around it.
var (
	_ http.ResponseWriter = &guard{}
	_ http.Flusher        = &guard{}
	_ http.CloseNotifier  = &guard{} //nolint:staticcheck // SA1019: handlers still use it
	_ http.Hijacker       = hijackable{}
)

// reachable is a guard over a writer that is no http.Hijacker itself, but may
// lead to one that an http.ResponseController finds.
type reachable struct{ *guard }

func (g reachable) Unwrap() http.ResponseWriter { return hijackable(g) }

// hijackable is a guard over a writer that can be hijacked.
type hijackable struct{ *guard }

// Header returns the handler's own header map, at any time.
func (g *guard) Header() http.Header { return g.header }

// claim takes the writer for a call that goes through to net/http. A claim
// that is granted is given back with release.
func (g *guard) claim() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.claimLocked()
}

func (g *guard) claimLocked() error {
	for g.writing && !g.sealed() {
		g.idle.Wait()
	}
	if g.sealed() {
		return g.err
	}
	g.writing = true
	return nil
}

// claimCommitted takes the writer for a call that commits the response with that
// status, unless it is committed already; first is whether this call is the one.
// If the request is over before anything was committed, nothing is committed any
// more, so that a handler that sees its context end and reports an error cannot
// put that in the place of the deadline's answer.
func (g *guard) claimCommitted(status int) (first bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.claimLocked(); err != nil {
		g.attempt(status)
		return false, err
	}
	if g.state == committed {
		return false, nil
	}
	if why := g.over(); why != notOver {
		g.writing = false
		g.end(why)
		g.notify()
		g.attempt(status)
		return false, g.err
	}
	g.commitHeader()
	g.declare(status)
	g.state, g.status = committed, status
	return true, nil
}

// commitHeader makes net/http's header what the handler's is. The caller holds
// mu and is about to commit, or to seal an open response as done.
func (g *guard) commitHeader() {
	replaceHeader(g.w.Header(), g.header, g.room)
	g.room = nil
}

// declare notes how long a response that is committed with that status is said to
// be. One with trailers ends with them, whatever its length: but over HTTP/1 no
// response without a body has any, and over HTTP/2 none to a HEAD. The caller
// holds mu.
func (g *guard) declare(status int) {
	head := g.outer.Method == http.MethodHead
	bodyless := head || status == http.StatusNoContent || status == http.StatusNotModified
	switch {
	case status < http.StatusOK:
	case bodyless && (g.http1 || head || g.header["Trailer"] == nil):
		g.bodyless = true
	case g.header["Trailer"] != nil:
	case len(g.header["Content-Length"]) == 1:
		if n, err := strconv.ParseInt(g.header["Content-Length"][0], 10, 64); err == nil && n >= 0 {
			g.declared = n
		}
	}
}

// attempt notes what the handler would have committed, had it been in time.
// The caller holds mu and has found the guard sealed.
func (g *guard) attempt(status int) {
	if g.status == 0 && g.attempted == 0 {
		g.attempted = status
	}
}

// giveBack ends a claim. n is how many bytes of the body the writer took, and
// err how that has ended.
func (g *guard) giveBack(n int, err error) {
	g.mu.Lock()
	g.writing = false
	g.noteWrite(err)
	g.written += int64(n)
	g.sent = g.sent && (n == 0 || g.bodyless)
	g.mu.Unlock()
	g.idle.Broadcast()
}

// WriteHeader commits the response, or passes an informational one on. It does
// nothing when the response is committed or sealed.
func (g *guard) WriteHeader(status int) {
	if status < 100 || status > 999 {
		if g.result() == open {
			// net/http would panic as well, but only when the response is
			// committed, and it is too late for another status.
			panic(fmt.Sprintf("invalid WriteHeader code %v", status))
		}
		return
	}
	if status <= 199 && (status != http.StatusSwitchingProtocols || !g.http1) {
		g.writeInformational(status)
		return
	}
	first, err := g.claimCommitted(status)
	if err != nil {
		return
	}
	defer g.giveBack(0, nil)
	if first {
		g.w.WriteHeader(status)
	}
}

// writeInformational sends an informational response, with the handler's header
// as it stands. That is not the answer: the outer filters' header is put back for
// whoever gives the answer. If the request is over, or the response is committed,
// it sends nothing.
func (g *guard) writeInformational(status int) {
	if g.claim() != nil {
		return
	}
	defer g.giveBack(0, nil)
	g.mu.Lock()
	idle := g.state == committed || g.over() != notOver
	g.mu.Unlock()
	if idle {
		return
	}
	header := g.w.Header()
	outer, _ := cloneHeader(header, nil)
	replaceHeader(header, g.header, nil)
	// No informational response has one: HTTP/2 leaves it out by sending a copy
	// of the header. It has to be a copy, because net/http may still be sending
	// it when this call returns, if the client goes.
	header["Content-Length"] = nil
	defer replaceHeader(header, outer, nil)
	g.w.WriteHeader(status)
}

// Write commits the response with 200 if need be and writes to it. After the
// seal it returns http.ErrHandlerTimeout, or what else ended the request.
func (g *guard) Write(p []byte) (n int, err error) {
	if _, err := g.claimCommitted(http.StatusOK); err != nil {
		return 0, err
	}
	var real error
	defer func() { g.giveBack(n, real) }()
	if g.headerLeaves(len(p)) {
		g.drain()
	}
	alive := g.alive()
	n, err = g.w.Write(p)
	if !g.atEnd(err, alive) {
		real = err
	}
	if g.endsWithHeader() && errors.Is(err, io.ErrShortWrite) {
		g.mu.Lock()
		g.flushed = true // It has sent the header: see atEnd.
		g.mu.Unlock()
	}
	return n, g.late(err)
}

// Flush commits the response with 200 if need be and sends what was written.
func (g *guard) Flush() { _ = g.FlushError() }

// FlushError is Flush that reports errors, as Write does.
func (g *guard) FlushError() error {
	if !flushable(g.w) {
		return g.late(g.rc().Flush()) // It is refused, and sends nothing.
	}
	if _, err := g.claimCommitted(http.StatusOK); err != nil {
		return err
	}
	var real error
	defer func() { g.giveBack(0, real) }()
	g.drain()
	alive := g.alive()
	err := g.rc().Flush()
	if !g.http1 && err != nil && err.Error() == streamClosed {
		if again := g.rc().Flush(); again != nil {
			err = again // It may know what has closed it.
		}
	}
	if !g.atEnd(err, alive) {
		real = err
	}
	g.mu.Lock()
	g.flushed, g.sent = true, g.sent || real == nil
	g.mu.Unlock()
	return g.late(err)
}

// flushable reports whether w can be flushed, as http.ResponseController finds out.
func flushable(w http.ResponseWriter) bool {
	if _, ok := reach[interface{ FlushError() error }](w); ok {
		return true
	}
	_, ok := reach[http.Flusher](w)
	return ok
}

// late returns what ended the request in place of the error of a call that was
// interrupted for it.
func (g *guard) late(err error) error {
	if err == nil {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.sealed() {
		return g.err
	}
	return err
}

// Hijack hands the connection over, with its deadlines. It fails after the
// seal, and on a connection that does not support it.
func (g hijackable) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if err := g.claim(); err != nil {
		return nil, nil, err
	}
	defer g.giveBack(0, nil)
	conn, rw, err := g.rc().Hijack()
	if err != nil {
		return nil, nil, g.late(err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.sealed() {
		// The deadline came first, but can do nothing to the connection: this
		// call has it.
		g.taken = true
		reset(conn)
		return nil, nil, g.err
	}
	g.seal(hijacked)
	return conn, rw, nil
}

// CloseNotify returns a channel that receives when the handler's context ends:
// when the client goes, at the deadline, or when the request is over, as with
// net/http over HTTP/2. A goroutine that the handler has left waiting for it
// would otherwise wait for ever.
func (g *guard) CloseNotify() <-chan bool {
	g.mu.Lock()
	ch := g.notified
	first := ch == nil
	if first {
		ch = make(chan bool, 1)
		g.notified = ch
	}
	g.mu.Unlock()
	if first {
		context.AfterFunc(g.inner.Context(), func() { ch <- true })
	}
	return ch
}

// SetReadDeadline is for http.ResponseController. A time after the request's
// deadline, the zero one included, does not extend that.
func (g *guard) SetReadDeadline(t time.Time) error {
	return g.setUnsealed(t, &g.readBy, g.rc().SetReadDeadline, func() {
		g.conn.boundReads()
		g.readFailed = g.readFailed || passed(g.readBy)
	})
}

// SetWriteDeadline is for http.ResponseController. A time after the request's
// deadline, the zero one included, does not extend that.
func (g *guard) SetWriteDeadline(t time.Time) error {
	return g.setUnsealed(t, &g.writeBy, g.rc().SetWriteDeadline, g.lapse)
}

// EnableFullDuplex is for http.ResponseController.
func (g *guard) EnableFullDuplex() error {
	if err := g.claim(); err != nil {
		return err
	}
	defer g.giveBack(0, nil)
	err := g.rc().EnableFullDuplex()
	g.mu.Lock()
	g.fullDuplex = g.fullDuplex || err == nil
	g.mu.Unlock()
	return err
}

// setUnsealed sets a deadline of the handler's, unless the guard is sealed.
// First, under mu, it notes by note what the deadline before has come to, and in
// own the new one: setting that may be what makes a read or write fail. A
// deadline that is refused changes nothing. The interrupt waits for this call, so
// that the call cannot undo the interrupt.
func (g *guard) setUnsealed(t time.Time, own *time.Time, set func(time.Time) error, note func()) error {
	g.control.Lock()
	defer g.control.Unlock()
	g.mu.Lock()
	sealed, err := g.sealed(), g.err
	g.controlled = true
	before := *own
	if !sealed {
		note()
		*own = t
	}
	g.mu.Unlock()
	if sealed {
		return err
	}
	if err = set(t); err != nil {
		g.mu.Lock()
		defer g.mu.Unlock()
		if own.Equal(t) { // net/http may have taken it back since: see body.note.
			*own = before
		}
	}
	return err
}
