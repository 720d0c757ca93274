package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	auditinternal "k8s.io/apiserver/pkg/apis/audit"
)

// The paths of requests. The server knows by the client's address which
// scenario is being played.
const (
	firstPath    = "/same/first"
	nextPath     = "/same/next"
	subPath      = "/same/sub"
	smuggledPath = "/same/smuggled"

	// nextAnswer is what the next request on a connection should get.
	nextAnswer = "the next answer\n"
)

const (
	// eventTime is how long one side waits for what the other is to tell.
	eventTime = 3 * time.Second

	// caseTime is how long a case may take. Then its connection is closed.
	caseTime = 30 * time.Second

	// recordTime is how long records may take once all is over.
	recordTime = time.Second
)

// run is one case while it is being played: a scenario over a protocol against a server.
type run struct {
	*scenario
	proto  string
	server *backend
	id     string // the audit IDs of its requests begin with this
	ended  chan struct{}

	// taken is whether the audit backend has taken the final event.
	taken atomic.Bool

	mu       sync.Mutex
	events   map[string]chan struct{} // closed when told
	changed  chan struct{}            // closed, and another one, at every change of what follows
	serving  int                      // the requests that net/http has in hand
	playing  int                      // the handlers that are running
	rested   bool                     // the client is sending the rest of a body that it holds back for so long
	handler  []string
	outer    []string
	served   []string
	audit    []string
	log      []string
	complete bool // the audit event is the final one
}

var (
	runCount atomic.Int64
	// byAddress finds the run of a client, and byID that of a record.
	byAddress, byID sync.Map
)

// addresses tell a connection from any other. The client's alone does not:
// connections to different servers may share it.
type addresses struct{ server, client string }

// runOf returns the run of a request, or nil.
func runOf(req *http.Request) *run {
	server, _ := req.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if server == nil {
		return nil
	}
	if r, ok := byAddress.Load(addresses{server.String(), req.RemoteAddr}); ok {
		return r.(*run)
	}
	return nil
}

func newRun(s *scenario, proto string, server *backend) *run {
	r := &run{
		scenario: s, proto: proto, server: server,
		id:      fmt.Sprintf("same-%06d", runCount.Add(1)), // As long as any other: net/http has a buffer for the header and more.,
		ended:   make(chan struct{}),
		events:  map[string]chan struct{}{},
		changed: make(chan struct{}),
	}
	byID.Store(r.id, r)
	return r
}

// auditID is that of the nth request.
func (r *run) auditID(n int) string { return fmt.Sprintf("%s.%d", r.id, n) }

// findRun returns the run whose nth request has that audit ID, or nil.
func findRun(auditID string) (r *run, n string) {
	id, n, _ := strings.Cut(auditID, ".")
	if found, ok := byID.Load(id); ok {
		return found.(*run), n
	}
	return nil, ""
}

// dial connects the run's client. The server knows its requests from then on.
func (r *run) dial(ctx context.Context) (net.Conn, error) {
	dialer := net.Dialer{Timeout: eventTime}
	if w := r.Client.Window; w > 0 {
		dialer.Control = narrow(w)
	}
	conn, err := dialer.DialContext(ctx, "tcp", r.server.Addr())
	if err != nil {
		return nil, err
	}
	byAddress.Store(addresses{conn.RemoteAddr().String(), conn.LocalAddr().String()}, r)
	return conn, nil
}

