package main

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/util/sets"
	auditinternal "k8s.io/apiserver/pkg/apis/audit"
	"k8s.io/apiserver/pkg/audit"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/endpoints"
	"k8s.io/apiserver/pkg/endpoints/metrics"
	apirequest "k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/filters"

	"fork.internal/apiserver/test/chain"
)

const (
	// diffTimeout is the server's own.
	diffTimeout = time.Second

	// maxStuck is how many handlers are stuck at a time. It leaves some of the
	// seats to others.
	maxStuck = 40

	podsPath     = chain.PodsPath
	scriptedPath = "/scripted/"

	// metadataOnly and withBodies are where objects are audited at that level.
	metadataOnly = "metadata"
	withBodies   = "bodies"
)

// noise is what objects are padded with: hard to compress, and JSON as it is.
var noise = func() string {
	text := make([]byte, 1<<20+16)
	n := uint32(1)
	for i := range text {
		n = n*1664525 + 1013904223
		text[i] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[n>>26]
	}
	return string(text)
}()

// randomRequest is a request: what is planned, what the server notices of it and
// what the client sees.
type randomRequest struct {
	*plan

	arrived atomic.Int32  // how often net/http has called the chain for it
	started atomic.Bool   // it has reached authentication: its handler runs
	routed  atomic.Bool   // it has passed the chain
	serving chan struct{} // closed when its act begins
	began   atomic.Int64  // when that was, in nanoseconds, or 0
	over    chan struct{} // closed when the chain has returned to net/http
	once    sync.Once

	wrote    atomic.Int64 // bytes that a scripted handler has written, or -1 if it has not come to its end
	failed   atomic.Bool  // a Write of its has failed, and it has returned
	quit     atomic.Bool  // it has returned with its answer incomplete, at the end of its context
	aborts   atomic.Bool  // it has panicked with http.ErrAbortHandler
	subCode  atomic.Int32 // what its sub-request was answered
	audited  atomic.Int64 // when the audit log had its final event, in nanoseconds
	unusable atomic.Bool  // nobody could use its connection again, of whose end the answer said nothing

	view view
}

// cast is all exchanges, and plays their acts on the server.
type cast struct {
	exchanges map[string]*randomRequest // by audit ID; never written to while requests are sent
	running   chain.Calls               // chains that net/http has called
	handlers  chain.Calls               // behind them
	strangers atomic.Int32              // requests that nobody has sent
	backend   *backend
	sub       http.Handler // for sub-requests

	released chan struct{} // closed when the test is over

	mu    sync.Mutex
	stuck []chan struct{} // by age
	end   bool
}

// newCast returns the exchanges of plans, and the cast of them.
func newCast(plans []*plan) (*cast, []*randomRequest) {
	c := &cast{exchanges: make(map[string]*randomRequest, len(plans)), released: make(chan struct{})}
	order := make([]*randomRequest, len(plans))
	for i, p := range plans {
		x := &randomRequest{plan: p, serving: make(chan struct{}), over: make(chan struct{})}
		x.wrote.Store(-1)
		order[i], c.exchanges[x.id] = x, x
	}
	return c, order
}

// config is that of a server on which the cast plays, which tells sink. Close
// ends what it needs beside.
func (c *cast) config(sink audit.Backend) (chain.Config, error) {
	api, err := chain.API(&castPods{cast: c}, func(v *endpoints.APIGroupVersion) { v.Admit = webhook{c} })
	if err != nil {
		return chain.Config{}, err
	}
	resolver := &apirequest.RequestInfoFactory{APIPrefixes: sets.NewString("api", "apis"), GrouplessAPIPrefixes: sets.NewString("api")}
	if c.sub, err = subHandler(resolver, filters.BasicLongRunningRequestCheck(sets.NewString("watch"), nil)); err != nil {
		return chain.Config{}, err
	}
	if c.backend, err = c.startBackend(); err != nil {
		return chain.Config{}, err
	}
	return chain.Config{
		Handler:        c.newHandler(api),
		RequestTimeout: diffTimeout,
		Authenticate:   c.authenticate,
		Outside:        c.outside,
		Modify: func(config *server.Config) {
			config.AuditBackend, config.AuditPolicyRuleEvaluator = sink, c
			config.Authorization.Authorizer = authorizer.AuthorizerFunc(c.authorize)
			// Now and then there are too many.
			config.MaxRequestsInFlight, config.MaxMutatingRequestsInFlight = maxStuck+8, maxStuck/2+8
		},
	}, nil
}

// close lets go of all that is stuck, and ends the backend.
func (c *cast) close() {
	c.release()
	c.backend.close()
}

// find returns the exchange of a request on its way through the chain.
func (c *cast) find(ctx context.Context) *randomRequest {
	return c.exchanges[string(audit.GetAuditIDTruncated(ctx))]
}

// outside notes what net/http sees.
func (c *cast) outside(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer c.running.Begin()()
		switch x := c.exchanges[r.Header.Get(auditinternal.HeaderAuditID)]; {
		case x == nil:
			c.strangers.Add(1)
		case x.arrived.Add(1) == 1:
			defer close(x.over)
		}
		handler.ServeHTTP(w, r)
	})
}

// newHandler returns the API, with the scripted handler and the proxy of the
// backend next to it. The former are instrumented, as all of kube-apiserver's
// routes are, but for what its aggregator proxies.
func (c *cast) newHandler(api http.Handler) http.Handler {
	// The method is reported as it is.
	scripted := metrics.InstrumentHandlerFunc(http.MethodGet, "", "", "scripted", "", "", "", false, "", c.scripted)
	return c.inside(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := c.find(r.Context())
		switch {
		case strings.HasPrefix(r.URL.Path, scriptedPath):
			scripted(w, r)
		case x != nil && x.proxied():
			c.backend.ServeHTTP(w, r)
		default:
			api.ServeHTTP(w, r)
		}
	}))
}

// proxied reports whether a backend answers the request.
func (p *plan) proxied() bool { return strings.HasSuffix(strings.SplitN(p.path, "?", 2)[0], "/things") }

// EvaluatePolicyRule implements audit.PolicyRuleEvaluator.
func (c *cast) EvaluatePolicyRule(a authorizer.Attributes) audit.RequestAuditConfig {
	if strings.Contains(a.GetPath(), "/"+withBodies) {
		return audit.RequestAuditConfig{Level: auditinternal.LevelRequestResponse}
	}
	return audit.RequestAuditConfig{Level: auditinternal.LevelMetadata}
}

// authenticate lets everybody in whose act is not to be refused here.
func (c *cast) authenticate(r *http.Request) (*authenticator.Response, bool, error) {
	if x := c.find(r.Context()); x != nil {
		x.started.Store(true)
	}
	if err := c.play(r.Context(), inAuthentication); err != nil {
		return nil, false, err
	}
	return &authenticator.Response{User: &user.DefaultInfo{Name: "someone"}}, true, nil
}

// authorize allows everything whose act is not to be refused here.
func (c *cast) authorize(ctx context.Context, _ authorizer.Attributes) (authorizer.Decision, string, error) {
	if c.play(ctx, inAuthorization) != nil {
		return authorizer.DecisionDeny, "as planned", nil
	}
	return authorizer.DecisionAllow, "", nil
}
