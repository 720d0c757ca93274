package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"sort"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// protocols are what apiserver speaks.
var protocols = []string{"HTTP/1.1", "HTTP/2.0"}

// answer is what a client got: a whole answer, or the error it ended in.
type answer struct {
	status  int
	header  http.Header
	trailer http.Header
	length  int64
	body    []byte
	last    bool // the connection ends with it
	err     error
}

// ask sends a request and reads the answer to its end.
func ask(client *http.Client, req *http.Request) answer {
	res, err := client.Do(req)
	if err != nil {
		return answer{err: err}
	}
	return read(res)
}

// read reads the answer to its end, which may not be reached.
func read(res *http.Response) answer {
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return answer{status: res.StatusCode, header: res.Header, trailer: res.Trailer, length: res.ContentLength, body: body, last: res.Close, err: err}
}

// String says in a word or two what was got.
func (a answer) String() string {
	switch {
	case a.err != nil && a.status != 0:
		return fmt.Sprintf("%d and %s", a.status, end(a.err))
	case a.err != nil:
		return end(a.err)
	}
	return fmt.Sprint(a.status)
}

// end names the ways in which an answer can break off.
func end(err error) string {
	s := err.Error()
	switch {
	case strings.Contains(s, "stream error"), strings.Contains(s, "INTERNAL_ERROR"):
		return "a stream reset"
	case strings.Contains(s, "EOF"):
		return "EOF"
	case errors.Is(err, context.Canceled):
		return "no more, having gone"
	case strings.Contains(s, "connection reset"), strings.Contains(s, "broken pipe"):
		return "a connection reset"
	}
	return s
}

// status504 says what is missing from a 504 that clients can make use of, or
// returns "": a metav1.Status, with its reason, its content type and length.
func (a answer) status504() string {
	return a.wholeStatus(http.StatusGatewayTimeout, metav1.StatusReasonTimeout)
}

// wholeStatus says what is missing from such a Status, or returns "".
func (a answer) wholeStatus(code int, reason metav1.StatusReason) string {
	var status metav1.Status
	mediaType, _, _ := mime.ParseMediaType(a.header.Get("Content-Type"))
	switch {
	case a.err != nil || a.status != code:
		return fmt.Sprintf("%v in place of a %d", a, code)
	case mediaType != "application/json":
		return fmt.Sprintf("a %d that is %s", code, mediaType)
	case a.length != int64(len(a.body)):
		return fmt.Sprintf("a %d without a Content-Length", code)
	case json.Unmarshal(a.body, &status) != nil:
		return fmt.Sprintf("a %d that is not JSON", code)
	case status.Kind != "Status" || status.APIVersion != "v1":
		return fmt.Sprintf("a %d with no kind", code)
	case status.Reason != reason:
		return fmt.Sprintf("a %d with the reason %q", code, status.Reason)
	}
	return ""
}

// tally counts outcomes by name.
type tally map[string]int

// String lists the outcomes, the most frequent one first.
func (t tally) String() string {
	names := make([]string, 0, len(t))
	for name := range t {
		names = append(names, name)
	}
	sort.Slice(names, func(i, j int) bool {
		if t[names[i]] != t[names[j]] {
			return t[names[i]] > t[names[j]]
		}
		return names[i] < names[j]
	})
	parts := make([]string, 0, len(names))
	for _, name := range names {
		parts = append(parts, fmt.Sprintf("%d x %s", t[name], name))
	}
	return strings.Join(parts, ", ")
}

// total is the number of all outcomes.
func (t tally) total() (n int) {
	for _, count := range t {
		n += count
	}
	return n
}
