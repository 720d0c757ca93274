/* What the boundary reads of a body that the handler has left. */

/*
 * drain: drain.go guard.drain, guard.drainable, guard.endBody. Reading is the world's draining.
 */
inline drain(me) {
	if
	:: atomic { H1 && !b_eof && !b_drained && !huge ->
		b_drained = true;
		draining = !real_eof;
		b_eof = real_eof;
		printf("%e: drains the body: drain.go guard.drain\n", NAME(me)) };
		if
		:: atomic { !draining && b_eof }
		:: atomic { !draining && !b_eof -> close_after = true; printf("%e: the rest of the body cannot be read: drain.go guard.endBody\n", NAME(me)) }
		:: atomic { draining -> close_after = true; printf("%e: gives the rest of the body up: drain.go guard.endBody\n", NAME(me)) };
			atomic { read_has_failed = true };
			set_deadlines(PAST, KEEP);
			atomic { !draining }
		fi
	:: else
	fi
}
