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

// The times of this package, and how they relate. A request that no deadline
// strikes waits for none of them to pass, but for those of a body that was left
// unread (idleBodyTime, bodyTime, lingerTime), for which net/http would wait
// without a bound.
const (
	// DefaultJoinTime is the JoinTime of a Boundary that sets none: it is enough
	// for a handler that sees its context end and has no more to do than to
	// return.
	DefaultJoinTime = 2 * time.Millisecond

	// commitTime is how long after the deadline a handler that has committed
	// its response, and has flushed nothing of it, may take to complete it: it
	// would be a pity to reset a response that is all but written.
	commitTime = 20 * time.Millisecond

	// cappedJoinTime is how long a request that has timed out waits for its
	// handler when no more may be left behind, before it is cut without an
	// answer: when ten thousand time out at once, even those that honour their
	// context take that long to be scheduled.
	cappedJoinTime = time.Second

	// patience is how long a call that was interrupted may take to leave
	// net/http, before it is interrupted again. It has no more to do than to
	// see its deadline.
	patience = 10 * time.Millisecond

	// filterTime is how long a read that was interrupted may stay in a body that is
	// an outer filter's. One that waits there for its client leaves as any other;
	// one that waits for the filter is not waited for.
	filterTime = 5 * patience

	// stuckTime is how long calls may resist being interrupted. After that an
	// HTTP/1 connection is closed, which is that request's alone, and an HTTP/2
	// connection is watched, to be closed once it has stalled.
	stuckTime = time.Second

	// answerTime bounds how long the answer to a request that has timed out
	// may wait for a client that does not read. It is short enough to free
	// the serve goroutine, and long enough for a window update from afar and
	// for a machine that has ten thousand to answer at once.
	answerTime = 3 * time.Second

	// overTime is how long a write may make no progress when its request, a
	// long-running one, is over by itself: in that time a slow client takes a
	// piece, and a packet that was lost is sent again.
	overTime = 10 * time.Second

	// flushTime is how long net/http's flush of an answer that was given in
	// time may take when the deadline is nearer than that.
	flushTime = time.Second

	// DefaultStallTime is how long an HTTP/2 connection may take no byte, while
	// a request on it is to be ended that waits for that, before it is closed
	// with all its streams. A client that is paused, or whose network is away for
	// some seconds, comes back to its watches; client-go itself gives up a
	// connection when nothing has come on it for as long, and then no answer to a
	// ping for half as long. A connection that takes a byte now and then is
	// waited for ten times as long.
	DefaultStallTime = 30 * time.Second

	// goneTime is how long net/http may take to say that a client has gone after
	// it has cancelled the request's context, which it does just before: it is
	// as long as a goroutine may wait for a processor on a machine that has too
	// much to do. Only requests whose context somebody else cancels, such as an
	// outer filter, wait for all of it.
	goneTime = time.Second

	// idleBodyTime is how long a client may take to send a next byte of a
	// request body that the handler has left unread, and bodyTime how long it
	// may take for the rest, before the answer goes out and says that the
	// connection ends with it. Mostly the rest has arrived; of a client that
	// sends, the next bytes come a round trip later, which around the earth is
	// 0.4 s, or when a machine that has too much to do gives it a processor.
	idleBodyTime = 500 * time.Millisecond
	bodyTime     = 3 * time.Second

	// lingerTime is how long a client that has not finished sending may go on
	// after its answer: to close with unread data is a reset, which would take
	// the answer with it (RFC 9112, section 9.6). It is as long as the body may
	// have taken before, since a client may send all of it before it reads. After
	// a read that was interrupted net/http cannot go on with a chunked body, and
	// gives that one half a second of its own.
	lingerTime = bodyTime

	// holdTime is how long what a request holds stays held for a handler that has
	// not returned or a report that has not been said: from the end of the
	// request, or from when Hold took it, whichever is later.
	holdTime = 10 * time.Second
)
