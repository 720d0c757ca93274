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
	"time"
)

// longAgo is a deadline that has passed.
var longAgo = time.Unix(1, 0)

// whenever is when something may be over that has no bound.
var whenever = time.Unix(1<<40, 0)

// setDeadlines sets the deadlines of the connection or stream that are not nil. A
// read that is interrupted over HTTP/1 leaves a body of which net/http may read
// nothing more, and so take the rest for a request. endBody has it read none; where
// there is no way to do that, nothing is read of the connection any more.
func (g *guard) setDeadlines(read, write *time.Time) {
	last := read == &longAgo && g.http1 && !g.netHTTPs()
	g.control.Lock()
	defer g.control.Unlock()
	var c interface {
		SetReadDeadline(time.Time) error
		SetWriteDeadline(time.Time) error
	} = g.rc()
	if g.http1 && g.conn != nil {
		c = g.conn // Whatever stands between.
	}
	if read != nil {
		g.conn.boundReads() // The read may leave by itself, and the connection go on after it.
		if !last || !g.conn.endReadsBy(*read) {
			_ = c.SetReadDeadline(*read)
		}
	}
	if write != nil {
		_ = c.SetWriteDeadline(*write)
	}
}

// in returns the time after d from now.
func in(d time.Duration) *time.Time {
	t := time.Now().Add(d)
	return &t
}

// quiesce waits, after the seal, for a handler's call that sets a deadline.
// None of them blocks, and none begins any more.
func (g *guard) quiesce() {
	g.control.Lock()
	g.control.Unlock() //nolint:staticcheck // SA2001: nothing to do inside
}

// reclaim takes net/http's writer back for an answer, and over HTTP/1 the request
// body, because net/http cannot send an answer past a handler that is blocked in
// there. Over HTTP/2 it can, and to interrupt a read of the body would cost the
// answer: a client that goes on sending gets a stream reset. reclaim reports
// whether it may have interrupted a read; an HTTP/1 connection is of no more use
// after that, because net/http has cancelled the context of its requests.
//
// The guard is sealed: the outcome is decided before anything is interrupted,
// because to net/http an interrupted read looks like a client that has gone.
func (g *guard) reclaim() (interrupted bool) {
	g.mu.Lock()
	interrupted = g.http1 && g.reading > 0
	unread := g.http1 && g.body != nil && !g.body.spent() && !g.fullDuplex
	g.mu.Unlock()
	if interrupted {
		g.setDeadlines(&longAgo, nil)
	}
	// A write may be waiting for what is left of the body: see drain. If no write
	// can be, that deadline would only end the background read, and with it the
	// context of the next request on the connection. With full duplex no write
	// waits for the body, and a deadline that stays there would be taken for the
	// body's end, and the rest of the body for a request.
	var read *time.Time
	if interrupted || unread {
		read = &longAgo
	}
	return g.settle(read, nil) || interrupted
}

// settle waits until the calls that were under way at the seal have left. Over
// HTTP/2 a read may stay: nothing it touches is used again. Calls that do not
// leave in time are interrupted with these deadlines, and in the end at any
// price. A read of an outer filter's body may stay over HTTP/1, too: it may be
// waiting for that filter, and net/http's own body, which it may come to read yet,
// has a lock, and is closed when the answer ends. settle reports whether it has interrupted reads, after which an HTTP/1
// connection is of no more use. Once it has returned, nothing is interrupted any
// more.
func (g *guard) settle(read, write *time.Time) (interrupted bool) {
	g.mu.Lock()
	busy := g.busy()
	g.mu.Unlock()
	if !busy {
		return false
	}
	stop, stopped := make(chan struct{}), make(chan bool)
	go func() { stopped <- g.insist(stop, read, write) }()
	g.mu.Lock()
	for g.busy() {
		g.idle.Wait()
	}
	g.mu.Unlock()
	close(stop)
	return <-stopped
}

// insist interrupts the calls under way, over HTTP/1 again and again, because
// net/http and crypto/tls set deadlines of their own when they close a
// connection. Over HTTP/2 the stream's deadline is enough, unless its connection
// takes nothing. After stuckTime it comes to any price: it sets both deadlines and
// resets the connection, over HTTP/2 once that has stalled. It reports whether it
// has interrupted reads: what they were of may have come to its end just before,
// and then it was net/http that read.
func (g *guard) insist(stop <-chan struct{}, read, write *time.Time) (interrupted bool) {
	tick := time.NewTicker(patience)
	defer tick.Stop()
	for n := range stuckTime / patience {
		select {
		case <-stop:
			return interrupted
		case <-tick.C:
		}
		if n >= filterTime/patience && g.strays() {
			return interrupted
		}
		if n == 0 || g.http1 {
			g.setDeadlines(read, write)
			interrupted = read != nil
		}
	}
	g.setDeadlines(&longAgo, &longAgo)
	switch {
	case g.conn == nil:
	case g.http1:
		reset(g.conn.Conn)
	default:
		g.conn.closeWhenStalled(stop, g.outer)
	}
	return true
}

