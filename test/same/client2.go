package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"fork.internal/apiserver/test/chain"
)

// wide is a window that nothing here fills.
const wide = 1 << 30

// visit2 is the visit of an HTTP/2 client. It sees each frame.
type visit2 struct {
	*run
	o      *observation
	conn   *tls.Conn
	framer *http2.Framer

	writing sync.Mutex // for what follows
	encoded bytes.Buffer
	encoder *hpack.Encoder

	mu       sync.Mutex // for what follows
	changed  chan struct{}
	settled  bool // the server's settings have come
	window   int64
	initial  int64
	maxFrame int
	streams  map[uint32]*stream
	goaway   string
	broken   error // why nothing more comes
}

// stream is one request's.
type stream struct {
	answer
	window  int64 // for what is sent
	got     digest
	begun   bool // the final header has come
	ended   bool // with END_STREAM
	reset   string
	hundred bool
}

func (r *run) visit2(ctx context.Context, o *observation) error {
	tcp, err := r.dial(ctx)
	if err != nil {
		return err
	}
	defer tcp.Close()
	config := chain.ClientTLS()
	config.NextProtos = []string{http2.NextProtoTLS}
	v := &visit2{
		run: r, o: o, conn: tls.Client(tcp, config),
		changed: make(chan struct{}), window: 65535, initial: 65535, maxFrame: 16384, streams: map[uint32]*stream{},
	}
	if err := v.conn.HandshakeContext(ctx); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { tcp.Close() })
	defer stop()
	v.framer = http2.NewFramer(v.conn, v.conn)
	v.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	v.encoder = hpack.NewEncoder(&v.encoded)
	if err := v.start(); err != nil {
		return err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		v.read()
	}()
	v.visit()
	tcp.Close()
	<-done
	return nil
}

// start opens the connection. A client that is deaf gives a small window until it has sent all.
func (v *visit2) start() error {
	v.writing.Lock()
	defer v.writing.Unlock()
	if _, err := v.conn.Write([]byte(http2.ClientPreface)); err != nil {
		return err
	}
	window := uint32(wide)
	if v.Client.Deaf {
		window = 65535
	}
	if err := v.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: window}); err != nil {
		return err
	}
	return v.framer.WriteWindowUpdate(0, wide)
}

func (v *visit2) visit() {
	if !v.await(eventTime, func() bool { return v.settled }) {
		v.o.End = "no settings came"
		return
	}
	if v.Server.Sink == "blocked" {
		timer := time.AfterFunc(lateTime, func() { v.tell("release") })
		defer timer.Stop()
	}
	limit := time.Now().Add(v.gives())
	sent := make(chan struct{})
	s := v.stream(1)
	if v.Client.Pipelined {
		v.stream(3)
	}
	go func() {
		defer close(sent)
		v.send(s)
	}()
	if v.Client.Leaves != "" {
		v.leave(s)
		return
	}
	v.await(time.Until(limit), func() bool { return s.begun || s.reset != "" || v.broken != nil })
	if v.Server.Sink != "" {
		v.o.Order = "began " + v.when()
	}
	over := v.await(time.Until(limit), func() bool { return s.ended || s.reset != "" || v.broken != nil })
	if v.Server.Sink != "" {
		v.o.Order += ", complete " + v.when()
	}
	if over && v.Body.How != never && v.Body.How != tooLittle {
		wait(sent, eventTime)
	}
	v.follow()
	v.mu.Lock()
	defer v.mu.Unlock()
	v.o.First = s.result(v.broken)
	v.o.End = v.end(s)
}

// leave resets the stream when it is time to.
func (v *visit2) leave(s *stream) {
	if v.Client.Leaves == answeredEvent {
		// The end of the stream comes only when the handler returns.
		whole := func() bool { return s.begun && s.length() == s.got.n || s.reset != "" || v.broken != nil }
		if v.await(eventTime, whole) {
			v.tell(answeredEvent)
		}
	}
	v.until(v.Client.Leaves, eventTime)
	v.write(func() error { return v.framer.WriteRSTStream(1, http2.ErrCodeCancel) })
	v.o.End = clientLeft
	v.follow()
}

// follow sends the next request. Its answer comes after all that is to be said
// of the first one.
func (v *visit2) follow() {
	next := v.stream(3)
	if !v.Client.Pipelined {
		v.open(3, "GET", nextPath, v.auditID(1), true)
	}
	v.await(longest, func() bool { return next.ended || next.reset != "" || v.broken != nil })
	v.mu.Lock()
	defer v.mu.Unlock()
	v.o.Next = next.result(v.broken).String()
}

