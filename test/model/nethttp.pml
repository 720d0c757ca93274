/* What net/http does for who calls it, and after the boundary. */

/* A client that has been told how much there is has it all. */
inline check_length() {
	if :: declared && left == PARTS -> check_complete() :: else fi
}

/* What net/http takes goes to the client, when that takes it; small says that there is room for it in buffers. */
inline goes_out(me, small, parts) {
	if
	:: atomic { small -> took = took + (parts); leave_nethttp(); printf("%e: net/http takes what it writes\n", NAME(me)) }
	:: atomic { !small && reads && !closed && !gone && write_by != PAST ->
		took = took + (parts);
		left = took;
		header_left = true;
		check_length();
		leave_nethttp();
		printf("%e: the client takes what it writes\n", NAME(me)) }
	:: atomic { !small && WRITE_FAILS ->
		err = (write_by == PAST && !gone && !closed -> TIMED : BROKEN);
		if
		:: H1 -> cancel(); if :: err == TIMED -> closed = true; printf("%e: net/http's write times out: conn.go tcpConn.Write\n", NAME(me)) :: else -> printf("%e: net/http's write fails\n", NAME(me)) fi
		:: else -> printf("%e: net/http's write fails\n", NAME(me))
		fi;
		leave_nethttp() }
	fi
}

/*
 * The header of a response leaves. An HTTP/1 server first reads what is left of the request body, unless that is too
 * much or it is to close the connection anyhow.
 */
inline header_leaves() {
	if
	:: atomic { H1 && !header_left && !real_eof && !close_after ->
		if
		:: huge -> close_after = true; printf("net/http: announces the close\n")
		:: else
		fi };
		if
		:: atomic { huge }
		:: atomic { !huge && real_eof }
		:: atomic { !huge && !real_eof && sent_all && !closed -> hit_eof(); printf("net/http: has read the rest of the body\n") }
		:: atomic { !huge && !real_eof && READ_FAILS -> read_failed(); close_after = true; printf("net/http: cannot read the rest of the body\n") }
		fi
	:: else
	fi
}

#define THE_504	1
#define A_LENGTH	2
/* What the serve goroutine has net/http send. The client that reads takes it. */
inline serve_sends(what) {
	header_leaves();
	if
	:: atomic { reads && !closed && !gone && write_by != PAST ->
		check_serve_touch();
		left = took;
		header_left = true;
		if
		:: what == THE_504 -> told504 = true
		:: what == A_LENGTH -> check_length()
		:: else
		fi;
		printf("net/http: the client takes it\n") }
	:: atomic { WRITE_FAILS ->
		if :: H1 -> closed = true; cancel() :: else fi;
		printf("net/http: the client does not take it\n") }
	fi
}

/*
 * What net/http does when the boundary has returned, and filters outside of it have. Go's net/http/server.go: conn.serve,
 * response.finishRequest.
 */
inline net_http_goes_on() {
	if :: panics -> recovers = true :: skip fi;	/* A filter outside of the boundary does. */
	if
	:: owner == TAKEN -> goto out
	:: owner != TAKEN && panics && !recovers -> closed = true; background = false; goto out
	:: owner != TAKEN && panics && recovers -> filter_answers = !status && state == DONE
	:: else
	fi;
	header_leaves();
	if
	:: atomic { reads && !closed && !gone && write_by != PAST ->
		left = took;
		header_left = true;
		if
		:: !(declared && took < PARTS) -> check_complete()
		:: else
		fi;
		printf("net/http: the response is complete\n") }
	:: atomic { WRITE_FAILS || H1 && write_by == PAST -> closed = true; printf("net/http: the response cannot be sent\n") }
	fi;
#ifdef HTTP2
	goto out;
#else
	/* It stops its background read, and closes the request's body: it reads that to its end, or as far as it likes to. */
	atomic { if :: background -> background = false; read_by = NONE :: else fi };
	atomic {
		if
		:: real_eof || huge && !chunked
		:: huge && chunked && (sent_all || READ_FAILS)	/* Some more, and then it gives up. */
		:: !real_eof && !huge && sent_all && !closed -> real_eof = true
		:: !real_eof && !huge && READ_FAILS -> canceled = true; closed = true
		fi;
		write_by = NONE;
		if
		:: close_after || closed || gone || huge && !real_eof || declared && took < PARTS -> closed = true; goto out
		:: else
		fi;
		/* The next request, of the same client, on the same connection. */
		owner = NEXT;
		read_by = NONE;
		background = true;
		printf("net/http: reads the next request\n");
		holds(taken_back, !canceled || gone || own_read);
		holds(no_touch, calls == 0 && (read_calls == 0 || real_eof))
	};
#endif
out:
	ended = true
}
