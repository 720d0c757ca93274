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
		Fields: append([]string{"handler"}, ofTheClient...),
	},
	{
		Row: "E14", Why: "no record takes an informational status for the answer's",
		At:     []string{"1xx-100", "1xx-103", "1xx-103-length"},
		When:   sendsInformational,
		Fields: []string{"audit", "log"},
		Is:     anything,
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
			return c.does("delete", "suppress", "serve", "proxy") || !c.writes()
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
		Row: "E16", Why: "a handler that writes nothing has answered with 200, in every record",
		At:     []string{"answer-nothing", "header-nothing-written"},
		When:   func(c kase) bool { return !c.writes() },
		Fields: []string{"audit", "log"},
		Is:     func(v seenValue) bool { return strings.Contains(v.value, "200") },
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
		Fields: append([]string{"handler", "audit", "log", "early"}, ofTheClient...),
		Is: func(v seenValue) bool {
			switch v.field {
			case "handler", "audit", "log", "early", "header", "framing":
				// The fork may be able to flush where the writer has only an Unwrap.
				return true
			}
			return v.likePlain() || v.closeAnnounced()
		},
	},

	// How a handler ends.
	{
		Row: "E26", Why: "a handler that ends with runtime.Goexit has not answered: its connection or stream ends, and the records say so",
		At:     []string{"goexit-at-once", "goexit-after-write", "goexit-after-flush@HTTP/1.1", "goexit-after-flush@HTTP/2"},
		When:   func(c kase) bool { return c.does("goexit") },
		Fields: append([]string{"audit", "log", "order"}, ofTheClient...),
		Is: func(v seenValue) bool {
			switch v.field {
			case "audit":
				return !strings.Contains(v.value, "ResponseComplete 200 ") || strings.Contains(v.value, "Failure")
			case "log", "order":
				return true
			}
			return v.likePlain()
		},
	},

	// What becomes of a body that nobody reads.
	{
		Row: "D6", Why: "a body that does not come holds no answer back: the close is announced, and the connection ends",
		At:     []string{"body-unread-after-answer@HTTP/1.1", "body-unread-late-2000@HTTP/1.1", "body-unread-late-262143@HTTP/1.1", "body-never@HTTP/1.1", "body-never-chunked@HTTP/1.1"},
		When:   func(c kase) bool { return c.proto == http11 && c.Body.late() },
		Fields: append([]string{"early", "handler", "audit", "log"}, ofTheClient...),
		Is:     seenValue.closeAnnounced,
	},
	{
		Row: "E24", Why: "behind an outer writer that cannot set a read deadline, no body is waited for: the close is announced",
		At: []string{"writer-refuses-after-answer-bare@HTTP/1.1"},
		When: func(c kase) bool {
			return c.proto == http11 && c.hasBody() && hasWriter(c, "bare", "flushes", "http1", "duplexer", "flusherror", "pretends", "fails", "compresses", "finds", "buffers")
		},
		Fields: append([]string{"early"}, ofTheClient...),
		Is:     seenValue.closeAnnounced,
	},

	{
		Row: "D6", Why: "where a client that waits for a 100 has been refused, nothing more is waited for",
		At:     []string{"body-expect-refused@HTTP/1.1", "body-expect-refused-large-answer@HTTP/1.1"},
		When:   func(c kase) bool { return c.proto == http11 && c.Body.Expect },
		Fields: []string{"end"},
		Is:     func(v seenValue) bool { return v.value == "announced, the connection was closed" },
	},

	// A context's end, and a client's going.
	{
		Row: "E3", Why: "a read deadline of the handler's own, or an outer filter's cancellation, does not end the handler's context, and is no client that went: its answer is sent",
		At: []string{"context-read-deadline@HTTP/1.1", "context-read-deadline-soon@HTTP/1.1", "context-read-deadline-answer@HTTP/1.1",
			"context-read-deadline-never@HTTP/1.1", "context-read-deadline-never-large@HTTP/1.1", "context-cancelled", "context-cancelled-unnoticed"},
		When:   func(c kase) bool { return c.does("readdeadline", "writedeadline") || hasWriter(c, "cancels") },
		Fields: append([]string{"handler", "audit", "log"}, ofTheClient...),
		Is: func(v seenValue) bool {
			switch v.field {
			case "audit", "log":
				return !strings.Contains(v.value, "ClientGone") && !strings.Contains(v.value, "ended=")
			case "handler":
				return v.like(plain, func(s string) string { return strings.ReplaceAll(s, "context canceled", "alive") })
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
		Row: "D23", Why: "the records of a request whose client has gone say so, and its handler's calls",
		At:     []string{"connection-left", "connection-left-answered", "body-never-read@HTTP/1.1"},
		When:   clientGoes,
		Fields: []string{"audit", "log", "handler", "outer"},
		Is: func(v seenValue) bool {
			switch v.field {
			case "audit":
				return strings.Contains(v.value, "ClientGone")
			case "log":
				return strings.Contains(v.value, `ended="client gone"`)
			case "handler":
				return v.likeButGone() || v.likePlain()
			}
			return true
		},
	},
	{
		Row: "E6b", Why: "an HTTP/1 client that closes its sending side cannot be told from one that went: nothing is sent",
		At:     []string{"connection-half-closed", "connection-half-closed-busy", "connection-half-closed-body"},
		When:   func(c kase) bool { return c.Client.HalfCloses != "" || c.proto != http2x && c.Body.How == tooLittle },
		Fields: ofTheClient,
		Is: func(v seenValue) bool {
			switch v.field {
			case "cut", "end":
				return strings.Contains(v.value, "the connection was closed") || v.likePlain()
			}
			return v.value == "" || v.field == "outer" || v.likePlain()
		},
	},
}

// ofTheClient are the fields that a client sees, and what is served.
var ofTheClient = []string{"1xx", "status", "header", "body", "framing", "trailer", "cut", "next", "extra", "end", "served", "outer"}

// writersOfOnesOwn lack optional methods of net/http's.
var writersOfOnesOwn = []string{"unwraps", "bare", "flushes", "http1", "duplexer", "deadliner", "flusherror", "all", "pretends", "fails", "compresses", "finds", "buffers"}

func anything(seenValue) bool { return true }

// hasWriter reports whether one of these filters is around the chain.
func hasWriter(c kase, names ...string) bool {
	return slices.ContainsFunc(strings.Fields(c.Server.Outer), func(f string) bool { return slices.Contains(names, f) })
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
	return strings.Contains(s.Server.Outer+s.Server.Middle, "buffers") || strings.Contains(s.Server.Outer+s.Server.Middle, "500")
}

// late reports whether the rest of a body comes too late to be waited for, or never.
func (b body) late() bool {
	return b.How == afterAnswer || b.How == never || b.Gap > 0
}

// clientGoes reports whether the client goes, or might as well have.
func clientGoes(c kase) bool {
	return c.Client.Leaves != "" && c.Client.Leaves != answeredEvent || c.Client.HalfCloses != "" || c.Body.How == never || c.Body.How == tooLittle ||
		c.proto == http2x && c.Body.How == tooMuch
}

// hasGone is what calls return in the fork when the client has gone.
const hasGone = "the client of this request has gone"

// likeButGone reports whether the value is what the handler noted upstream, but
// for calls that return hasGone.
func (v seenValue) likeButGone() bool {
	lines := strings.Split(v.value, "\n")
	return slices.ContainsFunc(v.bySide[upstream], func(s string) bool {
		theirs := strings.Split(s, "\n")
		if len(lines) != len(theirs) {
			return false
		}
		for i, line := range lines {
			step, _, _ := strings.Cut(line, ": ")
			if line != theirs[i] && !(strings.HasSuffix(line, hasGone) && strings.HasPrefix(theirs[i], step+": ")) {
				return false
			}
		}
		return true
	})
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
		return v.like(upstream, func(s string) string {
			lines := append(strings.Split(s, "\n"), "Connection: close")
			slices.Sort(lines)
			return strings.Join(slices.Compact(lines), "\n")
		})
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
	case "outer":
		return v.like(upstream, func(s string) string {
			return strings.ReplaceAll(s, "the context is alive", "the context is context canceled")
		})
	}
	// What a handler that is not held back answers, where upstream's was.
	return v.bySide[upstream][0] == "" || v.Body.How == never && slices.Contains([]string{"handler", "audit", "log"}, v.field)
}
