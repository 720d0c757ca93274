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
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// FuzzHTTP2 is FuzzHTTP1 over HTTP/2, whose client sends any frames in any
// order, whole or in pieces: it opens streams with HEADERS and CONTINUATION,
// sends DATA and trailers or not, resets streams, plays with windows and
// settings, sends PING, PRIORITY, GOAWAY and frames that are none. Checked is that
//
//   - handlers get the requests that the client sent, each once, and no others;
//   - the server sends nothing on a stream that it has ended, one header and at
//     most one trailer after informational ones, and no more than the windows allow;
//   - what ends with END_STREAM is as long as its Content-Length says, if that is not its handler's, is the
//     answer to its stream's request, and is what its outcome says;
//   - a 504 is a whole one, and in time;
//   - a call of a handler's that waits for the client is over soon after the deadline;
//   - a client that reads, and resets nothing, gets what was reported;
//   - no goroutine stays, nor a count.
func FuzzHTTP2(f *testing.F) {
	for _, seed := range http2Seeds() {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p := newProgram2(data)
		playIn(t, data, p, func(t *testing.T) {
			x := p.play(t)
			x.check()
		})
	})
}

// program2 is what a client does, and the handlers.
type program2 struct {
	timeout             time.Duration
	toServer, toClient  int
	window              uint32 // of each stream, as the client begins
	connContext, capped bool
	plans               [][]step // of the handlers, which streams take in turn
	acts                []step
	sizes               []byte // what acts need besides their argument
}

// What a client does; the argument mostly says on which stream.
const (
	act2Open     = iota // a request that ends with its header
	act2Post            // one that does not
	act2Long            // one whose header goes on in CONTINUATION
	act2Data            // some of a body
	act2End             // the last of it
	act2Trailer         // or a trailer
	act2Reset           // RST_STREAM
	act2Window          // WINDOW_UPDATE
	act2Settings        // another initial window
	act2Ping
	act2Sleep
	act2Wait
	act2Pause  // and resume
	act2Pieces // what follows goes byte by byte, or not any more
	act2Odd    // PRIORITY, frames that are none or not whole
	act2Close  // GOAWAY, half-close, close, reset
	act2Names  = "open post long data end trailer reset window settings ping sleep wait pause pieces odd close"
)

func newProgram2(data []byte) *program2 {
	d := fuzzData(data)
	flags, sizes := d.next(), d.next()
	p := &program2{timeout: far, connContext: flags&1 == 0, capped: flags&2 != 0, window: 1 << 20}
	if flags&4 != 0 {
		p.window = uint32(d.next()) * 16
	}
	if n := flags >> 5; n != 0 {
		p.timeout = time.Duration(n) * 2 * unit
	}
	p.toServer, p.toClient = 64<<(sizes&15), 64<<(sizes>>4)
	for range 1 + int(flags>>3&3) {
		p.plans = append(p.plans, d.steps())
	}
	for len(d) > 0 {
		b := d.next()
		p.acts = append(p.acts, step{op: b & 15, arg: b >> 4})
		switch b & 15 {
		case act2Data, act2End, act2Window, act2Settings, act2Odd:
			p.sizes = append(p.sizes, d.next())
		default:
			p.sizes = append(p.sizes, 0)
		}
	}
	return p
}

// String is the program, for who is to find out what is wrong.
func (p *program2) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "timeout %v, %d bytes to the server, %d to the client, windows %d, ConnContext %v, capped %v", p.timeout, p.toServer, p.toClient, p.window, p.connContext, p.capped)
	for _, steps := range p.plans {
		fmt.Fprintf(&b, "\n  handler:%s", opNames(steps, handlerOps))
	}
	b.WriteString("\n  client:")
	for i, act := range p.acts {
		fmt.Fprintf(&b, "%s:%d", opNames([]step{act}, act2Names), p.sizes[i])
	}
	return b.String()
}

