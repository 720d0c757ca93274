//go:build go1.25

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
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// FuzzGuard runs random handlers, and goroutines that they leave behind,
// against a boundary over a fake of net/http that flags every call which comes
// too late or beside another. What came of it is held against a model of the
// guard (model_test.go). Time is a bubble's, whose moments are few: what is
// possible at the same moment happens at the same moment, in any order. The
// bubble fails if a goroutine does not exit.
func FuzzGuard(f *testing.F) {
	for _, seed := range seeds() {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 128 {
			t.Skip("nothing that a shorter one does not show")
		}
		synctest.Test(t, func(t *testing.T) {
			x := newExperiment(t, data)
			x.run()
			x.check()
		})
	})
}

// seeds returns programs that are known to take each way through the guard,
// and some random ones: what they find is found by a plain go test as well.
func seeds() (seeds [][]byte) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 1500 {
		data := make([]byte, 8+r.IntN(32))
		for i := range data {
			data[i] = byte(r.Uint32())
		}
		seeds = append(seeds, data)
	}
	for _, ops := range [][]byte{
		{op(opWrite, 3), op(opSleep, 3), op(opWrite, 2)},
		{op(opHeader, 1), op(opSleep, 15), op(opHeader, 2), op(opWrite, 1)},
		{op(opRead, 15), op(opRead, 15), op(opStatus, 1)},
		{op(opSpawn, 0), op(opSleep, 4), op(opWrite, 4), op(opSleep, 15), op(opWrite, 4), op(opReturn, 0), op(opSleep, 4), op(opWrite, 1)},
		{op(opSpawn, 0), op(opRead, 15), op(opReturn, 0), op(opSleep, 3)},
		{op(opSpawn, 0), op(opStatus, 4), op(opStatus, 5), op(opReturn, 0), op(opSleep, 4), op(opHijack, 0)},
		{op(opBind, 2), op(opBind, 4), op(opSleep, 4), op(opStatus, 3)},
		{op(opBind, 2), op(opSleep, 2), op(opRelease, 0), op(opStatus, 3)},
		{op(opBind, 2), op(opSleep, 2), op(opRelease, 0), op(opSleep, 3)},
		{op(opWrite, 3), op(opReport, 1), op(opReport, 0), op(opSleep, 15)},
		{op(opHijack, 0), op(opSleep, 15), op(opWrite, 1), op(opEnd, 0)},
		{op(opSleep, 4), op(opEnd, 1)}, {op(opStatus, 0), op(opEnd, 2)},
		{op(opHeader, 8+3), op(opWrite, 3), op(opSleep, 15), op(opWrite, 1)},
		{op(opHeader, 8+3), op(opWrite, 3), op(opSleep, 15), op(opEnd, 2)},
		{op(opHeader, 8+3), op(opWrite, 2), op(opSleep, 4), op(opWrite, 1)},
		{op(opStatus, 8), op(opFlush, 0), op(opSleep, 15)},
		{op(opWrite, 3), op(opFlush, 0), op(opSleep, 4), op(opSleep, 1)},
		{op(opSetReadDeadline, 5), op(opRead, 15), op(opRead, 15), op(opSleep, 3), op(opStatus, 2)},
		{op(opSleep, 4), op(opReport, 0), op(opSleep, 1), op(opReport, 0)},
	} {
		for _, config := range [][]byte{{0xff, 0, 0x11}, {0xfd, 0x20, 0x11}, {0x0e, 0x04, 0x31}, {0x44, 0x22, 0xf1}, {0x25, 0, 0x11}, {0x04, 0, 0x11}, {0x85, 0x10, 0x11}} {
			seeds = append(seeds, append(config[:len(config):len(config)], ops...))
		}
	}
	return seeds
}

// What an op is, in the low half of its byte; the high half is its argument.
const (
	opReturn = iota
	opSleep
	opWrite
	opStatus
	opFlush
	opHeader
	opHijack
	opSetReadDeadline
	opSetWriteDeadline
	opRead
	opClose
	opBind
	opRelease
	opReport
	opSpawn
	opEnd // by other than to return
)

func op(op, arg byte) byte { return op | arg<<4 }

const (
	unit  = commitTime / 4 // of the time that ops take and deadlines are at
	never = time.Duration(1<<63 - 1)
	// A client loses its patience in the end: so does the experiment.
	lastClient = 2 * time.Hour
)

