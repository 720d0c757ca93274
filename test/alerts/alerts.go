// Package alerts has a patched kube-apiserver come to what the alerts in hack/monitoring are about, and looks at its metrics
// meanwhile.
package alerts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"k8s.io/client-go/rest"

	"fork.internal/apiserver/test/cluster"
)

// Caused are the alerts that Run has fire. What the others are about one server does not come to, or not by itself.
var Caused = []string{
	"KubeAPIServerAuditBlocks",
	"KubeAPIServerDeadlinePolicyRefused",
	"KubeAPIServerHandlersStuck",
	"KubeAPIServerOverdueCap",
	"KubeAPIServerRequestsTimeOut",
	"KubeAPIServerRestarts",
	"KubeAPIServerStalledConnections",
	"KubeAPIServerStalledWatches",
}

const (
	// Quiet is how many looks there are before anything is wrong.
	Quiet = 10

	// stuckFor is for how many looks everything is: longer than what any alert waits for.
	stuckFor = 20

	// atOnce, and then afterwards, is how many handlers get stuck at each look: in all more than 800, where an alert warns, and less
	// than 1000, from where on their requests hold their connections.
	atOnce, atOnceFor, afterwards = 85, 10, 5

	// interval is what lies between two looks.
	interval = time.Second
)

// Config says what to run.
type Config struct {
	// KubeAPIServer, which is the fork's, and Etcd are the paths of the two programs.
	KubeAPIServer, Etcd string
	// Dir is the cluster's.
	Dir string
	// Look gets the server's metrics, in Prometheus' text format, one look after the other; nil when it does not run.
	Look func(metrics []byte) error
	// Progress receives a line per step.
	Progress io.Writer
}

// run is one that is under way.
type run struct {
	conf              Config
	cl                *cluster.Cluster
	sink              *sink
	client, throttled *http.Client
}

// Run returns the version of the server when it has come to everything, and nothing is left running.
func Run(ctx context.Context, conf Config) (version string, err error) {
	sink, err := newSink(conf.Dir)
	if err != nil {
		return "", err
	}
	defer sink.close()
	policy := policyFile(filepath.Join(conf.Dir, "deadline-policy.yaml"))
	if err := policy.write(goodPolicy); err != nil {
		return "", err
	}
	cl, err := cluster.Start(ctx, cluster.Config{
		KubeAPIServer: conf.KubeAPIServer, Etcd: conf.Etcd, Dir: filepath.Join(conf.Dir, "cluster"), Progress: conf.Progress,
		AuditPolicy: auditPolicy,
		Tokens:      map[string]string{throttledToken: throttled},
		ExtraArgs: []string{
			"--audit-log-path=" + sink.path, "--deadline-policy-file=" + string(policy),
			"--watch-write-timeout=2s", "--stalled-connection-timeout=2s",
		},
	})
	if err != nil {
		return "", err
	}
	defer func() {
		sink.goOn() // Whatever waits for it would hold up the end.
		err = errors.Join(err, cl.Stop(context.WithoutCancel(ctx)))
	}()
	if version, err = cl.Version(ctx); err != nil {
		return "", err
	}
	// A connection of its own: what is stuck must not hold up the looks.
	loadConf := cl.RESTConfig()
	loadConf.Dial = (&net.Dialer{}).DialContext
	client, err := rest.HTTPClientFor(loadConf)
	if err != nil {
		return "", err
	}
	defer client.CloseIdleConnections()
	turnedAway, err := rest.HTTPClientFor(cl.TokenRESTConfig(throttledToken))
	if err != nil {
		return "", err
	}
	defer turnedAway.CloseIdleConnections()
	r := &run{conf, cl, sink, client, turnedAway}
	if err := r.fill(ctx); err != nil {
		return "", err
	}
	r.sayf("%d looks at a server that has nothing", Quiet)
	if err := r.looks(ctx, Quiet, func(ctx context.Context) { get(ctx, r.client, r.cl.URL()+small, 0) }); err != nil {
		return "", err
	}
	if err := r.stuck(ctx, policy); err != nil {
		return "", err
	}
	if err := r.mended(ctx, policy); err != nil {
		return "", err
	}
	return version, r.restarts(ctx)
}

func (r *run) sayf(format string, args ...any) { fmt.Fprintf(r.conf.Progress, format+"\n", args...) }

