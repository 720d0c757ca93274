package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// The protocols of a case.
const (
	http10 = "HTTP/1.0"
	http11 = "HTTP/1.1"
	http2x = "HTTP/2"
)

var protocols = []string{http10, http11, http2x}

// scenario is one thing to try: what a handler does, what stands around it, and
// how a client behaves. All of it is fixed beforehand, so that it is the same
// against each server.
type scenario struct {
	Name string

	// Protos are the protocols over which it makes sense: all if there are none.
	Protos []string `json:",omitempty"`

	// Server is what the handler stands in.
	Server setup `json:",omitzero"`

	// Method is GET, or POST with a body, if it is empty; Path comes after the scenario's own.
	Method string `json:",omitempty"`
	Path   string `json:",omitempty"`
	// Header are lines of the request's header beyond those that the body needs.
	Header []string `json:",omitempty"`
	Body   body     `json:",omitzero"`
	Client client   `json:",omitzero"`

	// Handler are the steps of the handler. See actor.
	Handler []string `json:",omitempty"`

	// Times is how often it is played at least, for what is a race.
	Times int `json:",omitempty"`
}

// setup is what surrounds a handler. Scenarios with the same setup share a server.
type setup struct {
	// Build is how the chain is built: the default one if it is empty. See builds.
	Build string `json:",omitempty"`
	// Outer are filters around the whole chain, and Middle such between the
	// timeout filter and WithAudit, the outermost first, separated by spaces.
	// The latter need a chain of somebody's own. See filters.
	Outer  string `json:",omitempty"`
	Middle string `json:",omitempty"`
	// Sink is how the audit backend takes the final event of the first request:
	// at once if it is empty, after sinkTime if it is "slow", or when the client
	// gives up waiting if it is "blocked".
	Sink string `json:",omitempty"`
	// SendBuffer is that of chain.Config.
	SendBuffer int `json:",omitempty"`
	// Survives has utilruntime.ReallyCrash false.
	Survives bool `json:",omitempty"`
}

// How a body is sent.
const (
	atOnce      = ""            // all of it, with the header
	halves      = "halves"      // one half with the header, the other after Gap or at Until
	afterAnswer = "afterAnswer" // one half with the header, the other when the answer is there, or late
	streamed    = "streamed"    // in parts of 32 KiB, after the header
	slowly      = "slowly"      // in eight parts
	never       = "never"       // one half with the header, and no more
	tooMuch     = "tooMuch"     // and more than was announced
	junk        = "junk"        // something that is not a chunk where the second half should be
	tooLittle   = "tooLittle"   // half of what was announced, and then the end of what the client sends
)

// body is a request's body, and how it is sent.
type body struct {
	Size int `json:",omitempty"`
	// Chunked sends it without its length.
	Chunked bool `json:",omitempty"`
	// How is one of the constants above.
	How string `json:",omitempty"`
	// Gap is how long halves are apart, at least. Until is what the handler has
	// told instead, before the second one is sent.
	Gap   time.Duration `json:",omitempty"`
	Until string        `json:",omitempty"`
	// Expect has the client wait for a 100 before it sends the body, and not
	// send it if it has the final answer.
	Expect bool `json:",omitempty"`
	// Trailer are lines that follow the body, which must be chunked.
	Trailer []string `json:",omitempty"`
}

// client is how a client behaves apart from how it sends its body.
type client struct {
	// Deaf has it read nothing before it has sent all.
	Deaf bool `json:",omitempty"`
	// Pipelined has it send the next request together with the first one.
	Pipelined bool `json:",omitempty"`
	// HalfCloses has it close its sending side when the handler has told that.
	HalfCloses string `json:",omitempty"`
	// Leaves has it close its connection (over HTTP/2, reset its stream) when the
	// handler has told that.
	Leaves string `json:",omitempty"`
	// Window is about how many bytes are taken in that it has not read.
	Window int `json:",omitempty"`
	// Gives is how long it waits for an answer: longest if it is 0.
	Gives time.Duration `json:",omitempty"`
}

// longest is how long a client waits for the whole of an answer.
const longest = 15 * time.Second

func (s *scenario) method() string {
	switch {
	case s.Method != "":
		return s.Method
	case s.hasBody():
		return "POST"
	}
	return "GET"
}

// hasBody reports whether the request says that it has a body.
func (s *scenario) hasBody() bool { return s.Body.Size > 0 || s.Body.Chunked }

// over are the protocols of the scenario's cases.
func (s *scenario) over() []string {
	if s.Protos == nil {
		return protocols
	}
	return s.Protos
}

// does reports whether one of the handler's steps begins with that word.
func (s *scenario) does(words ...string) bool {
	for _, step := range s.Handler {
		op, _, _ := strings.Cut(step, " ")
		for _, word := range words {
			if op == word || step == word {
				return true
			}
		}
	}
	return false
}

// first returns the index of the first step that begins with one of the words, or -1.
func (s *scenario) first(words ...string) int {
	for i, step := range s.Handler {
		op, _, _ := strings.Cut(step, " ")
		for _, word := range words {
			if op == word {
				return i
			}
		}
	}
	return -1
}

// String is the scenario in a line of JSON, without what is not set.
func (s *scenario) String() string {
	text, err := json.Marshal(s)
	if err != nil {
		return fmt.Sprint(err)
	}
	return string(text)
}

// gives is how long the client waits.
func (s *scenario) gives() time.Duration { return cmp.Or(s.Client.Gives, longest) }
