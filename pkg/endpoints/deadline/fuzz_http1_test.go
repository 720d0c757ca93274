//go:build go1.26

/*
Copyright The Kubernetes Authors.

Licensed under the Apache License, Version 2.0 (the "License");
you may not use this file except in compliance with the License.
You may obtain a copy of the License at

    http://www.apache.org/licenses/LICENSE-2.0

Unless required by applicable law or agreed to in writing, software
distributed under the License is distributed on an "AS IS" BASIS,
WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
See the License for the specific language governing permissions and
limitations under the License.
*/

package deadline

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// FuzzHTTP1 has a client on a raw connection do anything that the data say, to
// net/http's server with a boundary, whose handlers do what the data say, too:
// requests arrive in pieces, byte by byte or pipelined, with bodies of every
// kind that hold what looks like requests; the client does not read for a while,
// half-closes, closes or resets. Checked is that
//
//   - handlers get the requests that the client sent, in order, and no others;
//   - what is on the wire are answers, in order, at most one for a request, each
//     with the headers of its own, and complete if the connection goes on;
//   - a 504 is a whole one, and in time;
//   - a call of a handler's that waits for the client is over soon after the deadline;
//   - an outcome is reported once for each request, and is what the wire shows;
//   - a client that reads, and goes nowhere, gets what was reported;
//   - no goroutine stays, nor a count;
//   - where no deadline strikes, all of it is what net/http does by itself.
//
// Time is a bubble's, and the connection is in memory.
func FuzzHTTP1(f *testing.F) {
	for _, seed := range http1Seeds() {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p := newProgram1(data)
		playIn(t, data, p, func(t *testing.T) {
			got := p.play(t, false)
			got.check()
			if t.Failed() {
				return
			}
			if got.untouched() {
				if want := p.play(t, true); got.seen() != want.seen() {
					t.Errorf("with a boundary:\n%s\nnet/http alone:\n%s", got.seen(), want.seen())
				}
			}
		})
	})
}

// program1 is what a client sends, and what it and the handlers do.
type program1 struct {
	timeout             time.Duration
	toServer, toClient  int
	connContext, capped bool
	unfinished          bool // the client does not send the rest in the end
	requests            []request1
	acts                []step
}

type request1 struct {
	method, target, text string // text is the request, as it is sent
	body                 bool   // it has one
	steps                []step // of its handler
}

const far = time.Minute // a deadline that no handler comes near

// fuzzData is what a program is made of.
type fuzzData []byte

func (d *fuzzData) next() byte {
	if len(*d) == 0 {
		return 0
	}
	b := (*d)[0]
	*d = (*d)[1:]
	return b
}

// steps takes those up to a return.
func (d *fuzzData) steps() (steps []step) {
	for len(*d) > 0 {
		b := d.next()
		if b&15 == opReturn {
			return steps
		}
		steps = append(steps, step{op: b & 15, arg: b >> 4})
	}
	return steps
}

func newProgram1(data []byte) *program1 {
	d := fuzzData(data)
	flags, sizes := d.next(), d.next()
	p := &program1{timeout: far, connContext: flags&1 == 0, capped: flags&2 != 0, unfinished: flags&4 != 0}
	if n := flags >> 5; n != 0 {
		p.timeout = time.Duration(n) * 2 * unit
	}
	p.toServer, p.toClient = 64<<(sizes&15), 64<<(sizes>>4)
	for i := range 1 + int(flags>>3&3) {
		b := d.next()
		r := request1{method: []string{"GET", "POST", "HEAD", "PUT"}[b&3], target: fmt.Sprintf("/%d", i)}
		proto, header, kind := "HTTP/1.1", "", b>>4&3
		if b&4 != 0 {
			proto = "HTTP/1.0"
		}
		switch {
		case b&4 != 0 && b&8 != 0:
			header = "Connection: keep-alive\r\n"
		case b&8 != 0:
			header = "Connection: close\r\n"
		}
		if b&4 != 0 && kind > 1 {
			kind = 1
		}
		const inside = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
		size := []int{5, 3000, 70_000, 300_000}[b>>6]
		body := strings.Repeat(inside, size/len(inside)+1)[:size]
		switch kind {
		case 0:
			body = ""
		case 1:
			header += fmt.Sprintf("Content-Length: %d\r\n", size)
		case 2:
			header += "Transfer-Encoding: chunked\r\nTrailer: X-Trailer\r\n"
			body = fmt.Sprintf("%x\r\n%s\r\n1\r\n.\r\n0\r\nX-Trailer: sent\r\n\r\n", size, body)
		default:
			header += fmt.Sprintf("Content-Length: %d\r\nExpect: 100-continue\r\n", size)
		}
		r.text = fmt.Sprintf("%s %s %s\r\nHost: x\r\n%s\r\n%s", r.method, r.target, proto, header, body)
		r.body = kind != 0
		r.steps = d.steps()
		p.requests = append(p.requests, r)
	}
	for len(d) > 0 {
		b := d.next()
		p.acts = append(p.acts, step{op: b & 15, arg: b >> 4})
	}
	return p
}

