/* The handler that runs on after its request: waiting for it, and leaving it behind. */

/* join: boundary.go guard.join; the timer may fire at any time. */
inline join(res) {
	do
	:: atomic { returned -> res = true; break }
	:: atomic { !returned && ev -> ev = false }
	:: atomic { !returned -> res = false; break }
	od
}

/* stay: ending.go Boundary.stay, Boundary.joined, overdue.go overdue.begin, overdue.left */
inline stay() {
	join(yes);
	if
	:: yes
	:: else ->
#ifdef F5
		report(SERVE, i);
#else
		behind_has = TO_REPORT;
#endif
		do
		:: atomic { if :: returned -> break :: else fi };
			atomic { ev -> ev = false } /* Nothing else has it look again. */
		od
	fi
}

/* reserve: ending.go Boundary.reserve */
inline reserve(res) {
	atomic {
		if
#ifndef MUT_NO_CAP
		:: overdue < MAX_OVERDUE -> overdue++; mine++; res = true
		:: else -> res = false
#else
		:: overdue++; mine++; res = true; holds(capped, overdue <= MAX_OVERDUE)
#endif
		fi
	}
}

/* free: overdue.go overdue.free */
inline free() {
	if
	:: uncapped
	:: else -> mine--; overdue--
	fi
}

/* begin: overdue.go overdue.begin, guard.outlast */
inline begin(res) {
	atomic {
		if
#ifndef MUT_LEAK
		:: returned -> free(); res = true
#else
		:: returned -> res = true
#endif
		:: else -> counted = true; on_return = true; res = false
		fi
	}
}

/* leave: ending.go Boundary.leave, Boundary.joined */
inline leave() {
	if
	:: H1 ->
		join(yes);
		if
		:: yes -> atomic { free() }
		:: else -> begin(yes); if :: !yes -> behind_has = TO_REPORT :: else fi
		fi
	:: else ->
		if
		:: atomic { returned -> free() }
		:: atomic { else -> behind_has = TO_JOIN }
		fi
	fi
}

/* abandon: ending.go Boundary.abandon */
inline abandon() {
	if
	:: H1 -> uncapped = true; leave()
#ifdef MUT_NOT_STAYED
	:: else -> leave()
#else
	:: else -> stay()
#endif
	fi
}

/* The goroutine that leave starts. */
proctype behind() {
	byte i;
	bool yes;
	behind_has != 0;
	if
	:: behind_has == TO_JOIN ->
		join(yes);
		if
		:: yes -> atomic { free() }; goto over_with
		:: else -> begin(yes); if :: yes -> goto over_with :: else fi
		fi
	:: else
	fi;
#ifndef MUT_REPORT_LOST
	report(BEHIND, i);
#endif
over_with:
	skip
}
