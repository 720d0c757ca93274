package sidebyside

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
)

const (
	// requestTimeout is the client's own. No request comes near it.
	requestTimeout = 30 * time.Second

	// closeTimeout is how long a server that has announced the end of a connection has to end it.
	closeTimeout = 5 * time.Second

	// maxBody bounds a body that is kept.
	maxBody = 64 << 20
)

// What becomes of a connection after an answer.
const (
	kept        = "takes the next request"
	closed      = "closed, as announced"
	leftOpen    = "announced to close, and left open"
	unannounced = "closed, unannounced"
	hungUp      = "ended by the client"
)

// answer is what a client saw of one request.
type answer struct {
	informational []string // the statuses before the final one, with their headers
	proto         string
	status        int
	header        http.Header
	framing       string // how the end of the body is known, over HTTP/1.1
	body          []byte // as it came
	trailer       http.Header

	// err is in place of an answer, or of the rest of one.
	err string

	// after is what became of the connection; empty for an HTTP/2 one that is kept.
	after string
}

// readBody reads what follows the header.
func (a *answer) readBody(resp *http.Response) {
	a.proto, a.status, a.header = resp.Proto, resp.StatusCode, resp.Header
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	resp.Body.Close()
	a.body, a.trailer = body, resp.Trailer
	if err != nil {
		a.err = fmt.Sprintf("in the body: %v", err)
	}
}

// plain is the body without compression.
func (a *answer) plain() ([]byte, error) {
	if a.header.Get("Content-Encoding") != "gzip" || len(a.body) == 0 {
		return a.body, nil
	}
	zr, err := gzip.NewReader(bytes.NewReader(a.body))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(zr, maxBody))
}

// aspects are what two servers are compared by, normalised. n knows what is this server's alone.
func (a *answer) aspects(n *normaliser) map[string]string {
	out := map[string]string{"connection": a.after}
	if a.err != "" {
		out["error"] = n.text(a.err)
	}
	if len(a.informational) > 0 {
		out["informational"] = n.text(strings.Join(a.informational, "; "))
	}
	if a.status == 0 {
		return out
	}
	out["protocol"] = a.proto
	out["status"] = strconv.Itoa(a.status)
	if a.framing != "" {
		out["framing"] = a.framing
	}
	for name, values := range a.header {
		out["header."+name] = n.header(name, values, len(a.body))
	}
	for name, values := range a.trailer {
		out["trailer."+name] = n.text(strings.Join(values, ", "))
	}
	body, err := a.plain()
	if err != nil {
		out["error"] = n.text("in the compressed body: " + err.Error())
		return out
	}
	out["body"] = n.body(a.header.Get("Content-Type"), body)
	return out
}

// headerText is a header on one line, sorted.
func headerText(h http.Header) string {
	var lines []string
	for name, values := range h {
		lines = append(lines, name+": "+strings.Join(values, ", "))
	}
	sort.Strings(lines)
	return strings.Join(lines, ", ")
}

// request is the step as net/http has it, with what identifies it in the server's records.
func (s step) request(url, id string, u identity) (*http.Request, error) {
	var body io.Reader
	if s.body != "" {
		body = strings.NewReader(s.body)
	}
	if s.chunked {
		body = struct{ io.Reader }{strings.NewReader(s.body)}
	}
	req, err := http.NewRequest(s.method, url+s.path, body)
	if err != nil {
		return nil, err
	}
	if s.chunked {
		req.ContentLength = -1
	}
	req.Header.Set("User-Agent", "sidebyside/"+id)
	req.Header.Set("Audit-Id", id)
	if u.authorization != "" {
		req.Header.Set("Authorization", u.authorization)
	}
	if s.expect {
		req.Header.Set("Expect", "100-continue")
	}
	for name, value := range s.header {
		req.Header.Set(name, value)
	}
	return req, nil
}

// identity is how a user shows who it is.
type identity struct{ authorization string }

// isEnd says whether a read error means that the server has ended the connection.
func isEnd(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || strings.Contains(err.Error(), "connection reset by peer")
}

// names are the sorted keys of a map.
func names[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