// looks has so many of them, and each time before calls do, which is waited for at the end.
func (r *run) looks(ctx context.Context, n int, do func(context.Context)) error {
	var all sync.WaitGroup
	defer all.Wait()
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for range n {
		if do != nil {
			all.Go(func() { do(ctx) })
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if err := r.look(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) look(ctx context.Context) error {
	text, err := r.cl.Servers()[0].Get(ctx, "/metrics")
	if err != nil {
		return err
	}
	return r.conf.Look(text)
}

// stuck is when the audit log takes nothing, the policy is bad, and clients read nothing.
func (r *run) stuck(ctx context.Context, policy policyFile) error {
	r.sayf("%d looks at one whose audit log is stuck, whose policy is bad, and whose clients do not read or go", stuckFor)
	if err := policy.write("kind: None\n"); err != nil {
		return err
	}
	if err := r.sink.stop(); err != nil {
		return err
	}
	var silent silent
	defer silent.close()
	if err := r.looks(ctx, atOnceFor, func(ctx context.Context) { r.unlucky(ctx, &silent, atOnce) }); err != nil {
		return err
	}
	if err := r.looks(ctx, stuckFor-atOnceFor, func(ctx context.Context) { r.unlucky(ctx, &silent, afterwards) }); err != nil {
		return err
	}
	return r.lists(ctx, true)
}

// lists looks whether what the alerts say to look at next names the handlers that are stuck, if there are to be some.
func (r *run) lists(ctx context.Context, stuck bool) error {
	const path = "/debug/api_deadline/overdue"
	list, err := r.cl.Servers()[0].Get(ctx, path)
	if err != nil {
		return err
	}
	named := strings.Count(string(list), "\nverb=GET URI="+small+"?timeout=300ms ")
	if named == 0 == stuck {
		return fmt.Errorf("%s names %d handlers that are stuck:\n%s", path, named, list)
	}
	return nil
}

// unlucky are so many requests whose handlers get stuck, and some that wait for their last audit event, whose clients go, and whose
// clients do not read, and that are turned away.
func (r *run) unlucky(ctx context.Context, silent *silent, stuck int) {
	secret := r.cl.URL() + "/api/v1/namespaces/default/secrets/small"
	var all sync.WaitGroup
	defer all.Wait()
	for range stuck {
		all.Go(func() { get(ctx, r.client, r.cl.URL()+small+"?timeout=300ms", 0) })
	}
	for range 20 { // One at a time is let in whatever its seats.
		all.Go(func() { get(ctx, r.throttled, r.cl.URL()+"/openapi/v2", 0) })
	}
	for range 2 {
		all.Go(func() { get(ctx, r.client, secret+"?timeout=300ms", 0) })
		all.Go(func() { get(ctx, r.client, secret, 200*time.Millisecond) })
		for _, ask := range []func(context.Context, *cluster.Cluster) error{silent.watch, silent.list} {
			all.Go(func() {
				if err := ask(ctx, r.cl); err != nil && ctx.Err() == nil {
					r.sayf("a client that does not read: %v", err)
				}
			})
		}
	}
}

// mended is when nothing of that is left but what the server has counted.
func (r *run) mended(ctx context.Context, policy policyFile) error {
	r.sayf("looks at one that recovers")
	r.sink.goOn()
	if err := policy.write(goodPolicy + "# Again.\n"); err != nil {
		return err
	}
	if err := r.looks(ctx, 12, nil); err != nil {
		return err
	}
	return r.lists(ctx, false)
}

// restarts has the server end and start again, twice.
func (r *run) restarts(ctx context.Context) error {
	s := r.cl.Servers()[0]
	for range 2 {
		r.sayf("a restart")
		if err := s.Stop(ctx); err != nil {
			return err
		}
		if err := r.conf.Look(nil); err != nil {
			return err
		}
		if err := s.Start(ctx, r.conf.KubeAPIServer); err != nil {
			return err
		}
		if err := r.looks(ctx, 2, nil); err != nil {
			return err
		}
	}
	return nil
}

// get asks for something, and goes after patience, if that is not 0. Who is answered what is in the metrics.
func get(ctx context.Context, client *http.Client, url string, patience time.Duration) {
	if patience > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, patience)
		defer cancel()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return
	}
	resp, err := client.Do(req)
	if err != nil {
		return
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
}

// small is a configmap.
const small = "/api/v1/namespaces/default/configmaps/small"

// throttled is a user whose requests get no seat.
const throttled, throttledToken = "throttled", "throttled-token"

// fill creates what is asked for, more configmaps than a socket takes, and the rule that turns throttled away.
func (r *run) fill(ctx context.Context) error {
	type object = map[string]any
	create := func(path, apiVersion, kind, name string, fields object) error {
		fields["apiVersion"], fields["kind"], fields["metadata"] = apiVersion, kind, object{"name": name}
		return r.cl.Create(ctx, path, fields)
	}
	const core, flowControl = "/api/v1/namespaces/default/", "/apis/flowcontrol.apiserver.k8s.io/v1/"
	big := strings.Repeat("x", 512<<10)
	for i := range 16 {
		if err := create(core+"configmaps", "v1", "ConfigMap", fmt.Sprintf("big-%d", i), object{"data": object{"a": big}}); err != nil {
			return err
		}
	}
	return errors.Join(
		create(core+"configmaps", "v1", "ConfigMap", "small", object{}),
		create(core+"secrets", "v1", "Secret", "small", object{}),
		create(flowControl+"prioritylevelconfigurations", "flowcontrol.apiserver.k8s.io/v1", "PriorityLevelConfiguration", throttled, object{"spec": object{
			"type": "Limited", "limited": object{"nominalConcurrencyShares": 0, "borrowingLimitPercent": 0, "limitResponse": object{"type": "Reject"}},
		}}),
		create(flowControl+"flowschemas", "flowcontrol.apiserver.k8s.io/v1", "FlowSchema", throttled, object{"spec": object{
			"priorityLevelConfiguration": object{"name": throttled}, "matchingPrecedence": 100,
			"rules": []object{{
				"subjects":         []object{{"kind": "User", "user": object{"name": throttled}}},
				"nonResourceRules": []object{{"verbs": []string{"*"}, "nonResourceURLs": []string{"*"}}},
			}},
		}}),
	)
}
