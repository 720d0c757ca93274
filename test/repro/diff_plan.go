package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	examplev1 "k8s.io/apiserver/pkg/apis/example/v1"
)

// plan is all that is chosen at random of one request: what is asked, what the
// server does about it, and how the client behaves meanwhile.
type plan struct {
	id          string // its audit ID
	proto       string
	method      string
	path        string // with the query
	contentType string
	body        int // bytes of it, about
	gzip        bool

	// timeout is the ?timeout= in its query, or 0.
	timeout time.Duration

	at     place
	act    act
	takes  time.Duration // for the acts that take time
	answer int           // bytes of the answer, about
	flush  bool          // send what was written before going on

	beside // what happens meanwhile

	client client
	reset  bool          // a client that goes does so with a reset, not a FIN
	after  time.Duration // when a client goes, or how slowly it reads or sends
	offset int           // after how many bytes it does
}

// place is where in the chain a plan's act is played.
type place int

const (
	inAuthentication place = iota
	inAuthorization
	inAdmission
	inStorage
	inHandler
	inBackend // of a proxy that stands where the handlers do
)

// act is what is done there.
type act int

const (
	succeed      act = iota
	fail             // with an error or a refusal
	honour           // wait for the context to end, and report that
	tooLate          // wait for the context to end, and succeed a moment later
	slow             // take some time, or as long as the context allows
	ignore           // take some time, whatever the context says
	stick            // wait until the test is over, more or less, and succeed
	stickAndFail     // likewise, and fail
	panics           // at once
	panicsLate       // when the context has ended

	// In a handler that is scripted only.
	writeNothing // and return
	// It has written a part of its answer, or all, before.
	partAndReturn // and then returns
	partAndHonour // waits for the context to end, and writes the rest
	partAndLeave  // waits for the context to end, and returns
	partAndStick
	partAndPanic
	allAndHonour
	allAndStick
)

// client is how the client behaves.
type client int

const (
	fast client = iota
	readsSlowly
	sendsSlowly
	neverReads     // before the server has done with its request
	stopsSending   // in its body, and reads
	leavesSending  // in mid-request
	leavesWaiting  // for the answer
	leavesReading  // in mid-answer
	leavesReaching // as soon as the server has the request in hand
	leavesWhole    // as soon as it has the whole answer
)

// bogusTimeout is the ?timeout= that is a bad request.
const bogusTimeout = "timeout=bogus"

// newPlan makes the ith plan of a seed.
func newPlan(seed uint64, i int) *plan {
	r := rand.New(rand.NewPCG(seed, uint64(i)))
	p := &plan{
		id:    fmt.Sprintf("diff-%d-%d", seed, i),
		proto: protocols[r.IntN(len(protocols))],
		gzip:  r.IntN(2) == 0,
		flush: r.IntN(2) == 0,
		reset: r.IntN(2) == 0,
		after: time.Duration(r.IntN(80)) * time.Millisecond,
		takes: time.Duration(1+r.IntN(60)) * time.Millisecond,
	}
	p.answer = size(r)
	p.chooseTarget(r, i)
	p.chooseAct(r)
	p.chooseClient(r)
	p.chooseTimeout(r)
	p.beside = newBeside(r, p)
	return p
}

// size is a number of bytes from a few to a MB; every power is as likely.
func size(r *rand.Rand) int { return 1 + r.IntN(1<<(4+r.IntN(17))) }

// chooseTarget chooses the verb and the object. The audit level is that of its
// namespace.
func (p *plan) chooseTarget(r *rand.Rand, i int) {
	level := []string{metadataOnly, withBodies}[r.IntN(2)]
	scripted := func(path string, at place) {
		p.method, p.path, p.at = http.MethodGet, path, at
		switch r.IntN(8) {
		case 0:
			p.method = http.MethodHead
		case 1, 2, 3, 4:
			p.method, p.body, p.contentType = http.MethodPost, size(r), "text/plain"
		}
	}
	switch r.IntN(8) {
	case 0, 1:
		scripted(scriptedPath+level, inHandler)
		return
	case 2:
		scripted(strings.Replace(thingsPath, "/default/", "/"+level+"/", 1), inBackend)
		return
	}
	pods := strings.Replace(podsPath, "/default/", "/"+level+"/", 1)
	one := fmt.Sprintf("%s/pod-%d", pods, i)
	switch r.IntN(7) {
	case 0:
		p.method, p.path = http.MethodGet, one
	case 1:
		p.method, p.path = http.MethodGet, pods
	case 2:
		p.method, p.path, p.body, p.contentType = http.MethodPost, pods, size(r), "application/json"
	case 3:
		p.method, p.path, p.body, p.contentType = http.MethodPut, one, size(r), "application/json"
	case 4:
		p.method, p.path, p.body, p.contentType = http.MethodPatch, one, size(r), "application/merge-patch+json"
	case 5:
		p.method, p.path = http.MethodDelete, one
	case 6:
		p.method, p.path = http.MethodDelete, pods
	}
	p.at = inStorage
	if p.method != http.MethodGet && r.IntN(3) == 0 {
		p.at = inAdmission
	}
}