// String is the program, for who is to find out what is wrong.
func (p *program1) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "timeout %v, %d bytes to the server, %d to the client, ConnContext %v, capped %v, unfinished %v", p.timeout, p.toServer, p.toClient, p.connContext, p.capped, p.unfinished)
	for _, r := range p.requests {
		header, _, _ := strings.Cut(r.text, "\r\n\r\n")
		fmt.Fprintf(&b, "\n  %q of %d bytes:%s", header, len(r.text), opNames(r.steps, handlerOps))
	}
	fmt.Fprintf(&b, "\n  client:%s", opNames(p.acts, act1Names))
	return b.String()
}

const handlerOps = "return sleep write status flush header hijack read-deadline write-deadline read close bind hold duplex spawn end"

func opNames(steps []step, names string) string {
	var b strings.Builder
	for _, s := range steps {
		fmt.Fprintf(&b, " %s(%d)", strings.Fields(names)[s.op], s.arg)
	}
	return b.String()
}

// What a client does.
const (
	actRequest = iota // send the rest of the request
	actBytes          // send some
	actByteByByte
	actSleep
	actWait // until nothing happens any more
	actPause
	actResume
	actHalfClose
	actReset
	actClose
	actAll    // send all that there is to be sent
	act1Names = "request bytes byte-by-byte sleep wait pause resume half-close reset close all request wait bytes all wait"
)

func http1Seeds() (seeds [][]byte) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 150 {
		data := make([]byte, 8+r.IntN(40))
		for i := range data {
			data[i] = byte(r.Uint32())
		}
		seeds = append(seeds, data)
	}
	near, three := byte(3<<5), byte(2<<3)
	plain := []byte{op(opRead, 15), op(opWrite, 2), opReturn}
	acts := [][]byte{{}, {actAll}, {op(actBytes, 3), op(actSleep, 15), actAll}, {op(actByteByByte, 15), actWait, op(actHalfClose, 0)}, {actRequest, op(actSleep, 4), op(actReset, 0)}, {actPause, actAll, op(actSleep, 15), actResume}, {op(actBytes, 3)}}
	for i, handler := range http1Handlers {
		for j, request := range []byte{0x00, 0x11, 0x21, 0x91, 0xe3, 0x31, 0xd1, 0x02, 0x1d, 0x19} {
			for k := range 2 {
				seed := slices.Concat([]byte{near | three | byte(i+k)&1<<2, 0x4a, request}, handler, []byte{opReturn, 0}, plain, []byte{0x11}, plain)
				seeds = append(seeds, append(seed, acts[(i+j+4*k)%len(acts)]...))
			}
		}
	}
	return seeds
}

// http1Handlers are what handlers of the rows of test/repro do: they answer,
// answer late, never return, panic late, write on after the deadline, do not
// read, read on, hold back a body, hijack, set deadlines of their own.
var http1Handlers = [][]byte{
	{op(opWrite, 2)},
	{op(opHeader, 0), op(opSleep, 15), op(opWrite, 2)},
	{op(opRelease, 1), op(opWrite, 1)},
	{op(opRelease, 0)},
	{op(opSleep, 15), op(opEnd, 1)},
	{op(opWrite, 3), op(opFlush, 0), op(opSleep, 15), op(opWrite, 3)},
	{op(opHeader, 6), op(opWrite, 1), op(opSleep, 15), op(opWrite, 1)},
	{op(opRead, 15), op(opWrite, 15), op(opWrite, 15)},
	{op(opRead, 3), op(opStatus, 1)},
	{op(opStatus, 5), op(opSleep, 15)},
	{op(opSpawn, 0), op(opSleep, 3), op(opWrite, 1)},
	{op(opSetReadDeadline, 5), op(opRead, 15), op(opWrite, 1)},
	{op(opSetWriteDeadline, 5), op(opSleep, 3), op(opWrite, 15), op(opWrite, 15)},
	{op(opBind, 2), op(opRead, 15), op(opRelease, 1)},
	{op(opReport, 0), op(opWrite, 1), op(opFlush, 0), op(opRead, 15)},
	{op(opHijack, 15)},
}

