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
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"
)

const (
	// maxDrain is how much of a request body that the handler has left unread
	// net/http reads before it answers; beyond that it announces the close of
	// the connection (maxPostHandlerReadBytes in net/http/server.go).
	maxDrain = 256 << 10

	// headerBuffer is how much of a response net/http holds back over HTTP/1
	// before the header leaves (bufferBeforeChunkingSize in net/http/server.go).
	headerBuffer = 2048

	// streamBuffer is how much of a response net/http holds back for a connection,
	// or over HTTP/2 for a stream, of which the header leaves with more.
	streamBuffer = 4 << 10

	// heldBack is about how much of a response net/http holds back in all.
	heldBack = headerBuffer + streamBuffer
)

// drain reads what the handler has left of its request body, before the header of
// the response leaves: that is at a Flush, beyond headerBuffer bytes, or when the
// handler has returned. net/http itself does so there, because a client may send
// all of its request before it reads; but it waits for a client that does not
// send for as long as that one likes. If the rest does not come, drain has
// net/http announce the close of the connection in the header, and the answer
// goes. The caller has the writer.
//
// To interrupt the read is to have net/http cancel the request's context, and
// stop watching the client: the request goes on without.
func (g *guard) drain() {
	if !g.drainable() {
		return
	}
	end := time.Now().Add(bodyTime)
	if deadline, ok := g.ctx.Deadline(); ok && deadline.Before(end) {
		end = deadline
	}
	came, gave := make(chan struct{}, 1), make(chan struct{})
	rest := make(chan bool, 1)
	go func() { rest <- g.body.discard(came, gave) }()
	timer := time.NewTimer(min(idleBodyTime, time.Until(end)))
	defer timer.Stop()
	for {
		select {
		case whole := <-rest:
			switch {
			case !whole:
				g.endBody()
			case g.result() <= committed:
				// It is a call of the handler's, which goes on and may look. After
				// the seal its request is only its own.
				g.body.trailers.Do(g.body.copyTrailer)
			}
			return
		case <-came:
			if !timer.Stop() {
				select {
				case <-timer.C: // With a go.mod of Go 1.22 or before a tick may be left, and pass for the next.
				default:
				}
			}
			timer.Reset(min(idleBodyTime, time.Until(end)))
			continue
		case <-timer.C:
		}
		break
	}
	close(gave)
	g.endBody()
	g.mu.Lock()
	g.readFailed = true
	g.mu.Unlock()
	g.setDeadlines(&longAgo, nil)
	// discard leaves when it sees that. Until then net/http must not take the
	// deadline back, as it would do when it finds a read under way.
	timer.Reset(stuckTime)
	select {
	case <-rest:
	case <-timer.C:
	}
}

// drainable reports whether drain is to read what is left of the body: where
// net/http would do so before it sends the header, and without a bound of its
// own. Where net/http does not ask the client for the body, a read here must not
// do so (RFC 9110, section 10.1.1).
func (g *guard) drainable() bool {
	if !g.http1 || g.server == nil || g.body == nil || !g.body.sent || g.between() || g.server.ReadTimeout > 0 {
		return false // net/http's business, under its own bound if there is one.
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	b := g.body
	if b.eof || b.drained || g.fullDuplex || g.expects() {
		return false
	}
	b.drained = true // The header leaves once.
	if b.declared >= 0 && b.declared-b.read >= maxDrain {
		return false // It announces the close at once.
	}
	if go127 && g.outer.Method == http.MethodConnect {
		return false // It announces the close, too: see go127.
	}
	// An HTTP/1.0 connection goes on only after a response whose end can be told.
	// If it does not, the answer goes first.
	ends := g.outer.ProtoAtLeast(1, 1) || g.returned || g.bodyless || g.declared >= 0
	return ends && g.mayGoOn()
}

// between reports whether an outer filter stands between the guard and net/http
// over HTTP/1 that may change what is read of the body, and when: an outer filter's
// body may count that, or tell nothing of what has been read of net/http's, and an
// outer filter's writer that does not lead to net/http's may keep an answer back
// whose handler reads on. One that leads there is taken to write what it is given.
func (g *guard) between() bool { return !g.body.isNetHTTPs() || !g.netHTTPs() }

// netHTTPs reports whether the guard's writer leads to net/http's own over HTTP/1.
func (g *guard) netHTTPs() bool { return reflect.TypeOf(innermost(g.w)).String() == "*http.response" }

// innermost returns the writer that w leads to.
func innermost(w http.ResponseWriter) http.ResponseWriter {
	for {
		outer, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return w
		}
		next := outer.Unwrap()
		if next == nil {
			return w
		}
		w = next
	}
}

// isNetHTTPs reports whether the body is net/http's own over HTTP/1, and not what an
// outer filter has put in its place.
func (b *body) isNetHTTPs() bool {
	switch reflect.TypeOf(b.real).String() {
	case "*http.body", "*http.expectContinueReader":
		return true
	}
	return false
}

// mayGoOn reports whether the client wants to use the connection again, and the
// answer does not say that it ends.
func (g *guard) mayGoOn() bool {
	if g.w.Header().Get("Connection") == "close" {
		return false
	}
	if g.outer.Close || g.outer.ProtoAtLeast(1, 1) {
		return !g.outer.Close
	}
	tokens := strings.FieldsFunc(g.outer.Header.Get("Connection"), func(r rune) bool { return strings.ContainsRune(" ,\t", r) })
	return slices.ContainsFunc(tokens, func(token string) bool { return strings.EqualFold(token, "keep-alive") })
}

