package integration

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"fork.internal/apiserver/test/cluster"
	"fork.internal/apiserver/test/demo"
	"fork.internal/apiserver/test/traffic"
)

// The namespaces, of which a webhook hangs for one, and a policy warns of everything in another.
const (
	plain    = "integration"
	hangs    = "integration-hangs"
	warns    = "integration-warns"
	watched  = "integration-watched"
	bigMaps  = 24
	bigBytes = 1 << 20
)

// env is a server under test with its clients. Phases come one after the other; within one, its methods may be called
// from several goroutines.
type env struct {
	*traffic.Clients
	conf   Config
	cl     *cluster.Cluster
	tokens demo.Tokens
	silent net.Listener // accepts, and says nothing
	watch  *traffic.Watches

	policyFile *policyFile // nil without a deadline policy
	policyLog  reloadLog   // what has become of it

	baseline map[string]float64 // what is measured when nothing goes on

	phase string // written between phases only

	mu        sync.Mutex
	exchanges []*traffic.Exchange
	kept      int // how many of them are of the phases before
	wrong     []string
	more      int // wrong ones that are not kept
}

func newEnv(ctx context.Context, c Config, cl *cluster.Cluster, tokens demo.Tokens, file *policyFile) (_ *env, err error) {
	e := &env{conf: c, cl: cl, tokens: tokens, policyFile: file, policyLog: reloadLog{path: cl.Log()}}
	defer func() {
		if err != nil {
			e.close()
		}
	}()
	if e.Clients, err = traffic.NewClients(cl.RESTConfig()); err != nil {
		return nil, err
	}
	e.Keep, e.Wrongf = e.keep, e.wrongf
	if e.silent, err = net.Listen("tcp4", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	go hold(e.silent)
	if err := e.setUp(ctx); err != nil {
		return nil, err
	}
	e.watch = traffic.StartWatches(e.Clients, configMaps(watched))
	if _, err := e.watch.All(ctx); err != nil {
		return nil, err
	}
	e.CloseIdle()
	e.baseline, err = e.measure(ctx)
	return e, err
}

// hold accepts connections and says nothing on them, until the listener is closed.
func hold(l net.Listener) {
	var held []net.Conn
	for {
		conn, err := l.Accept()
		if err != nil {
			break
		}
		held = append(held, conn)
	}
	for _, conn := range held {
		conn.Close()
	}
}

// close ends the clients.
func (e *env) close() {
	if e.watch != nil {
		e.watch.Stop()
	}
	if e.silent != nil {
		e.silent.Close()
	}
	if e.Clients != nil {
		e.CloseIdle()
	}
}

func (e *env) keep(x *traffic.Exchange) {
	x.Phase = e.phase
	e.mu.Lock()
	defer e.mu.Unlock()
	e.exchanges = append(e.exchanges, x)
}

// keepWrong is how many wrong things of a phase are printed.
const keepWrong = 8

func (e *env) wrongf(format string, args ...any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.wrong) == keepWrong {
		e.more++
		return
	}
	e.wrong = append(e.wrong, fmt.Sprintf(format, args...))
}

func (e *env) begin(phase string) {
	e.phase = phase
	e.kept, e.wrong, e.more = len(e.exchanges), nil, 0
}

func (e *env) end(took time.Duration) Phase {
	e.mu.Lock()
	defer e.mu.Unlock()
	p := Phase{Name: e.phase, Seconds: took.Seconds(), Wrong: e.wrong, WrongCount: len(e.wrong) + e.more}
	for _, x := range e.exchanges[e.kept:] {
		p.Requests++
		if x.Whole {
			p.Answered++
			if x.Status == http.StatusGatewayTimeout {
				p.TimedOut++
			}
		}
	}
	return p
}

type object = map[string]any

// setUp makes what the phases need, as administrator.
func (e *env) setUp(ctx context.Context) error {
	if err := demo.SetUp(ctx, e.cl); err != nil {
		return err
	}
	meta := func(name string) object { return object{"name": name} }
	scope := func(ns string) object {
		return object{"matchLabels": object{"kubernetes.io/metadata.name": ns}}
	}
	rule := func(resources ...string) object {
		return object{"apiGroups": []string{""}, "apiVersions": []string{"v1"}, "operations": []string{"*"}, "resources": resources}
	}
	const registration = "/apis/admissionregistration.k8s.io/v1/"
	type creation struct {
		path string
		obj  object
	}
	var all []creation
	for _, ns := range []string{plain, hangs, warns, watched} {
		all = append(all, creation{"/api/v1/namespaces", object{"apiVersion": "v1", "kind": "Namespace", "metadata": meta(ns)}})
	}
	for i := range bigMaps {
		all = append(all, creation{configMaps(plain), object{"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta(fmt.Sprintf("big-%02d", i)),
			"data": object{"x": strings.Repeat("x", bigBytes-64<<10)}}})
	}
	all = append(all,
		creation{configMaps(watched), object{"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta("ticks")}},
		creation{secrets(plain), object{"apiVersion": "v1", "kind": "Secret", "metadata": meta("one")}},
		creation{registration + "validatingadmissionpolicies", object{"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
			"metadata": meta(warns), "spec": object{
				"matchConstraints": object{"resourceRules": []object{rule("configmaps")}, "namespaceSelector": scope(warns)},
				"validations":      []object{{"expression": "false", "message": "nothing is right here"}, {"expression": "1 > 2", "message": "nor this"}},
			}}},
		creation{registration + "validatingadmissionpolicybindings", object{"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
			"metadata": meta(warns), "spec": object{"policyName": warns, "validationActions": []string{"Warn", "Audit"}}}},
		creation{registration + "mutatingwebhookconfigurations", object{"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration",
			"metadata": meta(hangs), "webhooks": []object{{
				"name": "hangs.integration.example", "sideEffects": "None", "admissionReviewVersions": []string{"v1"}, "timeoutSeconds": 30,
				"failurePolicy": "Fail", "namespaceSelector": scope(hangs), "rules": []object{rule("configmaps", "secrets")},
				"clientConfig": object{"url": "https://" + e.silent.Addr().String() + "/"},
			}}}},
	)
	for _, c := range all {
		if err := e.cl.Create(ctx, c.path, c.obj); err != nil {
			return err
		}
	}
	return e.admissionIsThere(ctx)
}

// admissionIsThere waits until the webhook and the policy are in force, which takes the server a moment.
func (e *env) admissionIsThere(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, time.Minute, fmt.Errorf("the webhook and the policy are not in force after a minute"))
	defer cancel()
	for {
		e.begin("set-up")
		hung := e.Send(ctx, "HTTP/2", traffic.Request{Method: "POST", Path: configMaps(hangs) + "?dryRun=All", Body: newMap("probe"), Timeout: time.Second})
		warned := false
		e.Send(ctx, "HTTP/2", traffic.Request{Method: "POST", Path: configMaps(warns) + "?dryRun=All", Body: newMap("probe"), Receive: func(x *traffic.Exchange, res *http.Response) {
			warned = len(res.Header.Values("Warning")) > 0
			x.Read(res)
		}})
		if hung.Status != http.StatusCreated && warned {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func configMaps(ns string) string { return "/api/v1/namespaces/" + ns + "/configmaps" }

// newMap is a config map; an empty name has the server choose one.
func newMap(name string) *strings.Reader {
	if name == "" {
		return strings.NewReader(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"generateName":"x-"}}`)
	}
	return strings.NewReader(fmt.Sprintf(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":%q}}`, name))
}
