/* What the client does, and what happens by itself. */

proctype client() {
	byte turns = 0;
	do
#ifdef BODY
	:: atomic { !sent_all && !ended -> sent_all = true; printf("client: sends the rest of its body\n") }
#endif
#ifdef SLOW
	:: atomic { turns < 1 && !ended -> turns++; reads = !reads; slow = true; printf("client: reads: %d\n", reads) }
#endif
#ifndef STAYS
	:: atomic { !ended -> gone = true; printf("client: goes\n"); break }
#endif
	:: break	/* And does nothing more. */
	od
}

/* world is what happens by itself. */
proctype world() {
	do
#ifndef NEVER
	:: atomic { !passed && owner == FIRST -> 
		passed = true;
		/* The timer of the request's context may be a little late, of which it matters that arrive knows. */
		if :: ctx == ALIVE && started -> ctx = EXCEEDED :: else fi;
		printf("clock: the request's deadline\n") }
#endif
	:: atomic { passed && ctx == ALIVE && owner == FIRST -> ctx = EXCEEDED; printf("context: its timer\n") }
	:: atomic { read_by == LATER -> read_by = PAST; printf("clock: a read deadline passes\n") }
	:: atomic { write_by == LATER && !reads -> write_by = PAST; printf("clock: a write deadline passes\n") }
#ifdef OWN
	:: atomic { g_read_by == OWNS -> g_read_by = PAST; if :: read_by == OWNS -> read_by = PAST :: else fi; printf("clock: the handler's own read deadline\n") }
	:: atomic { g_write_by == OWNS -> g_write_by = PAST; if :: write_by == OWNS -> write_by = PAST :: else fi; printf("clock: the handler's own write deadline\n") }
#endif
#ifdef BIND
	:: atomic { bound == BOUND && !handler_ctx && owner == FIRST -> bound = BOUND_OVER; printf("clock: the handler's bound\n") }
	:: atomic { bound == BOUND_OVER && !bound_told -> bound_told = true;
#ifndef MUT_BOUND_SILENT
		if :: !SEALED -> ev = true :: else fi;
#endif
		printf("context: bound.go bound.pass\n") }
#endif
#ifdef HTTP2
	:: atomic { write_by == PAST && !closed && !(stalls && !reads) && owner != NEXT -> closed = true; printf("net/http: resets the stream\n") }
	:: atomic { answering && write_by == PAST && stalls && !reads && !closed -> closed = true; printf("boundary: closes the stalled connection: interrupt.go guard.limitWrites\n") }
	:: atomic { (gone || closed) && !canceled && owner == FIRST -> cancel(); notified = true; printf("net/http: the stream's context ends\n") }
#else
	:: atomic { background && READ_FAILS ->
		background = false;
		cancel();
		if :: owner == FIRST -> notified = true :: else fi;
		printf("net/http: the background read fails\n");
		holds(taken_back, owner != NEXT || gone || own_read) }
#endif
#ifdef BODY
	:: atomic { draining && sent_all && !READ_FAILS -> draining = false; hit_eof(); b_eof = true; g_read_by = NONE; printf("drain: drain.go body.discard: all of it\n") }
	:: atomic { draining && READ_FAILS -> draining = false; note_read(); read_failed(); printf("drain: drain.go body.discard: fails\n") }
#endif
#ifdef CAP
	:: atomic { others > 0 -> others--; overdue--; printf("others: one handler that was overdue returns\n") }
	:: atomic { crowded && !sink_hangs -> crowded = false; printf("others: a report has been said\n") }
#endif
	od
}
