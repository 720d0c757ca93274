package main

import (
	"slices"
	"strconv"
	"strings"
)

// allowances is the table of differences from upstream that are meant. One that
// it does not have fails the test, and so does one of its own that is not there.
// Where a handler alone and upstream differ, which is a defect of upstream's,
// the fork is like the handler alone: such entries have no Is.
//
// Records that an entry allows are held to what the client saw by the field
// "records", which no entry has.
var allowances = []allowance{
	// What upstream gets wrong without any deadline.
	{
		Row: "D17", Why: "an informational status is passed on and is not the answer's",
		At:     []string{"1xx-100", "1xx-103", "1xx-103-twice", "1xx-103-large", "1xx-proxied-conflict@HTTP/1.1", "1xx-proxied-early"},
		When:   sendsInformational,
		Fields: append([]string{"handler", "order", "early"}, ofTheClient...),
		Is: func(v seenValue) bool {
			// A filter that keeps the last status for later gets the answer's from WithTracing.
			return v.likePlain() || v.field == "1xx" && v.value == "" && hasWriter(v.kase, "buffers") || v.field == "order"
		},
	},
	{
		Row: "E14", Why: "no record takes an informational status for the answer's",
		At:     []string{"1xx-100", "1xx-103", "1xx-103-length"},
		When:   sendsInformational,
		Fields: []string{"audit", "log"},
		Is:     func(v seenValue) bool { return v.isOne() && v.saysWhatWasSent() },
	},
	{
		Row: "D18", Why: "the header that a handler has set leaves with its first Flush",
		At:     []string{"alone-flushed-first"},
		When:   func(c kase) bool { return c.does("flush", "flusherror") },
		Fields: []string{"header", "framing", "end", "outer"},
	},
	{
		Row: "D19", Why: "the handler's header is the one that is sent, also if it writes nothing, and without what it has deleted",
		At: []string{"header-deleted", "header-nothing-written", "answer-head-length", "answer-served-no-range"},
		When: func(c kase) bool {
			return c.does("delete", "suppress", "serve", "proxy") || !c.writes() || c.inTheMiddle("recovers", "recovers500")
		},
		Fields: []string{"header", "outer", "next", "end", "served"},
	},
	{
		Row: "D19", Why: "a handler's trailers are sent",
		At: []string{"trailer-announced@HTTP/1.1", "trailer-announced@HTTP/2", "trailer-announced-large@HTTP/2",
			"trailer-prefixed@HTTP/1.1", "trailer-prefixed-nothing", "trailer-proxied@HTTP/2"},
		When: func(c kase) bool {
			return c.does("proxy trailers") || slices.ContainsFunc(c.Handler, func(step string) bool { return strings.HasPrefix(step, "header Trailer") })
		},
		Fields: []string{"trailer", "header", "framing", "end"},
	},
	{
		Row: "D19", Why: "a handler sees the request's trailers",
		At:     []string{"trailer-of-request", "trailer-of-request-late"},
		When:   func(c kase) bool { return len(c.Body.Trailer) > 0 },
		Fields: []string{"handler"},
	},
	{
		Row: "E16", Why: "a handler that writes nothing has answered all the same, with net/http's 200 or what a filter makes of it, and no connection was closed early",
		At:     []string{"answer-nothing", "answer-flushed-alone", "header-nothing-written", "middle-finds-nothing", "outside-buffers-nothing", "hijack-body@HTTP/2"},
		When:   func(kase) bool { return true },
		Fields: []string{"audit", "log"},
		Is: func(v seenValue) bool {
			// What stands outside the chain may answer in its place, which no record knows.
			sent := v.saysWhatWasSent() || hasWriter(v.kase, "finds") && strings.Contains(v.value, "200")
			return sent && v.says("Connection closed early", "resp=0") && !v.does("goexit", "panic", "abort")
		},
	},
	{
		Row: "E18", Why: "a panic before the answer, that of an invalid status included, is a 500 in the HTTP log as it is in the audit log",
		At: []string{"panic-at-once", "recovered-panic", "recovered500-panic", "survived-panic", "hijack-panic@HTTP/2", "connection-pipelined-panic",
			"status-invalid-0", "status-invalid-99", "status-invalid-1000", "status-invalid--1"},
		When:   func(c kase) bool { return c.does("panic", "abort") },
		Fields: []string{"log"},
		Is:     func(v seenValue) bool { return v.value == "resp=500" },
	},
	{
		Row: "E20", Why: "an invalid status is refused before the handler's header is handed over",
		At:     []string{"status-invalid-0", "status-invalid-99", "status-invalid-1000", "status-invalid--1"},
		Fields: []string{"outer"},
		Is: func(v seenValue) bool {
			return v.like(upstream, func(s string) string { return strings.Replace(s, "X-One 1", "X-One ", 1) })
		},
	},
	{
		Row: "D18", Why: "the status that is recorded is the one that was sent, not one that came after a Flush",
		At:     []string{"status-after-flush", "status-invalid-late-flushed"},
		When:   func(c kase) bool { return c.does("flush", "flusherror") || c.inTheMiddle("buffers") },
		Fields: []string{"audit"},
		Is:     seenValue.saysWhatWasSent,
	},
	{
		Row: "E21", Why: "the warnings of a handler that writes nothing are sent",
		At:     []string{"header-warning-nothing-written"},
		When:   func(c kase) bool { return c.does("warning") && !c.writes() },
		Fields: []string{"header"},
		Is: func(v seenValue) bool {
			line := "Warning: 299 - "
			if c := v.kase; c.proto == http2x {
				line = strings.ToLower(line)
			}
			rest, found := []string{}, false
			for _, l := range strings.Split(v.value, "\n") {
				if strings.HasPrefix(l, line) {
					found = true
				} else {
					rest = append(rest, l)
				}
			}
			return found && slices.Contains(v.bySide[upstream], strings.Join(rest, "\n"))
		},
	},
	{
		Row: "WRITERS", Why: "a Flush, Hijack or CloseNotify behind an outer writer that has none is a panic upstream; here it does nothing, or fails",
		At: []string{"writer-bare", "writer-flushes", "writer-controls-bare", "hijack-behind-bare"},
		When: func(c kase) bool {
			return hasWriter(c, writersOfOnesOwn...) && c.does("flush", "flusherror", "hijack", "notified", "proxy")
		},
		Fields: append([]string{"handler", "audit", "log", "early", "order"}, ofTheClient...),
		Is: func(v seenValue) bool {
			switch v.field {
			case "audit", "log":
				return v.isOne() && v.saysWhatWasSent()
			case "handler", "early", "order", "header", "framing", "next":
				// The fork may be able to flush where the writer has only an Unwrap.
				return true
			}
			return v.likePlain() || v.closeAnnounced()
		},
	},

	// How a handler ends.
	{
		Row: "E19", Why: "a panic that a filter recovers within the boundary is audited as the panic that it was, with the status that was sent",
		At:     []string{"middle-recovers-panic", "middle-recovers500-panic", "recovered-in-the-middle-panic", "recovered-in-the-middle-abort", "recovered-in-the-middle-panic-after-status"},
		When:   func(c kase) bool { return c.inTheMiddle("recovers", "recovers500") && c.does("panic", "abort") },
		Fields: []string{"audit"},
		Is: func(v seenValue) bool {
			return v.saysWhatWasSent() && v.like(upstream, func(s string) string { return strings.Replace(s, "Panic 500", "Panic "+v.sent(), 1) })
		},
	},
	{
		Row: "E26", Why: "a handler that ends with runtime.Goexit has not answered: its connection or stream ends, and the records say so",
		At:     []string{"goexit-at-once", "goexit-after-write", "goexit-after-flush@HTTP/1.1", "goexit-after-flush@HTTP/2"},
		When:   func(c kase) bool { return c.does("goexit") },
		Fields: append([]string{"audit", "log", "order"}, ofTheClient...),
		Is: func(v seenValue) bool {
			switch v.field {
			case "audit":
				return v.isOne() && strings.Contains(v.value, "Failure")
			case "log":
				return v.isOne()
			case "order":
				return true
			case "body":
				return v.likePlain() || v.all["cut"][fork][0] != ""
			case "end":
				return v.likePlain() || strings.HasSuffix(v.value, "the connection was closed")
			}
			return v.likePlain()
		},
	},

	// What becomes of a body that nobody reads.
	{
		Row: "D6", Why: "a body that does not come holds no answer back: the close is announced, and the connection ends",
		At:     []string{"body-unread-after-answer@HTTP/1.1", "body-unread-late-2000@HTTP/1.1", "body-unread-late-262143@HTTP/1.1", "body-never@HTTP/1.1", "body-never-chunked@HTTP/1.1"},
		When:   func(c kase) bool { return c.proto == http11 && (c.Body.late() || c.sendsLate()) },
		Fields: append([]string{"early", "order", "handler", "audit", "log"}, ofTheClient...),
		Is:     seenValue.closeAnnounced,
	},
	{
		Row: "D6", Why: "where a client that waits for a 100 has been refused, nothing more is waited for",
		At:     []string{"body-expect-refused@HTTP/1.1", "body-expect-refused-large-answer@HTTP/1.1"},
		When:   func(c kase) bool { return c.proto == http11 && c.Body.Expect },
		Fields: []string{"end", "cut"},
		Is: func(v seenValue) bool {
			broken := v.does("panic", "abort") && strings.HasSuffix(v.value, "the connection was closed")
			return broken || v.value == "announced, the connection was closed"
		},
	},

	// A context's end, and a client's going.
	{
		Row: "E3", Why: "a deadline of the handler's own does not end its context, and is no client that went: its answer is sent, and the next request served",
		At: []string{"context-read-deadline@HTTP/1.1", "context-read-deadline-soon@HTTP/1.1", "context-read-deadline-answer@HTTP/1.1",
			"context-read-deadline-never@HTTP/1.1", "context-read-deadline-never-large@HTTP/1.1"},
		When:   func(c kase) bool { return c.does("readdeadline", "writedeadline") },
		Fields: append([]string{"handler", "audit", "log"}, ofTheClient...),
		Is: func(v seenValue) bool {
			switch v.field {
			case "audit", "log":
				return !strings.Contains(v.value, "ClientGone") && !strings.Contains(v.value, "ended=")
			case "handler":
				return v.like(plain, func(s string) string { return strings.ReplaceAll(s, "context canceled", "alive") })
			case "outer":
				// Over HTTP/2 it resets the stream, when that comes to it.
				return v.likePlain() || v.like(plain, contextEnded)
			}
			return v.likePlain()
		},
	},
	{
		Row: "D20", Why: "where the context's deadline has passed, the 504 is a Status, and in every record",
		At:     []string{"context-expired"},
		When:   func(c kase) bool { return hasWriter(c, "expires") },
		Fields: []string{"header", "body", "audit", "log", "handler"},
		Is: func(v seenValue) bool {
			switch v.field {
			case "header":
				return strings.Contains(strings.ToLower(v.value), "content-type: application/json")
			case "body":
				return v.value != "nothing"
			case "handler":
				return v.like(upstream, func(s string) string { return s })
			}
			return strings.Contains(v.value, "504")
		},
	},
	{
		Row: "D20", Why: "where an outer filter has cancelled, the 504 is a Status, in every record, and it comes when it is known that the client has not gone: a handler that answers first has answered",
		At:     []string{"context-cancelled", "context-cancelled-unnoticed"},
		When:   func(c kase) bool { return hasWriter(c, "cancels") },
		Fields: append([]string{"handler", "audit", "log"}, ofTheClient...),
		Is: func(v seenValue) bool {
			switch v.field {
			case "audit", "log":
				return v.saysWhatWasSent()
			case "header":
				return v.likePlain() || strings.Contains(strings.ToLower(v.value), "content-type: application/json")
			case "body":
				return v.likePlain() || slices.Contains(v.all["status"][upstream], v.all["status"][fork][0])
			case "handler":
				return true
			}
			return v.likePlain()
		},
	},
	{
		Row: "D24", Why: "a response that a write deadline of the handler's own has cut is recorded as one that was",
		At:     []string{"control-write-deadline-past", "control-write-deadline-past-small"},
		When:   func(c kase) bool { return c.does("writedeadline") },
		Fields: []string{"audit", "log"},
		Is: func(v seenValue) bool {
			return v.all["cut"][fork][0] != "" && (strings.Contains(v.value, mayHaveStayed) || strings.Contains(v.value, `ended="aborted"`))
		},
	},
	{
		Row: "E8", Why: "a connection whose response a write deadline of the handler's own has cut is closed at once, and TLS says no goodbye on it",
		At:     []string{"control-write-deadline-past-small@HTTP/1.1"},
		When:   func(c kase) bool { return c.does("writedeadline") && c.proto != http2x },
		Fields: []string{"cut", "end"},
		Is:     func(v seenValue) bool { return v.value == "the connection was closed" },
	},
	{
		Row: "D23", Why: "the records of a request whose client has gone say so, and its handler's calls",
		At:     []string{"connection-left", "connection-left-answered", "body-never-read@HTTP/1.1"},
		When:   func(c kase) bool { return clientGoes(c) || c.Body.Expect },
		Fields: []string{"audit", "log", "handler", "outer"},
		Is: func(v seenValue) bool {
			switch v.field {
			case "audit":
				return strings.Contains(v.value, "ClientGone")
			case "log":
				return strings.Contains(v.value, `ended="client gone"`)
			case "handler":
				// The context ends, and what is in flight fails, in an order of their own;
				// what comes when the client has gone starts nothing.
				return v.likeButFor(hasGone, "alive", "context canceled") || v.likePlain() || v.value == "" && hasWriter(v.kase, "reads")
			}
			return true
		},
	},
	{
		Row: "E6b", Why: "an HTTP/1 client that closes its sending side cannot be told from one that went: nothing is sent",
		At:     []string{"connection-half-closed", "connection-half-closed-busy", "connection-half-closed-body"},
		When:   func(c kase) bool { return c.Client.HalfCloses != "" || c.proto != http2x && c.Body.How == tooLittle },
		Fields: append([]string{"order"}, ofTheClient...),
		Is: func(v seenValue) bool {
			switch v.field {
			case "cut", "end":
				return strings.Contains(v.value, "the connection was closed") || v.likePlain()
			case "body":
				// What had been sent before.
				return v.likePlain() || v.value == "" || v.all["cut"][fork][0] != ""
			}
			return v.value == "" || v.field == "outer" || v.likePlain()
		},
	},

	// What is a matter of luck anywhere.
	{
		Row: "RFC 9113, section 8.1.1", Why: "a stream to which more is sent than was announced is reset when that comes, whatever has been answered by then",
		Luck:   true,
		When:   func(c kase) bool { return c.proto == http2x && c.Body.How == tooMuch },
		Fields: append([]string{"handler", "audit", "log"}, ofTheClient...),
		Is:     func(v seenValue) bool { return v.field != "audit" && v.field != "log" || v.isOne() },
	},
	{
		Row: "RFC 9112, section 9.6", Why: "over HTTP/1.0 net/http closes on a body that nobody has read, and the client has the reset or the answer",
		Luck:   true,
		When:   func(c kase) bool { return c.proto == http10 && c.hasBody() && !c.does("readall", "close") },
		Fields: []string{"body", "cut", "end"},
		Is: func(v seenValue) bool {
			switch v.field {
			case "cut":
				return v.value == "" || v.value == "the connection was closed"
			case "end":
				return v.value == "announced, with the answer" || v.value == "in the answer: the connection was closed"
			}
			return true
		},
	},
}

