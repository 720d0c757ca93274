package suite

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"time"

	"github.com/google/uuid"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/rest"
)

// Protocol is the one that a client speaks.
type Protocol string

// The protocols that a server speaks.
const (
	HTTP1 Protocol = "h1"
	HTTP2 Protocol = "h2"
)

// Protocols are both.
var Protocols = []Protocol{HTTP1, HTTP2}

// Client sends requests as they are given to it, over connections of its own. It may be used by several goroutines.
type Client struct {
	Protocol Protocol
	http     *http.Client
	host     string
	records  *Records
	patience time.Duration
}

// overtime is what Do waits for an answer beyond the time that the server has for any.
const overtime = 30 * time.Second

// dialer dials as net/http does by default.
var dialer = net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}

// NewClient makes a client. edit, which may be nil, changes its configuration first.
func (s *Suite) NewClient(p Protocol, edit func(*rest.Config)) (*Client, error) {
	conf := rest.CopyConfig(s.REST)
	conf.DisableCompression = true
	conf.NextProtos = []string{"http/1.1"}
	if p == HTTP2 {
		conf.NextProtos = []string{"h2"}
	}
	if edit != nil {
		edit(conf)
	}
	if conf.Dial == nil {
		// client-go shares the connections of clients that dial alike, and these are not to be shared.
		conf.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, address)
		}
	}
	base, _, err := rest.DefaultServerUrlFor(conf)
	if err != nil {
		return nil, err
	}
	c := &Client{Protocol: p, host: strings.TrimSuffix(base.String(), "/"), records: s.Records, patience: s.Config.RequestTimeout + overtime}
	c.http, err = rest.HTTPClientFor(conf)
	return c, err
}

// UserClient is a client that speaks for User.
func (s *Suite) UserClient(p Protocol) (*Client, error) { return s.NewClient(p, s.userConfig) }

// HTTP is what it sends by.
func (c *Client) HTTP() *http.Client { return c.http }

// Close ends the connections that are not in use.
func (c *Client) Close() { utilnet.CloseIdleConnectionsFor(c.http.Transport) }

// Request is what to send.
type Request struct {
	Method string // GET if empty
	Path   string // with its query
	// Body is sent with a Content-Length, and Stream without one; at most one of them is set.
	Body   []byte
	Stream io.Reader
	Type   string // of the body; JSON if empty
	Header http.Header
	// AuditID names the request in the audit log; a random one if empty.
	AuditID string
	// Unrecorded is for what is no request of the API's, and in no audit log, or in which nobody is interested.
	Unrecorded bool
	// Relayed is for what another server may answer, behind the one that is asked.
	Relayed bool
}

// maxStatus is in bytes; nothing larger is looked at to see whether it is a Status.
const maxStatus = 64 << 10

// Answer is what has come back, whole.
type Answer struct {
	Code    int
	Header  http.Header
	Body    []byte
	AuditID string
	// Reused is whether the connection had been used before, and Port which one it was on this side.
	Reused   bool
	Port     int
	Protocol string
	Took     time.Duration
	// Status is the body, if it is one.
	Status metav1.Status
}

// String is the answer in a line.
func (a *Answer) String() string {
	body := a.Body
	if len(body) > 300 {
		body = body[:300]
	}
	return fmt.Sprintf("%d %s after %v: %s", a.Code, a.Protocol, a.Took.Round(time.Millisecond), body)
}

// A server with something else to do rejects a request that does not get a seat in its time, as long as it is not a
// member of system:masters who sends it.
const (
	rejections  = 10
	afterReject = 200 * time.Millisecond
)

// Send sends a request, again if it is rejected for want of a seat, and returns when the header of the answer is there.
// The caller closes the body.
func (c *Client) Send(ctx context.Context, r Request) (*http.Response, *Answer, error) {
	for n := 1; ; n++ {
		resp, a, err := c.send(ctx, r)
		if err != nil || a.Code != http.StatusTooManyRequests || r.Stream != nil || r.AuditID != "" || n == rejections {
			return resp, a, err
		}
		resp.Body.Close()
		select {
		case <-ctx.Done():
			return nil, a, context.Cause(ctx)
		case <-time.After(afterReject):
		}
	}
}

func (c *Client) send(ctx context.Context, r Request) (*http.Response, *Answer, error) {
	if r.Method == "" {
		r.Method = http.MethodGet
	}
	if r.AuditID == "" {
		r.AuditID = uuid.NewString()
	}
	a := &Answer{AuditID: r.AuditID}
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		a.Reused = info.Reused
		if addr, ok := info.Conn.LocalAddr().(*net.TCPAddr); ok {
			a.Port = addr.Port
		}
	}})
	body := r.Stream
	if body == nil && r.Body != nil {
		body = bytes.NewReader(r.Body)
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, c.host+r.Path, body)
	if err != nil {
		return nil, nil, err
	}
	for k, v := range r.Header {
		req.Header[k] = v
	}
	req.Header.Set("Audit-ID", r.AuditID)
	if body != nil {
		if r.Type == "" {
			r.Type = "application/json"
		}
		req.Header.Set("Content-Type", r.Type)
	}
	begun := time.Now()
	resp, err := c.http.Do(req)
	a.Took = time.Since(begun)
	if err != nil {
		return nil, a, fmt.Errorf("%s %s (%s, Audit-ID %s): %w", r.Method, r.Path, c.Protocol, r.AuditID, err)
	}
	a.Code, a.Header, a.Protocol = resp.StatusCode, resp.Header, resp.Proto
	return resp, a, nil
}

// Do sends a request and reads its answer to the end. What it was is on record from then on, for the audit log to
// be compared with. After an error, what there is of an answer is returned too. It does not wait for ever, though the
// server may.
func (c *Client) Do(ctx context.Context, r Request) (*Answer, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.patience, fmt.Errorf("no answer within %v", c.patience))
	defer cancel()
	resp, a, err := c.Send(ctx, r)
	if err != nil {
		return a, err
	}
	begun := time.Now()
	a.Body, err = io.ReadAll(resp.Body)
	a.Took += time.Since(begun)
	resp.Body.Close()
	if err != nil {
		return a, fmt.Errorf("%s %s (%s, Audit-ID %s): after the header, %d, and %d bytes: %w", r.Method, r.Path, c.Protocol, a.AuditID, a.Code, len(a.Body), err)
	}
	if len(a.Body) > maxStatus || json.Unmarshal(a.Body, &a.Status) != nil || a.Status.Kind != "Status" {
		a.Status = metav1.Status{}
	}
	if !r.Unrecorded && strings.HasPrefix(r.Path, "/api") {
		c.records.answered(a, r.Relayed)
	}
	return a, nil
}
