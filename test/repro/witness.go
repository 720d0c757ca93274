package main

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	auditinternal "k8s.io/apiserver/pkg/apis/audit"

	"fork.internal/apiserver/test/chain"
)

// patience is how long the records of a request may take to be complete once
// all is over: mostly no time at all, but the machine may be busy.
const patience = 5 * time.Second

// witness serves a chain and keeps what it says of its requests.
type witness struct {
	*chain.Server
	log *logRecords

	wg      sync.WaitGroup
	sent    []*exchange
	arrived sync.Map // the IDs of the requests that net/http has served
}

// exchange is a request and what the client got.
type exchange struct {
	answer
	id, proto string
}

// watchServer starts a server that is watched. Only one can be at a time: the
// log and the metrics are the process's.
func watchServer(c chain.Config) (*witness, error) {
	log, err := captureLog()
	if err != nil {
		return nil, err
	}
	countMetrics()
	w := &witness{log: log}
	c.Outside = func(handler http.Handler) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			w.arrived.Store(r.Header.Get(auditinternal.HeaderAuditID), true)
			handler.ServeHTTP(rw, r)
		})
	}
	w.Server, err = chain.Start(c)
	return w, err
}

// send sends n requests of a kind over each protocol, all at a time, with ctx
// if they have none of their own. It does not wait for their answers.
func (w *witness) send(ctx context.Context, n int, newRequest func(int) (*http.Request, error)) error {
	for _, proto := range protocols {
		if err := w.sendOver(ctx, proto, n, newRequest); err != nil {
			return err
		}
	}
	return nil
}

// sendOver is send over one protocol.
func (w *witness) sendOver(ctx context.Context, proto string, n int, newRequest func(int) (*http.Request, error)) error {
	for i := range n {
		req, err := newRequest(i)
		if err != nil {
			return err
		}
		e := w.expect(proto)
		req.Header.Set(auditinternal.HeaderAuditID, e.id)
		if req.Context() == context.Background() {
			req = req.WithContext(ctx)
		}
		w.wg.Go(func() { e.answer = w.ask(proto, req) })
	}
	return nil
}

// expect makes the exchange of a request that is to be sent with its ID.
func (w *witness) expect(proto string) *exchange {
	e := &exchange{id: fmt.Sprintf("request-%d", len(w.sent)), proto: proto}
	w.sent = append(w.sent, e)
	return e
}

// ask sends a request, again if the server has closed the connection without
// having had it: it waits 2 s for what a client of HTTP/2 has to say first,
// which is not enough for many at a time on a busy machine.
func (w *witness) ask(proto string, req *http.Request) answer {
	for tries := 1; ; tries++ {
		// A client of its own: on a connection that was used before,
		// net/http sends a request again whose answer has not begun.
		client := w.Client(proto)
		a := ask(client, req)
		client.CloseIdleConnections()
		_, arrived := w.arrived.Load(req.Header.Get(auditinternal.HeaderAuditID))
		if a.err == nil || arrived || tries == 5 || req.Context().Err() != nil {
			return a
		}
		if req.GetBody == nil && req.Body != nil {
			return a
		}
		if req.GetBody != nil {
			body, err := req.GetBody()
			if err != nil {
				return answer{err: err}
			}
			req.Body = body
		}
	}
}

// over waits until the clients have their answers, and until each request has
// its line in the HTTP log, which it has at once whatever its handler does.
// The handlers that were left behind can be told by then.
func (w *witness) over() error {
	w.wg.Wait()
	for _, e := range w.sent {
		if !eventually(10*time.Second, func() bool { return len(logLines(w.log, e.id)) > 0 }) {
			return fmt.Errorf("%s, which got %v over %s, has no line in the HTTP log", e.id, e.answer, e.proto)
		}
	}
	return nil
}

// outlast waits until the requests are over, and only then lets the handlers
// go, which wait for release, and waits for them.
func (w *witness) outlast(release chan<- struct{}, handlers ...*chain.Calls) error {
	err := w.over()
	close(release)
	if err != nil {
		return err
	}
	for _, h := range handlers {
		h.Wait(10*time.Second, func(c chain.Count) bool { return c.Running == 0 })
	}
	return nil
}

// verdict compares what was said of each request, and the metrics, with what
// should have been. The defect is in what any server says; what only the fork
// does is asked of it beside that.
func (w *witness) verdict(want account, differ func(*exchange) complaint) (Result, error) {
	var seen testimony
	var failed error
	eventually(patience, func() bool {
		complaints := make([]complaint, len(w.sent))
		for i, e := range w.sent {
			complaints[i] = differ(e)
		}
		var got account
		got, failed = readAccount()
		seen = weigh(complaints, got, want)
		return failed == nil && !seen.defect && len(seen.lacks) == 0
	})
	if failed != nil {
		return Result{}, failed
	}
	clients := tally{}
	for _, e := range w.sent {
		clients[e.String()]++
	}
	return Result{Defect: seen.defect, Lacks: seen.lacks.String(), Seen: fmt.Sprintf("clients got %v; %s", clients, seen.said)}, nil
}

// testimony is what the records of all requests come to.
type testimony struct {
	defect bool
	lacks  tally
	said   string
}

// weigh makes it of what is wrong with each request's records, and of the metrics.
func weigh(complaints []complaint, got, want account) testimony {
	t := testimony{lacks: tally{}, defect: !got.equal(want)}
	records := tally{}
	for _, c := range complaints {
		t.defect = t.defect || len(c.wrong) > 0
		for _, what := range c.lacks {
			t.lacks[what]++
		}
		records[cmp.Or(c.String(), "as they should be")]++
	}
	t.said = fmt.Sprintf("records are %v; %v", records, got)
	if lacks := got.lacks(want); lacks != "" {
		t.lacks[lacks]++
	}
	if !got.equal(want) || got.lacks(want) != "" {
		t.said += fmt.Sprintf(" (and not %v)", want)
	}
	return t
}
