/* What is left when nothing can happen any more: the last properties. */

/* Where the serve goroutine may be found in the end without having returned: with a handler that never returns, */
#define MAY_STAY	(!returned && (!(passed || bound == BOUND_OVER) || !H1 && ending == BY_CLIENT || state == HIJACKED || stays_capped) || \
			/* or with an answer in time, when too many wait for their reports already. */ \
			 returned && queued && sink_hangs && crowded || \
			/* or, over HTTP/2, in net/http, which has the end of the stream to send to a client that does not read. */ \
			 !H1 && owner == NETHTTP && !reads)

/* What a client is to have of a request that was answered. */
#define ITS_ANSWER	(path == TIMED_OUT -> told504 && (H1 || ended) : \
			(state == DONE && !handler_panicked -> complete_got || declared && written != PARTS : true))

/* judge looks at what is left when nothing can happen any more. */
proctype judge() {
	timeout;
	atomic {
		printf("judge: nothing can happen any more\n");
		holds(serve_returns, ended || MAY_STAY);
		holds(handler_free, calls == 0 && read_calls == 0 && (handler_over || hangs || handler_in_sink));
		/* A report that was added when all had been said is said when the handler returns. */
		/* So is all of a connection that the handler has taken over; of a request that goes on there is nothing to say yet. */
		holds(said_once, said[0] == 1 || reporter_in_sink || !SEALED || state == HIJACKED && !returned);
		holds(said_once, said[1] == registered || reporter_in_sink || !SEALED || (late_report || state == HIJACKED) && !returned);
		holds(one_outcome, word == 0 || path == 0 || word == path);
		holds(one_outcome, word != CLIENT_GONE || gone);
		holds(one_outcome, word != TIMED_OUT || passed || bound_passed);
		holds(one_outcome, word != ANSWERED || !told504 && (!gave_up || handler_panicked || WHOLE));
		/* What the handler's own write deadline ends is its own affair. */
		holds(answered, gone || slow || hard_cut || taken || g_write_by == PAST || queued && !ended || ITS_ANSWER);
		holds(capped, mine == (uncapped -> 0 : counted) && (!returned || mine == 0))
	}
}
