/*
 * The handler: whatever it likes, in any order, each thing a bounded number of times. And what it leaves behind.
 */

#ifdef E15
#define HANDLER_CTX	(ctx != ALIVE)
#define FINISH_WAITS	(!SEALED && writing)
#else
#define HANDLER_CTX	handler_ctx
#define FINISH_WAITS	(!SEALED && (writing || OVER == NOT_OVER && !alone && ctx != ALIVE))
#endif

proctype handler() {
	byte err, i, ops;
	bool rightful, yes, did_inform, did_flush, did_read, did_hijack, did_own_r, did_own_w, did_bind, did_sub;

	if
	:: started
	:: owner == NETHTTP || owner == NEXT -> goto nothing_more
	fi;
	do
	:: atomic { ops < OPS && meant < PARTS && err == 0 && state != HIJACKED ->
		if
		:: meant == 0 && !did_flush -> large = true
		:: skip
		fi;
		meant++;
		ops++;
		printf("handler: writes part %d\n", meant) }; write(HANDLER)
#ifdef INFORM
	:: atomic { ops < OPS && !did_inform && err == 0 && state != HIJACKED -> did_inform = true; ops++; printf("handler: informs\n") }; inform(HANDLER)
#endif
#ifndef LEAN
	:: atomic { ops < OPS && !did_flush && err == 0 && state != HIJACKED -> did_flush = true; ops++; printf("handler: flushes\n") }; flush(HANDLER)
#endif
#ifdef BODY
	:: atomic { ops < OPS && !did_read && err == 0 -> did_read = true; ops++ }; read(HANDLER); err = 0 /* It may answer all the same. */
#endif
#ifdef HIJACK
	:: atomic { ops < OPS && !did_hijack && err == 0 -> did_hijack = true; ops++; printf("handler: hijacks\n") }; hijack(HANDLER)
#endif
#ifdef OWN
	:: atomic { ops < OPS && !did_own_r && err == 0 -> did_own_r = true; ops++ }; set_own(HANDLER, 0)
	:: atomic { ops < OPS && !did_own_w && err == 0 -> did_own_w = true; ops++ }; set_own(HANDLER, 1)
#endif
#ifdef BIND
	:: atomic { !did_bind && err == 0 && !handler_ctx -> did_bind = true; bound = BOUND; printf("handler: binds itself: bound.go Bind\n") }
#endif
#ifdef NESTED
	/* It serves a request that it has made, with a writer of its own: boundary.go Boundary.Serve, context.go guard.leads, For */
	:: atomic { !did_sub && err == 0 -> did_sub = true; printf("handler: serves a sub-request: context.go guard.leads\n") };
#ifdef E4
		settle_report(HANDLER, false)
#endif
#ifdef MUT_NO_LEADS
		atomic { if :: !said_it[0] -> overtaken = true :: else fi } /* report.go Report */
#endif
#endif
#ifdef REPORTS
	/* report.go Report */
	:: atomic { !registered && said[1] == 0 -> registered = true; late_report = SEALED || ending != NOT_OVER; printf("handler: adds a report: report.go Report\n") }
#endif
	/* It has come to its end. One that has been refused something has not given its answer. */
	:: atomic { if :: err != 0 -> gave_up = true :: else fi; printf("handler: returns\n"); break }
	/* It sees its context end, or that of its bound, and gives up. */
	:: atomic { (HANDLER_CTX || bound == BOUND_OVER) -> gave_up = true; printf("handler: sees its context end, and returns\n"); break }
#ifndef LEAN
	:: atomic { gave_up = true; handler_panicked = true; printf("handler: panics\n"); break }
#endif
	/* It never returns. */
	:: atomic { hangs = true; printf("handler: never returns\n") }; false
	od;

#ifdef NESTED
	/* A filter unwinds that records the request; and one that stands outside of that, and may yet write. */
#ifdef E19
	settle_report(HANDLER, handler_panicked);
#endif
	if
	:: atomic { meant < PARTS && !gave_up && err == 0 && state != HIJACKED -> meant++; printf("filter: writes part %d\n", meant) };
		write(HANDLER);
		if :: err != 0 -> gave_up = true :: else fi
	:: skip
	fi;
#endif

	/* finish: guard.go guard.finish */
#ifdef BIND
	atomic { /* bound.go bound.release */
		if :: !SEALED && bound == BOUND_OVER -> bound_passed = true; ev = true :: else fi;
		bound = NONE
	};
#endif
#ifdef OWN
	if
	:: !SEALED && OVER == NOT_OVER && g_write_by == PAST && !handler_panicked ->
		flush(HANDLER); /* why.go guard.sendLate */
		atomic { if :: !SEALED && failed == NOT_OVER && !COMPLETE -> failed = BY_DEADLINE :: else fi }
	:: else
	fi;
#endif
	do
	:: atomic { !asleep[HANDLER] ->
		if
		:: FINISH_WAITS -> asleep[HANDLER] = true
		:: else ->
			if
			:: !SEALED ->
#ifdef E15
				old_complete(handler_panicked)
#else
				finish_decides(handler_panicked)
#endif
			:: else
			fi;
			returned = true;
			panicked = handler_panicked;
			account();
			printf("handler: has returned, state %d: guard.go guard.finish\n", state);
			break
		fi }
	od;
#ifndef MUT_NO_NOTIFY
	atomic { ev = true };
#endif
	atomic { /* overdue.go overdue.end */
		if :: on_return -> counted = false; free() :: else fi
	};
	report(HANDLER, i);
nothing_more:
	handler_over = true
}

/* A goroutine that the handler has left behind. */
proctype stray() {
	byte err;
	bool rightful, used;
	started || owner != FIRST;
	do
	:: atomic { !used -> used = true; printf("left behind: writes\n") }; write(LEFT)
	:: atomic { !used -> used = true; printf("left behind: flushes\n") }; flush(LEFT)
#ifdef BODY
	:: atomic { !used -> used = true; printf("left behind: reads\n") }; read(LEFT)
#endif
#ifdef HIJACK
	:: atomic { !used -> used = true; printf("left behind: hijacks\n") }; hijack(LEFT)
#endif
#ifdef OWN
	:: atomic { !used -> used = true; printf("left behind: sets a deadline\n") }; set_own(LEFT, 0)
#endif
	:: break
	od
}
