/*
 * The serve goroutine, from Boundary.Serve to its return.
 */

/* timed_out_itself: why.go guard.timedOutItself. Its timer does not fire while a call is about to say how it has ended. */
#define ITS_OWN	(failed == BY_DEADLINE || failed == NOT_OVER && H1 && (read_has_failed || g_read_by == PAST || g_write_by == PAST))
inline timed_out_itself(res) {
	late = false;
	do
	:: atomic { !asleep[SERVE] ->
		if :: LAPSED -> failed = BY_DEADLINE :: else fi;
		if
		:: ITS_OWN || !H1 || reading == 0 && !writing || late -> res = ITS_OWN; break
		:: else -> asleep[SERVE] = true
		fi }
	:: atomic { !late && asleep[SERVE] && landing == 0 -> late = true; asleep[SERVE] = false }
	od
}

/* find_why: why.go guard.why, guard.clientWent */
inline find_why() {
	if
	:: atomic { ctx == EXCEEDED -> why = BY_DEADLINE }
	:: else ->
		timed_out_itself(yes);
		if
		:: atomic { yes -> why = NOT_OVER }
		:: atomic { !yes && (failed == BY_CLIENT || notified) -> why = BY_CLIENT }
		/* After goneTime, which is long enough for a read that fails to say so. */
		:: atomic { !yes && failed != BY_CLIENT && !notified && !(background && READ_FAILS) -> why = BY_DEADLINE }
		fi
	fi;
	printf("serve: the context's end means %d: why.go guard.why\n", why)
}

/* note: boundary.go guard.note */
inline note(w) {
	atomic {
		yes = w == BY_DEADLINE || w == BY_CLIENT && !returned;
		if
#ifndef F1
		:: yes && sealed_at	/* What has ended it has been said. */
		:: yes && !sealed_at -> ending = w
#else
		:: yes -> ending = w
#endif
		:: else -> alone = true
		fi;
		broadcast();
		printf("serve: notes %d, over: %d: boundary.go guard.note\n", w, yes)
	}
}

/* decide: boundary.go guard.decide */
inline decide() {
	atomic {
		over();
		graced = false;
		s = OPEN;
		if
#ifndef MUT_NOT_SAID_FIRST
		:: returned && state == DONE && !ALL_SAID && ending != BY_DEADLINE
		:: returned && !(state == DONE && !ALL_SAID && ending != BY_DEADLINE) -> s = state
#else
		:: returned -> s = state
#endif
		:: !returned && state == HIJACKED
#ifndef MUT_SEAL_TWICE
		:: !returned && SEALED && state != HIJACKED -> s = state
		:: !returned && !SEALED && ending == NOT_OVER
#else
		:: !returned && SEALED && state != HIJACKED -> end_request(ending); s = state
		:: !returned && !SEALED && ending == NOT_OVER
#endif
		:: !returned && !SEALED && ending == BY_DEADLINE && patient && state == COMMITTED && GRACED && !COMPLETE -> graced = true
		:: !returned && !SEALED && ending != NOT_OVER && !(ending == BY_DEADLINE && patient && state == COMMITTED && GRACED && !COMPLETE) ->
			end_request(ending);
			s = state;
			printf("serve: seals, state %d: boundary.go guard.decide\n", state)
		fi
	}
}

/* ended_: boundary.go guard.ended, context.go guard.endContext, interrupt.go guard.quiesce */
inline ended_() {
	atomic { handler_ctx = handler_ctx || ending != NOT_OVER; yes = controlled };
#ifndef MUT_NO_QUIESCE
	if :: yes -> !control :: else fi
#endif
}

proctype serve() {
	byte s, why, i;
	bool yes, late, graced, interrupted, unread, kept, closing, whole, gone_, stopping;
	bool patient = true, over_ready = true, timer, left_ready;

	/* arrive: boundary.go guard.arrive */
	if
	:: atomic { passed -> why = BY_DEADLINE }
	:: atomic { !passed && ctx == ALIVE -> why = NOT_OVER }
	:: atomic { !passed && ctx != ALIVE }; find_why()
	fi;
	atomic {
		if
		:: why == NOT_OVER -> started = true;
			printf("serve: starts the handler: boundary.go guard.arrive\n")
		:: else -> end_request(why); returned = true; s = state; printf("serve: starts nothing: boundary.go guard.arrive\n")
		fi
	};
	if
	:: !started -> goto ending_of_it
	:: else
	fi;

	/* wait: boundary.go guard.wait */
	do
	:: if
		:: atomic { ev -> ev = false }
		:: atomic { over_ready && ctx != ALIVE -> over_ready = false };
			find_why();
			note(why);
			if :: !yes -> timer = true :: else fi
		:: atomic { timer && passed -> timer = false }
		fi;
		decide();
		if
		:: graced ->
			patient = false;
#if defined(F6) || defined(E10)
			handler_ctx = true;
#endif
			join(yes);
			decide()
		:: else
		fi;
		if
		:: s != OPEN -> ended_(); break
		:: else ->
			/* outlive: boundary.go guard.outliveHijack */
			atomic { yes = state == HIJACKED && ending != NOT_OVER };
			if :: yes -> ended_() :: else fi
		fi
	od;

ending_of_it:
	if
	:: s == TIMEDOUT -> timed_out()
	:: s == GONE -> client_gone()
	:: s == ABORTED -> abort()
	:: else -> conclude()
	fi;
#ifdef F4
	if :: !started -> report(SERVE, i) :: else fi;
#else
	if :: !started -> behind_has = TO_REPORT :: else fi;
#endif
	/* release: ending.go guard.release */
	atomic {
		handler_ctx = true;
		released = true;
		account();
		printf("serve: returns, panics: %d: ending.go guard.release\n", panics);
		if :: owner == FIRST -> owner = NETHTTP :: else fi
	};
	net_http_goes_on()
}