// ofTheClient are the fields that a client sees, and what is served.
var ofTheClient = []string{"1xx", "status", "header", "body", "framing", "trailer", "cut", "next", "extra", "end", "served", "outer"}

// writersOfOnesOwn lack optional methods of net/http's.
var writersOfOnesOwn = []string{"unwraps", "bare", "flushes", "http1", "duplexer", "deadliner", "flusherror", "all", "pretends", "fails", "compresses", "finds", "buffers"}

// hasWriter reports whether one of these filters is around the chain.
func hasWriter(c kase, names ...string) bool {
	return anyOf(c.Server.Outer, names)
}

// sendsInformational reports whether the handler sends a status that is not the answer's.
func sendsInformational(c kase) bool {
	for _, step := range c.Handler {
		status, ok := strings.CutPrefix(step, "status ")
		if n, err := strconv.Atoi(status); ok && err == nil && n >= 100 && n <= 199 {
			return true
		}
	}
	return c.does("proxy early") || c.does("proxy conflict") && c.Body.Expect
}

// inTheMiddle reports whether one of these filters stands between the timeout
// filter and audit.
func (c kase) inTheMiddle(names ...string) bool {
	return anyOf(c.Server.Middle, names)
}

// anyOf reports whether one of these names is among filters, as a setup has them.
func anyOf(filters string, names []string) bool {
	return slices.ContainsFunc(strings.Fields(filters), func(f string) bool { return slices.Contains(names, f) })
}

