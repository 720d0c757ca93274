/* How a request ends: what the serve goroutine does once the guard is sealed. */

/* limit_flush: interrupt.go guard.limitFlush, guard.flushBy */
inline limit_flush() {
	if
	:: H1 -> set_deadlines(KEEP, (g_write_by == OWNS && write_by == OWNS -> OWNS : LATER))
	:: else
	fi
}

/* respond: answer.go guard.respond, guard.unread, interrupt.go guard.limitWrites */
inline respond() {
	atomic {
		check_serve_touch();
		serve_has = true;
		closing = H1 && (interrupted || !b_eof);
		if :: closing -> close_after = true :: else fi;
		printf("serve: answers 504, closing: %d: answer.go guard.respond\n", closing)
	};
#ifndef MUT_NO_WRITE_LIMIT
	set_deadlines(KEEP, LATER);
#endif
	answering = true;
	serve_sends(THE_504);
	answering = false;
	if :: closing -> set_deadlines(LATER, KEEP) :: else fi
}

/* evict: drain.go guard.evict, guard.endBody */
inline evict() {
	atomic {
		yes = H1 && !b_eof && reading > 0;
		if :: yes -> close_after = true; printf("serve: has the connection end: drain.go guard.evict\n") :: else fi
	};
	if :: yes -> set_deadlines(PAST, KEEP); settle(PAST, KEEP) :: else fi
}

/* linger: drain.go guard.linger */
inline linger() {
	if
	:: H1 && !b_eof ->
		evict();
		if
		:: !yes && real_eof	/* It has been asked. */
		:: else -> set_deadlines(LATER, KEEP)
		fi
	:: else
	fi
}

/* hand_back: ending.go guard.handBack */
inline hand_back() {
	drain(SERVE);
#ifndef MUT_NO_LINGER
	linger();
#endif
#ifndef MUT_NO_LIMIT_FLUSH
	limit_flush()
#else
	skip
#endif
}

/* send_now: ending.go guard.sendNow */
inline send_now(what_) {
	drain(SERVE);
	evict();
	limit_flush();
	serve_sends(what_)
}

/* queue: ending.go Boundary.queue */
inline queue_() {
	if
	:: atomic { !ALL_SAID && crowded -> queued = true };
		if :: H1 && !panicked -> send_now(0) :: else fi;
		do
		:: atomic { if :: ALL_SAID -> break :: else fi };
			atomic { ev -> ev = false }
		od
	:: else
	fi
}

/* conclude: ending.go Boundary.conclude */
inline conclude() {
	atomic {
		path = (s == HIJACKED -> HIJACKED_IT : ANSWERED);
		panics = panicked && !(s == DONE && sealed_at);
		whole = s == DONE && sealed_at;
		printf("serve: concludes: ending.go Boundary.conclude\n")
	};
	if
	:: whole ->
		reclaim();
		if :: interrupted -> close_after = true :: else fi
	:: else
	fi;
	if
	:: s == HIJACKED
	:: else ->
		atomic { check_serve_touch(); serve_has = true; yes = returned; gone_ = ending == BY_CLIENT && !returned };
		holds(said_first, ALL_SAID || ending == BY_DEADLINE || sealed_at);
		if
		:: yes -> queue_()
		:: gone_
		:: else ->
			reserve(kept);
			if
			:: kept
#ifdef E11
			:: !kept -> stays_capped = true; stay() /* Before it is handed over. */
#else
			:: !kept && H1 -> stays_capped = true; send_now(A_LENGTH); stay()
#ifdef MUT_NO_PLACE
			:: else -> kept = true
#else
			:: else -> atomic { overdue++; mine++; kept = true }
#endif
#endif
			fi
		fi;
#if defined(E5)
		if :: panics -> hand_back() :: else -> old_drain(); limit_flush() fi;
#elif defined(E5b)
		if :: panics -> stop_reading() :: else -> hand_back() fi;
#else
		hand_back();
#endif
		if :: kept -> leave() :: !kept && gone_ -> abandon() :: else fi
	fi
}

/* timed_out: ending.go Boundary.timedOut, guard.giveUp, guard.lost */
inline timed_out() {
	reserve(kept);
	reclaim();
	yes = true;
	if :: !kept -> join(yes) :: else fi;
	if
	:: !kept && !yes -> atomic { cut_off = !returned; yes = returned }
	:: else -> yes = true
	fi;
	if
	:: !yes ->
		atomic { path = CUT; stays_capped = true; printf("serve: cuts, no more may be left behind: ending.go guard.giveUp\n") };
		cut();
		stay();
		panics = true
	:: else ->
		if
		:: taken -> path = CUT; panics = true
		:: else -> path = TIMED_OUT; respond()
		fi
	fi;
	if :: kept -> leave() :: else fi
}

/* client_gone: ending.go Boundary.clientGone */
inline client_gone() {
	atomic { path = CLIENT_GONE };
	cut();
	abandon();
	panics = true
}

/* abort: ending.go Boundary.abort */
inline abort() {
	atomic {
		gone_ = ending == BY_CLIENT;
		path = (gone_ -> CLIENT_GONE : CUT);
		yes = BUSY;
		printf("serve: aborts: ending.go Boundary.abort\n")
	};
	kept = false;
	if :: !gone_ -> reserve(kept) :: else fi;
#ifdef F3
	if :: H1 || yes || !kept -> cut() :: else fi;
#elif !defined(MUT_NO_CUT) && !defined(MUT_NO_CUT_SLOW)
	cut();
#endif
	if
	:: kept -> leave()
	:: !kept && gone_ -> abandon()
	:: else -> stays_capped = true; stay()
	fi;
	panics = true
}
