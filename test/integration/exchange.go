package integration

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"
)

// exchange is a request, and what its client has seen of the answer. It is one goroutine's until it is kept.
type exchange struct {
	phase   string
	title   string
	auditID string
	timeout time.Duration // what the client has asked for; 0 is the server's
	rule    string        // which a deadline policy has for it, without the policy's name; "" where that is not looked at
	status  int           // 0 is no answer
	body    []byte
	whole   bool // the answer has come to its end
	took    time.Duration
	err     error // why it has not
	left    bool  // the client went before the end
	cut     bool  // the server has ended it at its deadline, with an answer begun: see cutOff
}

func (x *exchange) String() string {
	return fmt.Sprintf("%s (audit ID %s, %v, status %d, whole %v, %v)", x.title, x.auditID, x.took.Round(time.Millisecond), x.status, x.whole, x.err)
}

// slack is how late the answer to a request may be that times out: the server has the race detector, and two processors
// with its clients.
const slack = 5 * time.Second

// giveUp is how long after a request's deadline its client waits no longer.
const giveUp = 30 * time.Second

// request is what to send.
type request struct {
	method, path string
	contentType  string // "application/json" if it is empty
	body         io.Reader
	timeout      time.Duration
	user         string // to impersonate; "" is none
	rule         string // see exchange
	// receive reads the answer; nil reads all of it.
	receive func(x *exchange, res *http.Response)
}

// send sends a request over the protocol, and keeps what comes of it. Its audit ID is the client's choice, so that what
// got no answer can be looked up too.
func (e *env) send(ctx context.Context, proto string, q request) *exchange {
	x := &exchange{phase: e.phase, title: proto + " " + q.method + " " + q.path, auditID: rand.Text(), timeout: q.timeout, rule: q.rule}
	defer e.keep(x)
	url := e.cl.URL() + q.path
	if q.timeout > 0 {
		sep := "?"
		if bytes.ContainsRune([]byte(q.path), '?') {
			sep = "&"
		}
		url += sep + "timeout=" + q.timeout.String()
	}
	// What is beyond that is wrong, and the client has to come to an end.
	bounded, cancel := context.WithTimeout(ctx, q.timeout+giveUp)
	defer cancel()
	req, err := http.NewRequestWithContext(bounded, q.method, url, q.body)
	if err != nil {
		x.err = err
		return x
	}
	req.Header.Set("Audit-ID", x.auditID)
	req.Header.Set("Content-Type", "application/json")
	if q.contentType != "" {
		req.Header.Set("Content-Type", q.contentType)
	}
	if q.user != "" {
		req.Header.Set("Impersonate-User", q.user)
		req.Header.Set("Impersonate-Group", "system:masters")
	}
	start := time.Now()
	defer func() { x.took = time.Since(start) }()
	res, err := e.clients[proto].Do(req)
	if err != nil {
		x.err, x.left = err, ctx.Err() != nil
		return x
	}
	defer res.Body.Close()
	x.status = res.StatusCode
	if q.receive != nil {
		q.receive(x, res)
	} else {
		x.read(res)
	}
	x.left = x.err != nil && ctx.Err() != nil
	return x
}

// read reads the answer to its end, and keeps the beginning of it.
func (x *exchange) read(res *http.Response) {
	var start bytes.Buffer
	_, x.err = io.Copy(&start, io.LimitReader(res.Body, 64<<10))
	if x.err == nil {
		_, x.err = io.Copy(io.Discard, res.Body)
	}
	x.body, x.whole = start.Bytes(), x.err == nil
}

// answered holds an exchange to a whole answer in time. want are the statuses that it may have; without any, every one.
func (e *env) answered(x *exchange, want ...int) {
	switch {
	case x.left:
	case !x.whole:
		e.wrongf("no whole answer: %v", x)
	case x.timeout > 0 && x.took > x.timeout+slack:
		e.wrongf("answered late: %v", x)
	case x.status == http.StatusGatewayTimeout && !bytes.Contains(x.body, []byte(`"reason":"Timeout"`)):
		e.wrongf("a 504 that does not say why: %v: %.300s", x, x.body)
	case len(want) > 0 && !slices.Contains(want, x.status):
		e.wrongf("got %d, want one of %v: %v: %.300s", x.status, want, x, x.body)
	}
}

// cutOff reports whether the server has ended an exchange at its deadline without a whole answer. It may where the handler
// had begun one, which is none of a client's business if none of that has left; that it did so, the audit log has to say.
func (e *env) cutOff(x *exchange) bool {
	x.cut = !x.left && !x.whole && x.timeout > 0 && x.took >= x.timeout && x.took <= x.timeout+slack
	return x.cut
}

// rarely is how many of all requests may be cut that have milliseconds for an answer of a few hundred bytes.
func rarely(all int64) int64 { return 1 + all/50 }

// errHeld is a reader's that has not been read to its end.
var errHeld = errors.New("the client did not read on")
