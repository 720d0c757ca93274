package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"maps"
	"math"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"k8s.io/apiserver/pkg/endpoints/metrics"
	"k8s.io/klog/v2"

	"fork.internal/apiserver/test/chain"
)

func init() {
	register(Case{
		ID:    "DIFF",
		Title: "of random requests, audit log, HTTP log and metrics say something that the client did not see (N= requests, SEED=)",
		// Nothing in it is meant to kill upstream, but the detector of races
		// would have it end before it has counted.
		Fatal: "fatal error: concurrent map",
		run:   differential,
	})
}

// diffConcurrency is how many requests are under way at a time.
const diffConcurrency = 24

// diffEach is how long a request may take of the whole run's time, at most.
const diffEach = 100 * time.Millisecond

// differential sends random requests through the whole chain, whose clients,
// handlers, admission, storage and authentication behave as badly as they can,
// and compares what each client saw with what was recorded of its request.
func differential(ctx context.Context) (Result, error) {
	plans, err := diffPlans()
	if err != nil {
		return Result{}, err
	}
	// A long run may take longer than other cases.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit+time.Duration(len(plans))*diffEach)
	defer cancel()
	seen := newLedger()
	if err := captureRecords(seen); err != nil {
		return Result{}, err
	}
	metrics.Register()

	all, order := newCast(plans)
	config, err := all.config(slowSink{seen, all})
	if err != nil {
		return Result{}, err
	}
	defer all.close()
	s, err := chain.Start(config)
	if err != nil {
		return Result{}, err
	}
	defer s.Stop()
	defer all.release()

	if err := sendAll(ctx, s, order, func(err error) error { return err }); err != nil {
		return Result{}, err
	}
	all.release()
	if err := settleRecords(all, order, seen); err != nil {
		return Result{}, err
	}
	return compareAll(all, order, seen)
}

// diffPlans are the plans that the environment asks for, as in
// `make repro ID=DIFF N=20000 SEED=7`: so many of that seed. With ONLY=379 as
// well it is the 379th, so many times.
func diffPlans() ([]*plan, error) {
	settings := map[string]uint64{"SEED": 1, "N": 2000, "ONLY": math.MaxUint64}
	for name := range settings {
		if s := os.Getenv(name); s != "" {
			value, err := strconv.ParseUint(s, 10, 32)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			settings[name] = value
		}
	}
	seed, only := settings["SEED"], settings["ONLY"]
	plans := make([]*plan, settings["N"])
	for i := range plans {
		if only != math.MaxUint64 {
			plans[i] = newPlan(seed, int(only))
			plans[i].id = fmt.Sprintf("%s-%d", plans[i].id, i)
		} else {
			plans[i] = newPlan(seed, i)
		}
	}
	return plans, nil
}

// captureRecords has klog write to r what the HTTP log takes.
func captureRecords(r *ledger) error {
	flags := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(flags)
	if err := flags.Set("v", "3"); err != nil {
		return err
	}
	klog.SetOutput(r)
	return nil
}

// sendAll sends the requests, and has their views filled in. It ends early if
// failed returns an error for one of a client that cannot connect.
func sendAll(ctx context.Context, s *chain.Server, order []*randomRequest, failed func(error) error) error {
	clients := &diffClients{server: s, http2: newHTTP2(nil)}
	defer clients.http1.close()
	defer clients.http2.CloseIdleConnections()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan *randomRequest)
	var wg sync.WaitGroup
	for range diffConcurrency {
		wg.Go(func() {
			for x := range next {
				var err error
				if x.view, err = clients.visit(ctx, x); err == nil {
					continue
				}
				if err = failed(err); err != nil {
					cancel(fmt.Errorf("%v: %w", x.plan, err))
				}
			}
		})
	}
	for _, x := range order {
		if ctx.Err() != nil {
			break
		}
		next <- x
	}
	close(next)
	wg.Wait()
	return context.Cause(ctx)
}