// end says what became of a stream and its connection. The first reset of a
// stream that has been answered tells of a body that the server does not want,
// or no longer: which, and whether at all, is a race unless the client held that
// back. The caller holds mu.
func (v *visit2) end(s *stream) string {
	var ends []string
	if s.ended {
		ends = append(ends, "END_STREAM")
	}
	if s.reset != "" {
		stalled := v.Body.How == never || v.Body.How == afterAnswer || v.Body.Gap > 0
		unwanted := s.ended && (s.reset == "RST_STREAM NO_ERROR" || s.reset == "RST_STREAM STREAM_CLOSED")
		if !unwanted || stalled {
			ends = append(ends, s.reset)
		}
	}
	if v.goaway != "" {
		ends = append(ends, v.goaway)
	}
	if v.broken != nil {
		ends = append(ends, brokenBy(v.broken))
	}
	if len(ends) == 0 {
		return nothingCame
	}
	return strings.Join(ends, ", ")
}

// result is the answer of a stream as far as it has come. The caller holds mu.
func (s *stream) result(broken error) answer {
	a := s.answer
	if s.begun {
		a.Body = a.bodyOf(&s.got)
		a.Framing = "stream"
	}
	if !s.ended {
		switch {
		case s.reset != "":
			a.Cut = s.reset
		case broken != nil:
			a.Cut = brokenBy(broken)
		default:
			a.Cut = nothingCame
		}
		if s.begun {
			a.Body = cutBody(&s.got)
		}
	}
	return a
}

// length is the Content-Length, or -1. The caller holds mu.
func (s *stream) length() int {
	for _, line := range s.Header {
		if n, ok := strings.CutPrefix(line, "content-length: "); ok {
			return number(n)
		}
	}
	return -1
}

// stream returns the stream of that ID.
func (v *visit2) stream(id uint32) *stream {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.streams[id] == nil {
		v.streams[id] = &stream{window: v.initial}
	}
	return v.streams[id]
}

// change makes a change to what mu guards, and wakes those who wait for one.
func (v *visit2) change(f func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	f()
	close(v.changed)
	v.changed = make(chan struct{})
}

// await waits until ok, which is called with mu held, for that long at most.
func (v *visit2) await(limit time.Duration, ok func() bool) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		v.mu.Lock()
		done, changed := ok(), v.changed
		v.mu.Unlock()
		if done {
			return true
		}
		select {
		case <-changed:
		case <-timer.C:
			return false
		}
	}
}

// read takes in what comes, until the connection ends.
func (v *visit2) read() {
	for {
		frame, err := v.framer.ReadFrame()
		if err != nil {
			v.change(func() { v.broken = err })
			return
		}
		v.take(frame)
	}
}

func (v *visit2) take(frame http2.Frame) {
	switch f := frame.(type) {
	case *http2.SettingsFrame:
		if f.IsAck() {
			return
		}
		v.change(func() {
			v.settled = true
			if n, ok := f.Value(http2.SettingMaxFrameSize); ok {
				v.maxFrame = int(n)
			}
			if n, ok := f.Value(http2.SettingInitialWindowSize); ok {
				for _, s := range v.streams {
					s.window += int64(n) - v.initial
				}
				v.initial = int64(n)
			}
		})
		v.write(func() error { return v.framer.WriteSettingsAck() })
	case *http2.PingFrame:
		if !f.IsAck() {
			v.write(func() error { return v.framer.WritePing(true, f.Data) })
		}
	case *http2.WindowUpdateFrame:
		v.change(func() {
			if s := v.streams[f.StreamID]; s != nil {
				s.window += int64(f.Increment)
			} else if f.StreamID == 0 {
				v.window += int64(f.Increment)
			}
		})
	case *http2.GoAwayFrame:
		v.change(func() { v.goaway = fmt.Sprintf("GOAWAY %v", f.ErrCode) })
	case *http2.RSTStreamFrame:
		v.change(func() {
			if s := v.streams[f.StreamID]; s != nil && s.reset == "" {
				s.reset = fmt.Sprintf("RST_STREAM %v", f.ErrCode)
			}
		})
	case *http2.DataFrame:
		v.change(func() {
			if s := v.streams[f.StreamID]; s != nil {
				_, _ = s.got.Write(f.Data())
				s.ended = s.ended || f.StreamEnded()
			}
		})
	case *http2.MetaHeadersFrame:
		v.change(func() {
			s := v.streams[f.StreamID]
			if s == nil {
				return
			}
			begun := s.begun
			if s.headers(f); s.begun && !begun && f.StreamID == 1 {
				v.o.Early = v.early()
			}
		})
	}
}

// headers takes in an informational answer, the final one, or a trailer.
func (s *stream) headers(f *http2.MetaHeadersFrame) {
	lines := []string{}
	for _, h := range f.RegularFields() {
		lines = append(lines, headerLine(h.Name, h.Value))
	}
	slices.Sort(lines)
	status := f.PseudoValue("status")
	switch {
	case s.begun:
		s.Trailer = lines
	case strings.HasPrefix(status, "1"):
		s.Informational = append(s.Informational, status)
		for _, line := range lines {
			s.Informational = append(s.Informational, "+ "+line)
		}
		s.hundred = s.hundred || status == "100"
	default:
		s.begun, s.Status, s.Header = true, status, lines
	}
	s.ended = s.ended || f.StreamEnded()
}