func http2Seeds() (seeds [][]byte) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 200 {
		data := make([]byte, 10+r.IntN(50))
		for i := range data {
			data[i] = byte(r.Uint32())
		}
		seeds = append(seeds, data)
	}
	near := byte(3 << 5)
	clients := [][]byte{
		{act2Open, act2Open, op(act2Sleep, 15)},
		{act2Post, op(act2Data, 0), 40, op(act2Sleep, 15), op(act2End, 0), 3},
		{act2Post, op(act2Data, 0), 255, op(act2Trailer, 0)},
		{act2Long, op(act2Sleep, 3), op(act2Reset, 0), act2Open},
		{act2Post, op(act2Sleep, 15), op(act2Window, 0), 200, op(act2Reset, 0)},
		{act2Open, op(act2Settings, 0), 1, act2Open, op(act2Window, 15), 255},
		{act2Pause, act2Open, act2Open, act2Ping, op(act2Sleep, 15), act2Pause},
		{act2Pieces, act2Post, op(act2Data, 0), 9, op(act2End, 0), 9, act2Wait},
		{act2Open, act2Post, op(act2Close, 0), op(act2Sleep, 4), op(act2Close, 3)},
		{act2Open, op(act2Odd, 1), 9, act2Wait, op(act2Odd, 2), 200},
	}
	for i, handler := range http1Handlers {
		for j := range 5 {
			for k, head := range [][]byte{{near, 0x5a}, {near | 4, 0x5a, 4}} {
				seeds = append(seeds, slices.Concat(head, handler, []byte{opReturn}, clients[(i+j*3+k)%len(clients)]))
			}
		}
	}
	return seeds
}

// stream2 is what the client knows of a stream.
type stream2 struct {
	id              uint32
	target, method  string
	reset           bool // the client has
	ended           bool // the client has said all
	broken          bool // the client has sent on it what it must not
	window          int64
	status          int
	header, trailer http.Header
	body            []byte
	over            bool // the server has ended it: END_STREAM
	cut             bool // or reset it
}

// run2 is a program that has been played.
type run2 struct {
	*fuzzServer
	p        *program2
	streams  map[uint32]*stream2
	order    []*stream2
	most     int64 // what the client has ever allowed a stream to begin with
	conn     int64 // and the connection
	got      int64 // of which the server has used that much
	goAway   bool  // the server has sent one
	went     bool
	odd      atomic.Bool // the client has sent what it must not
	paused   bool
	tight    bool // windows may have been in the way
	slept    time.Duration
	closed   time.Time
	violated []string
}

func (x *run2) violation(format string, args ...any) {
	x.violated = append(x.violated, fmt.Sprintf(format, args...))
}