// settleRecords waits until nothing more is to come from the server, or long
// enough: upstream has no record of some requests.
func settleRecords(all *cast, order []*randomRequest, seen *ledger) error {
	idle := func(c chain.Count) bool { return c.Running == 0 }
	if !all.running.Wait(30*time.Second, idle) || !all.handlers.Wait(30*time.Second, idle) {
		return fmt.Errorf("%d requests and %d handlers are still running", all.running.Count().Running, all.handlers.Count().Running)
	}
	// No event tells that handlers which were left behind have unwound.
	var where string
	if !eventually(30*time.Second, func() bool {
		where = inFilters()
		return where == ""
	}) {
		return fmt.Errorf("some requests are still in the chain:\n%s", where)
	}
	eventually(2*time.Second, func() bool {
		for _, x := range order {
			if x.arrived.Load() > 0 && !seen.get(x.id).complete() {
				return false
			}
		}
		return true
	})
	return nil
}

// inFilters returns the stack of a goroutine that is in the chain, or on its
// behalf, or "".
func inFilters() string {
	for stack := range strings.SplitSeq(string(stacks()), "\n\n") {
		for _, pkg := range []string{"endpoints/filters.", "endpoints/deadline.(*guard).", "endpoints/deadline.(*Boundary).", "server/filters.", "endpoints/handlers/finisher."} {
			if strings.Contains(stack, "\nk8s.io/apiserver/pkg/"+pkg) {
				return stack
			}
		}
	}
	return ""
}

// compareAll counts what breaks the rules.
func compareAll(all *cast, order []*randomRequest, seen *ledger) (Result, error) {
	found, asked := map[string]*breaks{}, map[string]*breaks{}
	// Whoever does not say how a request ended may count it in either way, but the fork.
	want, wantOfFork := newCounts(), newCounts()
	views := tally{}
	for _, x := range order {
		if n := x.arrived.Load(); n > 1 {
			return Result{}, fmt.Errorf("%v was sent %d times", x.plan, n)
		}
		rec := seen.get(x.id)
		for _, b := range append(breaches(x, rec), x.subBreaches()...) {
			found := found
			if b.asked {
				found = asked
			}
			if found[b.rule] == nil {
				found[b.rule] = &breaks{example: fmt.Sprintf("%s: the client got %v; audit: %v; log: %v; %v", b.how, x.view, rec.events, rec.lines, x.plan)}
			}
			found[b.rule].n++
		}
		want.count(x, rec, false)
		wantOfFork.count(x, rec, true)
		views[x.view.kind()]++
	}
	got, err := gatherCounts()
	if err != nil {
		return Result{}, err
	}
	differ := got.differences(want)
	// Upstream counts a handler twice that returns late if a goroutine of its own does so too.
	delete(differ, "post_timeout")
	maps.Copy(found, differ)
	for rule, b := range got.differences(wantOfFork) {
		if found[rule] == nil {
			asked[rule] = b
		}
	}
	if n := int(all.strangers.Load()); n > 0 {
		found["strangers"] = &breaks{n, "what was left of a body was served as a request"}
	}
	total := 0
	for _, b := range found {
		total += b.n
	}
	result := Result{Defect: total > 0, Seen: fmt.Sprintf("%d requests (%s; %v): %d disagreements", len(order), order[0].id, views, total)}
	if total > 0 {
		result.Seen += table(found)
	}
	if len(asked) > 0 {
		result.Lacks = "records that say how a request ended:" + table(asked)
	}
	return result, nil
}

// kind is the view in a word or two.
func (v view) kind() string {
	switch {
	case v.whole && v.status == http.StatusGatewayTimeout:
		return "504"
	case v.whole:
		return fmt.Sprintf("%dxx", v.status/100)
	case v.left > 0:
		return "left"
	case v.status != 0:
		return "cut"
	}
	return "nothing"
}

// breaks is how often a rule was broken, and an example.
type breaks struct {
	n       int
	example string
}

// table has a line for each rule that was broken, the most frequent one first.
func table(found map[string]*breaks) string {
	var b strings.Builder
	for _, rule := range slices.SortedFunc(maps.Keys(found), func(a, b string) int {
		return cmp.Or(found[b].n-found[a].n, strings.Compare(a, b))
	}) {
		fmt.Fprintf(&b, "\n    %-14s %5d  %s", rule, found[rule].n, found[rule].example)
	}
	return b.String()
}