func (v *visit2) write(f func() error) bool {
	v.writing.Lock()
	defer v.writing.Unlock()
	return f() == nil
}

// open sends the header of a request.
func (v *visit2) open(id uint32, method, path, auditID string, end bool, more ...string) bool {
	return v.write(func() error {
		v.encoded.Reset()
		fields := append([]string{":method", method, ":scheme", "https", ":authority", "test", ":path", path, "audit-id", auditID}, more...)
		for i := 0; i < len(fields); i += 2 {
			if err := v.encoder.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]}); err != nil {
				return err
			}
		}
		return v.framer.WriteHeaders(http2.HeadersFrameParam{
			StreamID: id, BlockFragment: v.encoded.Bytes(), EndStream: end, EndHeaders: true,
		})
	})
}

// send sends the request as the client does.
func (v *visit2) send(s *stream) {
	b := v.Body
	var more []string
	for _, line := range v.Header {
		k, value, _ := strings.Cut(line, ": ")
		more = append(more, strings.ToLower(k), value)
	}
	if !b.Chunked && (b.Size > 0 || v.method() == "POST") {
		more = append(more, "content-length", fmt.Sprint(b.Size))
	}
	if b.Expect {
		more = append(more, "expect", "100-continue")
	}
	var trailer []string
	for _, line := range b.Trailer {
		k, value, _ := strings.Cut(line, ": ")
		trailer = append(trailer, strings.ToLower(k), value)
		more = append(more, "trailer", strings.ToLower(k))
	}
	if !v.open(1, v.method(), firstPath+v.Path, v.auditID(0), !v.hasBody(), more...) {
		return
	}
	if v.Client.Pipelined {
		v.open(3, "GET", nextPath, v.auditID(1), true)
	}
	if !v.hasBody() {
		v.tell("sent")
		return
	}
	if b.Expect {
		v.await(lateTime, func() bool { return s.begun || s.hundred || s.reset != "" || v.broken != nil })
		v.mu.Lock()
		answered := s.begun
		v.mu.Unlock()
		if answered {
			return // It has its answer.
		}
	}
	parts := v.pieces()
	for i, part := range parts {
		if i > 0 {
			v.pause(s, i)
		}
		end := i == len(parts)-1 && b.How != never && len(trailer) == 0
		if !v.data(s, part, end) {
			return
		}
	}
	if len(trailer) > 0 && b.How != never {
		v.write(func() error {
			v.encoded.Reset()
			for i := 0; i < len(trailer); i += 2 {
				if err := v.encoder.WriteField(hpack.HeaderField{Name: trailer[i], Value: trailer[i+1]}); err != nil {
					return err
				}
			}
			return v.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: v.encoded.Bytes(), EndStream: true, EndHeaders: true})
		})
	}
	if v.Client.Deaf {
		v.write(func() error { return v.framer.WriteWindowUpdate(1, wide) })
	}
	v.tell("sent")
}

// pieces are the parts of the body as they are sent.
func (v *visit2) pieces() []string {
	plain := *v.scenario
	plain.Body.Chunked = false
	parts, rest := plain.parts()
	if rest != "" {
		parts = append(parts, rest)
	}
	return parts
}

// pause waits until the ith part of the body is to be sent.
func (v *visit2) pause(s *stream, i int) {
	b := v.Body
	switch {
	case b.How == slowly:
		time.Sleep(pace)
		return
	case b.How == tooMuch || b.How == streamed:
		return
	case b.How == afterAnswer:
		v.await(lateTime, func() bool { return s.ended || s.reset != "" || v.broken != nil })
	case b.Until != "":
		v.until(b.Until, eventTime)
		return
	default:
		time.Sleep(b.Gap)
	}
	v.run.change(func() { v.rested = true })
}

// data sends a part of the body, as the windows allow. It gives up when the server has done with the stream.
func (v *visit2) data(s *stream, part string, end bool) bool {
	for {
		n := 0
		ok := v.await(longest, func() bool {
			return s.ended || s.reset != "" || v.broken != nil || part == "" || v.window > 0 && s.window > 0
		})
		v.mu.Lock()
		if !ok || s.reset != "" || v.broken != nil {
			v.mu.Unlock()
			return false
		}
		if part != "" && (v.window <= 0 || s.window <= 0) {
			v.mu.Unlock()
			return false // It has its answer, and the server takes no more.
		}
		n = int(min(int64(len(part)), v.window, s.window, int64(v.maxFrame)))
		v.window, s.window = v.window-int64(n), s.window-int64(n)
		v.mu.Unlock()
		last := n == len(part)
		if !v.write(func() error { return v.framer.WriteData(1, end && last, []byte(part[:n])) }) {
			return false
		}
		if part = part[n:]; last {
			return true
		}
	}
}