// experiment is one request with a handler that was made of data.
type experiment struct {
	*fake
	boundary   Boundary
	data       []byte
	head       bool
	start      time.Time
	deadlineAt time.Duration
	clientAt   time.Duration // when it goes
	stalls     bool          // the client does not read, at times
	sink       time.Duration // how long a report takes
	fails      func()        // ends the request's context, as net/http does when a call fails
	serving    string        // the serve goroutine
	busy       atomic.Int32  // calls of the writer under way
	owned      bool          // the serve goroutine is answering: its alone
	returned   atomic.Bool   // Serve has
	goroutines sync.WaitGroup
	spawned    int

	// What is known when all is over.
	panicked any
	timedOut int
	took     time.Duration
	readers  int // reads that were under way when Serve returned

	// When the response may first have been known to be all that there will be,
	// and when it was; and when a part of it had first been flushed.
	completeFrom, completeAt, flushedAt time.Duration

	// When a call of the writer first timed out.
	failedAt time.Duration

	mu         sync.Mutex
	committing time.Duration // the first try to
	ended      time.Duration // when the handler returned
	broken     bool          // the handler panicked or exited
	exits      bool          // by runtime.Goexit
	hijacked   bool
	hijacks    bool // the handler has net/http's connection, hijacked or too late
	readBound  bool // the handler has bound its reads
	writeBound bool // and its writes
	decided    []Outcome
	bytes      int // that Write took
	bounds     []*bounded
	late       []error // of calls that were made after Serve had returned
	said       map[string][]Outcome
	saidAt     time.Duration // the last of it
}

// bounded is one use of Bind.
type bounded struct {
	ctx          context.Context
	at, released time.Duration
	release      func()
}

func newExperiment(t *testing.T, data []byte) *experiment {
	x := &experiment{data: data, start: time.Now(), deadlineAt: never, clientAt: lastClient, ended: never, committing: never, completeFrom: never, completeAt: never, flushedAt: never, failedAt: never, said: map[string][]Outcome{}}
	outlastKept(t)
	flags, client, times := x.next(), x.next(), x.next()
	x.fake = newFake(t, flags&1 != 0)
	x.endless, x.unsent = flags&2 != 0, int(flags&0x10)
	if flags&4 != 0 {
		x.deadlineAt = time.Duration(1+times&7) * 2 * unit
	}
	if flags&8 != 0 {
		x.boundary.MaxOverdue = -1
	}
	if times&8 != 0 {
		x.sink = 3 * unit
	}
	if flags&0x20 != 0 {
		x.slow = 3 * patience / 2
	}
	if n := client & 15; n > 0 && n < 5 {
		x.clientAt = time.Duration(n) * 4 * unit
	}
	if n := client >> 4; n > 0 && n < 6 {
		x.stalls = true
		// Over HTTP/1 a connection is one request's, and sees its deadlines.
		x.deaf = !x.http1 && flags&0xc0 == 0xc0
		time.AfterFunc(time.Duration(n-1)*unit, x.stall)
		if n := times >> 4; n != 0 {
			time.AfterFunc(time.Duration(n)*4*unit, x.unstall)
		}
	}
	return x
}

func (x *experiment) next() byte {
	if len(x.data) == 0 {
		return 0
	}
	b := x.data[0]
	x.data = x.data[1:]
	return b
}

func (x *experiment) now() time.Duration { return time.Since(x.start) }

