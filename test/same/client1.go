package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"fork.internal/apiserver/test/chain"
)

// answeredEvent is what a client tells when it has its answer.
const answeredEvent = "answered"

const (
	// lateTime is how long a client that is to send the rest of a body after
	// the answer waits for that, and how long a sink is blocked.
	lateTime = 1500 * time.Millisecond

	// closeTime is how long a client waits for the end of a connection.
	closeTime = 2500 * time.Millisecond

	// streamedPart is about how large the parts of a streamed body are.
	streamedPart = 32 << 10

	// pace is how long the parts of a body that is sent slowly are apart.
	pace = 10 * time.Millisecond
)

// visit1 is the visit of an HTTP/1.x client. It sees each byte.
type visit1 struct {
	*run
	o    *observation
	conn *tls.Conn
	r    *bufio.Reader

	// Each is closed when that has been read or written, or never will be.
	continued, header, answered, sent chan struct{}
	once                              [4]sync.Once
	wrote                             bool // all of the body; written before sent is closed
}

func (r *run) visit1(ctx context.Context, o *observation) error {
	tcp, err := r.dial(ctx)
	if err != nil {
		return err
	}
	defer tcp.Close()
	config := chain.ClientTLS()
	config.NextProtos = []string{"http/1.1"}
	v := &visit1{
		run: r, o: o, conn: tls.Client(tcp, config),
		continued: make(chan struct{}), header: make(chan struct{}), answered: make(chan struct{}), sent: make(chan struct{}),
	}
	if err := v.conn.HandshakeContext(ctx); err != nil {
		return err
	}
	v.r = bufio.NewReaderSize(v.conn, 64<<10)
	// Whatever happens, the end of the case ends all waiting.
	stop := context.AfterFunc(ctx, func() { tcp.Close() })
	defer stop()
	v.visit()
	return nil
}

func (v *visit1) close(i int) {
	v.once[i].Do(func() { close([]chan struct{}{v.continued, v.header, v.answered, v.sent}[i]) })
}

func (v *visit1) visit() {
	go func() {
		defer v.close(3)
		v.send()
	}()
	v.whenTold(v.Client.Leaves, func() { v.conn.NetConn().Close() })
	v.whenTold(v.Client.HalfCloses, func() { _ = v.conn.CloseWrite() })
	if v.Server.Sink == "blocked" {
		timer := time.AfterFunc(lateTime, func() { v.tell("release") })
		defer timer.Stop()
	}
	if v.Client.Deaf {
		wait(v.sent, v.gives())
	}
	limit := time.Now().Add(v.gives())
	a, last := v.answer(v.method(), limit, true)
	if v.Client.Leaves == "" || v.Client.Leaves == answeredEvent {
		v.o.First = a // Otherwise it may have seen some of it.
	}
	v.tell(answeredEvent)
	v.close(0)
	v.close(1)
	v.close(2)
	v.o.End = v.end(a, last)
	if how := v.Body.How; v.hasBody() && v.proto == http11 && (how == atOnce || how == streamed || how == slowly) && wait(v.sent, eventTime) == "yes" && !v.Body.Expect {
		if v.o.Sent = "broken off"; v.wrote {
			v.o.Sent = "all"
		}
	}
}

// whenTold has the client do something when the handler tells that.
func (v *visit1) whenTold(event string, do func()) {
	if event == "" {
		return
	}
	go func() {
		if v.until(event, eventTime) == "yes" {
			do()
		}
	}()
}

// end finds out what becomes of the connection.
func (v *visit1) end(a answer, last bool) string {
	switch {
	case v.Client.Leaves != "":
		return clientLeft
	case a.Cut != "" && a.Status == "":
		return a.Cut
	case a.Cut != "":
		return "in the answer: " + a.Cut
	case last || a.Framing == untilClose || v.Client.HalfCloses != "" || v.Body.How == tooLittle:
		how := "announced"
		if !last {
			how = "not announced"
		}
		if a.Framing == untilClose {
			return how + ", with the answer"
		}
		return how + ", " + v.rest(closeTime)
	case v.Body.How == never:
		return "not announced, " + v.rest(time.Second)
	}
	wait(v.sent, eventTime)
	if !v.Client.Pipelined {
		if _, err := io.WriteString(v.conn, v.next()); err != nil {
			return "not announced, " + brokenBy(err)
		}
	}
	next, _ := v.answer("GET", time.Now().Add(longest), false)
	v.o.Next = next.String()
	if next.Status == "" {
		return "not announced, " + next.Cut
	}
	v.rest(closeTime)
	return "kept"
}

