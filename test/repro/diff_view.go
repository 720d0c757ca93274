package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	auditinternal "k8s.io/apiserver/pkg/apis/audit"

	"fork.internal/apiserver/test/chain"
)

const (
	// diffPatience is how long after the deadline clients stay that do not read
	// or do not send. Upstream lets them stay for ever.
	diffPatience = 1500 * time.Millisecond

	// diffHang is how long a client waits that does as it should.
	diffHang = 30 * time.Second
)

// view is what a client saw of the answer to its request.
type view struct {
	status  int    // 0: nothing
	whole   bool   // the answer was complete
	bytes   int64  // of its body
	message string // of a 504
	wrong   string // what is wrong with a 504
	err     error  // how it broke off

	begin, end time.Time // of the request, and of the answer

	// left is when the client went before it had the whole answer, after it had
	// begun to send, or 0.
	left time.Duration
}

// String is the view in a few words.
func (v view) String() string {
	s := "nothing"
	switch {
	case v.whole:
		s = fmt.Sprintf("all of a %d", v.status)
	case v.status != 0:
		s = fmt.Sprintf("%d bytes of a %d", v.bytes, v.status)
	}
	if v.left > 0 {
		return fmt.Sprintf("%s, and left after %v", s, v.left.Round(time.Millisecond))
	}
	if v.err != nil {
		return fmt.Sprintf("%s, and %v", s, v.err)
	}
	return s
}

// visit is one client's one request: it is sent, watched, and perhaps left.
type visit struct {
	*randomRequest
	begin time.Time
	done  chan struct{} // closed when the client has seen all there is

	mu   sync.Mutex
	hang func() // takes the connection or the stream from the server
	left time.Duration
	over bool
}

func newVisit(x *randomRequest) *visit {
	return &visit{randomRequest: x, begin: time.Now(), done: make(chan struct{})}
}

// leave has the client go, unless it has seen all there is.
func (v *visit) leave() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.over || v.left > 0 {
		return
	}
	v.left = time.Since(v.begin)
	v.hang()
}

// watch has the client leave when its plan says so, and not stay for ever.
// hang is how it leaves.
func (v *visit) watch(hang func()) {
	v.mu.Lock()
	v.hang = hang
	v.mu.Unlock()
	go func() {
		stay := diffHang
		switch v.client {
		case leavesWaiting:
			stay = v.after
		case leavesReaching:
			select {
			case <-v.serving:
			case <-v.randomRequest.over:
			case <-v.done:
			}
			stay = v.after / 20
		case stopsSending, neverReads:
			stay = v.deadline() + diffPatience
		}
		if !within(stay, v.done) {
			v.leave()
		}
	}()
}

// end is called when the client has seen all there is.
func (v *visit) end(seen view) view {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.over = true
	close(v.done)
	seen.begin = v.begin
	if seen.end.IsZero() {
		seen.end = time.Now()
	}
	if !seen.whole {
		seen.left = v.left
	}
	return seen
}

// read reads the answer as the client does.
func (v *visit) read(res *http.Response) view {
	defer res.Body.Close()
	seen := view{status: res.StatusCode}
	var start []byte // enough for a 504
	chunk, limit, whole := make([]byte, 32<<10), int64(-1), int64(-1)
	switch v.client {
	case readsSlowly:
		chunk = chunk[:min(len(chunk), v.plan.answer/4+1)]
	case leavesReading:
		limit = int64(v.offset)
	case leavesWhole:
		whole = res.ContentLength
		if v.method == http.MethodHead {
			whole = 0
		}
	case neverReads:
		// The answer goes out when the server has done with the request.
		select {
		case <-v.randomRequest.over:
		case <-time.After(v.deadline() + diffPatience - time.Since(v.begin)):
		}
	}
	for n := 0; ; n++ {
		if limit >= 0 && seen.bytes >= limit {
			v.leave()
		}
		if seen.bytes == whole {
			seen.whole = true
			break
		}
		if v.client == readsSlowly && n < 4 {
			time.Sleep(v.after / 4)
		}
		k, err := res.Body.Read(chunk)
		seen.bytes += int64(k)
		if len(start) < 4096 {
			start = append(start, chunk[:k]...)
		}
		if err == io.EOF {
			seen.whole = true
			break
		}
		if err != nil {
			seen.err = err
			break
		}
	}
	if seen.end = time.Now(); seen.whole && v.client == leavesWhole {
		v.leave()
	}
	if seen.whole && seen.status == http.StatusGatewayTimeout && v.method != http.MethodHead {
		seen.wrong = answer{status: seen.status, header: res.Header, length: res.ContentLength, body: start}.status504()
		var status metav1.Status
		if json.Unmarshal(start, &status) == nil {
			seen.message = status.Message
		}
	}
	return seen
}

// header is the request's.
func (p *plan) header() http.Header {
	h := http.Header{auditinternal.HeaderAuditID: {p.id}}
	if p.contentType != "" {
		h.Set("Content-Type", p.contentType)
	}
	if p.gzip {
		h.Set("Accept-Encoding", "gzip")
	}
	return h
}

// diffClients are the clients of both protocols. They share connections, where
// they do not use them up.
type diffClients struct {
	server *chain.Server
	http1  pool
	http2  *http.Client
}

// visit sends a request and sees what comes of it.
func (c *diffClients) visit(ctx context.Context, x *randomRequest) (view, error) {
	if x.proto == "HTTP/2.0" {
		return c.visit2(ctx, x)
	}
	return c.visit1(ctx, x)
}