// run runs the request to its end, and what is left behind of it.
func (x *experiment) run() {
	ctx, gone := context.WithCancel(context.WithValue(context.Background(), http.ServerContextKey, &http.Server{}))
	client := time.AfterFunc(x.clientAt, func() { x.kill(); gone() })
	if x.deaf || x.data != nil && len(x.data)%2 == 0 {
		ctx = ConnContext(stallsFor)(ctx, fakeConn{f: x.fake})
	}
	if x.deadlineAt != never {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, x.deadlineAt)
		defer cancel()
	}
	method := http.MethodPost
	if x.head = x.data != nil && len(x.data)%5 == 0; x.head {
		method = http.MethodHead
	}
	x.fails = gone
	r, _ := http.NewRequestWithContext(ctx, method, "/", strictBody{fakeBody{x.fake}, x})
	r.ContentLength, r.ProtoMajor, r.ProtoMinor = -1, 2, 0
	if x.http1 {
		r.ProtoMajor, r.ProtoMinor = 1, 1
	}
	x.boundary.Answer = timeoutStatus
	x.boundary.TimedOut = func(*http.Request) { x.timedOut++; x.owned = true }
	for _, key := range []string{"outer", "taken"} {
		x.boundary.Reporters = append(x.boundary.Reporters, Reporter{Key: key, Say: x.say(key)})
	}
	main := x.decode(0)
	x.goroutines.Add(1)
	x.panicked = raised(func() {
		x.serving = goroutine()
		x.boundary.Serve(strict{x.fake, x}, r, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer x.goroutines.Done()
			x.handle(w, r, main)
		}))
	})
	x.took = x.now()
	x.returned.Store(true)
	// Of a connection that was hijacked, a read may be left in the body. It is
	// the hijacker's: net/http has done with it.
	if !x.hijacks {
		x.readers = x.fake.returned()
	}
	r.Header.Set("X-Next", "request") // It is net/http's again, and
	x.header.Set("X-Next", "request") // so is this.
	client.Stop()
	x.kill() // As net/http does, or the hijacker has done.
	gone()
	x.goroutines.Wait()
	time.Sleep(3 * x.sink)
	synctest.Wait()
}

func (x *experiment) say(key string) func(*http.Request, Outcome) {
	return func(_ *http.Request, o Outcome) {
		time.Sleep(x.sink)
		x.mu.Lock()
		defer x.mu.Unlock()
		if !o.Running && x.ended == never {
			x.t.Errorf("%s: said that the handler has returned, while it is running", key)
		}
		x.said[key] = append(x.said[key], o)
		x.saidAt = x.now()
	}
}

// step is an op of a goroutine's, or the goroutine that it starts.
type step struct {
	op, arg byte
	spawned []step
}

// decode takes the ops of one goroutine from the data.
func (x *experiment) decode(depth int) (steps []step) {
	for len(x.data) > 0 {
		b := x.next()
		s := step{op: b & 15, arg: b >> 4}
		switch {
		case s.op == opReturn:
			return steps
		case s.op == opSpawn && (depth > 2 || x.spawned > 4):
			continue
		case s.op == opSpawn:
			x.spawned++
			s.spawned = x.decode(depth + 1)
		}
		steps = append(steps, s)
	}
	return steps
}

// handle is the handler.
func (x *experiment) handle(w http.ResponseWriter, r *http.Request, steps []step) {
	broken := true
	defer func() {
		x.mu.Lock()
		defer x.mu.Unlock()
		x.broken = broken
		x.ended = min(x.ended, x.now())
	}()
	a := &actor{experiment: x, w: w, r: r, handler: true}
	a.do(steps)
	broken = false
}

// actor is the handler goroutine or one that it has started.
type actor struct {
	*experiment
	w       http.ResponseWriter
	r       *http.Request
	handler bool
	spawns  bool // others may be reading the header
	sealed  bool // a call has failed for good
}

func (a *actor) do(steps []step) {
	for _, s := range steps {
		late, over := a.returned.Load(), a.over()
		err, calls := a.step(s)
		if over && guardFrom(a.r.Context()).result() == committed {
			a.t.Errorf("op %d committed a response after a context had ended that it knew of", s.op)
		}
		if !calls {
			continue
		}
		if late {
			a.mu.Lock()
			a.late = append(a.late, err)
			a.mu.Unlock()
		}
		if a.sealed && err == nil {
			a.t.Errorf("op %d succeeded after another had found the guard sealed", s.op)
		}
		a.sealed = a.sealed || errors.Is(err, http.ErrHandlerTimeout) || err == errReturned || err == http.ErrHijacked
	}
}

// over reports whether a context has ended that the handler may see, and the
// response was not committed then.
func (a *actor) over() bool {
	over := a.r.Context().Err() != nil
	a.mu.Lock()
	for _, b := range a.bounds {
		over = over || b.release != nil && b.ctx.Err() == context.DeadlineExceeded
	}
	a.mu.Unlock()
	return over && guardFrom(a.r.Context()).result() == open
}

