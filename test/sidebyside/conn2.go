package sidebyside

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strconv"
	"strings"

	h2 "golang.org/x/net/http2"
)

// gone stands for a connection that takes no more requests: over HTTP/2 the server says so with a GOAWAY, or ends it.
const gone = "takes no more requests"

// conn2 is HTTP/2. x/net's ClientConn does not try again by itself.
type conn2 struct {
	target    target
	transport *h2.Transport
	c         *h2.ClientConn // nil: none
}

func newConn2(t target) *conn2 {
	// For ExpectContinueTimeout, which the other one has no field for.
	transport, err := h2.ConfigureTransports(&http.Transport{ExpectContinueTimeout: requestTimeout, DisableCompression: true})
	if err != nil {
		panic(err) // Only of a Transport that has been configured before.
	}
	return &conn2{target: t, transport: transport}
}

func (c *conn2) close() {
	if c.c != nil {
		c.c.Close()
		c.c = nil
	}
}

func (c *conn2) send(ctx context.Context, s step, id string, u identity) ([]*answer, error) {
	if c.c == nil {
		conn, err := c.target.dial(ctx, "h2")
		if err != nil {
			return nil, err
		}
		if c.c, err = c.transport.NewClientConn(conn); err != nil {
			conn.Close()
			return nil, err
		}
	}
	req, err := s.request(c.target.url, id, u)
	if err != nil {
		return nil, err
	}
	a := c.exchange(ctx, req)
	if s.hangUp {
		a.after = hungUp
		c.close()
		return []*answer{a}, nil
	}

	if req, err = c.target.probeRequest(id); err != nil {
		return nil, err
	}
	next := c.exchange(ctx, req)
	switch {
	case next.err != "" || !c.c.CanTakeNewRequest():
		a.after = gone
		c.close()
	case next.status != http.StatusOK || string(next.body) != "ok":
		a.after = fmt.Sprintf("gives the next request a %d: %.100q", next.status, next.body)
	default:
		a.after = kept
	}
	return []*answer{a}, nil
}

func (c *conn2) exchange(ctx context.Context, req *http.Request) *answer {
	a := &answer{}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		Got1xxResponse: func(code int, header textproto.MIMEHeader) error {
			a.informational = append(a.informational, strings.TrimSpace(strconv.Itoa(code)+" "+headerText(http.Header(header))))
			return nil
		},
	})
	resp, err := c.c.RoundTrip(req.WithContext(ctx))
	if err != nil {
		a.err = fmt.Sprintf("in place of an answer: %v", err)
		return a
	}
	a.readBody(resp)
	return a
}
