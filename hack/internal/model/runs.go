package model

import "slices"

// Kind is what a run is there for.
type Kind string

const (
	// Plain is a configuration of the model as the code is, but for what Finding has: it holds.
	Plain Kind = "configuration"
	// Before has the code of before in the model, of a defect that is known: it is found.
	Before Kind = "code of before"
	// Mutation breaks one thing: it is found.
	Mutation Kind = "mutation"
	// Finding has what the model found in the code as it is: it is found, for as long as the code has it.
	Finding Kind = "finding"
)

// Run is one run of spin.
type Run struct {
	// ID names it to make model, and as a macro in the model if it changes that.
	ID string
	// Kind is what it is there for.
	Kind Kind
	// Title says what is checked, or changed.
	Title string
	// Macros choose the configuration.
	Macros []string
	// Property is the one that has to fail, empty for none.
	Property string
	// Cycles is whether it looks for ways that go round for ever, and for nothing else.
	Cycles bool
}

// Flags are spin's.
func (r Run) Flags() []string {
	flags := []string{}
	for _, macro := range r.Macros {
		flags = append(flags, "-D"+macro)
	}
	if r.Kind != Plain {
		flags = append(flags, "-D"+r.ID)
	}
	return slices.Clip(flags)
}

func plain(id, title string, macros ...string) Run {
	return Run{ID: id, Kind: Plain, Title: title, Macros: macros}
}

func broken(kind Kind, id, property, title string, macros ...string) Run {
	return Run{ID: id, Kind: kind, Title: title, Macros: macros, Property: property}
}

// cycles is a run that looks for ways that go round for ever.
func cycles(r Run) Run {
	r.Cycles = true
	return r
}

