package faults

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"fork.internal/apiserver/test/cluster"
	"fork.internal/apiserver/test/traffic"
	"fork.internal/apiserver/test/webhook"
)

// The names of the two servers.
const (
	unmodified = "unmodified"
	patched    = "patched"
)

// The namespaces: of ordinary clients without and with the fault, of what is watched, and of what a fault's own clients do.
const (
	calmly   = "faults-calm"
	meantime = "faults-meantime"
	watched  = "faults-watched"
	hostile  = "faults-hostile"

	// hookLabel has a webhook asked about a config map, which then does what the label says.
	hookLabel = "hook"
	hookTakes = 200 * time.Millisecond

	// kept is how many objects are made before the fault, and looked for after it.
	kept = 20

	// loadClients are the ordinary ones, over each protocol.
	loadClients = 2
)

// auditPolicy has each request of a client's arrival and end in one event each, and no more, or its end alone. What looks at
// the server, and the server's own upkeep, do not depend on the audit log.
func auditPolicy(onlyEnds bool) string {
	omit := "ResponseStarted"
	if onlyEnds {
		omit += ", RequestReceived"
	}
	return `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [` + omit + `]
rules:
- level: None
  nonResourceURLs: [/readyz*, /livez*, /metrics, /version, /debug/*]
- level: None
  users: ["system:apiserver"]
- level: Metadata
`
}

// The parts of a run, as exchanges have them.
const (
	before = "before"
	during = "during"
	after  = "after"
)

// run is a fault on a server.
type run struct {
	conf    Config
	fault   fault
	program string
	dir     string
	result  Result

	cl      *cluster.Cluster
	server  *cluster.Server
	clients *traffic.Clients // say what is wrong, unless the fault is silent and there
	hook    *webhook.Webhook
	rest    map[string]float64 // as the server was before

	cleanups []func() // of what conf has made, called in the reverse order
	sink     *auditSink
	between  *delayer
	full     *tinyDisk

	mu        sync.Mutex
	part      string
	exchanges []*traffic.Exchange
}

// cleanup has f called when the server has ended.
func (r *run) cleanup(f func()) { r.cleanups = append(r.cleanups, f) }

// patched is whether the server is.
func (r *run) patched() bool { return r.result.Server == patched }

// try starts a server and tries the fault on it.
func (r *run) try(ctx context.Context) error {
	defer func() {
		for i := len(r.cleanups) - 1; i >= 0; i-- {
			r.cleanups[i]()
		}
	}()
	c := cluster.Config{
		KubeAPIServer: r.program, Etcd: r.conf.Etcd, Dir: r.dir, StopTimeout: stopTimeout, AuditPolicy: auditPolicy(r.fault.onlyEnds),
		ExtraArgs: []string{"--audit-log-maxsize=4000", "--shutdown-watch-termination-grace-period=10s"},
	}
	if err := os.MkdirAll(r.dir, 0o700); err != nil {
		return err
	}
	if r.fault.conf != nil {
		if err := r.fault.conf(r, &c); err != nil {
			return err
		}
	}
	var err error
	if r.cl, err = cluster.Start(ctx, c); err != nil {
		return err
	}
	defer r.cl.Stop(context.WithoutCancel(ctx))
	r.server = r.cl.Servers()[0]
	if r.clients, err = r.newClients(&net.Dialer{}); err != nil {
		return err
	}
	defer func() { r.clients.CloseIdle() }()
	defer func() {
		if r.hook != nil {
			r.hook.Close()
		}
	}()
	if err := r.setUp(ctx); err != nil {
		return err
	}
	start := traffic.StartWatches
	if r.fault.restarts {
		start = traffic.StartRelistingWatches
	}
	watch := start(r.clients, traffic.ConfigMaps(watched))
	defer watch.Stop()
	if err := r.through(ctx, watch); err != nil {
		exit := r.server.ExitError()
		if exit == nil || ctx.Err() != nil {
			return err
		}
		r.wrongFirst(fmt.Sprintf("%v: %v", err, exit))
		r.count()
		return nil
	}
	watch.Ending()
	if err := r.cl.Stop(ctx); err != nil {
		r.wrongf("the server has not ended well: %v", err)
	}
	if err := watch.Stop(); err != nil {
		r.wrongf("%v", err)
	}
	r.count()
	return r.checkRecords()
}