// headerLeaves reports whether the header of the response leaves with a Write of
// n bytes, which it does not if net/http refuses the Write. The caller has the
// writer.
func (g *guard) headerLeaves(n int) bool {
	if !g.http1 || g.body == nil {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	all := g.written + int64(n)
	// A body of the answer to a HEAD is discarded, and not refused.
	refused := g.status == http.StatusNoContent || g.status == http.StatusNotModified || g.declared >= 0 && all > g.declared
	return all > headerBuffer && !refused
}

// waits reports whether net/http may wait without a bound for the rest of the body.
func (g *guard) waits() bool {
	return g.http1 && g.controls && g.body != nil && g.body.sent && g.server.ReadTimeout <= 0
}

// limitRest bounds by the request's deadline how long net/http waits for the rest
// of a body, where the connection is meant to go on (full duplex), and behind an
// outer filter, where nobody can tell whether the rest has been read, or has been
// waited for. If the body has come to its end, net/http watches the client, and
// takes a read deadline that passes for its going, for all later requests on the
// connection. limitRest returns until when net/http may wait, before it sends the
// answer; zero if it does not. Without Listener that is for as long as the client
// likes: net/http, with full duplex, would read the rest of the body as requests
// after a deadline has passed.
func (g *guard) limitRest() (until time.Time) {
	if !g.waits() {
		return until
	}
	between := g.between()
	g.mu.Lock()
	duplex, own := g.fullDuplex, g.readBy
	of := (duplex || between) && !g.body.spent() && g.reading == 0
	g.mu.Unlock()
	switch by, ok := g.flushBy(own); {
	case !of || !ok:
	case g.conn.endReadsBy(by):
		until = by
	case !duplex:
		until = whenever
	}
	return until
}

// linger bounds how long net/http waits, after the answer, for the rest of a body
// whose connection is to be closed for it: nobody else bounds that. It returns
// until when net/http may wait before it sends the answer; zero if it does not.
func (g *guard) linger() (until time.Time) {
	if !g.waits() {
		return until
	}
	between := g.between()
	g.mu.Lock()
	over, apart := g.body.spent(), g.fullDuplex || between
	expects, written := g.expects(), g.status != 0
	drained := g.body.drained
	g.mu.Unlock()
	if over {
		return until
	}
	evicted := g.evict()
	if apart && !evicted {
		return g.limitRest()
	}
	// The header leaves before the rest of a body that drain was asked for. Any
	// other may be waited for before that.
	wait := idleBodyTime
	if drained {
		wait = lingerTime
	}
	switch {
	case evicted:
	case g.body.declared >= 0 && (written || !expects):
		// Somebody else may have read the body to its end, and then net/http
		// reads the next request. The body can be asked for that; but not if its
		// client waits to be asked for it, before the header is written.
		if _, err := g.body.real.Read(nil); atItsEnd(err) {
			return until
		}
		if drained && g.outer.ProtoAtLeast(1, 1) && g.mayGoOn() {
			g.endBody() // The header says so in any case, unless a filter has set full duplex.
		}
	case expects:
		// Whether somebody has is not known. net/http has the connection end if
		// nobody has; here it has to end in either case.
		g.endBody()
	}
	until = time.Now().Add(wait)
	if !g.conn.endReadsBy(until) {
		g.setDeadlines(&until, nil)
	}
	return until
}

// evict interrupts a read of the body by a goroutine that the handler has left
// behind, for which net/http would wait, and reports whether there was one. The
// connection ends with it.
func (g *guard) evict() (evicted bool) {
	if !g.waits() {
		return false
	}
	g.mu.Lock()
	evicted = g.reading > 0
	g.mu.Unlock()
	if evicted {
		g.setDeadlines(&longAgo, nil)
		g.settle(&longAgo, nil)
		g.endBody()
	}
	return evicted
}

// expects reports whether the client waits to be asked for its body, which one
// of HTTP/1.0 cannot be (RFC 9110, section 10.1.1).
func (g *guard) expects() bool {
	return g.outer.ProtoAtLeast(1, 1) && g.outer.Header.Get("Expect") != ""
}

// discard reads up to maxDrain bytes of the body, and one more to tell whether
// that was all of it. It says when something came, and stops when it is given up.
func (b *body) discard(came chan<- struct{}, gave <-chan struct{}) (whole bool) {
	buf := make([]byte, 8<<10)
	n, err := 0, error(nil)
	defer func() {
		b.g.mu.Lock()
		b.closed = go127
		b.note(0, err)
		b.g.mu.Unlock()
	}()
	for n <= maxDrain && err == nil {
		var m int
		m, err = b.real.Read(buf[:min(len(buf), maxDrain+1-n)])
		n += m
		select {
		case <-gave:
			return false
		default:
		}
		select {
		case came <- struct{}{}:
		default:
		}
	}
	return atItsEnd(err) && n <= maxDrain
}

// endBody has net/http close the connection when the response is complete, say so
// in the header if that has not left, and linger. There is one way to ask for
// that: to overrun an http.MaxBytesReader on net/http's own ResponseWriter, to
// which there is no way behind a filter's ResponseWriter without Unwrap.
func (g *guard) endBody() {
	_, _ = io.Copy(io.Discard, http.MaxBytesReader(innermost(g.w), io.NopCloser(strings.NewReader("..")), 1))
}
