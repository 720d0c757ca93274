/*
 * A model of the boundary of pkg/endpoints/deadline, for spin. README.md says what is in it, and what is not.
 *
 * Each step is what the code does under one lock, or one thing that others can see. A step's marker, what it prints
 * when a trail is played, names who does it and the file and function of the code that do: a test holds them against
 * the code.
 *
 * One request, with all that can happen to it, on one connection; over HTTP/1 a next one on that connection, of which
 * the first must not be felt.
 *
 * Macros choose a configuration; each is off when it is not defined:
 *
 *	HTTP2	a stream, in place of a connection that has one request at a time
 *	INFORM	the handler sends an informational response first
 *	BODY	the request has a body
 *	HUGE	of which more is left than net/http reads by itself
 *	OUTER	and which a filter outside has read
 *	STRAY	the handler leaves a goroutine behind that uses the response for as long as it likes
 *	HIJACK	the handler may take the connection over
 *	OWN	the handler may set deadlines of its own
 *	BIND	the handler may bind itself more tightly
 *	LEAN	the handler neither flushes nor panics
 *	CAP	others may have taken the places among the overdue handlers, and give them back
 *	SINK	a report may take for ever
 *	REPORTS	the handler may add a report of its own
 *	NESTED	the handler serves a sub-request with a writer of its own, and filters stand between it and the boundary
 *	NEVER	the deadline does not come
 *	STAYS	the client does not go
 *	OPS	how many calls the handler makes, at most (default 2)
 *	SLOW	the client does not always read
 *	PARTS	how many parts a whole response has: 1 or 2 (default 1)
 *
 * and others, MUT_..., break one thing each.
 */

#ifdef HTTP2
#define H1 false
#else
#define H1 true
#endif

#ifndef PARTS
#define PARTS 1
#endif

#ifndef OPS
#define OPS 2
#endif

#include "world.pml"
#include "state.pml"
#include "properties.pml"
#include "guard.pml"
#include "report.pml"
#include "interrupt.pml"
#include "nethttp.pml"
#include "drain.pml"
#include "calls.pml"
#include "overdue.pml"
#include "before.pml"
#include "handler.pml"
#include "ending.pml"
#include "serve.pml"
#include "client.pml"
#include "judge.pml"

init {
	atomic {
		/* What kind of request it is, which nobody decides later. */
		reads = true;
#ifdef SLOW
		if :: reads = false; slow = true :: skip fi;
#endif
#ifdef BODY
#ifdef HUGE
		huge = true;
		if :: chunked = true :: skip fi;
#endif
#ifdef OUTER
		real_eof = true;
#endif
#else
		real_eof = true;
		b_eof = true;
#endif
#if defined(HTTP2) && defined(SLOW)
		if :: stalls = true :: stalls = false fi;
#endif
#ifdef CAP
		if :: others = 1; overdue = 1 :: skip fi;
		if :: crowded = true :: crowded = false fi;
#endif
#ifdef SINK
		if :: sink_hangs = true :: sink_hangs = false fi;
#endif
		background = H1 && real_eof;
		run serve(); run handler(); run behind(); run client(); run world(); run judge()
#ifdef STRAY
		; run stray()
#endif
	}
}