// step does one op. calls is whether it is one that must fail after the seal.
func (a *actor) step(s step) (err error, calls bool) {
	rc := http.NewResponseController(a.w)
	if s.op == opWrite || s.op == opStatus || s.op == opFlush {
		a.mu.Lock()
		if guardFrom(a.r.Context()).result() == open {
			a.committing = min(a.committing, a.now())
		}
		a.mu.Unlock()
	}
	switch s.op {
	case opSleep:
		d := time.Duration(s.arg) * unit
		if s.arg == 15 {
			d = time.Hour
		}
		time.Sleep(d)
	case opWrite:
		n, err := io.WriteString(a.w, strings.Repeat("x", int(s.arg)))
		a.mu.Lock()
		a.bytes += n
		a.mu.Unlock()
		return err, true
	case opStatus:
		a.w.WriteHeader([]int{200, 201, 404, 500, 103, 100, 102, 101, 204, 304}[s.arg%10])
	case opFlush:
		switch s.arg & 3 {
		case 0:
			a.w.(http.Flusher).Flush()
		case 1:
			rcClosed(a.w)
		case 2:
			return rc.EnableFullDuplex(), true
		default:
			return rc.Flush(), true
		}
	case opHeader:
		// Its request is the handler's alone, always. Its header is as with
		// net/http: others that it has started may commit it, while they can.
		if a.handler {
			a.r.Header.Set("X-Inner", "x")
		}
		if a.handler && (!a.spawns || a.sealed) {
			a.w.Header()["X-Inner"] = []string{"x"}
			a.w.Header().Del("X-Outer")
			switch {
			case s.arg == 15:
				a.w.Header().Set("Trailer", "X-Trailer")
			case s.arg&8 != 0:
				a.w.Header().Set("Content-Length", strconv.Itoa(int(s.arg&7)))
			}
		}
	case opHijack:
		conn, _, err := rc.Hijack()
		if err == nil {
			conn.Close()
			a.mu.Lock()
			a.hijacked = true
			a.mu.Unlock()
		}
		return err, true
	case opSetReadDeadline:
		a.mu.Lock()
		a.readBound = true
		a.mu.Unlock()
		return rc.SetReadDeadline(a.time(s.arg)), true
	case opSetWriteDeadline:
		a.mu.Lock()
		a.writeBound = true
		a.mu.Unlock()
		return rc.SetWriteDeadline(a.time(s.arg)), true
	case opRead:
		_, err := a.r.Body.Read(make([]byte, s.arg))
		if err == io.EOF {
			// Read before the seal.
			return nil, a.sealed
		}
		return err, true
	case opClose:
		return a.r.Body.Close(), true
	case opBind:
		a.bind(time.Duration(s.arg) * unit)
	case opRelease:
		a.release()
	case opReport:
		a.report(s.arg)
	case opSpawn:
		a.spawns = true
		child := &actor{experiment: a.experiment, w: a.w, r: a.r, sealed: a.sealed}
		a.goroutines.Add(1)
		go func() {
			defer a.goroutines.Done()
			child.do(s.spawned)
		}()
	case opEnd:
		switch {
		case !a.handler:
			runtime.Goexit()
		case s.arg&3 == 0:
			a.exits = true
			runtime.Goexit()
		case s.arg&3 == 1:
			panic(http.ErrAbortHandler)
		default:
			panic("the handler's")
		}
	}
	return nil, false
}

func (a *actor) time(arg byte) time.Time {
	if arg == 0 {
		return time.Time{}
	}
	return time.Now().Add(time.Duration(int(arg)-4) * unit)
}

func (a *actor) bind(d time.Duration) {
	ctx, cancel := context.WithTimeout(a.r.Context(), d)
	context.AfterFunc(a.r.Context(), cancel)
	b := &bounded{ctx: ctx, at: a.now() + d, released: never}
	// Before the bound can pass.
	a.mu.Lock()
	a.bounds = append(a.bounds, b)
	a.mu.Unlock()
	release, ok := Bind(ctx, boundStatus)
	if !ok {
		a.t.Error("Bind is not ok")
	}
	a.mu.Lock()
	b.release = release
	a.mu.Unlock()
}

// release releases the last bound that has not been.
func (a *actor) release() {
	a.mu.Lock()
	for i := len(a.bounds) - 1; i >= 0; i-- {
		if b := a.bounds[i]; b.release != nil {
			release := b.release
			b.release, b.released = nil, a.now()
			a.mu.Unlock()
			release()
			return
		}
	}
	a.mu.Unlock()
}