// rest reads the rest of what comes, and says how that ends.
func (v *visit1) rest(limit time.Duration) string {
	_ = v.conn.SetReadDeadline(time.Now().Add(limit))
	var more digest
	_, err := io.Copy(&more, v.r)
	if more.n > 0 {
		v.o.Extra = more.String()
	}
	if err == nil {
		err = io.EOF
	}
	if end := brokenBy(err); end != nothingCame {
		return end
	}
	return "still open"
}

// next is a request that ends the connection.
func (v *visit1) next() string {
	return fmt.Sprintf("GET %s %s\r\nHost: test\r\nConnection: close\r\n\r\n", nextPath, v.proto)
}

// send sends the request as the client does.
func (v *visit1) send() {
	var head strings.Builder
	fmt.Fprintf(&head, "%s %s%s %s\r\nHost: test\r\nAudit-Id: %s\r\n", v.method(), firstPath, v.Path, v.proto, v.auditID(0))
	for _, line := range v.Header {
		head.WriteString(line + "\r\n")
	}
	b := v.Body
	switch {
	case b.Chunked:
		head.WriteString("Transfer-Encoding: chunked\r\n")
	case b.Size > 0 || v.method() == "POST":
		fmt.Fprintf(&head, "Content-Length: %d\r\n", b.Size)
	}
	if b.Expect {
		head.WriteString("Expect: 100-continue\r\n")
	}
	if len(b.Trailer) > 0 {
		var keys []string
		for _, line := range b.Trailer {
			k, _, _ := strings.Cut(line, ":")
			keys = append(keys, k)
		}
		fmt.Fprintf(&head, "Trailer: %s\r\n", strings.Join(keys, ", "))
	}
	head.WriteString("\r\n")

	wire := head.String()
	if b.Expect {
		if !v.write(wire) {
			return
		}
		wait(v.continued, lateTime)
		if closed(v.header) {
			return // It has its answer.
		}
		wire = ""
	}
	parts, rest := v.parts()
	if b.How == streamed {
		parts = append([]string{""}, parts...)
	}
	if !v.write(wire + parts[0]) {
		return
	}
	for i, part := range parts[1:] {
		v.pause(i + 1)
		if !v.write(part) {
			return
		}
	}
	end := rest
	if v.Client.Pipelined {
		end += v.next()
	}
	if end != "" && !v.write(end) {
		return
	}
	v.wrote = true
	if b.How == tooLittle {
		_ = v.conn.CloseWrite()
	}
	v.tell("sent")
}

// pause waits until the ith part of the body is to be sent.
func (v *visit1) pause(i int) {
	b := v.Body
	switch {
	case b.How == streamed:
		return
	case b.How == slowly:
		time.Sleep(pace)
		return
	case b.How == afterAnswer:
		wait(v.answered, lateTime)
	case b.Until != "":
		v.until(b.Until, eventTime)
		return
	default:
		time.Sleep(b.Gap)
	}
	v.change(func() { v.rested = true })
}

func (v *visit1) write(s string) bool {
	_, err := io.WriteString(v.conn, s)
	return err == nil
}

// parts are the parts of the body as they go over the wire, and what follows the last one at once.
func (s *scenario) parts() (parts []string, rest string) {
	text := bodyOf(s.Body.Size)
	n := 1
	switch s.Body.How {
	case halves, afterAnswer, never, tooLittle, junk:
		n = 2
	case slowly:
		n = 8
	case streamed:
		n = 2 + len(text)/streamedPart
	}
	for i := range n {
		parts = append(parts, text[len(text)*i/n:len(text)*(i+1)/n])
	}
	switch s.Body.How {
	case never, tooLittle, junk:
		parts = parts[:1]
	}
	if s.Body.Chunked {
		for i, part := range parts {
			if part != "" {
				parts[i] = fmt.Sprintf("%x\r\n%s\r\n", len(part), part)
			}
		}
		switch s.Body.How {
		case never, tooLittle:
		case junk:
			rest = "not a chunk\r\n\r\n"
		default:
			rest = "0\r\n"
			for _, line := range s.Body.Trailer {
				rest += line + "\r\n"
			}
			rest += "\r\n"
		}
	}
	if s.Body.How == tooMuch {
		rest += "more than was announced\r\n\r\n"
	}
	return parts, rest
}

// The ways in which the end of a body can be told.
const (
	noBody     = "none"
	byLength   = "content-length"
	byChunks   = "chunked"
	untilClose = "until close"
)