// writes reports whether the handler answers by itself, and not by returning.
func (s *scenario) writes() bool {
	for _, step := range s.Handler {
		switch op, args, _ := strings.Cut(step, " "); op {
		case "status":
			if len(args) != 3 || args[0] != '1' {
				return true
			}
		case "write", "writes", "text", "copy", "flush", "flusherror", "zip", "error", "redirect", "serve", "hijack", "proxy":
			return true
		case "panic", "abort", "goexit":
			return true
		}
	}
	return false
}

// sendsLate reports whether the client waits to send the rest of the body for a
// handler that sends its header first.
func (s *scenario) sendsLate() bool {
	if s.Body.How != halves || s.Body.Until == "" {
		return false
	}
	for _, step := range s.Handler {
		switch op, arg, _ := strings.Cut(step, " "); {
		case step == "tell "+s.Body.Until:
			return false
		case op == "panic", op == "abort", op == "goexit":
			return true
		case op == "flush", op == "flusherror", op == "write" && len(arg) > 3:
			return true
		}
	}
	return true
}

// late reports whether the rest of a body comes too late to be waited for, or never.
func (b body) late() bool {
	return b.How == afterAnswer || b.How == never || b.Gap >= late
}

// clientGoes reports whether the client goes, or might as well have.
func clientGoes(c kase) bool {
	return c.Client.Leaves != "" && c.Client.Leaves != answeredEvent || c.Client.HalfCloses != "" || c.Body.How == never || c.Body.How == tooLittle ||
		c.proto == http2x && c.Body.How == tooMuch
}