// play plays the case and returns what was seen.
func (r *run) play(ctx context.Context) (observation, error) {
	ctx, cancel := context.WithTimeout(ctx, caseTime)
	defer cancel()
	visit := r.visit1
	if r.proto == http2x {
		visit = r.visit2
	}
	var o observation
	err := visit(ctx, &o)
	close(r.ended)
	if err != nil {
		return o, fmt.Errorf("%s over %s: %w", r.Name, r.proto, err)
	}
	idle := r.await(ctx, eventTime, func() bool { return r.serving == 0 && r.playing == 0 })
	if r.server.recorded {
		r.await(ctx, recordTime, func() bool { return r.complete && len(r.log) > 0 })
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.proto == http2x && r.Client.Pipelined {
		slices.Sort(r.served) // They are served at the same time.
	}
	o.Handler, o.Outer, o.Served, o.Audit, o.Log = r.handler, r.outer, r.served, r.audit, r.log
	if !idle {
		o.Outer = append(o.Outer, fmt.Sprintf("still there: %d requests and %d handlers", r.serving, r.playing))
	}
	return o, nil
}

// event returns what is closed when that is told. The caller holds mu.
func (r *run) event(name string) chan struct{} {
	if r.events[name] == nil {
		r.events[name] = make(chan struct{})
	}
	return r.events[name]
}

// tell lets those go on who wait for that.
func (r *run) tell(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case <-r.event(name):
	default:
		close(r.event(name))
	}
}

// until waits until that has been told, or the case is over.
func (r *run) until(name string, limit time.Duration) string {
	r.mu.Lock()
	told := r.event(name)
	r.mu.Unlock()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-told:
		return "yes"
	case <-r.ended:
		if closed(told) {
			return "yes"
		}
		return "the case is over"
	case <-timer.C:
		return "no"
	}
}

// change makes a change to what mu guards, and wakes those who wait for one.
func (r *run) change(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
	close(r.changed)
	r.changed = make(chan struct{})
}

// await waits until ok, which is called with mu held, for that long at most.
func (r *run) await(ctx context.Context, limit time.Duration, ok func() bool) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		r.mu.Lock()
		done, changed := ok(), r.changed
		r.mu.Unlock()
		if done {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		case <-timer.C:
			return false
		}
	}
}

func (r *run) handlerSays(s string) { r.change(func() { r.handler = append(r.handler, s) }) }
func (r *run) outerSays(s string)   { r.change(func() { r.outer = append(r.outer, s) }) }

// early is what an observation says of that, for an answer that has just come.
func (r *run) early() string {
	if b := r.Body; b.How != afterAnswer && (b.How != halves || b.Until != "") {
		return ""
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.rested {
		return "no"
	}
	return "yes"
}

// plainly is a text without what differs from run to run.
func (r *run) plainly(s string) string { return strings.ReplaceAll(plainly(s), r.id, "ID") }

// began notes that net/http has a request in hand. The function that it returns notes the end of that.
func (r *run) began(req *http.Request) (end func()) {
	r.change(func() {
		r.serving++
		r.served = append(r.served, req.Method+" "+req.URL.Path)
	})
	return func() { r.change(func() { r.serving-- }) }
}

// serve is the handler of all requests, behind whatever chain.
func serve(w http.ResponseWriter, req *http.Request) {
	r := runOf(req)
	if r == nil {
		http.Error(w, "nobody knows this client", http.StatusTeapot)
		return
	}
	r.change(func() { r.playing++ })
	defer r.change(func() { r.playing-- })
	switch req.URL.Path {
	case firstPath:
		(&actor{run: r, w: w, r: req}).play(r.Handler)
	case subPath:
		_, _ = w.Write([]byte("sub\n"))
	default:
		_, _ = w.Write([]byte(nextAnswer))
	}
}

// audited notes an audit event of the nth request.
func (r *run) audited(n string, e *auditinternal.Event) {
	if n != "0" {
		return
	}
	text := string(e.Stage)
	if s := e.ResponseStatus; s != nil {
		text += fmt.Sprintf(" %d %s %s %q", s.Code, s.Status, s.Reason, r.plainly(s.Message))
	}
	if e.Stage != auditinternal.StageRequestReceived {
		text += r.plainly(annotations(e))
	}
	r.change(func() {
		r.audit = append(r.audit, text)
		r.complete = r.complete || e.Stage != auditinternal.StageRequestReceived
	})
}
