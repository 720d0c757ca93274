/*
 * The calls of the handler's side: of its goroutine, or of one that it has left behind (me). They leave in err how
 * they have ended: 0, TIMED and BROKEN of net/http's, REFUSED by the guard. rightful, of the caller's, is whether the
 * call was let in before the seal.
 */
#define REFUSED	3


/*
 * A call enters net/http's writer, as soon as it is let in, and leaves it; what it has done there, it says later.
 */
inline enter_nethttp() { check_touch(rightful); calls++ }
inline leave_nethttp() { check_touch(rightful); calls--; landing++ }

/* claim: writer.go guard.claim, guard.claimLocked */
inline claim(me) {
	do
	:: atomic { !asleep[me] ->
		if
		:: writing && !SEALED -> asleep[me] = true
		:: else ->
			rightful = !SEALED;
			if
#ifndef MUT_CLAIM_UNCHECKED
			:: SEALED -> err = REFUSED
#endif
			:: else -> writing = true; err = 0; enter_nethttp()
			fi;
			break
		fi }
	od
}

/* claim_committed: writer.go guard.claimCommitted, guard.declare */
inline claim_committed(me) {
	do
	:: atomic { !asleep[me] ->
		if
		:: writing && !SEALED -> asleep[me] = true
		:: else ->
			rightful = !SEALED;
			err = 0;
			if
#ifndef MUT_CLAIM_UNCHECKED
			:: SEALED -> err = REFUSED
#else
			:: SEALED -> writing = true; enter_nethttp()
#endif
			:: state == COMMITTED -> writing = true; enter_nethttp()
			:: state == OPEN ->
				over();
				if
				:: ending != NOT_OVER ->
					end_request(ending);
					ev = true;
					err = REFUSED;
					printf("%e: is too late to commit: writer.go guard.claimCommitted\n", NAME(me))
				:: else ->
					commit_header();
					writing = true;
					enter_nethttp();
					state = COMMITTED;
					status = true;
					if :: declared = true :: skip fi;
					printf("%e: commits: writer.go guard.claimCommitted\n", NAME(me))
				fi
			fi;
			break
		fi }
	od
}

/* give_back: writer.go guard.giveBack */
inline give_back(n, e) {
	atomic {
		writing = false;
		note_write(e);
		written = written + n;
		sent = sent && n == 0;
#ifndef MUT_NO_BROADCAST
		broadcast();
#endif
		landing--;
		if :: err != 0 && SEALED -> err = REFUSED :: else fi	/* guard.late */
	}
}

/* inform: writer.go guard.writeInformational. What fails of it says nothing. */
inline inform(me) {
	claim(me);
	if
	:: err == 0 ->
		atomic { yes = state == COMMITTED || OVER != NOT_OVER; over() };
		if
		:: yes -> atomic { leave_nethttp() }
		:: else ->
			goes_out(me, false, 0)
		fi;
		give_back(0, 0);
		err = 0
	:: else
	fi
}

/* write: writer.go guard.Write, drain.go guard.headerLeaves */
inline write(me) {
	claim_committed(me);
	if
	:: err == 0 ->
		if :: large -> drain(me); header_leaves() :: else fi;
		goes_out(me, !large, me == HANDLER);
		give_back((err == 0 && me == HANDLER -> 1 : 0), err)
	:: else
	fi
}

/* flush: writer.go guard.FlushError */
inline flush(me) {
	claim_committed(me);
	if
	:: err == 0 ->
		drain(me);
		header_leaves();
		goes_out(me, false, 0);
		atomic { flushed = true; sent = sent || err == 0 };
		give_back(0, err)
	:: else
	fi
}

/* read: body.go body.Read, body.enter, body.exit, body.note */
inline read(me) {
	atomic {
		rightful = !SEALED;
		if
#ifdef MUT_STREAM_READ
		:: SEALED && H1 -> err = REFUSED
#elif !defined(MUT_READ_UNSEALED)
		:: SEALED -> err = REFUSED
#endif
		:: else -> err = 0; reading++; printf("%e: reads the body: body.go body.enter\n", NAME(me))
		fi
	};
	if
	:: err == 0 ->
		atomic { check_read_touch(rightful); read_calls = read_calls + H1 };
		if
		:: atomic { real_eof -> skip }
		:: atomic { !real_eof && sent_all && !closed -> hit_eof(); printf("%e: net/http's body is at its end\n", NAME(me)) }
		:: atomic { !real_eof && (READ_FAILS || !H1 && owner != FIRST) ->
			err = (read_by == PAST && !gone && !closed -> TIMED : BROKEN);
			read_failed();
			printf("%e: net/http's read fails\n", NAME(me)) }
		fi;
		atomic { read_calls = read_calls - H1; landing++ };
		atomic {
			reading--;
			landing--;
			if
			:: err == 0 -> b_eof = true; g_read_by = NONE
			:: H1 && err == TIMED -> read_has_failed = true
			:: else
			fi;
			broadcast();
			if :: err != 0 && SEALED -> err = REFUSED :: else fi
		}
	:: else
	fi
}

/* hijack: writer.go hijackable.Hijack */
inline hijack(me) {
	claim(me);
	if
	:: err == 0 ->
		atomic { check_touch(rightful); background = false; read_by = NONE; write_by = NONE; printf("%e: net/http hands the connection over: writer.go hijackable.Hijack\n", NAME(me)) };
		atomic {
			leave_nethttp();
			if
#ifndef MUT_HIJACK_LATE
			:: SEALED -> taken = true; closed = true; err = REFUSED
#endif
			:: else -> seal(HIJACKED); owner = TAKEN
			fi };
		give_back(0, 0)
	:: else
	fi
}

/* set_own: writer.go guard.setUnsealed, of the handler's own deadlines; which is read or write. */
inline set_own(me, which) {
	atomic { !control -> control = true };
	atomic {
		err = (SEALED -> REFUSED : 0);
		controlled = true;
		if
		:: err != 0
		:: err == 0 && which == 0 ->
			own_read = true;
			read_has_failed = read_has_failed || g_read_by == PAST;
			g_read_by = OWNS
		:: else ->
			if :: LAPSED -> failed = BY_DEADLINE :: else fi;
			g_write_by = OWNS
		fi
	};
	if
	:: err == 0 ->
		atomic {
			check_control();
			if :: which == 0 -> read_by = OWNS :: else -> write_by = OWNS fi;
			printf("%e: sets a deadline of its own: writer.go guard.setUnsealed\n", NAME(me))
		}
	:: else
	fi;
	atomic { control = false }
}