// play plays the program.
func (p *program2) play(t *testing.T) *run2 {
	x := &run2{p: p, fuzzServer: &fuzzServer{t: t, timeout: p.timeout, plans: map[string][]step{}}, streams: map[uint32]*stream2{}}
	if p.capped {
		x.boundary.MaxOverdue = -1
	}
	x.most, x.conn, x.tight = max(65535, int64(p.window)), 65535, p.window < 1<<20
	server, client := memPipe(p.toServer, p.toClient)
	var h2c http.Protocols
	h2c.SetUnencryptedHTTP2(true)
	x.serve(server, p.connContext, &h2c)
	client.SetWriteDeadline(time.Now().Add(5 * time.Minute))

	var frames bytes.Buffer
	fr := http2.NewFramer(&frames, nil)
	fr.AllowIllegalWrites = true
	pieces, broken := false, false
	send := func() {
		defer frames.Reset()
		rest := frames.Bytes()
		for len(rest) > 0 && !broken {
			n := len(rest)
			if pieces {
				n = 1
			}
			_, err := client.Write(rest[:n])
			broken = err != nil
			rest = rest[n:]
		}
	}
	var encoded bytes.Buffer
	encoder := hpack.NewEncoder(&encoded)
	fields := func(kv ...string) []byte {
		encoded.Reset()
		for i := 0; i < len(kv); i += 2 {
			encoder.WriteField(hpack.HeaderField{Name: kv[i], Value: kv[i+1]})
		}
		return encoded.Bytes()
	}

	frames.WriteString(http2.ClientPreface)
	fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: p.window})
	if !x.tight {
		fr.WriteWindowUpdate(0, 1<<24)
		x.conn += 1 << 24
	}
	send()
	over := make(chan struct{})
	go func() {
		defer close(over)
		x.read(client)
	}()

	next := uint32(1)
	open := func(arg byte, end, long bool) {
		method := []string{"GET", "HEAD", "PUT", "DELETE"}[arg&3]
		if !end && method == "GET" {
			method = "POST"
		}
		s := &stream2{id: next, target: fmt.Sprintf("/%d", next), method: method, ended: end}
		x.mu.Lock()
		x.streams[next] = s
		x.order = append(x.order, s)
		x.plans[s.target] = p.plans[len(x.order)%len(p.plans)]
		x.mu.Unlock()
		kv := []string{":method", method, ":scheme", "http", ":authority", "x", ":path", s.target}
		if arg&4 != 0 && !end {
			kv = append(kv, "expect", "100-continue")
		}
		if arg&8 != 0 && !end {
			kv = append(kv, "trailer", "X-Trailer")
		}
		block := fields(kv...)
		if !long {
			fr.WriteHeaders(http2.HeadersFrameParam{StreamID: next, BlockFragment: block, EndStream: end, EndHeaders: true})
		} else {
			fr.WriteHeaders(http2.HeadersFrameParam{StreamID: next, BlockFragment: block[:3], EndStream: end})
			fr.WriteContinuation(next, false, block[3:5])
			if arg == 15 { // Another frame between is an error of the connection.
				x.odd.Store(true)
				fr.WritePing(false, [8]byte{})
			}
			fr.WriteContinuation(next, true, block[5:])
		}
		next += 2
		send()
	}
	for i, act := range p.acts {
		arg, size := act.arg, int(p.sizes[i])
		var s *stream2
		if len(x.order) > 0 {
			s = x.order[int(arg)%len(x.order)]
		}
		switch act.op {
		case act2Open:
			open(arg, true, false)
		case act2Post:
			open(arg, false, false)
		case act2Long:
			open(arg, arg&1 == 0, true)
		case act2Data, act2End, act2Trailer:
			if s == nil {
				continue
			}
			// What comes after the end is an error of the stream, or of the connection.
			s.broken = s.broken || s.ended || s.reset
			if s.ended || s.reset {
				x.odd.Store(true)
			}
			s.ended = s.ended || act.op != act2Data
			if act.op == act2Trailer {
				fr.WriteHeaders(http2.HeadersFrameParam{StreamID: s.id, BlockFragment: fields("x-trailer", "sent"), EndStream: true, EndHeaders: true})
			} else {
				// More than the server's windows allow, perhaps, of which nobody keeps count.
				fr.WriteData(s.id, act.op == act2End, bytes.Repeat([]byte("."), size*8))
			}
			send()
		case act2Reset:
			if s == nil {
				continue
			}
			s.reset = true
			fr.WriteRSTStream(s.id, http2.ErrCodeCancel)
			send()
		case act2Window:
			n := uint32(size) * 64
			switch {
			case size == 255:
				n = 1<<31 - 1 // It overflows.
				x.odd.Store(true)
				x.tight = true
			case size == 0:
				x.odd.Store(true)
			}
			x.mu.Lock()
			if s == nil || arg&1 == 0 {
				x.conn += int64(n)
				fr.WriteWindowUpdate(0, n)
			} else {
				s.window += int64(n)
				fr.WriteWindowUpdate(s.id, n)
			}
			x.mu.Unlock()
			send()
		case act2Settings:
			x.mu.Lock()
			x.tight = true
			x.most = max(x.most, int64(size)*256)
			x.mu.Unlock()
			fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: uint32(size) * 256}, http2.Setting{ID: http2.SettingMaxFrameSize, Val: 16<<10 + uint32(arg)<<10})
			send()
		case act2Ping:
			fr.WritePing(arg&1 == 1, [8]byte{arg})
			send()
		case act2Sleep:
			x.slept += time.Duration(arg) * unit
			time.Sleep(time.Duration(arg) * unit)
		case act2Wait:
			synctest.Wait()
		case act2Pause:
			x.paused = true
			client.pause(arg < 8)
		case act2Pieces:
			pieces = !pieces
		case act2Odd:
			id := uint32(arg)
			if s != nil {
				id = s.id
			}
			switch {
			case arg < 4:
				if id == uint32(size) { // A stream that is to wait for itself.
					x.odd.Store(true)
				}
				fr.WritePriority(id, http2.PriorityParam{StreamDep: uint32(size), Weight: arg})
			case arg < 8: // Of a type that nobody knows: to be left alone.
				fr.WriteRawFrame(http2.FrameType(0x20+size%64), http2.Flags(arg), id, make([]byte, size))
			default:
				x.odd.Store(true)
				fr.WriteRawFrame(http2.FrameType(size%10), http2.Flags(arg), id, make([]byte, size/8))
			}
			send()
		case act2Close:
			switch arg {
			case 0:
				x.went = true
				fr.WriteGoAway(next, http2.ErrCodeNo, nil)
				send()
			case 1:
				x.went, broken = true, true
				client.CloseWrite()
			case 2:
				x.went, broken = true, true
				client.SetLinger(0)
				client.Close()
			case 3:
				x.went, broken = true, true
				client.Close()
			}
		}
	}
	client.pause(false)
	time.Sleep(4 * time.Minute)
	x.closed = time.Now()
	client.Close()
	<-over
	x.stop()
	return x
}

