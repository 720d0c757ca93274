/*
 * The guard, and what is decided under its mu. An inline here is called within an atomic, which stands for mu being
 * held, except where it says otherwise.
 */

/* over: guard.go guard.over, bound.go guard.passed */
inline over() {
	if
	:: ending == NOT_OVER && (PASSED || EXPIRED) ->
		if :: PASSED -> bound_passed = true :: else fi;
		ending = BY_DEADLINE;
		ev = true
	:: else
	fi
}

/* seal: guard.go guard.seal */
inline seal(s) {
	check_seal();
	state = s;
	broadcast()
}

/* end_request: guard.go guard.end, why.go guard.lapse */
inline end_request(why) {
	if :: LAPSED -> failed = BY_DEADLINE :: else fi;
	ending = (failed != NOT_OVER -> failed : why);
	sealed_at = true;
	if
	:: COMPLETE -> seal(DONE)
	:: !COMPLETE && (state == COMMITTED || failed != NOT_OVER) -> seal(ABORTED)
	:: !COMPLETE && !(state == COMMITTED || failed != NOT_OVER) && ending == BY_CLIENT -> seal(GONE)
	:: else -> seal(TIMEDOUT)
	fi
}

/* commit_header: writer.go guard.commitHeader. It touches net/http's header map. */
inline commit_header() { check_touch(true) }

/* note_read: why.go guard.noteRead, of a read that fails as things stand */
inline note_read() {
	if :: H1 && read_by == PAST && !gone && !closed -> read_has_failed = true :: else fi
}

/* note_write: why.go guard.noteWrite */
inline note_write(err) {
	if
	:: err == 0 || failed != NOT_OVER || SEALED
	:: else ->
		if
		:: err == TIMED || g_write_by == PAST -> failed = BY_DEADLINE
		:: else -> failed = BY_CLIENT
		fi
	fi
}

/* finish_decides is what guard.go guard.finish does with a guard that is not sealed. */
inline finish_decides(broken) {
	over();
	if
	:: failed != NOT_OVER && (broken || !COMPLETE) -> end_request(failed)
	:: !(failed != NOT_OVER && (broken || !COMPLETE)) && ending == NOT_OVER && broken -> seal(DONE)
	:: !(failed != NOT_OVER && (broken || !COMPLETE)) && !(ending == NOT_OVER && broken) &&
		(ending == NOT_OVER || !broken && COMPLETE || ending == BY_DEADLINE && state == COMMITTED && GRACED && !broken) ->
		commit_header(); /* Or the trailers, into the same map. */
		seal(DONE)
	:: else -> end_request(ending)
	fi
}
