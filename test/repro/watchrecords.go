package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"

	utilwaitgroup "k8s.io/apimachinery/pkg/util/waitgroup"
	auditinternal "k8s.io/apiserver/pkg/apis/audit"
	"k8s.io/apiserver/pkg/endpoints"
	"k8s.io/apiserver/pkg/server"
	utilfeature "k8s.io/apiserver/pkg/util/feature"

	"fork.internal/apiserver/test/chain"
)

func init() {
	register(Case{
		ID:    "WATCHES",
		Title: "the records of a watch are made at its start, with APIServingWithRoutine, and a proxied watch whose client goes is a panic in them",
		run:   watchesRecorded,
	})
}

// watchesRecorded compares what is recorded of watches with what their clients
// saw, and when: with APIServingWithRoutine and without.
func watchesRecorded(ctx context.Context) (Result, error) {
	var wrong, lacks []string
	for _, routine := range []bool{false, true} {
		if err := utilfeature.DefaultMutableFeatureGate.Set(fmt.Sprintf("APIServingWithRoutine=%v", routine)); err != nil {
			return Result{}, err
		}
		for name, check := range map[string]func(context.Context) (complaint, error){
			"a watch":                     watchRecorded,
			"a proxied watch":             proxiedWatchRecorded,
			"a watch with two statuses":   secondStatusRecorded,
			"a watch during the shutdown": watchAtShutdown,
		} {
			name := fmt.Sprintf("%s (APIServingWithRoutine=%v)", name, routine)
			c, err := check(ctx)
			if err != nil {
				return Result{}, fmt.Errorf("%s: %w", name, err)
			}
			for _, what := range c.wrong {
				wrong = append(wrong, name+": "+what)
			}
			for _, what := range c.lacks {
				lacks = append(lacks, name+": "+what)
			}
		}
	}
	if len(wrong)+len(lacks) > 0 {
		return Result{Defect: len(wrong) > 0, Lacks: strings.Join(lacks, "; "), Seen: strings.Join(append(wrong, lacks...), "; ")}, nil
	}
	return Result{Seen: "four kinds of watch, with APIServingWithRoutine and without, are recorded once, when they are over, as their clients saw them"}, nil
}

// oneWatch is a watch with its records.
type oneWatch struct {
	*witness
	id    string
	res   *http.Response
	leave context.CancelFunc
}

// openWatch opens a watch over HTTP/2 and reads its first line.
func openWatch(ctx context.Context, w *witness) (*oneWatch, error) {
	ctx, leave := context.WithCancel(ctx)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.URL+chain.PodsPath+"?watch=true", nil)
	if err != nil {
		leave()
		return nil, err
	}
	o := &oneWatch{witness: w, id: "a-watch", leave: leave}
	req.Header.Set(auditinternal.HeaderAuditID, o.id)
	if o.res, err = w.Client("HTTP/2.0").Do(req); err != nil {
		leave()
		return nil, err
	}
	if _, err := bufio.NewReader(o.res.Body).ReadString('\n'); err != nil {
		leave()
		return nil, err
	}
	return o, nil
}

// stages are those of its audit events.
func (o *oneWatch) stages() (stages []string) {
	for _, e := range o.Audit.Events() {
		if string(e.AuditID) == o.id {
			stages = append(stages, string(e.Stage))
		}
	}
	return stages
}

// counted returns by which status it is counted.
func (o *oneWatch) counted() tally {
	samples, err := scrape()
	if err != nil {
		return tally{err.Error(): 1}
	}
	return sum(samples, "apiserver_request_total", "code")
}

// judge has the client leave, and says what is wrong in the records before and
// after: each is made once, when the watch is over, with the status that was
// sent, and in the audit log for that reason.
func (o *oneWatch) judge(reason string, counted int) complaint {
	before := o.counted()
	const begun = "RequestReceived ResponseStarted"
	if stages := strings.Join(o.stages(), " "); stages != begun {
		o.leave()
		return wrongly("while it is being served its audit events are " + stages)
	}
	if lines := logLines(o.log, o.id); len(lines) > 0 {
		o.leave()
		return wrongly("it is logged while it is being served")
	}
	o.leave()
	var event *auditinternal.Event
	if !eventually(patience, func() bool {
		final := finalEvents(o.Audit, o.id)
		if len(final) == 1 {
			event = final[0]
		}
		return event != nil && len(logLines(o.log, o.id)) == 1 && o.counted().total() >= before.total()+counted
	}) {
		return wrongly(fmt.Sprintf("when it is over its audit events are %v, and it is logged %d times and counted as %v, before that as %v",
			o.stages(), len(logLines(o.log, o.id)), o.counted(), before.orNone()))
	}
	after := o.counted()
	status := event.ResponseStatus
	switch {
	case event.Stage != auditinternal.StageResponseComplete || status == nil || status.Code != http.StatusOK || strings.Contains(status.Message, "closed early"):
		return wrongly(fmt.Sprintf("its last audit event is %s, with %+v", event.Stage, status))
	case logLines(o.log, o.id)[0] != "200":
		return wrongly("it is logged with " + logLines(o.log, o.id)[0])
	case after["200"] != before["200"]+counted || after.total() != before.total()+counted:
		return wrongly(fmt.Sprintf("it is counted as %v, before that as %v", after, before.orNone()))
	case string(status.Reason) != reason:
		return complaint{lacks: []string{fmt.Sprintf("its audit event says %q, and not %q", status.Reason, reason)}}
	}
	return complaint{}
}