// through is the server's way into the fault and out of it.
func (r *run) through(ctx context.Context, watch *traffic.Watches) error {
	r.enter(before)
	load := traffic.NewLoad(r.clients, traffic.ConfigMaps(calmly), r.wrongf)
	calmFor := func() {
		stop := load.Start(ctx, loadClients)
		traffic.Pause(ctx, calm)
		stop()
	}
	calmFor()
	watching, err := watch.All(ctx)
	if err != nil {
		return err
	}
	r.clients.CloseIdle()
	if r.rest, err = r.measure(ctx); err != nil {
		return err
	}
	r.enter(during)
	meanwhile := traffic.NewLoad(r.clients, traffic.ConfigMaps(meantime), r.wrongf)
	stop := meanwhile.Start(ctx, loadClients, r.fault.others...)
	err = r.fault.inject(ctx, r)
	ended := time.Now()
	if err == nil {
		err = r.recovers(ctx)
	}
	r.result.RecoveredAfter = time.Since(ended).Seconds()
	stop()
	if err != nil || ctx.Err() != nil {
		return errors.Join(err, ctx.Err())
	}
	r.enter(after)
	r.settled(ctx)
	if ended := watch.Lasted(ctx, watching, r.fault.cuts || r.fault.restarts); ended != nil && ctx.Err() == nil {
		r.wrongf("%v", ended)
	}
	calmFor()
	for i := range kept {
		x := r.clients.Send(ctx, "HTTP/2", traffic.Request{Method: "GET", Path: fmt.Sprintf("%s/kept-%02d", traffic.ConfigMaps(calmly), i)})
		r.clients.Answered(x, http.StatusOK)
	}
	return nil
}

// enter begins a part of the run.
func (r *run) enter(part string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.part = part
}

// newClients are administrators with connections of their own.
func (r *run) newClients(d *net.Dialer) (*traffic.Clients, error) {
	c, err := traffic.NewClientsBy(r.cl.RESTConfig(), d)
	if err != nil {
		return nil, err
	}
	c.Keep, c.Wrongf = r.keep, r.clientWrongf
	return c, nil
}

func (r *run) keep(x *traffic.Exchange) {
	r.mu.Lock()
	defer r.mu.Unlock()
	x.Phase = r.part
	r.exchanges = append(r.exchanges, x)
}

// clientWrongf notes what a client may not expect, unless it may during a fault that is silent.
func (r *run) clientWrongf(format string, args ...any) {
	r.mu.Lock()
	spared := r.fault.silent && r.part == during
	r.mu.Unlock()
	if !spared {
		r.wrongf(format, args...)
	}
}

// keepWrong is how many wrong things are kept.
const keepWrong = 3

func (r *run) wrongf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.result.WrongCount++; len(r.result.Wrong) < keepWrong {
		r.result.Wrong = append(r.result.Wrong, fmt.Sprintf(format, args...))
	}
}

// wrongFirst is wrongf for what explains the others, which so is kept whatever was there before.
func (r *run) wrongFirst(what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.result.WrongCount++
	r.result.Wrong = slices.Insert(r.result.Wrong, 0, what)
}

type object = map[string]any

// setUp makes what the faults need.
func (r *run) setUp(ctx context.Context) (err error) {
	for _, ns := range []string{calmly, meantime, watched, hostile} {
		if err := r.cl.Create(ctx, "/api/v1/namespaces", object{"apiVersion": "v1", "kind": "Namespace", "metadata": object{"name": ns}}); err != nil {
			return err
		}
	}
	create := func(ns, name string, data object) error {
		return r.cl.Create(ctx, traffic.ConfigMaps(ns), object{"apiVersion": "v1", "kind": "ConfigMap", "metadata": object{"name": name}, "data": data})
	}
	if err := create(watched, "ticks", nil); err != nil {
		return err
	}
	for i := range kept {
		if err := create(calmly, fmt.Sprintf("kept-%02d", i), nil); err != nil {
			return err
		}
	}
	if r.hook, err = webhook.Start(ctx, r.cl, hookLabel, hookTakes); err != nil {
		return err
	}
	return r.hook.UntilAsked(ctx, func(ctx context.Context) { r.clients.Send(ctx, "HTTP/2", hooked("admits", 0)) })
}

