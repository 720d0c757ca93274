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

import "time"

const (
	// patience is how long a call that was interrupted may take to leave
	// net/http, before it is interrupted again. It has no more to do than to
	// see its deadline.
	patience = 10 * time.Millisecond

	// stuckTime is how long calls may resist that, and a stream its reset,
	// before the connection is closed: over HTTP/2 a reset waits in line behind
	// what a client does not read.
	stuckTime = time.Second
)

// longAgo is a deadline that has passed.
var longAgo = time.Unix(1, 0)

// setDeadlines sets the deadlines of the connection or stream that are not nil.
func (g *guard) setDeadlines(read, write *time.Time) {
	g.control.Lock()
	defer g.control.Unlock()
	if read != nil {
		_ = g.rc().SetReadDeadline(*read)
	}
	if write != nil {
		_ = g.rc().SetWriteDeadline(*write)
	}
}

// in returns the time after d from now.
func in(d time.Duration) *time.Time {
	t := time.Now().Add(d)
	return &t
}

// reclaim takes net/http's writer back for an answer, and over HTTP/1 its
// request body: it cannot send an answer past a handler that is blocked there.
// Over HTTP/2 it can, and there an interrupted body would cost the answer: a
// client that goes on sending to it gets a stream reset. It reports whether it
// has interrupted a read, after which an HTTP/1 connection is of no more use:
// net/http has cancelled its context.
//
// The guard is sealed: the outcome is decided before anything is interrupted,
// because to net/http an interrupted read looks like a client that has gone.
func (g *guard) reclaim() (interrupted bool) {
	g.mu.Lock()
	interrupted = g.http1 && g.reading > 0
	g.mu.Unlock()
	if interrupted {
		g.setDeadlines(&longAgo, nil)
	}
	var read *time.Time
	if g.http1 {
		read = &longAgo
	}
	g.settle(read, nil)
	return interrupted
}

// stopReading ends the reads of a body whose request is to be aborted, those of
// net/http included: it would wait for the rest of what is left of it.
func (g *guard) stopReading() {
	g.setDeadlines(&longAgo, nil)
	g.settle(&longAgo, nil)
}

// settle waits until the calls that were under way at the seal have left. Over
// HTTP/2 a read may stay: nothing it touches is used again. Those that do not
// leave in time are interrupted with these deadlines, and in the end at any
// price. Once it has returned, nothing is interrupted any more.
func (g *guard) settle(read, write *time.Time) {
	g.mu.Lock()
	busy := g.busy()
	g.mu.Unlock()
	if !busy {
		return
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		g.insist(stop, read, write)
	}()
	g.mu.Lock()
	for g.busy() {
		g.idle.Wait()
	}
	g.mu.Unlock()
	close(stop)
	<-stopped
}

// insist interrupts the calls under way, over HTTP/1 again and again, because
// net/http and crypto/tls set deadlines of their own when they close a
// connection.
func (g *guard) insist(stop <-chan struct{}, read, write *time.Time) {
	tick := time.NewTicker(patience)
	defer tick.Stop()
	for n := range stuckTime / patience {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		if n == 0 || g.http1 {
			g.setDeadlines(read, write)
		}
	}
	g.setDeadlines(&longAgo, &longAgo)
	if conn := connFrom(g.ctx); conn != nil {
		reset(conn)
	}
	<-stop
}

// busy reports whether others use what the serve goroutine is about to use.
// The caller holds mu.
func (g *guard) busy() bool { return g.writing || g.http1 && g.reading > 0 }

// cut takes the connection or stream from a handler whose response cannot be
// completed any more, and from the client. The serve goroutine then panics
// with http.ErrAbortHandler, on which net/http closes or resets what is left.
func (g *guard) cut() {
	g.mu.Lock()
	stuck, begun, gone := g.writing, g.status != 0, g.err == errGone
	g.mu.Unlock()

	if gone && !g.http1 {
		// The stream is closed, and calls on it return by themselves.
		g.settle(&longAgo, &longAgo)
		return
	}
	if g.http1 && begun && !stuck && !gone {
		// Nobody is stuck: net/http can close the connection in its own way.
		g.stopReading()
		return
	}
	if conn := connFrom(g.ctx); conn != nil && g.http1 {
		reset(conn)
		g.settle(&longAgo, &longAgo)
		return
	}
	g.setDeadlines(&longAgo, &longAgo)
	g.settle(&longAgo, &longAgo)
	if g.http1 {
		if conn, _, err := g.rc().Hijack(); err == nil {
			reset(conn)
		}
	}
}

// limitWrites bounds the writes that follow, until stop is called, and lifts
// what bound the handler had set for its own.
func (g *guard) limitWrites(d time.Duration) (stop func()) {
	conn := connFrom(g.ctx)
	switch {
	case conn == nil:
		g.setDeadlines(nil, in(d))
		return func() {}
	case g.http1:
		g.setDeadlines(nil, &time.Time{})
	default:
		g.setDeadlines(nil, in(d))
		d += stuckTime
	}
	timer := time.AfterFunc(d, func() { reset(conn) })
	return func() { timer.Stop() }
}