// read takes down what the server sends.
func (x *run2) read(client io.Reader) {
	fr := http2.NewFramer(io.Discard, client)
	fr.SetMaxReadFrameSize(1 << 20)
	fr.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	for {
		frame, err := fr.ReadFrame()
		if err != nil {
			x.mu.Lock()
			defer x.mu.Unlock()
			switch {
			case err == io.EOF, errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, net.ErrClosed):
			default:
				x.violation("what the server has sent is no frame: %v, %v", err, fr.ErrorDetail())
			}
			return
		}
		x.mu.Lock()
		x.take(frame)
		x.mu.Unlock()
	}
}

func (x *run2) take(frame http2.Frame) {
	h := frame.Header()
	if h.StreamID == 0 {
		if _, ok := frame.(*http2.GoAwayFrame); ok {
			x.goAway = true
		}
		return
	}
	s := x.streams[h.StreamID]
	if s == nil {
		if _, ok := frame.(*http2.RSTStreamFrame); !ok || !x.odd.Load() {
			x.violation("%v: the client has opened no such stream", h)
		}
		return
	}
	switch f := frame.(type) {
	case *http2.RSTStreamFrame:
		// Perhaps again, for what the client sends on it; or for what it had sent before it opened it.
		s.cut = s.cut || !x.odd.Load()
		return
	case *http2.WindowUpdateFrame:
		if s.cut {
			x.violation("%v: the stream has been reset", h)
		}
		return
	case *http2.MetaHeadersFrame:
		header := http.Header{}
		for _, field := range f.RegularFields() {
			header.Add(field.Name, field.Value)
		}
		status, err := strconv.Atoi(f.PseudoValue("status"))
		switch {
		case s.over || s.cut:
			x.violation("%v: the server has ended the stream", h)
		case s.status >= 200:
			s.trailer = header
			if err == nil || !f.StreamEnded() {
				x.violation("%v: a second header, %v", h, f)
			}
		case err != nil:
			x.violation("%v: no status in %v", h, f)
		case status < 200 && f.StreamEnded():
			x.violation("%v: %d ends the stream", h, status)
		default:
			s.status, s.header = status, header
		}
		s.over = s.over || f.StreamEnded()
	case *http2.DataFrame:
		switch {
		case s.over || s.cut:
			x.violation("%v: the server has ended the stream", h)
		case s.status < 200 || s.trailer != nil:
			x.violation("%v: there is no header before, or a trailer", h)
		}
		s.body = append(s.body, f.Data()...)
		x.got += int64(len(f.Data()))
		if n := int64(len(s.body)); n > x.most+s.window || x.got > x.conn {
			x.violation("%v: %d bytes on the stream, %d on the connection: more than was allowed", h, n, x.got)
		}
		s.over = s.over || f.StreamEnded()
	default:
		x.violation("%v: no frame for a server to send", h)
	}
}

// patient is whether the client has read all the time, and broken nothing.
func (x *run2) patient() bool {
	return !x.went && !x.paused && !x.odd.Load() && !x.goAway && !x.tight && x.slept < 300*time.Millisecond
}

