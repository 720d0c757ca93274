package main

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// tie is how long before the deadline a client must have gone for the server
// to have had to notice which of the two came first.
const tie = 700 * time.Millisecond

// breach is a rule that the records of a request break, and how. If it is one that
// only records can keep that say how a request ended, which no more than the fork's
// do, it is asked of the fork, and no disagreement of upstream's.
type breach struct {
	rule, how string
	asked     bool
}

// breaches compares what a client saw with what was recorded of its request.
// These are the rules:
func breaches(x *randomRequest, rec ledgerEntry) (found []breach) {
	broken := func(rule, format string, args ...any) {
		found = append(found, breach{rule: rule, how: fmt.Sprintf(format, args...)})
	}
	// asked is broken for a rule of which only says whether this breach is one that nobody but the fork is asked about.
	asked := func(only bool, rule, format string, args ...any) {
		broken(rule, format, args...)
		found[len(found)-1].asked = only
	}
	v, final := x.view, rec.final()

	// A request that never reached the server has no records. Only that of a
	// client that went can fail to.
	if x.arrived.Load() == 0 {
		if v.left == 0 || v.status != 0 || len(rec.events)+len(rec.lines) > 0 {
			broken("arrival", "the request did not arrive")
		}
		return found
	}

	// Whoever stays gets an answer, and not half of one, unless the records say
	// that it was aborted; a 504 is one that clients can make use of.
	panicked := len(final) > 0 && final[0].stage == "Panic"
	aborted := len(rec.lines) > 0 && rec.lines[0].ended == "aborted"
	// Where nothing has room for that, an audit event can still call what was sent a failure.
	failure := len(final) > 0 && len(rec.lines) > 0 && rec.lines[0].ended == "" && v.status != 0 && final[0].code == v.status && final[0].status == "Failure"
	switch {
	case v.whole && v.wrong != "":
		broken("answer", "%s", v.wrong)
	case !v.whole && v.left == 0 && !panicked && !aborted && !x.lostOnTheWay():
		asked(failure, "answer", "it breaks off")
	}

	// There is one final event, after the one with which it was received, and
	// one line in the HTTP log.
	if len(final) != 1 {
		broken("one event", "%d final audit events", len(final))
	}
	for i, e := range rec.events {
		if !e.final() && i > 0 || e.stage == "ResponseComplete" && (i == 0 || rec.events[i-1].final()) {
			broken("stages", "stage %s in place %d", e.stage, i)
		}
	}
	if len(rec.lines) != 1 {
		broken("one line", "%d lines in the HTTP log", len(rec.lines))
	}
	if len(final) == 0 || len(rec.lines) == 0 {
		return found
	}
	e, l := final[0], rec.lines[0]

	// The audit log and the HTTP log agree: on the code, but for a panic, which
	// audit calls 500 whatever had been sent; and on how the request ended.
	wantCode, wantStatus, wantReason := l.resp, "", ""
	switch l.ended {
	case "timed out", "aborted":
		wantStatus, wantReason = "Failure", "Timeout"
	case "client gone":
		wantStatus, wantReason = "Failure", "ClientGone"
	default:
		if panicked {
			wantCode, wantStatus, wantReason = http.StatusInternalServerError, "Failure", "InternalError"
		}
	}
	if e.code != wantCode || wantStatus != "" && (e.status != wantStatus || e.reason != wantReason) {
		broken("audit is log", "the two differ")
	}
	if l.ended == "" && (e.reason == "ClientGone" || e.code < 400 && e.status == "Failure") {
		asked(true, "audit is log", "the two differ")
	}
	if l.ended == "aborted" && l.resp != 0 && !strings.Contains(e.message, fmt.Sprintf("aborted after %d bytes", l.bytes)) ||
		l.ended == "client gone" && !strings.Contains(e.message, fmt.Sprintf(": %d bytes", l.bytes)) {
		broken("audit is log", "the two differ in bytes")
	}

	// No informational status is one in them.
	if e.code > 0 && e.code < 200 || l.resp > 0 && l.resp < 200 {
		broken("informational", "it is recorded as the status")
	}

	// Whoever saw a status finds it in both logs, with no fewer bytes than came
	// (over HTTP/2 nobody knows how much went of a Write that was interrupted).
	if v.status != 0 && l.resp != v.status {
		broken("log code", "the client saw another")
	}
	if v.status != 0 && e.code != v.status && !panicked {
		broken("audit code", "the client saw another")
	}
	if l.ended != "" && l.resp != http.StatusGatewayTimeout && v.bytes > l.bytes && x.proto == "HTTP/1.1" {
		broken("bytes", "the client got more")
	}

	// A 504 is the deadline's: nothing else makes one, and it says in the audit
	// log what it said to the client.
	if (l.resp == http.StatusGatewayTimeout) != (l.ended == "timed out") || l.ended == "timed out" && l.bytes != 0 {
		asked(l.ended == "", "ended", "it is no answer of the handler's")
	}
	if v.message != "" && e.message != v.message && e.message != v.message+"; the handler panicked" {
		asked(e.message == "", "message", "the client was told %q", v.message)
	}

	// A complete answer is not said to have been cut, also when it was complete
	// by its length only, and its handler went on.
	if v.whole && l.ended != "" && l.ended != "timed out" {
		broken("ended", "the client got all of it")
	}
	// One that was cut by the server is: the handler panicked, or was aborted.
	if !v.whole && v.left == 0 && !panicked && l.ended != "aborted" && !x.lostOnTheWay() {
		asked(l.ended == "", "ended", "the client got not all of it")
	}
	// And of a client that stayed nobody says that it went.
	if v.left == 0 && l.ended == "client gone" && !v.whole {
		broken("ended", "the client stayed")
	}

	// Of a client that went before it saw a status anything may be said that
	// can have been on its way, but a 504 only if its time was over: where the
	// server can see that it went.
	if v.status == 0 && v.left > 0 && l.resp == http.StatusGatewayTimeout && x.noticed() && v.left+tie < x.deadline() {
		broken("no 504", "the client had gone before")
	}
	// Nothing was committed: there is no code, and no success either.
	if l.ended == "client gone" && l.resp == 0 && e.code != 0 {
		broken("audit code", "nothing was sent")
	}

	// What a handler knows not to be the whole of its answer is not passed off as
	// that, in the answer or the records: it has sent a part, and has returned
	// because it could not go on, or was to go no further.
	if x.partial() && v.whole && v.status == http.StatusOK {
		broken("truncated", "the client took %d bytes for the whole answer", v.bytes)
	}
	if x.gaveUp() && l.ended == "" && !panicked {
		asked(e.code >= http.StatusBadRequest || e.status == "Failure", "ended", "the handler knew that it was over")
	}
	// And what the client took for the whole is what was written.
	if n := x.wrote.Load(); v.whole && v.status == http.StatusOK && n >= 0 && v.bytes != n && x.method != http.MethodHead {
		broken("body", "the client took %d bytes for the whole answer of %d", v.bytes, n)
	}

	// An answer comes after its event, as long as there is time.
	if at := time.Unix(0, x.audited.Load()); v.whole && v.status != http.StatusGatewayTimeout && !x.lengthKnown() &&
		v.end.Before(v.begin.Add(x.deadline())) && at.After(v.end) {
		broken("order", "the answer came %v before its event", at.Sub(v.end))
	}

	// A connection whose last answer did not announce its end takes a further
	// request.
	if x.unusable.Load() && !panicked {
		broken("connection", "it was closed without a word")
	}

	// An event has no response object that the client cannot have seen.
	if e.object && (l.resp == http.StatusGatewayTimeout || l.resp == 0) {
		broken("object", "it was not sent")
	}
	return found
}