// chooseAct chooses what the server does, and where if that is not yet settled.
func (p *plan) chooseAct(r *rand.Rand) {
	switch r.IntN(20) {
	case 0:
		p.at = inAuthentication
	case 1:
		p.at, p.act = inAuthorization, fail
		return
	}
	acts := []act{succeed, succeed, succeed, fail, honour, tooLate, slow, slow, ignore, ignore, stick, stickAndFail, panics, panicsLate}
	if p.isScripted() {
		acts = append(acts, writeNothing, partAndReturn, partAndHonour, partAndLeave, partAndLeave, partAndStick, partAndPanic, allAndHonour, allAndStick)
	}
	p.act = acts[r.IntN(len(acts))]
}

// chooseTimeout gives most of the requests that would take long a deadline of
// their own that is short, for the sake of the test's duration.
func (p *plan) chooseTimeout(r *rand.Rand) {
	query, short := "", 15 // of 100
	if p.waits() {
		short = 85
	}
	switch {
	case r.IntN(40) == 0:
		query = bogusTimeout
	case r.IntN(25) == 0:
		p.timeout = time.Nanosecond
	case r.IntN(100) < short:
		p.timeout = time.Duration(3+r.IntN(100)) * time.Millisecond
	case r.IntN(10) == 0:
		p.timeout = time.Hour // more than the server allows
	}
	if p.timeout > 0 {
		query = "timeout=" + p.timeout.String()
	}
	if query != "" {
		p.path += "?" + query
	}
}

// waits reports whether it is for the deadline to end the request.
func (p *plan) waits() bool {
	if p.client == neverReads || p.client == stopsSending {
		return true
	}
	switch p.act {
	case honour, tooLate, stick, stickAndFail, panicsLate, partAndHonour, partAndLeave, partAndStick, allAndHonour, allAndStick:
		return true
	}
	return false
}

// breaksOff reports whether it panics.
func (p *plan) breaksOff() bool {
	return p.act == panics || p.act == panicsLate || p.act == partAndPanic
}

func (p *plan) chooseClient(r *rand.Rand) {
	kinds := []client{
		fast, fast, fast, fast, fast, fast, fast, fast, readsSlowly, readsSlowly,
		leavesSending, leavesWaiting, leavesWaiting, leavesReading, leavesReading, leavesReaching, leavesWhole, leavesWhole, neverReads,
	}
	if p.body > 0 {
		kinds = append(kinds, sendsSlowly, sendsSlowly, stopsSending)
	}
	p.client = kinds[r.IntN(len(kinds))]
	switch p.client {
	case leavesSending, stopsSending:
		p.offset = r.IntN(p.body + 1)
	case leavesReading:
		p.offset = r.IntN(p.answer + 1)
	case sendsSlowly:
		if r.IntN(3) == 0 {
			p.after *= 8 // More than anybody waits for a body that is of no interest.
		}
	}
}

// deadline is how much time the server gives the request.
func (p *plan) deadline() time.Duration {
	if p.timeout > 0 && p.timeout < diffTimeout {
		return p.timeout
	}
	return diffTimeout
}

// leaves reports whether the client goes on purpose.
func (p *plan) leaves() bool {
	switch p.client {
	case leavesSending, leavesWaiting, leavesReading, leavesReaching, leavesWhole:
		return true
	}
	return false
}

// isScripted reports whether the answer is that of a handler that does with it
// as it likes, here or in a backend.
func (p *plan) isScripted() bool { return p.at == inHandler || p.at == inBackend }

// namespace is that of the object, after the level at which it is audited.
func (p *plan) namespace() string {
	if strings.Contains(p.path, "/"+withBodies) {
		return withBodies
	}
	return metadataOnly
}

// content is the request's body.
func (p *plan) content() string {
	padding := noise[:p.body]
	switch {
	case p.body == 0:
		return ""
	case p.contentType == "text/plain":
		// Who takes what is left of it for a request finds one.
		const request = "GET / HTTP/1.1\r\nHost: test\r\n\r\n"
		return strings.Repeat(request, p.body/len(request)) + padding[:p.body%len(request)]
	}
	_, name, _ := strings.Cut(strings.SplitN(p.path, "?", 2)[0], "/pods")
	if name = strings.Trim(name, "/"); name == "" {
		name = p.id
	}
	return fmt.Sprintf(`{"apiVersion":%q,"kind":"Pod","metadata":{"name":%q,"annotations":{"padding":%q}}}`,
		examplev1.SchemeGroupVersion, name, padding)
}

// String says in a line what is to happen.
func (p *plan) String() string {
	return fmt.Sprintf("%s %s %s (%d bytes, gzip %t, audit ID %s): %s %s (answer %d, takes %v, flush %t)%v; the client %s (after %v, %d bytes, reset %t)",
		p.proto, p.method, p.path, p.body, p.gzip, p.id, p.at, p.act, p.answer, p.takes, p.flush, p.beside, p.client, p.after, p.offset, p.reset)
}

func (p place) String() string {
	return [...]string{"authentication", "authorization", "admission", "storage", "the handler", "the backend"}[p]
}

func (a act) String() string {
	return [...]string{"succeeds", "fails", "honours its context", "succeeds too late", "is slow", "is slow and ignores its context",
		"is stuck", "is stuck and fails", "panics", "panics too late", "writes nothing", "writes a part", "writes a part and honours its context",
		"writes a part and leaves when its context ends", "writes a part and is stuck", "writes a part and panics", "writes all and honours its context", "writes all and is stuck"}[a]
}

func (c client) String() string {
	return [...]string{"is fast", "reads slowly", "sends slowly", "does not read", "stops sending", "leaves while it sends",
		"leaves while it waits", "leaves while it reads", "leaves when it is served", "leaves when it has all"}[c]
}
