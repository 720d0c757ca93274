/*
 * What is said about the outcome. Report 0 is one that the boundary makes for all requests, report 1 one that the
 * handler adds.
 */

bool said_it[2];	/* report.said */
byte said[2];		/* how many times it has been */
bool registered;	/* report 1 is there */
bool late_report;	/* and was added when the request was over */
byte saying;
bool reporter_in_sink, handler_in_sink;	/* somebody is in a report that takes for ever */
bool overtaken;		/* somebody else has taken report 0 over */
bool lingering;
bool queued;		/* an answer waits in its place: Boundary.queue */

#define UNSAID		(registered && !said_it[1] || !said_it[0])
#define ALL_SAID	(saying == 0 && !UNSAID)

hidden byte kind;
/* find_kind: outcome.go guard.outcome */
inline find_kind() {
	if
	:: state == TIMEDOUT && (cut_off || taken) -> kind = CUT
	:: state == TIMEDOUT && !(cut_off || taken) -> kind = TIMED_OUT
	:: state == GONE -> kind = CLIENT_GONE
	:: state == ABORTED && ending == BY_CLIENT -> kind = CLIENT_GONE
	:: state == ABORTED && ending != BY_CLIENT -> kind = CUT
	:: state == HIJACKED -> kind = HIJACKED_IT
	:: else -> kind = ANSWERED
	fi
}

/* account: report.go guard.account */
inline account() { lingering = released && returned && !ALL_SAID }

/* report: report.go guard.report, guard.say, guard.unsaid; i is the caller's. */
inline report(me, i) {
	do
	:: atomic { !UNSAID ->
		account();
#ifndef MUT_REPORT_SILENT
		ev = true;
#endif
		printf("%e: all is said: report.go guard.report\n", NAME(me));
		break }
	:: atomic { UNSAID ->
		i = (registered && !said_it[1] -> 1 : 0);
#ifndef MUT_SAID_TWICE
		said_it[i] = true;
#endif
		saying++ }
		do
		:: atomic { !asleep[me] ->
			if
			:: writing -> asleep[me] = true
			:: else ->
				find_kind();
				check_word(kind);
				said[i] = said[i] + !(overtaken && i == 0);
				holds(said_once, said[i] <= 1);
				said_it[i] = true;
				printf("%e: says report %d, outcome %d: report.go guard.say\n", NAME(me), i, kind);
				break
			fi }
		od;
		if
		:: sink_hangs -> reporter_in_sink = true; if :: me == HANDLER -> handler_in_sink = true :: else fi; false
		:: else
		fi;
		atomic { saying-- }
	od
}