// lostOnTheWay reports whether the answer may get lost though the server has
// sent it, or net/http has it. Over HTTP/1.1 the server does not read on for
// ever: half a second after the answer it closes the connection, which is a
// reset if the client has sent more, and takes with it what that has not read
// (RFC 9112, section 9.6). And a write deadline of the handler's holds for what
// net/http sends when that has returned, and its answer is on record.
func (x *randomRequest) lostOnTheWay() bool {
	const drained = 128 << 10 // is read in any case, with what connections hold
	return x.proto == "HTTP/1.1" && x.body > drained || x.own == writeSoon
}

// partial reports whether a handler has sent a part of its answer and then
// returned at the end of its context.
func (x *randomRequest) partial() bool {
	flushed := x.flush && x.filter != compressor && x.filter != opaque
	return x.quit.Load() && flushed && x.method != http.MethodHead
}

// gaveUp reports whether a handler has returned because it had to. One that has
// flushed nothing, and returns as the deadline strikes, may have written all.
func (x *randomRequest) gaveUp() bool {
	if x.method == http.MethodHead {
		return false // All of it is in the header.
	}
	left := x.view.left > 0 && x.view.left+tie < x.deadline() && !x.view.whole && x.noticed()
	return x.failed.Load() || x.partial() || x.quit.Load() && left
}

// lengthKnown reports whether a client can know that it has the whole answer
// before its handler has returned.
func (x *randomRequest) lengthKnown() bool {
	return x.method == http.MethodHead || x.act == allAndHonour || x.act == allAndStick || x.proxied()
}

// inHand reports whether the handlers had the request before its client went.
func (x *randomRequest) inHand() bool {
	began := x.began.Load()
	return began != 0 && x.at >= inAdmission && (x.view.left == 0 || time.Unix(0, began).Before(x.view.begin.Add(x.view.left)))
}

// noticed reports whether the server sees its client go: over HTTP/1.1 it does
// not before it has read the request's body, nor over either when a deadline of
// the handler's own has ended the read that would tell, or the stream.
func (x *randomRequest) noticed() bool {
	return (x.proto == "HTTP/2.0" || x.body == 0) && x.own != readSoon && x.own != writeSoon
}