// run1 is a program that has been played.
type run1 struct {
	*fuzzServer
	p       *program1
	raw     bytes.Buffer // all that came
	end     error        // what ended that, if not the client
	sent    int          // bytes
	left    time.Time    // when the client closed or reset the connection of its own accord
	closed  time.Time    // when the client closed the connection in the end
	went    bool         // the client did before all was over
	slept   time.Duration
	paused  bool // it did not read at some time
	answers []answer1
	rest    error // what there was after them
}

type answer1 struct {
	status    int
	header    http.Header
	body      string
	trailer   http.Header
	whole     bool // it has an end, and came to it
	unlimited bool // its end is the connection's
	err       error
}

// play plays the program.
func (p *program1) play(t *testing.T, direct bool) *run1 {
	x := &run1{p: p, fuzzServer: &fuzzServer{t: t, direct: direct, timeout: p.timeout, plans: map[string][]step{}}}
	if p.capped {
		x.boundary.MaxOverdue = -1
	}
	stream := ""
	var ends []int // of the requests, in the stream
	for _, r := range p.requests {
		x.plans[r.target] = r.steps
		stream += r.text
		ends = append(ends, len(stream))
	}
	server, client := memPipe(p.toServer, p.toClient)
	x.serve(server, p.connContext, nil)

	over := make(chan struct{})
	go func() {
		defer close(over)
		_, x.end = io.Copy(&x.raw, struct{ io.Reader }{client})
		if x.end == nil {
			x.end = io.EOF
		}
	}()
	client.SetWriteDeadline(time.Now().Add(5 * time.Minute))
	broken := false
	send := func(n int) {
		n = min(n, len(stream)-x.sent)
		if n <= 0 || broken {
			return
		}
		m, err := client.Write([]byte(stream[x.sent : x.sent+n]))
		x.sent += m
		broken = err != nil
	}
	request := func() {
		for _, end := range ends {
			if end > x.sent {
				send(end - x.sent)
				return
			}
		}
	}
	for _, act := range p.acts {
		arg := int(act.arg)
		switch act.op {
		case actBytes, 13:
			send(arg*arg*16 + 1)
		case actByteByByte:
			for range arg + 1 {
				send(1)
			}
		case actSleep:
			x.slept += time.Duration(arg) * unit
			time.Sleep(time.Duration(arg) * unit)
		case actWait, 12, 15:
			synctest.Wait()
		case actPause:
			x.paused = true
			client.pause(true)
		case actResume:
			client.pause(false)
		case actHalfClose, actReset, actClose:
			if arg > 3 {
				request()
				continue
			}
			x.went = true
			broken = true
			if act.op == actHalfClose {
				client.CloseWrite()
				continue
			}
			if act.op == actReset {
				client.SetLinger(0)
			}
			if x.left.IsZero() {
				x.left = time.Now()
			}
			client.Close()
		case actAll, 14:
			send(len(stream))
		default:
			request()
		}
	}
	client.pause(false)
	if !p.unfinished {
		send(len(stream))
	}
	time.Sleep(4 * time.Minute)
	x.closed = time.Now()
	client.Close()
	<-over
	x.stop()
	x.parse()
	return x
}

