/*
 * What is around the boundary: the client, the connection, time, and what net/http does by itself.
 */

/* A deadline of the connection or stream: none, one that the handler has set, one that was set in its place, one that has passed. */
#define NONE	0
#define OWNS	1
#define LATER	2
#define PAST	3
byte read_by, write_by;

/* How the request's context has ended. */
#define ALIVE		0
#define EXCEEDED	1
#define CANCELED	2
byte ctx;

bool passed;		/* the request's deadline has, by the clock */
bool canceled;		/* net/http has cancelled the connection's context, which over HTTP/1 is for ever */
bool notified;		/* and has said so to CloseNotify */
bool closed;		/* the connection is closed, or the stream reset, from this side */
bool background;	/* net/http reads in the background, to see the client go */
bool close_after;	/* net/http is to close the connection after the response */
bool gone;		/* the client has closed its connection, or reset its stream */
bool reads;		/* the client takes what it is sent */
bool sent_all;		/* the client has sent its whole request */
bool real_eof;		/* and net/http's body has been read to its end */
bool draining;		/* the goroutine of drain reads the body */
bool large;		/* a part of the response is more than net/http holds back */
bool huge;		/* what is left of the request body is more than net/http reads by itself */
bool chunked;		/* and its length is not known */
bool recovers;		/* a filter outside of the boundary recovers panics */
bool sink_hangs;	/* a report takes for ever */
bool crowded;		/* as many others as may wait for reports on them */
bool stalls;		/* a client that does not read its stream takes nothing of its connection either */
bool slow;		/* the client has not always read */
byte others;		/* overdue handlers of others */
bool own_read;		/* the handler has set a read deadline */

/* What has become of the response. */
bool header_left;	/* its header has left for the client */
byte took;		/* parts that net/http took */
byte left;		/* parts that have left */
bool told504;		/* the boundary's own answer has left */
bool complete_got;	/* the client has been told that this was all */
bool filter_answers;	/* a filter outside has answered for a panic */

/* Whose the connection is. */
#define FIRST	1	/* the request's */
#define NETHTTP	2	/* net/http's: the boundary has returned */
#define NEXT	3	/* the next request's */
#define TAKEN	4	/* the hijacker's */
byte owner = FIRST;

bool ended;		/* the serve goroutine is through with the connection or stream */

/* cancel is net/http's cancelCtx, and what follows from it for the request. */
inline cancel() {
	canceled = true;
	if :: owner == FIRST && ctx == ALIVE -> ctx = CANCELED :: else fi
}

/* A read of the connection that has failed. */
inline read_failed() {
	if
	:: H1 -> cancel(); if :: owner == FIRST -> notified = true :: else fi
	:: else
	fi
}

/* net/http has read a body to its end: it starts to watch the client. */
inline hit_eof() {
	real_eof = true;
	if
	:: H1 -> read_by = NONE; background = true
	:: else
	fi
}

#define READ_FAILS	(gone || closed || read_by == PAST)
#ifdef HTTP2
/* A connection that takes nothing has a reset wait in line, too: it ends when it is closed. */
#define WRITE_FAILS	(gone || closed)
#else
#define WRITE_FAILS	(gone || closed || write_by == PAST)
#endif

/* What the handler has come to. */
byte meant;		/* parts of its answer that it has tried to write */
bool gave_up;		/* it has come to an end that is not its answer's */
bool handler_panicked;
bool handler_over;	/* the handler goroutine has nothing more to do */
bool hangs;		/* the handler never returns */
bool started;
bool counted;		/* the handler is among those left behind */
byte mine;		/* how many places it has */
bool on_return;		/* guard.left: to be called when the handler returns */
byte calls;	/* calls of the handler's side that are within net/http's writer or body */
byte read_calls;	/* and, over HTTP/1, that read */
byte landing;	/* calls that have left net/http and have not said so yet */

/* What the serve goroutine has. */
#define KEEP	9	/* of a deadline that is not set */

#define MAX_OVERDUE	1
byte overdue;		/* Boundary.overdue: others' handlers, and this one */
bool uncapped;		/* it is left behind without a place */
bool stays_capped;	/* the serve goroutine stays because no more may be left behind */
bool serve_has;		/* the writer is the serve goroutine's */
bool hard_cut;		/* calls were interrupted at any price */
bool panics;		/* Serve has ended with a panic */
bool answering;		/* it writes the 504 */
byte behind_has;	/* what the goroutine has to do that takes the place of the serve goroutine: to join, or to report */
#define TO_REPORT	1
#define TO_JOIN		2
