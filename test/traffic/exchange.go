package traffic

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"
)

// Exchange is a request, and what its client has seen of the answer. It is one goroutine's until it is kept.
type Exchange struct {
	Phase   string // whatever Keep writes
	Title   string
	AuditID string
	Timeout time.Duration // what the client has asked for; 0 is the server's
	Rule    string        // which a deadline policy has for it, without the policy's name; "" where that is not looked at
	Status  int           // 0 is no answer
	Body    []byte
	Whole   bool // the answer has come to its end
	Took    time.Duration
	Err     error // why it has not
	Left    bool  // the client went before the end
	Cut     bool  // the server has ended it at its deadline, with an answer begun: see CutOff
}

func (x *Exchange) String() string {
	return fmt.Sprintf("%s (audit ID %s, %v, status %d, whole %v, %v)", x.Title, x.AuditID, x.Took.Round(time.Millisecond), x.Status, x.Whole, x.Err)
}

// Slack is how late the answer to a request may be that times out: the server has the race detector, and two processors
// with its clients.
const Slack = 5 * time.Second

// GiveUp is how long after a request's deadline its client waits no longer.
const GiveUp = 30 * time.Second

// Request is what to send.
type Request struct {
	Method, Path string
	ContentType  string // "application/json" if it is empty
	Accept       string // "" leaves it to the server
	Body         io.Reader
	Timeout      time.Duration
	User         string // to impersonate; "" is none
	Rule         string // see Exchange
	// Receive reads the answer; nil reads all of it.
	Receive func(x *Exchange, res *http.Response)
}

// Unread is for Request.Receive: nothing of the answer is read, until its client goes.
func Unread(going context.Context) func(x *Exchange, res *http.Response) {
	return func(x *Exchange, _ *http.Response) {
		<-going.Done()
		x.Err = going.Err()
	}
}

// Send sends a request over the protocol, and keeps what comes of it. Its audit ID is the client's choice, so that what
// got no answer can be looked up too.
func (c *Clients) Send(ctx context.Context, proto string, q Request) *Exchange {
	x := &Exchange{Title: proto + " " + q.Method + " " + q.Path, AuditID: rand.Text(), Timeout: q.Timeout, Rule: q.Rule}
	defer c.Keep(x)
	url := c.URL + q.Path
	if q.Timeout > 0 {
		sep := "?"
		if bytes.ContainsRune([]byte(q.Path), '?') {
			sep = "&"
		}
		url += sep + "timeout=" + q.Timeout.String()
	}
	// What is beyond that is wrong, and the client has to come to an end.
	bounded, cancel := context.WithTimeout(ctx, q.Timeout+GiveUp)
	defer cancel()
	req, err := http.NewRequestWithContext(bounded, q.Method, url, q.Body)
	if err != nil {
		x.Err = err
		return x
	}
	req.Header.Set("Audit-ID", x.AuditID)
	req.Header.Set("Content-Type", "application/json")
	if q.ContentType != "" {
		req.Header.Set("Content-Type", q.ContentType)
	}
	if q.Accept != "" {
		req.Header.Set("Accept", q.Accept)
	}
	if q.User != "" {
		req.Header.Set("Impersonate-User", q.User)
		req.Header.Set("Impersonate-Group", "system:masters")
	}
	start := time.Now()
	defer func() { x.Took = time.Since(start) }()
	res, err := c.HTTP[proto].Do(req)
	if err != nil {
		x.Err, x.Left = err, ctx.Err() != nil
		return x
	}
	defer res.Body.Close()
	x.Status = res.StatusCode
	if q.Receive != nil {
		q.Receive(x, res)
	} else {
		x.Read(res)
	}
	x.Left = x.Err != nil && ctx.Err() != nil
	return x
}

// Read reads the answer to its end, and keeps the beginning of it.
func (x *Exchange) Read(res *http.Response) {
	var start bytes.Buffer
	_, x.Err = io.Copy(&start, io.LimitReader(res.Body, 64<<10))
	if x.Err == nil {
		_, x.Err = io.Copy(io.Discard, res.Body)
	}
	x.Body, x.Whole = start.Bytes(), x.Err == nil
}

// Answered holds an exchange to a whole answer in time. want are the statuses that it may have; without any, every one. Who
// has asked for no timeout does not wait long either, unless a deadline policy says how long, which whoever knows it checks.
func (c *Clients) Answered(x *Exchange, want ...int) {
	switch {
	case x.Left:
	case !x.Whole:
		c.Wrongf("no whole answer: %v", x)
	case x.Rule == "" && x.Took > x.Timeout+Slack:
		c.Wrongf("answered late: %v", x)
	case x.Status == http.StatusGatewayTimeout && !bytes.Contains(x.Body, []byte(`"reason":"Timeout"`)):
		c.Wrongf("a 504 that does not say why: %v: %.300s", x, x.Body)
	case len(want) > 0 && !slices.Contains(want, x.Status):
		c.Wrongf("got %d, want one of %v: %v: %.300s", x.Status, want, x, x.Body)
	}
}

// CutOff reports whether the server has ended an exchange at its deadline without a whole answer. It may where the handler
// had begun one, which is none of a client's business if none of that has left; that it did so, the audit log has to say.
func (x *Exchange) CutOff() bool {
	x.Cut = !x.Left && !x.Whole && x.Timeout > 0 && x.Took >= x.Timeout && x.Took <= x.Timeout+Slack
	return x.Cut
}

// Rarely is how many of all requests may be cut that have milliseconds for an answer of a few hundred bytes.
func Rarely(all int64) int64 { return 1 + all/50 }