// watchRecorded is of a watch by apiserver's own handler.
func watchRecorded(ctx context.Context) (complaint, error) {
	pods := chain.NewWatchedPods()
	api, err := chain.API(pods, func(g *endpoints.APIGroupVersion) { g.MinRequestTimeout = time.Hour })
	if err != nil {
		return complaint{}, err
	}
	return judgeWatch(ctx, api, pods, "", 1)
}

// proxiedWatchRecorded is of one that another server answers, as an aggregated
// API's is.
func proxiedWatchRecorded(ctx context.Context) (complaint, error) {
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for tick := time.NewTicker(10 * time.Millisecond); ; {
			select {
			case <-tick.C:
				fmt.Fprintln(w, "an event")
				w.(http.Flusher).Flush()
			case <-r.Context().Done():
				return
			}
		}
	}))
	defer backend.Close()
	to, err := url.Parse(backend.URL)
	if err != nil {
		return complaint{}, err
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	proxy.FlushInterval = -1
	proxy.ErrorLog = log.New(io.Discard, "", 0)
	// The aggregator does not count what it proxies.
	return judgeWatch(ctx, proxy, nil, "ClientGone", 0)
}

// secondStatusRecorded is of a handler that comes to another status when one has
// been sent.
func secondStatusRecorded(ctx context.Context) (complaint, error) {
	return judgeWatch(ctx, instrumented(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		fmt.Fprintln(w, "an event")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		w.WriteHeader(http.StatusInternalServerError)
	}), nil, "", 1)
}

func judgeWatch(ctx context.Context, handler http.Handler, pods *chain.WatchedPods, reason string, counted int) (complaint, error) {
	w, err := watchServer(chain.Config{Handler: handler})
	if err != nil {
		return complaint{}, err
	}
	defer w.Stop()
	if pods != nil {
		stop := make(chan struct{})
		defer func(sent <-chan struct{}) { close(stop); <-sent }(async(func() { sendUntil(pods, stop) }))
	}
	o, err := openWatch(ctx, w)
	if err != nil {
		return complaint{}, err
	}
	defer o.leave()
	return o.judge(reason, counted), nil
}

// watchAtShutdown is of the wait group that a shutdown asks for how many watches
// there are.
func watchAtShutdown(ctx context.Context) (complaint, error) {
	pods := chain.NewWatchedPods()
	api, err := chain.API(pods, func(g *endpoints.APIGroupVersion) { g.MinRequestTimeout = time.Hour })
	if err != nil {
		return complaint{}, err
	}
	group := &utilwaitgroup.RateLimitedSafeWaitGroup{}
	w, err := watchServer(chain.Config{Handler: api, Modify: func(c *server.Config) {
		c.ShutdownWatchTerminationGracePeriod = time.Minute
		c.WatchRequestWaitGroup = group
	}})
	if err != nil {
		return complaint{}, err
	}
	defer w.Stop()
	stop := make(chan struct{})
	sent := async(func() { sendUntil(pods, stop) })
	defer func() { close(stop); <-sent }()
	o, err := openWatch(ctx, w)
	if err != nil {
		return complaint{}, err
	}
	defer o.leave()
	over, cancel := context.WithCancel(ctx)
	cancel()
	before, _, err := group.Wait(func(int) (utilwaitgroup.RateLimiter, context.Context, context.CancelFunc) {
		return unlimited{}, over, func() {}
	})
	if before != 1 {
		return wrongly(fmt.Sprintf("the shutdown finds %d watches, of one that is being served", before)), nil
	}
	return complaint{}, nil
}

// unlimited is a limit on nothing.
type unlimited struct{}

// Wait implements utilwaitgroup.RateLimiter.
func (unlimited) Wait(context.Context) error { return nil }
