/*
 * The properties. Each has a name, a bit of that name that is never set unless the run is about another one (ONLY),
 * and one place where it is checked: here, or where a macro below is used. spin says of one that fails how it reads:
 * "assertion violated (one_outcome||...)".
 */

#ifndef ONLY
#define ONLY 0
#endif
#define OFF(n)	(ONLY != 0 && ONLY != n)

hidden byte one_outcome		= OFF(1);	/* a final state is entered once, and all that is said says the same, and what is true */
hidden byte whole_is_whole	= OFF(2);	/* what is delivered as complete is complete */
hidden byte no_touch		= OFF(3);	/* nothing touches the writer, the header map or the body after the seal, or beside another */
hidden byte no_control		= OFF(4);	/* nothing sets anything on a connection that is not the request's any more */
hidden byte taken_back		= OFF(5);	/* the next request on a connection finds it as if nothing had been set */
hidden byte serve_returns	= OFF(6);	/* the serve goroutine returns, or stays where the design says so */
hidden byte handler_free	= OFF(7);	/* no call of a handler stays for ever */
hidden byte said_once		= OFF(8);	/* each report is made, and once */
hidden byte said_first		= OFF(9);	/* an answer in time waits for its reports until the deadline */
hidden byte answered		= OFF(10);	/* a client that reads gets a whole answer: the handler's, or the 504 */
hidden byte capped		= OFF(11);	/* no more handlers are left behind than may be, and each place is given back */
/* And it_ends: no way goes round for ever. That is a search of its own. */
hidden byte it_ends		= OFF(12);

#define holds(p, c)	assert(p || (c))

/* What the request came to, as the reports say it, and as it went. */
#define ANSWERED	1
#define TIMED_OUT	2
#define CUT		3
#define CLIENT_GONE	4
#define HIJACKED_IT	5

byte path;	/* what the serve goroutine has done */
byte word;	/* what the first report has said */

/* A final state is entered: guard.seal. */
inline check_seal() { holds(one_outcome, !SEALED) }

/* A report says kind k. */
inline check_word(k) {
	holds(one_outcome, word == 0 || word == k);
	word = k
}

/*
 * What the client has been given is all that there will be. Of a panic that a filter recovers, what it is given is
 * what it would be of a handler alone.
 */
inline check_complete() {
	complete_got = true;
	holds(whole_is_whole, told504 || filter_answers || handler_panicked && recovers && state == DONE || declared && left == PARTS || !gave_up && left == meant && returned)
}

/* The handler's side touches what is net/http's: rightful is whether its call had begun before the seal. */
inline check_touch(rightful) { holds(no_touch, rightful && !serve_has && owner == FIRST) }

/* The serve goroutine does. */
inline check_serve_touch() { holds(no_touch, calls == 0) }

/*
 * The handler's side reads the body. Over HTTP/2 a read may come as late as it likes: nothing that it touches is used again. So may one
 * of a body that is at its end: it touches that body alone, which has a lock.
 */
inline check_read_touch(rightful) { holds(no_touch, rightful && (owner == FIRST || !H1 || real_eof)) }

/* Anybody of the boundary sets a deadline on the connection or closes it. */
inline check_control() { holds(no_control, owner == FIRST && !released) }