// report is what filters do that speak for the handler.
func (a *actor) report(arg byte) {
	switch {
	case !a.handler:
	case arg&1 == 0:
		if o, ok := Decided(a.r.Context()); ok {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.decided = append(a.decided, o)
		}
	default:
		Report(a.r.Context(), "taken", a.say("taken"))
		Report(a.r.Context(), "added", a.say("added"))
	}
}

// strict is the fake as a ResponseWriter, of which net/http allows one call at
// a time.
type strict struct {
	*fake
	x *experiment
}

func (s strict) use() (done func()) {
	if s.x.busy.Add(1) != 1 {
		s.t.Error("two calls of the writer at a time")
	}
	s.x.own()
	return func() { s.x.busy.Add(-1) }
}

// own flags all but the serve goroutine, when that is answering.
func (x *experiment) own() {
	if x.owned && goroutine() != x.serving {
		x.t.Error("touched by another while the serve goroutine answers")
	}
}

func (s strict) Header() http.Header { defer s.use()(); return s.fake.Header() }
func (s strict) WriteHeader(status int) {
	defer s.use()()
	defer s.x.note()
	s.fake.WriteHeader(status)
}

// Write ends the request's context when it fails, as net/http's does.
func (s strict) Write(p []byte) (int, error) {
	defer s.use()()
	defer s.x.note()
	n, err := s.fake.Write(p)
	s.x.timesOut(err)
	if errors.Is(err, errReset) || errors.Is(err, os.ErrDeadlineExceeded) {
		s.x.fails()
	}
	return n, err
}
func (s strict) EnableFullDuplex() error { defer s.use()(); return s.fake.EnableFullDuplex() }

func (s strict) FlushError() error {
	defer s.use()()
	defer func() { s.x.flushedAt = min(s.x.flushedAt, s.x.now()) }()
	defer s.x.note()
	err := s.fake.FlushError()
	s.x.timesOut(err)
	return err
}

// timesOut notes that a call has.
func (x *experiment) timesOut(err error) {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		x.failedAt = min(x.failedAt, x.now())
	}
}

func (s strict) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	defer s.use()()
	if goroutine() != s.x.serving {
		s.x.hijacks = true
	}
	return s.fake.Hijack()
}

// note notes when the handler's response is complete, whatever comes next.
func (x *experiment) note() {
	bodyless := x.head || !bodyAllowed(x.status)
	if x.owned || x.status < 200 || x.sent["Trailer"] != nil && !(bodyless && (x.http1 || x.head)) {
		return
	}
	switch {
	case bodyless || x.body.Len() == 0 && x.sent.Get("Content-Length") == "0":
		// As it is committed, before the call that sends it.
		x.mu.Lock()
		x.completeFrom = min(x.completeFrom, x.committing)
		x.mu.Unlock()
	case x.sent.Get("Content-Length") != strconv.Itoa(x.body.Len()):
		return
	}
	x.completeAt = min(x.completeAt, x.now())
	x.completeFrom = min(x.completeFrom, x.completeAt)
}

// Deadlines are set beside anything, but not when Serve has returned.
func (s strict) SetReadDeadline(t time.Time) error  { return s.lag(s.fake.SetReadDeadline(t)) }
func (s strict) SetWriteDeadline(t time.Time) error { return s.lag(s.fake.SetWriteDeadline(t)) }

// lag lets others run before a call returns.
func (s strict) lag(err error) error {
	for range 3 {
		runtime.Gosched()
	}
	s.touch()
	return err
}

// strictBody is the request body, which over HTTP/1 is the connection's.
type strictBody struct {
	fakeBody
	x *experiment
}

// Read ends the request's context when it fails, as net/http's does over HTTP/1.
func (b strictBody) Read(p []byte) (int, error) {
	b.own()
	n, err := b.fakeBody.Read(p)
	if b.http1 && err != nil && !errors.Is(err, io.EOF) {
		b.x.fails()
	}
	return n, err
}

func (b strictBody) Close() error { b.own(); return b.fakeBody.Close() }
func (b strictBody) own() {
	if b.http1 {
		b.x.own()
	}
}

// goroutine names the caller's.
func goroutine() string {
	var buf [64]byte
	name, _, _ := strings.Cut(string(buf[:runtime.Stack(buf[:], false)]), "[")
	return name
}
