package sidebyside

import (
	"context"
	"fmt"
	"net/http"
	"strings"
)

// protocol is over what a step is sent.
type protocol string

const (
	http1 protocol = "HTTP/1.1"
	http2 protocol = "HTTP/2"
)

// short is the protocol's name where only letters and digits may stand: in an audit ID, a namespace, a name.
func (p protocol) short() string {
	if p == http1 {
		return "h1"
	}
	return "h2"
}

// step is one request of the list. It is immutable. In its path, header and body, ${p} stands for the protocol,
// ${ns} for the protocol's namespace, and any other ${name} for what an earlier step of the group has saved.
type step struct {
	// name is unique in its group.
	name string

	// only is the one protocol that the step is sent over; empty means both.
	only protocol

	// as is who sends it; the zero user is the one who may do everything.
	as user

	method string // empty means GET
	path   string
	header map[string]string
	body   string

	// chunked sends the body without saying how long it is.
	chunked bool

	// expect sends the body after the server has said that it wants it.
	expect bool

	// raw is sent as it is, over HTTP/1.1 and in place of all of the above, with \r\n for each \n; it is read
	// as many answers as it has requests. ${id} is what identifies the first one in the server's records;
	// further ones have ${id}.2, ${id}.3. ${auth} is the value of the user's Authorization.
	raw     string
	answers int // 0 means 1

	// want is the status that the unmodified server answers with: a step that does not do what it is there
	// for compares nothing. Required.
	want int

	// await sends the step, under another name, until it is answered with want, before it is sent to be
	// compared: for what the server does in its own time.
	await bool

	// until is what else is awaited.
	until func(a *answer) bool

	// before is done before the step is sent.
	before func(ctx context.Context, s *server) error

	// during is sent before the step, and answered after it: it creates an object with the name holds, which a
	// webhook of the backend's has to do with. It is not compared.
	during *step
	holds  string

	// unrecorded says that the server leaves nothing in its records: net/http itself has answered.
	unrecorded bool

	// times is how often the step is sent, for what is not the same each time: compared is what there is. 0 means 1.
	times int

	// hangUp ends the connection as soon as the answer is there.
	hangUp bool

	// save takes values from the answer for the steps that follow.
	save func(a *answer, vars map[string]string) error

	// ignore names aspects that cannot be the same twice, by pattern, each with the reason.
	ignore map[string]string
}

// group is a list of steps that stands on its own: what a step needs, an earlier one of the group has made. Its
// steps are sent in order.
type group struct {
	name  string
	steps []step
}

// noAnswer is the status of a request that is cut off in place of an answer.
const noAnswer = -1

// user is who sends a request.
type user string

const (
	ordinary  user = ""          // may do everything, by RBAC
	reader    user = "reader"    // may read ConfigMaps
	throttled user = "throttled" // has no seats
	nobody    user = "nobody"    // anonymous
	stranger  user = "stranger"  // has a token that nobody knows
)

// name is the user's name on the server; users without one have no token there.
func (u user) name() string {
	switch u {
	case nobody, stranger:
		return ""
	case ordinary:
		return "side"
	}
	return "side-" + string(u)
}

// expand replaces every ${name} in s. A name that is not in vars is an error.
func expand(s string, vars map[string]string) (string, error) {
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(s, "${")
		out.WriteString(before)
		if !found {
			return out.String(), nil
		}
		name, after, _ := strings.Cut(rest, "}")
		value, ok := vars[name]
		if !ok {
			return "", fmt.Errorf("no earlier step has saved %q", name)
		}
		out.WriteString(value)
		s = after
	}
}

// over is the step as it is sent over p, with vars in it.
func (s step) over(p protocol, vars map[string]string) (step, error) {
	var errs []string
	fill := func(text string) string {
		out, err := expand(text, vars)
		if err != nil {
			errs = append(errs, err.Error())
		}
		return out
	}
	s.path, s.body, s.raw, s.holds = fill(s.path), fill(s.body), fill(s.raw), fill(s.holds)
	header := map[string]string{}
	for k, v := range s.header {
		header[k] = fill(v)
	}
	s.header = header
	if s.method == "" {
		s.method = http.MethodGet
	}
	s.answers = max(s.answers, 1)
	if errs != nil {
		return s, fmt.Errorf("step %s: %s", s.name, strings.Join(errs, "; "))
	}
	return s, nil
}

// runs says whether the step is sent over p.
func (s step) runs(p protocol) bool { return s.only == "" || s.only == p }