func (x *run2) check() {
	t := x.t
	for _, what := range x.violated {
		t.Error(what)
	}
	if n := x.boundary.Overdue(); n != 0 {
		t.Errorf("%d handlers are counted as overdue", n)
	}
	if n := x.boundary.reporting.Load(); n != 0 {
		t.Errorf("%d requests are counted as being reported on", n)
	}
	seen := map[string]*served{}
	for _, of := range x.requests {
		if seen[of.target] != nil {
			t.Errorf("%s was served twice", of.target)
		}
		seen[of.target] = of
		if of.took == 0 {
			t.Errorf("%s: the boundary has not returned", of.target)
		}
		if len(of.outcomes) != 1 {
			t.Fatalf("%s: %d outcomes were reported: %+v", of.target, len(of.outcomes), of.outcomes)
		}
	}
	for _, s := range x.order {
		of := seen[s.target]
		delete(seen, s.target)
		if of == nil {
			if s.status >= 200 && s.header.Get(servedKey) != "" {
				t.Errorf("%s: an answer, %d, to a request that was not served", s.target, s.status)
			}
			if x.patient() && !s.cut && s.status == 0 {
				t.Errorf("%s: not served, and not refused", s.target)
			}
			continue
		}
		if x.p.connContext { // Otherwise a connection that takes nothing holds them.
			// A read is not interrupted before the answer has been sent.
			x.checkCalls(of, answerTime+2*stuckTime)
		}
		if s.method != of.method {
			t.Errorf("%s: served as %s, and sent as %s", s.target, of.method, s.method)
		}
		x.checkStream(s, of, of.outcomes[0])
	}
	for target := range seen {
		t.Errorf("%s was served, and the client has sent no such request", target)
	}
}

// checkStream holds the outcome of a request against what came.
func (x *run2) checkStream(s *stream2, of *served, o Outcome) {
	t := x.t
	wrong := func(what string) {
		t.Helper()
		t.Errorf("%s: %s: reported %+v; came %d %v, ended %v, reset %v, %q", s.target, what, o, s.status, s.header, s.over, s.cut, abridged(string(s.body)))
	}
	if n, err := strconv.Atoi(s.header.Get("Content-Length")); s.over && err == nil && n != len(s.body) && !of.short && s.method != "HEAD" && s.status != 304 {
		wrong("the answer is not as long as it says")
	}
	if s.status >= 200 && s.header.Get(servedKey) != s.target {
		wrong("the answer is to another request")
	}
	timedOut := s.status == 504
	switch {
	case s.status < 200:
	case timedOut && s.over:
		body := string(s.body)
		if s.method != "HEAD" && (!strings.Contains(body, `"reason":"Timeout"`) || !strings.HasSuffix(body, "}\n")) || s.header.Get("X-Inner") != "" || s.header.Get("Content-Type") != "application/json" {
			wrong("a 504 is not whole")
		}
		if o.Kind != TimedOut || o.Status != 504 {
			wrong("the client got a 504")
		}
	case timedOut:
	case strings.Trim(string(s.body), letter(of.target)) != "":
		wrong("there is something in the answer that its handler did not write")
	case s.over && o.Kind == ClientGone && (s.method == "HEAD" || !bodyAllowed(s.status)):
		// Its header has ended the stream and the context. That it was not the client
		// is not always known by the next call.
	case s.over && o.Kind != Answered && !o.exited && !of.bounded && s.header.Get("Trailer") == "":
		wrong("the client got a whole answer")
	case s.status != o.Status:
		wrong("the client got another status")
	}
	if o.Kind == Hijacked {
		wrong("nobody can hijack")
	}
	if !x.patient() || s.reset || s.broken || of.bounded || !of.start.Before(x.closed) {
		return
	}
	switch {
	case o.Kind == TimedOut && !(timedOut && s.over):
		wrong("the client has not got its 504")
	case o.Kind == Answered && o.Panicked == nil && !of.short && !of.exited && !s.over:
		wrong("the client has not got the answer")
	case o.Kind == ClientGone && !(s.over && (s.method == "HEAD" || !bodyAllowed(s.status))):
		wrong("the client has gone nowhere")
	case o.Kind == TimedOut && of.took > x.timeout+100*time.Millisecond && x.boundary.MaxOverdue == 0:
		wrong(fmt.Sprintf("the 504 took %v", of.took))
	}
}