// answer reads an answer, those before the final one included. The last one on
// its connection says so.
func (v *visit1) answer(method string, limit time.Time, first bool) (a answer, last bool) {
	_ = v.conn.SetReadDeadline(limit)
	tp := textproto.NewReader(v.r)
	for {
		status, err := tp.ReadLine()
		if err != nil {
			if status != "" {
				a.Cut = fmt.Sprintf("after %q, ", status)
			}
			a.Cut += brokenBy(err)
			return a, true
		}
		if first && v.Server.Sink != "" && !strings.HasPrefix(status, "HTTP/1.1 1") {
			v.o.Order = "began " + v.when()
		}
		lines, header, err := readHeader(tp)
		if err != nil {
			a.Cut = fmt.Sprintf("in the header of %q, %s", status, brokenBy(err))
			return a, true
		}
		if !strings.HasPrefix(status, "HTTP/") {
			a.Cut = fmt.Sprintf("not an answer: %q", status)
			return a, true
		}
		code := 0
		if words := strings.Fields(status); len(words) > 1 {
			code, _ = strconv.Atoi(words[1])
		}
		if code >= 100 && code <= 199 && code != 101 {
			a.Informational = append(a.Informational, status)
			for _, line := range lines {
				a.Informational = append(a.Informational, "+ "+line)
			}
			if code == 100 && first {
				v.close(0)
			}
			continue
		}
		a.Status, a.Header = status, lines
		if first {
			v.o.Early = v.early()
			v.close(1)
			v.close(0)
		}
		last = v.body(&a, method, code, header)
		if first && v.Server.Sink != "" {
			v.o.Order += ", complete " + v.when()
		}
		return a, last
	}
}

// body reads the body, and reports whether the connection ends with it, as far as the answer says.
func (v *visit1) body(a *answer, method string, code int, header textproto.MIMEHeader) (last bool) {
	connection := strings.ToLower(strings.Join(header["Connection"], ","))
	last = strings.Contains(connection, "close") ||
		strings.HasPrefix(a.Status, "HTTP/1.0") && !strings.Contains(connection, "keep-alive")
	var got digest
	var err error
	length := header.Get("Content-Length")
	switch {
	case method == "HEAD" || code == 204 || code == 304:
		a.Framing = noBody
	case strings.EqualFold(header.Get("Transfer-Encoding"), "chunked"):
		a.Framing = byChunks
		a.Trailer, err = readChunks(v.r, &got)
	case length != "":
		a.Framing = byLength
		n, _ := strconv.ParseInt(length, 10, 64)
		_, err = io.CopyN(&got, v.r, n)
	default:
		a.Framing = untilClose
		_, err = io.Copy(&got, v.r)
	}
	a.Body = a.bodyOf(&got)
	if err != nil {
		a.Cut = brokenBy(err)
		a.Body = cutBody(&got)
	}
	return last
}

// cutBody tells of a body that broke off. How much of a long one had come is a
// matter of buffers.
func cutBody(got *digest) string {
	if got.n > 4096 {
		return "more than 4096 bytes"
	}
	return got.String()
}

// readHeader reads a header, as sorted lines and as a map.
func readHeader(tp *textproto.Reader) (lines []string, header textproto.MIMEHeader, err error) {
	lines, header = []string{}, textproto.MIMEHeader{}
	for {
		line, err := tp.ReadLine()
		if err != nil {
			return lines, header, err
		}
		if line == "" {
			slices.Sort(lines)
			return lines, header, nil
		}
		k, v, _ := strings.Cut(line, ":")
		v = strings.TrimSpace(v)
		lines = append(lines, headerLine(k, v))
		header.Add(k, v)
	}
}

// readChunks reads a chunked body to its end, and returns its trailer.
func readChunks(r *bufio.Reader, to io.Writer) (trailer []string, err error) {
	tp := textproto.NewReader(r)
	for {
		line, err := tp.ReadLine()
		if err != nil {
			return nil, err
		}
		n, err := strconv.ParseInt(line, 16, 64)
		if err != nil {
			return nil, fmt.Errorf("the length of a chunk is %q", line)
		}
		if n == 0 {
			trailer, _, err = readHeader(tp)
			return trailer, err
		}
		if _, err := io.CopyN(to, r, n); err != nil {
			return nil, err
		}
		if end, err := tp.ReadLine(); err != nil || end != "" {
			return nil, errors.Join(err, fmt.Errorf("%q after a chunk", end))
		}
	}
}

// when says whether the audit event had been taken by now.
func (r *run) when() string {
	if r.taken.Load() {
		return "after the event"
	}
	return "before the event"
}

func closed(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}