// hasGone is what calls return in the fork when the client has gone.
const hasGone = "the client of this request has gone"

// bodyGivenUp is what calls return in the fork on a body that is not waited for.
const bodyGivenUp = "read tcp ADDRESS->ADDRESS: i/o timeout"

// likeButFor reports whether the value is what the handler noted upstream, but
// for steps that end with one of these.
func (v seenValue) likeButFor(ends ...string) bool {
	lines := strings.Split(v.value, "\n")
	return slices.ContainsFunc(v.bySide[upstream], func(s string) bool {
		theirs := strings.Split(s, "\n")
		if len(lines) != len(theirs) {
			return false
		}
		for i, line := range lines {
			step, _, _ := strings.Cut(line, ": ")
			if line != theirs[i] && !(slices.ContainsFunc(ends, func(end string) bool { return strings.HasSuffix(line, end) }) && strings.HasPrefix(theirs[i], step+": ")) {
				return false
			}
		}
		return true
	})
}

// contextEnded is what an outer filter sees whose context has ended where another's has not.
func contextEnded(outer string) string {
	return strings.ReplaceAll(outer, "the context is alive", "the context is context canceled")
}

// closeAnnounced reports whether the value is upstream's, but that the answer
// did not wait for the body, and said that the connection ends. Upstream may
// have no answer at all.
func (v seenValue) closeAnnounced() bool {
	switch v.field {
	case "header":
		if v.bySide[upstream][0] == "" {
			return strings.Contains(v.value, "Connection: close")
		}
		closing := func(s string) string {
			lines := append(strings.Split(s, "\n"), "Connection: close")
			slices.Sort(lines)
			return strings.Join(slices.Compact(lines), "\n")
		}
		return v.like(upstream, closing) || v.like(plain, closing) && !v.likePlain()
	case "early":
		return v.value == "yes"
	case "end":
		return strings.HasPrefix(v.value, "announced, ") || v.does("panic", "abort", "goexit") && strings.HasSuffix(v.value, "the connection was closed")
	case "cut":
		return v.value == "" || v.does("panic", "abort", "goexit")
	case "next", "extra", "1xx", "trailer":
		return v.value == ""
	case "served":
		first, _, _ := strings.Cut(v.bySide[upstream][0], "\n")
		return v.value == first
	case "order":
		return v.bySide[upstream][0] == ""
	case "outer":
		return v.like(upstream, contextEnded) || v.like(plain, contextEnded)
	}
	if v.field == "handler" && v.likeButFor(bodyGivenUp) {
		return true // Upstream has waited for it.
	}
	// What a handler that is not held back answers, where upstream's was.
	return v.bySide[upstream][0] == "" || v.Body.How == never && slices.Contains([]string{"handler", "audit", "log"}, v.field)
}