// busy reports whether others use what the serve goroutine is about to use.
// The caller holds mu.
func (g *guard) busy() bool { return g.writing || g.http1 && g.reading > 0 && !g.stray }

// strays reports whether nothing is under way but reads of a body that is an outer
// filter's, which are not waited for any more.
func (g *guard) strays() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.stray = g.http1 && !g.writing && g.body != nil && !g.body.isNetHTTPs()
	g.idle.Broadcast()
	return g.stray
}

// cut takes the connection or stream from a handler whose response cannot be
// completed any more, and from the client: an HTTP/1 connection is closed, an
// HTTP/2 stream reset. The serve goroutine then panics with
// http.ErrAbortHandler for what stands outside; the client has been told by then,
// whoever recovers the panic. What net/http has not sent yet is not sent.
func (g *guard) cut() {
	g.mu.Lock()
	gone := g.ending == byClient
	// What is left for a client that has gone may be of an answer before this one.
	gently := !g.writing && (gone && g.status == 0 || !gone && g.status != 0 && g.delimited())
	g.mu.Unlock()
	if g.http1 && g.conn != nil {
		g.conn.close(gently)
		g.settle(&longAgo, &longAgo)
		return
	}
	if g.http1 || !gone {
		g.setDeadlines(&longAgo, &longAgo) // Resets an HTTP/2 stream; one whose client went has gone.
	}
	g.settle(&longAgo, &longAgo)
	if !g.http1 {
		return
	}
	if conn, _, err := g.rc().Hijack(); err == nil {
		(&connection{Conn: conn}).close(gently)
	}
	// Otherwise net/http finds that it cannot write, and closes the connection.
}

// delimited reports whether a client can tell the response's end from that of
// its connection: an HTTP/1.0 response without a length ends with it, as does
// one that is not to be chunked.
func (g *guard) delimited() bool {
	header := g.w.Header()
	return header.Get("Content-Length") != "" || g.outer.ProtoAtLeast(1, 1) && header.Get("Transfer-Encoding") != "identity"
}

// limitFlush bounds net/http's own flush of an answer, after the boundary has
// returned: nobody is there to interrupt it. It is bounded by the request's
// deadline, but not to less than flushTime, and net/http takes that bound back
// before the next request.
//
// begins is when net/http may begin with it, after the rest of the body; zero is
// now. If that is whenever the client likes, its flush has no bound either.
//
// Over HTTP/2 there is no such bound: one that is set at the end of a stream may
// come after it, and resets it when nobody expects that any more (RFC 9113,
// section 5.1). There an answer that was given in time stays with net/http for
// as long as its client gives it no window.
func (g *guard) limitFlush(begins time.Time) {
	if !g.http1 || !g.controls || g.server.WriteTimeout > 0 || begins.Equal(whenever) {
		return // The server has a bound.
	}
	g.mu.Lock()
	own := g.writeBy
	g.mu.Unlock()
	if deadline, ok := g.flushBy(own); ok {
		if least := begins.Add(flushTime); deadline.Before(least) {
			deadline = least
		}
		g.setDeadlines(nil, &deadline)
	}
}

// flushBy returns the bound of what net/http does after the boundary has
// returned. It is not ok if the request has no deadline, or the handler's own
// bound is nearer.
func (g *guard) flushBy(own time.Time) (deadline time.Time, ok bool) {
	deadline, ok = g.ctx.Deadline()
	if least := time.Now().Add(flushTime); deadline.Before(least) {
		deadline = least
	}
	return deadline, ok && (own.IsZero() || !own.Before(deadline))
}

// limitWrites bounds the serve goroutine's own writes that follow, until stop is
// called, in place of the bound that the handler had set for its own. Over HTTP/2
// a connection that takes nothing does not let go of these writes until it is
// closed.
func (g *guard) limitWrites(d time.Duration) (stop func()) {
	g.setDeadlines(nil, in(d))
	if g.http1 || g.conn == nil {
		return func() {}
	}
	stopping, stopped := make(chan struct{}), make(chan struct{})
	timer := time.AfterFunc(d, func() {
		defer close(stopped)
		g.conn.closeWhenStalled(stopping, g.outer)
	})
	return func() {
		close(stopping)
		if !timer.Stop() {
			<-stopped
		}
	}
}
