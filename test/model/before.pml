/* The code of before, of which some defects (E4, E5, E5b, E15, E19) are made: pkg/endpoints/deadline before 4130ddf. */

#if defined(E4) || defined(E15) || defined(E19)
/* old_complete: guard.complete */
inline old_complete(broken) {
	over();
	if
	:: state == OPEN && ending != NOT_OVER -> end_request(ending)
	:: state == OPEN && ending == NOT_OVER && ctx != ALIVE -> end_request(BY_CLIENT)
	:: !(state == OPEN && (ending != NOT_OVER || ctx != ALIVE)) && broken -> seal(DONE)
	:: else -> commit_header(); seal(DONE)
	fi
}
#endif

#if defined(E4) || defined(E19)
/* settle_report: Settle, which a filter called that unwinds: it speaks for the handler, and makes report 0 itself. */
inline settle_report(me, broken) {
	do
	:: atomic { !asleep[me] ->
		if
		:: writing && !SEALED -> asleep[me] = true
		:: else ->
			if :: !SEALED -> old_complete(broken); ev = ev || !broken :: else fi;
			if
			:: (state == DONE || state == HIJACKED) && !said_it[0] ->
				said_it[0] = true;
				said[0]++;
				find_kind();
				check_word(kind)
			:: else
			fi;
			printf("%e: a filter that unwinds settles, state %d\n", NAME(me), state);
			break
		fi }
	od
}
#endif

#if defined(E5) || defined(E5b)
/* old_drain: guard.drain, which read what the handler had left when it had returned. */
inline old_drain() {
	if
	:: H1 && !b_eof ->
		set_deadlines(LATER, KEEP);
		if
		:: atomic { real_eof }	/* Somebody else had read it. */
		:: atomic { !real_eof && sent_all && !closed -> hit_eof() }
		:: atomic { !real_eof && READ_FAILS -> read_failed(); close_after = true };
			set_deadlines(LATER, KEEP)
		fi
	:: else
	fi
}

/* stop_reading: guard.stopReading, of a request whose handler had panicked. */
inline stop_reading() {
	if
	:: H1 -> set_deadlines(PAST, KEEP); settle(PAST, KEEP)
	:: else
	fi
}
#endif
