/*
 * What the guard knows, and what follows from it.
 */

#define OPEN		0
#define COMMITTED	1
#define DONE		2
#define TIMEDOUT	3
#define GONE		4
#define ABORTED		5
#define HIJACKED	6
byte state;

#define NOT_OVER	0
#define BY_DEADLINE	1
#define BY_CLIENT	2
byte ending;
byte failed;

bool alone;		/* the request's context has ended, and the request has not */
bool status;		/* one has been committed */
bool declared;		/* with a Content-Length, of all parts */
byte written;		/* parts that net/http took, as calls that have left have said */
bool sent, flushed;
bool writing;		/* the writer is claimed */
byte reading;		/* reads of the body under way */
bool read_has_failed;
bool controlled, taken, cut_off;
bool sealed_at;		/* the request ended otherwise than by its handler's return */
bool returned;
bool panicked;		/* the handler's exit; set with returned */
bool released;
bool b_eof, b_drained;
byte g_read_by, g_write_by;	/* the handler's own deadlines: NONE, OWNS or PAST */
bool handler_ctx;	/* the handler's context has ended */
bool ev;		/* the place in events */
bool control;		/* the lock of that name */

/* A bound of the handler's. */
#define BOUND		1
#define BOUND_OVER	2
byte bound;
bool bound_told;	/* its AfterFunc has run */
bool bound_passed;	/* guard.bound */

/*
 * Who waits for idle, a sync.Cond: one that sleeps looks again only after a Broadcast. A wait is written
 *
 *	do :: atomic { !asleep[me] -> if :: cond -> asleep[me] = true :: else -> ...; break fi } od
 */
#define SERVE	0
#define HANDLER	1
#define LEFT	2
#define BEHIND	3
bool asleep[4];
mtype = { serve_goroutine, handler_goroutine, left_goroutine, overdue_goroutine };
#define NAME(me) (me == SERVE -> serve_goroutine : (me == HANDLER -> handler_goroutine : (me == LEFT -> left_goroutine : overdue_goroutine)))

inline broadcast() { asleep[SERVE] = false; asleep[HANDLER] = false; asleep[LEFT] = false; asleep[BEHIND] = false }

#define SEALED		(state > COMMITTED)

/* guard.passed: whether a bound has. The bound of a handler whose context ended first does not. */
#define PASSED		(bound_passed || !SEALED && bound == BOUND_OVER)
/* guard.expired */
#define EXPIRED		(!alone && ctx == EXCEEDED || alone && passed)
/* What guard.over returns. */
#define OVER		(ending != NOT_OVER -> ending : (PASSED || EXPIRED -> BY_DEADLINE : NOT_OVER))
#define WHOLE		(declared && written == PARTS)
#ifdef MUT_PART_IS_WHOLE
#define ENOUGH		(declared && written > 0)
#else
#define ENOUGH		WHOLE
#endif
/* guard.complete */
#define COMPLETE	(state == COMMITTED && ENOUGH && (sent || (failed == BY_CLIENT && !H1 -> large : failed == NOT_OVER && (ending != BY_CLIENT || large))))

/* A response that is granted time beyond the deadline: guard.go guard.trusted */
#ifdef E10
#define GRACED true
#elif defined(F7)
#define GRACED (!flushed)
#else
#define GRACED (!flushed && !bound_passed)
#endif

/* The handler's own write deadline has passed, which over HTTP/2 no call has to say: why.go guard.lapse */
#ifdef MUT_NO_LAPSE
#define LAPSED	false
#else
#define LAPSED	(!H1 && failed == NOT_OVER && g_write_by == PAST)
#endif

/* How a call of net/http's has failed. */
#define TIMED	1
#define BROKEN	2