// parse takes apart what came.
func (x *run1) parse() {
	br := bufio.NewReader(&x.raw)
	for _, r := range x.p.requests {
		a := answer1{}
		var res *http.Response
		for {
			if _, err := br.Peek(1); err != nil {
				return
			}
			if res, a.err = http.ReadResponse(br, &http.Request{Method: r.method}); a.err != nil || res.StatusCode >= 200 {
				break
			}
		}
		if a.err == nil {
			body, err := io.ReadAll(res.Body)
			a.status, a.header, a.body, a.trailer, a.err = res.StatusCode, res.Header, string(body), res.Trailer, err
			a.unlimited = r.method != "HEAD" && bodyAllowed(a.status) && res.ContentLength < 0 && res.TransferEncoding == nil
			a.whole = err == nil && !a.unlimited
		}
		x.answers = append(x.answers, a)
		if !a.whole || a.status == 400 && a.header.Get(servedKey) == "" {
			return // The latter is to what net/http makes nothing of, and so not as to a HEAD request.
		}
	}
	if rest, _ := io.ReadAll(br); len(rest) > 0 {
		x.rest = fmt.Errorf("after %d answers: %q", len(x.answers), rest[:min(len(rest), 200)])
	}
}

// ended is whether the server has ended the connection.
func (x *run1) ended() bool { return x.end == io.EOF || errors.Is(x.end, syscall.ECONNRESET) }

// patient is whether the client has read all the time, and gone nowhere.
func (x *run1) patient() bool { return !x.went && !x.paused && x.slept < 300*time.Millisecond }

func (x *run1) check() {
	t := x.t
	if slices.ContainsFunc(x.requests, func(of *served) bool { return of.duplex && of.bounded }) {
		// When a read deadline passes on a body that is read with full duplex, net/http
		// takes the rest of the body for requests, with a boundary or without.
		return
	}
	if x.rest != nil {
		t.Errorf("more than the answers came: %v", x.rest)
	}
	if len(x.requests) > len(x.p.requests) {
		t.Fatalf("%d requests were served, and %d sent", len(x.requests), len(x.p.requests))
	}
	if n := x.boundary.Overdue(); n != 0 {
		t.Errorf("%d handlers are counted as overdue", n)
	}
	if n := x.boundary.reporting.Load(); n != 0 {
		t.Errorf("%d requests are counted as being reported on", n)
	}
	whole := 0 // requests that were sent wholly
	for i, sent := 0, x.sent; i < len(x.p.requests) && sent >= len(x.p.requests[i].text); i++ {
		sent -= len(x.p.requests[i].text)
		whole++
	}
	hijacked, duplex := false, false
	for i, of := range x.requests {
		hijacked, duplex = hijacked || of.hijacked, duplex || of.duplex
		if of.target != x.p.requests[i].target || of.method != x.p.requests[i].method {
			t.Fatalf("request %d was served as %s %s: the client sent none such there", i, of.method, of.target)
		}
		if of.took == 0 {
			t.Errorf("%s: the boundary has not returned", of.target)
		}
		if len(of.outcomes) != 1 {
			t.Fatalf("%s: %d outcomes were reported: %+v", of.target, len(of.outcomes), of.outcomes)
		}
		x.checkRequest(i, of, of.outcomes[0])
		x.checkCalls(of, 2*stuckTime)
	}
	// Above the cap the serve goroutine stays with a handler. And beside a body that is read with full duplex net/http waits for
	// the rest, as long as the client likes where the connection is not Listener's.
	over := x.ended() || x.went || hijacked || x.p.capped || duplex && x.p.unfinished
	for i, a := range x.answers {
		last := i == len(x.answers)-1
		if i >= len(x.requests) && (a.status != 400 && a.status != 0 || !last) {
			t.Errorf("answer %d, %d %v, is to no request that was served", i, a.status, a.header)
		}
		if !a.whole && !over {
			t.Errorf("answer %d is not complete, and the connection has not ended: %+v", i, a)
		}
		if a.whole && a.header.Get("Connection") == "close" && (!last || !over) {
			t.Errorf("answer %d says that the connection ends with it, which it has not", i)
		}
	}
	if n := max(whole, len(x.requests)); len(x.answers) < n && !over {
		t.Errorf("%d requests were sent, or served before they had been, %d answers came, and the connection has not ended", n, len(x.answers))
	}
}