// fill makes what is large to list.
func (r *run) fill(ctx context.Context) error { return traffic.Fill(ctx, hostile, r.cl.Create) }

// hooked is a config map about which the webhook is asked.
func hooked(does string, timeout time.Duration) traffic.Request {
	return traffic.Request{Method: "POST", Path: traffic.ConfigMaps(hostile) + "?dryRun=All", Timeout: timeout, Body: webhook.ConfigMap(hookLabel, does)}
}

// sendFor has n clients over each protocol send for so long, and returns the exchanges.
func (r *run) sendFor(ctx context.Context, n int, d time.Duration, next func(proto string) traffic.Request) []*traffic.Exchange {
	var mu sync.Mutex
	var all []*traffic.Exchange
	traffic.Together(n, func(proto string, _ int) {
		for end := time.Now().Add(d); time.Now().Before(end) && ctx.Err() == nil; traffic.Pause(ctx, 10*time.Millisecond) {
			x := r.clients.Send(ctx, proto, next(proto))
			mu.Lock()
			all = append(all, x)
			mu.Unlock()
		}
	})
	return all
}

// count counts what clients saw during the fault.
func (r *run) count() {
	for _, x := range r.exchanges {
		if x.Phase != during {
			continue
		}
		r.result.Requests++
		switch {
		case !x.Whole:
			r.result.None++
		case x.Status/100 == 2:
			r.result.OK++
		case x.Status == http.StatusGatewayTimeout:
			r.result.TimedOut++
		default:
			r.result.Other++
		}
	}
}

// turnedAway reports whether a request came to a server that was ending, which leaves what it turns away without a record, as
// upstream does.
func turnedAway(x *traffic.Exchange) bool { return x.Status == http.StatusServiceUnavailable }

// disagrees is what the audit log says of a request otherwise than its client has seen, but for what the fault excuses.
func (r *run) disagrees(x *traffic.Exchange, record traffic.Record) string {
	if r.fault.onlyEnds {
		record.Arrivals = len(record.Ends)
	}
	missing := len(record.Ends) == 0 || record.Arrivals == 0
	switch {
	case x.Phase != during:
	case missing && (r.fault.unrecorded || r.fault.restarts && turnedAway(x)):
		return ""
	case r.fault.kills && !x.Whole && len(record.Ends) <= 1:
		return "" // It may have been recorded, as what it would have been, when the server was killed.
	}
	return x.Disagrees(record)
}

// checkRecords holds the audit log against what the clients saw, when the server has ended, and looks for crashes and
// panics in the logs of all of its processes.
func (r *run) checkRecords() error {
	path := r.cl.AuditLog()
	if r.full != nil {
		path = r.full.log()
	}
	if r.fault.unrecorded {
		var err error
		if path, err = validEvents(path, filepath.Join(r.dir, "audit-valid.log")); err != nil {
			return err
		}
	}
	records, err := traffic.ReadRecords(path, r.exchanges)
	if err != nil {
		return err
	}
	for _, x := range r.exchanges {
		record := records[x.AuditID]
		if wrong := r.disagrees(x, record); wrong != "" {
			r.wrongf("%s", wrong)
		} else if len(record.Ends) > 0 {
			r.result.Joined++
		}
	}
	if r.result.Joined == 0 {
		return fmt.Errorf("%s has no event of a request", path)
	}
	logs, err := fs.Glob(os.DirFS(r.dir), "kube-apiserver*.log")
	if err != nil {
		return err
	}
	for _, path := range logs {
		panics, err := traffic.Panics(filepath.Join(r.dir, path))
		if err != nil {
			return err
		}
		for _, found := range panics {
			r.wrongf("%s", found)
		}
	}
	return nil
}
