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
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// answerTime bounds how long the answer to a request that has timed out
	// may wait for a client that does not read. It is short enough to free
	// the serve goroutine, and long enough for a window update from afar and
	// for a machine that has ten thousand to answer at once.
	answerTime = 3 * time.Second

	// lingerTime is how long a client that has not finished sending may go on
	// after its answer: to close with unread data is a reset, which would take
	// the answer with it (RFC 9112, section 9.6; net/http waits as long).
	lingerTime = 500 * time.Millisecond

	// drainTime is how long the answer of a handler that has left the request
	// body unread waits for the rest, which the connection can be used again
	// for. Mostly it has arrived.
	drainTime = 100 * time.Millisecond
)

// answer makes what the client is told when a deadline has passed before
// anything was committed.
type answer func() *metav1.Status

// answerWith returns that answer, or the request's own.
func (g *guard) answerWith(a answer) *metav1.Status {
	if a == nil {
		return g.b.Answer(g.outer)
	}
	return a()
}

// respond writes a complete answer with the outer filters' headers. The guard
// is sealed and the writer reclaimed. closing is whether the connection has
// come to its end.
func (g *guard) respond(closing bool) {
	g.mu.Lock()
	answer := g.answer
	g.mu.Unlock()
	status := *g.answerWith(answer)
	status.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}
	body, err := json.Marshal(&status)
	if err != nil {
		body = []byte(`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Timeout","code":504}`)
	}
	body = append(body, '\n')

	header := g.w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	unread, _ := g.unread()
	closing = g.http1 && (closing || unread)
	if closing {
		g.closeAfterReply()
		header.Set("Connection", "close")
	}
	defer g.limitWrites(answerTime)()
	g.w.WriteHeader(http.StatusGatewayTimeout)
	_, _ = g.w.Write(body)
	_ = g.rc().Flush()
	if closing {
		g.setDeadlines(in(lingerTime), nil)
	}
}

// unread reports whether the client may still be sending, and whether
// net/http would try to read that before it answers, and so might wait for it.
func (g *guard) unread() (unread, drainable bool) {
	if g.body == nil {
		return false, false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return !g.body.eof, g.body.drainable()
}

// answerFirst keeps net/http from reading what the handler has left of the
// request body before it sends the handler's answer: a client that does not
// send could hold that up for ever. The caller has the writer.
func (g *guard) answerFirst() {
	if !g.http1 {
		return
	}
	unread, drainable := g.unread()
	if drainable {
		_ = g.rc().EnableFullDuplex()
	}
	if unread && !g.outer.ProtoAtLeast(1, 1) {
		// To keep-alive in an answer over HTTP/1.0 net/http holds on, whatever
		// it is told by closeAfterReply. By itself it keeps alive as well.
		g.w.Header().Del("Connection")
	}
}

// drain reads the rest of a request body in net/http's place, after the
// handler has returned and before its answer is complete. If the client does
// not send it in time, the connection is closed after the answer, and net/http
// must know: what remains would be taken for the next request.
func (g *guard) drain() {
	if !g.http1 {
		return
	}
	if unread, _ := g.unread(); !unread {
		// What is being read is at its end, which is no reason to interrupt.
		g.settle(nil, nil)
		return
	}
	g.answerFirst()
	if !g.reclaim() && !g.body.expectsContinue() {
		g.setDeadlines(in(drainTime), nil)
		if _, err := io.CopyN(io.Discard, g.body.real, maxDrain); err == io.EOF {
			return
		}
	}
	g.closeAfterReply()
	g.setDeadlines(in(lingerTime), nil)
}

// closeAfterReply has net/http close the connection when the response is
// complete, and linger over it. There is one way to ask for that after the
// header has gone: to overrun a http.MaxBytesReader on the response.
func (g *guard) closeAfterReply() {
	w := g.w
	for {
		outer, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			break
		}
		w = outer.Unwrap()
	}
	_, _ = io.Copy(io.Discard, http.MaxBytesReader(w, io.NopCloser(strings.NewReader("..")), 1))
}