// checkRequest holds the outcome of a request against what came.
func (x *run1) checkRequest(i int, of *served, o Outcome) {
	t := x.t
	var a answer1
	if i < len(x.answers) {
		a = x.answers[i]
	}
	wrong := func(what string) {
		t.Helper()
		t.Errorf("%s: %s: reported %+v; came %d %v, whole %v, %q, %v", of.target, what, o, a.status, a.header, a.whole, abridged(a.body), a.err)
	}
	if a.status == 400 && a.header.Get(servedKey) == "" {
		a = answer1{} // net/http's, to a request that it makes nothing of, after one that was not answered.
	}
	if a.status != 0 && a.header.Get(servedKey) != of.target {
		wrong("the answer is to another request")
	}
	timedOut := a.status == 504
	switch {
	case a.status == 0:
	case timedOut && a.whole:
		if !strings.Contains(a.body, `"reason":"Timeout"`) || !strings.HasSuffix(a.body, "}\n") || a.header.Get("X-Inner") != "" || a.header.Get("Content-Type") != "application/json" {
			if x.p.requests[i].method != "HEAD" {
				wrong("a 504 is not whole")
			}
		}
		if o.Kind != TimedOut || o.Status != 504 {
			wrong("the client got a 504")
		}
	case timedOut:
	case strings.Trim(a.body, letter(of.target)) != "":
		wrong("there is something in the answer that its handler did not write")
	case a.whole && o.Kind != Answered && o.Kind != Hijacked && !o.exited && (a.header.Get("Trailer") == "" || !bodyAllowed(a.status)):
		// Runtime.Goexit is no answer, whatever has left, and of one with trailers more is awaited.
		wrong("the client got a whole answer")
	case a.status != o.Status:
		wrong("the client got another status")
	}
	sent := 0
	for _, r := range x.p.requests[:i+1] {
		sent += len(r.text)
	}
	// net/http watches for its client when it has all of a request, and nothing of the next. What a handler has bound itself
	// to may have come before.
	binds := slices.ContainsFunc(x.plans[of.target], func(s step) bool { return s.op == opBind })
	if !binds && !x.left.IsZero() && x.left.Before(of.start.Add(x.timeout-unit)) && x.sent == sent && !x.p.requests[i].body && o.Kind == TimedOut && !of.bounded {
		wrong("the client had gone by the deadline")
	}
	if o.Kind == Hijacked != of.hijacked && !of.hijacked {
		wrong("nobody has hijacked")
	}
	// A deadline of a handler's that has passed is the connection's.
	bounded := slices.ContainsFunc(x.requests[:i+1], func(of *served) bool { return of.bounded })
	if !x.patient() || !of.start.Before(x.closed) || errors.Is(x.end, syscall.ECONNRESET) && i < len(x.requests)-1 {
		return // A reset for a later request takes what is under way.
	}
	switch {
	case o.Kind == TimedOut && !bounded && !(timedOut && a.whole):
		wrong("the client has not got its 504")
	case o.Kind == Answered && o.Panicked == nil && !of.short && !bounded && !of.exited && !a.whole && !a.unlimited:
		wrong("the client has not got the answer")
	case o.Kind == ClientGone && !bounded && !of.duplex:
		wrong("the client has gone nowhere")
	case o.Kind == TimedOut && !bounded && of.took > x.timeout+100*time.Millisecond && x.boundary.MaxOverdue == 0:
		wrong(fmt.Sprintf("the 504 took %v", of.took))
	}
}

// untouched is whether nothing has happened that net/http alone would not do.
func (x *run1) untouched() bool {
	if !x.patient() || x.p.timeout != far || x.p.unfinished {
		return false
	}
	for _, of := range x.requests {
		// net/http has a read of its own beside that of the next request, after a body that was read with full duplex.
		if of.bounded || of.left || of.hijacked || of.duplex || of.took > far/2 || of.outcomes[0].Kind != Answered {
			return false
		}
		for _, step := range x.plans[of.target] {
			if step.op == opBind {
				return false
			}
		}
	}
	return true
}

// seen is all that the client and the server have seen.
func (x *run1) seen() string {
	var b strings.Builder
	for _, of := range x.requests {
		fmt.Fprintf(&b, "served %s %s\n", of.method, of.target)
	}
	for _, a := range x.answers {
		a.header.Del("Date")
		fmt.Fprintf(&b, "%d %v %d bytes, trailer %v, whole %v, %v\n", a.status, a.header, len(a.body), a.trailer, a.whole, a.err)
	}
	fmt.Fprintf(&b, "ended %v", x.ended())
	return b.String()
}
