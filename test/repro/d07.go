package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	auditinternal "k8s.io/apiserver/pkg/apis/audit"
	"k8s.io/apiserver/pkg/endpoints"

	"fork.internal/apiserver/test/chain"
)

func init() {
	register(Case{
		ID:    "D7",
		Title: "a watch whose client stops reading stays in Write, after its own timeoutSeconds too",
		Plain: true, // It is one of numbers.
		run:   stalledWatches,
	})
}

// stalledRequestsMetric counts the watches that were let go of, by resource.
const stalledRequestsMetric = "apiserver_stalled_requests_total"

// stalledWatches has a thousand watches whose clients take nothing among a
// thousand healthy ones, over both protocols, those of HTTP/2 on the same
// connections: with a bound on what a write may take, and then, fewer of them,
// with a timeout of the watch's own.
func stalledWatches(ctx context.Context) (Result, error) {
	const (
		bound   = 4 * time.Second
		timeout = 5 * time.Second
		// grace is what a write is left after the watch's timeout.
		grace = 10 * time.Second
		// busy is for a machine that is: so much is sent, and stalls, by and by.
		busy = 12 * time.Second
	)
	byBound, err := watchAndStall(ctx, watching{each: 500, writeTimeout: bound, patience: bound + busy})
	if err != nil {
		return Result{}, err
	}
	byTimeout, err := watchAndStall(ctx, watching{each: 20, writeTimeout: time.Hour, timeout: timeout, patience: timeout + grace + busy})
	if err != nil {
		return Result{}, err
	}
	return Result{
		Defect: byBound.left > 0 || byTimeout.left > 0,
		Lacks:  strings.Trim(byBound.lacks()+"; "+byTimeout.lacks(), "; "),
		Seen:   fmt.Sprintf("with --watch-write-timeout=%v: %v; with timeoutSeconds=%.0f: %v", bound, byBound, timeout.Seconds(), byTimeout),
	}, nil
}

// watching is what is to be watched.
type watching struct {
	each         int           // watches that stall over each protocol, and as many healthy ones
	writeTimeout time.Duration // --watch-write-timeout
	timeout      time.Duration // of the stalled ones' own, if not 0
	patience     time.Duration // how long those may be served after they have stalled
}

// watched is what was seen.
type watched struct {
	stalled, healthy int
	left             int           // stalled ones that are served after all patience
	took             time.Duration // until the last one was let go of, if none is left
	broken           int           // healthy ones that have missed an event, or were ended
	records          string        // what is wrong in them
	before, after    usage
}

// lacks says what is asked of whoever lets go of watches, and is not so.
func (w watched) lacks() string {
	var wrong []string
	if w.broken > 0 {
		wrong = append(wrong, fmt.Sprintf("%d healthy watches are disturbed", w.broken))
	}
	if w.records != "" {
		wrong = append(wrong, w.records)
	}
	if !w.after.near(w.before) {
		wrong = append(wrong, fmt.Sprintf("%v are left, of %v before", w.after, w.before))
	}
	return strings.Join(wrong, ", ")
}

func (w watched) String() string {
	s := fmt.Sprintf("%d of %d stalled watches are let go of", w.stalled-w.left, w.stalled)
	if w.left == 0 {
		s += fmt.Sprintf(", the last after %.1f s (before: %v; after: %v)", w.took.Seconds(), w.before, w.after)
	}
	s += fmt.Sprintf("; %d of %d healthy ones are disturbed", w.broken, w.healthy)
	if w.records != "" {
		s += "; " + w.records
	}
	return s
}

// watchAndStall has clients watch, has the stalled ones stall, and waits until
// they have been let go of. The healthy ones watch all the time.
func watchAndStall(ctx context.Context, c watching) (watched, error) {
	pods := chain.NewWatchedPods()
	api, err := chain.API(pods, func(g *endpoints.APIGroupVersion) { g.MinRequestTimeout = time.Hour })
	if err != nil {
		return watched{}, err
	}
	var stalling, all chain.Calls
	w, err := watchServer(chain.Config{
		SendBuffer:        8 << 10,
		WatchWriteTimeout: c.writeTimeout,
		Handler: all.Handler(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Has("stall") {
				defer stalling.Begin()()
			}
			api.ServeHTTP(rw, r)
		})),
	})
	if err != nil {
		return watched{}, err
	}
	defer w.Stop()
	if _, err := probe(ctx, w.Server); err != nil {
		return watched{}, err
	}

	counted, err := countStalled()
	if err != nil {
		return watched{}, err
	}

	n := len(protocols) * c.each
	result := watched{stalled: n, healthy: n, before: measure()}
	crowd := newWatchCrowd(ctx, w.URL+chain.PodsPath+"?watch=true")
	defer crowd.leave()
	for _, proto := range protocols {
		for range c.each {
			if err := crowd.join(proto, 0, false); err != nil {
				return watched{}, err
			}
			if err := crowd.join(proto, c.timeout, true); err != nil {
				return watched{}, err
			}
		}
	}

	for range 8 { // More than sockets and windows take in.
		pods.Send(16 << 10)
	}
	start := time.Now()
	quiet := make(chan struct{})
	sent := async(func() { sendUntil(pods, quiet) })
	if stalling.Wait(c.patience, func(c chain.Count) bool { return c.Running == 0 }) {
		result.took = time.Since(start)
	}
	result.left = stalling.Count().Running
	close(quiet)
	<-sent
	result.broken = n - crowd.healthy(pods.Send(0))
	if result.left == 0 {
		if result.records, err = stallRecords(w, crowd.stalled, counted); err != nil {
			return watched{}, err
		}
	}
	crowd.leave()
	if !all.Wait(10*time.Second, func(c chain.Count) bool { return c.Running == 0 }) {
		return watched{}, fmt.Errorf("%d watches go on although their clients have gone", all.Count().Running)
	}
	if n := pods.Watches(); n > 0 {
		return watched{}, fmt.Errorf("%d watches are not stopped although they are over", n)
	}
	eventually(10*time.Second, func() bool {
		result.after = measure()
		return result.after.near(result.before)
	})
	return result, nil
}

// countStalled returns how many watches of pods were counted as stalled.
func countStalled() (int, error) {
	samples, err := scrape()
	return sum(samples, stalledRequestsMetric, "resource")["pods"], err
}

// stallRecords says what is wrong in the records of watches that were let go of,
// before which so many had been counted.
func stallRecords(w *witness, ids []string, counted int) (string, error) {
	var final map[string]*auditinternal.Event
	wrong := tally{}
	eventually(patience, func() bool {
		final = map[string]*auditinternal.Event{}
		for _, e := range w.Audit.Events() {
			if e.Stage == auditinternal.StageResponseComplete {
				final[string(e.AuditID)] = e
			}
		}
		clear(wrong)
		for _, id := range ids {
			e := final[id]
			switch {
			case e == nil:
				wrong["audit events are missing"]++
			case e.ResponseStatus == nil || e.ResponseStatus.Code != http.StatusOK || e.ResponseStatus.Reason != "ClientStalled":
				wrong["audit events do not say that the client stalled"]++
			}
		}
		lines := len(w.log.lines(`"HTTP"`, `ended="client stalled"`))
		if d := len(ids) - lines; d != 0 {
			wrong["HTTP log lines do not say so"] += d
		}
		return len(wrong) == 0
	})
	n, err := countStalled()
	if missing := len(ids) - (n - counted); missing != 0 {
		wrong["are not counted for their resource"] = missing
	}
	if len(wrong) == 0 {
		return "", err
	}
	return wrong.String(), err
}
