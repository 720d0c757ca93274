package sidebyside

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
)

// conn1 is HTTP/1.1, spoken by hand: net/http's own client hides informational statuses, tries again by itself, and
// does not tell how a connection has ended.
type conn1 struct {
	target target
	c      net.Conn // nil: none
	r      *bufio.Reader
}

func (c *conn1) take(conn net.Conn) { c.c, c.r = conn, bufio.NewReader(conn) }

func (c *conn1) close() {
	if c.c != nil {
		c.c.Close()
		c.c = nil
	}
}

func (c *conn1) send(ctx context.Context, s step, id string, u identity) ([]*answer, error) {
	if c.c == nil {
		conn, err := c.target.dial(ctx, "http/1.1")
		if err != nil {
			return nil, err
		}
		c.take(conn)
	}
	c.c.SetDeadline(until(ctx, requestTimeout))
	var answers []*answer
	if s.raw != "" {
		answers = c.sendRaw(s)
	} else {
		req, err := s.request(c.target.url, id, u)
		if err != nil {
			return nil, err
		}
		answers = []*answer{c.exchange(req, s)}
	}
	last := answers[len(answers)-1]
	if s.hangUp {
		last.after = hungUp
		c.close()
		return answers, nil
	}
	if err := c.settle(last, id); err != nil {
		return nil, err
	}
	if last.after != kept {
		c.close()
	}
	return answers, nil
}

// exchange sends one request and reads its answer. A write that fails does not end it: the server may have answered
// without having read everything.
func (c *conn1) exchange(req *http.Request, s step) *answer {
	head, body, err := wire(req)
	if err != nil {
		return &answer{err: fmt.Sprintf("writing the request: %v", err)}
	}
	a := &answer{}
	if !s.expect {
		c.c.Write(append(head, body...))
		c.read(a, req)
		return a
	}
	c.c.Write(head)
	for sent := false; a.status == 0 && a.err == ""; {
		if c.readOne(a, req) && strings.HasPrefix(a.informational[len(a.informational)-1], "100") && !sent {
			c.c.Write(body)
			sent = true
		}
	}
	return a
}

// sendRaw sends the step's bytes at once and reads the answers.
func (c *conn1) sendRaw(s step) []*answer {
	raw := strings.ReplaceAll(s.raw, "\n", "\r\n")
	c.c.Write([]byte(raw))
	method, _, _ := strings.Cut(raw, " ")
	var answers []*answer
	for range s.answers {
		a := &answer{}
		c.read(a, &http.Request{Method: method})
		answers = append(answers, a)
		if a.err != "" {
			break
		}
	}
	return answers
}

func (c *conn1) read(a *answer, req *http.Request) {
	for a.status == 0 && a.err == "" {
		c.readOne(a, req)
	}
}

// readOne reads one informational status, and says so, or the rest of the answer.
func (c *conn1) readOne(a *answer, req *http.Request) (informational bool) {
	resp, err := http.ReadResponse(c.r, req)
	if err != nil {
		a.err = fmt.Sprintf("in place of an answer: %v", err)
		return false
	}
	if resp.StatusCode/100 == 1 && resp.StatusCode != http.StatusSwitchingProtocols {
		a.informational = append(a.informational, strings.TrimSpace(strconv.Itoa(resp.StatusCode)+" "+headerText(resp.Header)))
		return true
	}
	switch {
	case len(resp.TransferEncoding) > 0:
		a.framing = strings.Join(resp.TransferEncoding, ",")
	case resp.ContentLength >= 0:
		a.framing = "length"
	default:
		a.framing = "until the end of the connection"
	}
	if resp.Close {
		a.framing += ", close"
	}
	a.readBody(resp)
	if a.status == http.StatusSwitchingProtocols {
		// What comes until the end is the new protocol's.
		body, err := io.ReadAll(io.LimitReader(c.r, maxBody))
		if a.body = body; err != nil {
			a.err = fmt.Sprintf("after the upgrade: %v", err)
		}
	}
	return false
}

// settle finds out what has become of the connection and says so in a.
func (c *conn1) settle(a *answer, id string) error {
	switch {
	case a.err != "" && a.status == 0:
		a.after = unannounced
		return nil
	case a.status == http.StatusSwitchingProtocols:
		a.after = closed
		return nil
	case strings.HasSuffix(a.framing, ", close"):
		// Whatever else comes is no answer to anything.
		c.c.SetDeadline(until(context.Background(), closeTimeout))
		rest, err := io.ReadAll(c.r)
		switch {
		case err != nil && !isEnd(err):
			a.after = leftOpen
		case len(rest) > 0:
			a.after = fmt.Sprintf("%s, after %d bytes that belong to no answer", closed, len(rest))
		default:
			a.after = closed
		}
		return nil
	}
	req, err := c.target.probeRequest(id)
	if err != nil {
		return err
	}
	head, _, err := wire(req)
	if err != nil {
		return err
	}
	c.c.Write(head)
	next := &answer{}
	c.read(next, req)
	switch {
	case next.err != "":
		a.after = unannounced
	case next.status != http.StatusOK || string(next.body) != "ok":
		a.after = fmt.Sprintf("gives the next request a %d: %.100q", next.status, next.body)
	default:
		a.after = kept
	}
	return nil
}

// wire is a request as it goes over the connection, head and body.
func wire(req *http.Request) (head, body []byte, err error) {
	var all bytes.Buffer
	if err := req.Write(&all); err != nil {
		return nil, nil, err
	}
	end := bytes.Index(all.Bytes(), []byte("\r\n\r\n")) + 4
	return all.Bytes()[:end], all.Bytes()[end:], nil
}
