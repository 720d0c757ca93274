/* What the boundary sets on a connection, and how it takes calls from the handler. */

#define BUSY	(writing || H1 && reading > 0)

/* set: interrupt.go guard.setDeadlines, guard.quiesce waits for the same lock */
inline set_deadlines(r, w) {
	atomic { !control ->
		check_control();
		if :: r != KEEP -> read_by = r :: else fi;
		if :: w != KEEP -> write_by = w :: else fi;
		printf("boundary: the connection's deadlines are now %d, %d: interrupt.go guard.setDeadlines\n", read_by, write_by)
	}
}

/* settle: interrupt.go guard.settle, guard.insist, guard.busy, stalled.go connection.closeWhenStalled */
inline settle(r, w) {
	if
	:: atomic { BUSY -> stopping = false };
	do
	/* The ticks are those of another goroutine: one may yet come when nobody is busy any more. */
	:: stopping -> break
	:: atomic { !stopping && !asleep[SERVE] -> if :: BUSY -> asleep[SERVE] = true :: else -> stopping = true fi }
#ifndef MUT_NO_INTERRUPT
#ifndef MUT_CYCLE
	:: atomic { !control && (r != KEEP && read_by != r || w != KEEP && write_by != w) ->
#else
	:: atomic { !control ->
#endif
		check_control();
		if :: r != KEEP -> read_by = r :: else fi;
#if !defined(F8) && !defined(F2)
		interrupted = interrupted || H1 && r != KEEP;
#endif
		if :: w != KEEP -> write_by = w :: else fi;
		printf("boundary: interrupts what stays, deadlines %d, %d: interrupt.go guard.insist\n", read_by, write_by) }
	:: atomic { !control && !hard_cut ->
		check_control();
		hard_cut = true;
		read_by = PAST;
		write_by = PAST;
		closed = closed || H1;
		printf("boundary: interrupts what stays at any price: interrupt.go guard.insist\n") }
#endif
#ifndef MUT_NOT_CLOSED
	:: atomic { !H1 && hard_cut && stalls && !reads && !closed -> closed = true; printf("boundary: closes the stalled connection: stalled.go connection.closeWhenStalled\n") }
#endif
	od
	:: else
	fi
}

/* reclaim: interrupt.go guard.reclaim */
inline reclaim() {
	atomic { interrupted = H1 && reading > 0; unread = H1 && !b_eof };
#ifndef MUT_NO_INTERRUPT
	if :: interrupted -> set_deadlines(PAST, KEEP) :: else fi;
#endif
#ifndef MUT_NO_SETTLE
#ifdef F2
	if :: H1 -> settle(PAST, KEEP) :: else -> settle(KEEP, KEEP) fi
#else
	if :: interrupted || unread -> settle(PAST, KEEP) :: else -> settle(KEEP, KEEP) fi
#endif
#endif
}

/* cut: interrupt.go guard.cut, conn.go connection.close */
inline cut() {
	if
	:: H1 -> atomic { check_control(); closed = true; printf("serve: closes the connection: interrupt.go guard.cut\n") }
	:: !H1 && ending != BY_CLIENT -> set_deadlines(PAST, PAST)
	:: else
	fi;
	settle(PAST, PAST)
}
