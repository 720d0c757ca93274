package main

import (
	"fmt"
	"net/http"
	"time"
)

// tie is how long before the deadline a client must have gone for the server
// to have had to notice which of the two came first.
const tie = 700 * time.Millisecond

// breach is a rule that the records of a request break, and how.
type breach struct{ rule, how string }

// breaches compares what a client saw with what was recorded of its request.
// These are the rules:
func breaches(x *randomRequest, rec ledgerEntry) (found []breach) {
	broken := func(rule, format string, args ...any) {
		found = append(found, breach{rule, fmt.Sprintf(format, args...)})
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
	switch {
	case v.whole && v.wrong != "":
		broken("answer", "%s", v.wrong)
	case !v.whole && v.left == 0 && !panicked && !aborted && !x.lostInReset():
		broken("answer", "it breaks off")
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
		broken("audit is log", "the two differ")
	}
	if l.ended == "aborted" && e.message != fmt.Sprintf("the deadline passed with the response under way: aborted after %d bytes of its body", l.bytes) &&
		e.message != fmt.Sprintf("the deadline passed with the response under way: aborted after %d bytes of its body; the handler panicked", l.bytes) {
		broken("audit is log", "the two differ in bytes")
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
		broken("ended", "it is no answer of the handler's")
	}
	if v.message != "" && e.message != v.message && e.message != v.message+"; the handler panicked" {
		broken("message", "the client was told %q", v.message)
	}

	// A complete answer is not said to have been cut, unless the client could
	// know by its length that it had all of it.
	complete := l.ended == "" || l.ended == "timed out"
	if v.whole && !complete && !(x.act == allAndHonour || x.act == allAndStick) {
		broken("ended", "the client got all of it")
	}
	// One that was cut by the server is: the handler panicked, or was aborted.
	if !v.whole && v.left == 0 && !panicked && l.ended != "aborted" && !x.lostInReset() {
		broken("ended", "the client got not all of it")
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

	// An event has no response object that the client cannot have seen.
	if e.object && (l.resp == http.StatusGatewayTimeout || l.resp == 0) {
		broken("object", "it was not sent")
	}
	return found
}

// lostInReset reports whether the answer may get lost though the server has
// sent it: over HTTP/1.1 it does not read on for ever. Half a second after the
// answer it closes the connection, which is a reset if the client has sent
// more, and takes with it what that has not read (RFC 9112, section 9.6).
func (x *randomRequest) lostInReset() bool {
	const drained = 128 << 10 // is read in any case, with what connections hold
	return x.proto == "HTTP/1.1" && x.body > drained
}

// inHand reports whether the handlers had the request, and it was not already over.
func (x *randomRequest) inHand() bool {
	select {
	case <-x.serving:
		return x.at >= inAdmission
	default:
		return false
	}
}

// noticed reports whether the server sees its client go: over HTTP/1.1 it does
// not before it has read the request's body.
func (x *randomRequest) noticed() bool {
	return x.proto == "HTTP/2.0" || x.body == 0
}