// Runs are all runs, in the order of their table.
var Runs = []Run{
	plain("h1", "HTTP/1: a handler that writes, flushes, panics, gives up or never returns, a client that may go; then a next request"),
	plain("h2", "the same over HTTP/2", "HTTP2"),
	plain("h1-never", "a deadline that does not come", "NEVER"),
	plain("h2-never", "the same over HTTP/2", "HTTP2", "NEVER"),
	plain("h1-parts", "a response of two parts", "PARTS=2", "STAYS"),
	plain("h1-slow", "a client that stops reading, or begins to", "SLOW", "STAYS"),
	plain("h2-slow", "the same over HTTP/2, where it may take nothing of the connection either", "HTTP2", "SLOW", "STAYS"),
	plain("h1-inform", "an informational response first, to a client that is slow", "INFORM", "SLOW", "STAYS", "OPS=1"),
	plain("h1-body", "a request body that may not come", "BODY", "STAYS", "LEAN"),
	plain("h1-body-goes", "and whose client may go", "BODY", "OPS=1", "LEAN"),
	plain("h1-huge", "a body of which more is left than net/http reads", "BODY", "HUGE", "OPS=1", "STAYS"),
	plain("h1-outer", "a body that a filter outside has read", "BODY", "OUTER", "OPS=1", "STAYS"),
	plain("h1-body-slow", "a body, and a client that stops reading, or begins to", "BODY", "SLOW", "OPS=1", "LEAN", "STAYS"),
	plain("h1-outer-slow", "a body that a filter outside has read, and such a client", "BODY", "OUTER", "SLOW", "OPS=1", "LEAN", "STAYS"),
	plain("h2-body", "a request body over HTTP/2", "HTTP2", "BODY", "STAYS", "LEAN"),
	plain("h1-stray", "a goroutine that the handler leaves behind", "STRAY", "STAYS", "OPS=1", "LEAN"),
	plain("h1-stray-body", "the same, with a body that it may read", "STRAY", "BODY", "STAYS", "OPS=1", "LEAN"),
	plain("h2-stray", "the same over HTTP/2", "HTTP2", "STRAY", "STAYS", "OPS=1", "LEAN"),
	plain("h1-hijack", "a handler that takes the connection over", "HIJACK", "STAYS"),
	plain("h1-own", "a handler with deadlines of its own", "OWN", "STAYS", "LEAN"),
	plain("h2-own", "the same over HTTP/2", "HTTP2", "OWN", "STAYS", "LEAN"),
	plain("h1-bind", "a handler that binds itself more tightly", "BIND", "STAYS", "LEAN"),
	plain("h1-cap", "others have the places of those left behind, and reports that never end", "CAP", "SINK", "STAYS", "LEAN", "OPS=1"),
	plain("h2-cap", "the same over HTTP/2", "HTTP2", "CAP", "SINK", "STAYS", "LEAN", "OPS=1"),
	plain("h1-reports", "a report that the handler adds, at any time, and that may never end", "REPORTS", "SINK", "STAYS", "LEAN"),
	plain("h1-nested", "a sub-request in process, and a filter that writes as it unwinds", "NESTED", "STAYS"),
	cycles(plain("h1-ends", "no way goes round for ever", "SLOW", "OPS=1", "LEAN", "STAYS")),
	cycles(plain("h2-ends", "nor over HTTP/2", "HTTP2", "SLOW", "OPS=1", "LEAN", "STAYS")),

	broken(Before, "E4", "whole_is_whole", "a filter in a sub-request settles the request that it is in", "NESTED", "STAYS"),
	broken(Before, "E5", "taken_back", "a read deadline is left on the connection after a drain", "BODY", "OUTER", "OPS=1", "STAYS", "LEAN"),
	broken(Before, "E5b", "taken_back", "and after a panic that a filter recovers", "BODY", "OPS=1", "STAYS"),
	broken(Before, "E10", "whole_is_whole", "a flushed part is granted time, and then taken for the whole", "STAYS"),
	broken(Before, "E11", "answered", "at the cap, the answer waits for its handler", "CAP", "SINK", "STAYS", "LEAN", "OPS=1"),
	broken(Before, "E15", "one_outcome", "a handler that has seen its client go, and returns, has won"),
	broken(Before, "E19", "whole_is_whole", "a filter that unwinds settles, and what stands outside of it may not write any more", "NESTED", "STAYS"),

	broken(Mutation, "MUT_SEAL_TWICE", "one_outcome", "the serve goroutine seals without looking", "STAYS"),
	broken(Mutation, "MUT_CLAIM_UNCHECKED", "no_touch", "a call is let in after the seal", "STRAY", "STAYS"),
	broken(Mutation, "MUT_READ_UNSEALED", "no_touch", "a read is let in after the seal", "BODY", "STRAY", "STAYS"),
	broken(Mutation, "MUT_NO_SETTLE", "no_touch", "the answer does not wait for the calls that were under way", "INFORM", "STAYS"),
	broken(Mutation, "MUT_NO_QUIESCE", "no_control", "nor for a deadline that the handler is setting", "OWN", "STAYS"),
	broken(Mutation, "MUT_HIJACK_LATE", "one_outcome", "a hijack that comes too late has the connection", "HIJACK", "STAYS"),
	broken(Mutation, "MUT_NO_INTERRUPT", "serve_returns", "a read is waited for, and not interrupted", "BODY", "OPS=1", "LEAN", "STAYS"),
	broken(Mutation, "MUT_NO_NOTIFY", "serve_returns", "the handler's return wakes nobody", "CAP", "SINK", "REPORTS", "STAYS", "LEAN", "OPS=0"),
	broken(Mutation, "MUT_REPORT_SILENT", "serve_returns", "nor does the last report", "NEVER", "STAYS"),
	broken(Mutation, "MUT_NO_BROADCAST", "serve_returns", "a call that leaves wakes nobody", "SLOW", "STAYS"),
	broken(Mutation, "MUT_NO_LINGER", "serve_returns", "net/http waits for the rest of the body after the answer", "BODY", "HUGE", "OPS=1", "STAYS"),
	broken(Mutation, "MUT_NO_LIMIT_FLUSH", "serve_returns", "net/http's own flush has no bound", "SLOW", "STAYS"),
	broken(Mutation, "MUT_NO_WRITE_LIMIT", "serve_returns", "nor has the 504", "SLOW", "STAYS"),
	broken(Mutation, "MUT_NO_CUT", "whole_is_whole", "what is aborted is left to a panic that a filter recovers", "STAYS"),
	broken(Mutation, "MUT_NO_CUT_SLOW", "handler_free", "and so is a write that waits for its client", "SLOW", "STAYS"),
	broken(Mutation, "MUT_SAID_TWICE", "said_once", "a report is marked when it has been said", "SINK", "STAYS"),
	broken(Mutation, "MUT_REPORT_LOST", "said_once", "nobody reports on a handler that never returns", "STAYS"),
	broken(Mutation, "MUT_NO_LEADS", "said_once", "a sub-request takes the report of the request over that it is in", "NESTED", "STAYS"),
	broken(Mutation, "MUT_NOT_SAID_FIRST", "said_first", "an answer in time does not wait for its reports", "STAYS"),
	broken(Mutation, "MUT_NO_CAP", "capped", "any number may be left behind", "CAP", "SINK", "STAYS", "LEAN", "OPS=1"),
	broken(Mutation, "MUT_LEAK", "capped", "a handler that returns as it is left behind keeps its place", "STAYS"),
	broken(Mutation, "MUT_PART_IS_WHOLE", "one_outcome", "a part of what a Content-Length says counts as all of it", "PARTS=2", "STAYS"),
	broken(Mutation, "MUT_BOUND_SILENT", "serve_returns", "a bound of the handler's that passes wakes nobody", "BIND", "NEVER", "STAYS", "LEAN"),
	broken(Mutation, "MUT_NOT_CLOSED", "serve_returns", "over HTTP/2, a connection that takes nothing is not closed", "HTTP2", "SLOW", "STAYS"),
	broken(Mutation, "MUT_NO_LAPSE", "one_outcome", "over HTTP/2, a handler's own write deadline that has passed is not seen", "HTTP2", "OWN", "STAYS", "LEAN"),
	broken(Mutation, "MUT_NO_PLACE", "capped", "over HTTP/2, at the cap, an answer's handler is left behind without a place, and gives one back", "HTTP2", "CAP", "SINK", "STAYS", "LEAN", "OPS=1"),
	broken(Mutation, "MUT_NOT_STAYED", "capped", "over HTTP/2, so is one whose client has gone", "HTTP2", "NEVER"),
	broken(Mutation, "MUT_STREAM_READ", "no_touch", "over HTTP/2, a read is let in after the seal", "HTTP2", "BODY", "STRAY", "STAYS", "LEAN", "OPS=1"),
	cycles(broken(Mutation, "MUT_CYCLE", "it_ends", "what is set on the connection is set again and again", "SLOW", "OPS=1", "LEAN", "STAYS")),

	broken(Before, "F1", "one_outcome", "the end of a context changes why a request has ended that has ended"),
	broken(Before, "F2", "taken_back", "a write that stays is interrupted by a read deadline, and the connection is used again", "SLOW", "STAYS"),
	broken(Before, "F6", "whole_is_whole", "a handler is told that its time is over, and then granted time, and taken at its word", "STAYS"),
	broken(Before, "F7", "whole_is_whole", "so is one that its own bound has told", "BIND", "STAYS", "LEAN"),
	broken(Before, "F8", "taken_back", "a read is interrupted of a body that has just come to its end, and the connection is used again", "STRAY", "BODY", "STAYS", "OPS=1", "LEAN"),
	broken(Finding, "F3", "whole_is_whole", "over HTTP/2 an aborted response is completed, if a filter recovers the panic", "HTTP2", "STAYS"),
	broken(Before, "F4", "serve_returns", "of a request that came too late the serve goroutine makes the reports itself", "SINK", "STAYS"),
	broken(Before, "F5", "serve_returns", "and of one with whose handler it stays, which may have returned since", "CAP", "SINK", "STAYS", "LEAN", "OPS=1"),
}
