package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"
)

// beside is what is chosen at random of a request beside its act.
type beside struct {
	// informs is the informational status that a filter behind the chain gives
	// first, or 0.
	informs int

	// own is the deadline that this filter sets by itself.
	own ownDeadline

	// sub is set if it serves a sub-request in this process, with the context
	// of the request.
	sub bool

	// filter stands before the handlers.
	filter ownFilter

	// sink is how long the audit log takes for each event of the request.
	sink time.Duration

	// expects is set if the client wants to be asked for its body, and chunked
	// if it does not tell its length before.
	expects, chunked bool
}

// ownDeadline is a deadline of the connection or stream that somebody sets by
// an http.ResponseController.
type ownDeadline int

const (
	noOwn     ownDeadline = iota
	readSoon              // while the request is being served
	readLate              // long after its own
	writeSoon             // likewise
	writeLate
)

// ownFilter is a filter such as people put before their handlers.
type ownFilter int

const (
	noFilter   ownFilter = iota
	compressor           // keeps what is written until its handler has returned
	recoverer            // answers a panic with a 500
	noContent            // answers 404 where nothing was written
	opaque               // does not show what the ResponseWriter can do
)

// newBeside makes what is beside the plan, most of it rare.
func newBeside(r *rand.Rand, p *plan) (b beside) {
	switch r.IntN(12) {
	case 0:
		b.informs = http.StatusEarlyHints
	case 1:
		b.informs = http.StatusProcessing
	case 2:
		if p.proto == "HTTP/2.0" { // Otherwise it is final.
			b.informs = http.StatusSwitchingProtocols
		}
	}
	if r.IntN(5) == 0 {
		b.own = ownDeadline(1 + r.IntN(4))
	}
	// Its API would log its object for the request's.
	b.sub = r.IntN(8) == 0 && p.namespace() == metadataOnly
	if r.IntN(3) == 0 {
		b.filter = ownFilter(1 + r.IntN(4))
	}
	if r.IntN(4) == 0 {
		b.sink = time.Duration(r.IntN(300)) * time.Millisecond
	}
	if p.proto == "HTTP/1.1" && p.body > 0 {
		b.expects, b.chunked = r.IntN(6) == 0, r.IntN(4) == 0
	}
	return b
}

// String says in some words what there is, if there is anything.
func (b beside) String() string {
	var s strings.Builder
	note := func(set bool, format string, args ...any) {
		if set {
			fmt.Fprintf(&s, ", "+format, args...)
		}
	}
	note(b.informs != 0, "after a %d", b.informs)
	note(b.own != noOwn, "with %v", b.own)
	note(b.sub, "after a sub-request")
	note(b.filter != noFilter, "behind a filter that %v", b.filter)
	note(b.sink != 0, "audited in %v", b.sink)
	note(b.expects, "expected to ask for the body")
	note(b.chunked, "in chunks")
	return s.String()
}

func (o ownDeadline) String() string {
	return [...]string{"no deadline of its own", "a short read deadline", "a long read deadline", "a short write deadline", "a long write deadline"}[o]
}

func (f ownFilter) String() string {
	return [...]string{"does nothing", "writes when its handler has returned", "recovers panics", "answers 404 for nothing", "shows no more than a ResponseWriter"}[f]
}
