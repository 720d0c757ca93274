package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	auditinternal "k8s.io/apiserver/pkg/apis/audit"
	"k8s.io/apiserver/pkg/audit"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/endpoints"
	"k8s.io/apiserver/pkg/endpoints/metrics"
	"k8s.io/apiserver/pkg/server"

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
	over    chan struct{} // closed when the chain has returned to net/http
	once    sync.Once

	view view
}

// cast is all exchanges, and plays their acts on the server.
type cast struct {
	exchanges map[string]*randomRequest // by audit ID; never written to while requests are sent
	running   chain.Calls               // chains that net/http has called
	handlers  chain.Calls               // behind them

	mu    sync.Mutex
	stuck []chan struct{} // by age
	end   bool
}

// newCast returns the exchanges of plans, and the cast of them.
func newCast(plans []*plan) (*cast, []*randomRequest) {
	c := &cast{exchanges: make(map[string]*randomRequest, len(plans))}
	order := make([]*randomRequest, len(plans))
	for i, p := range plans {
		x := &randomRequest{plan: p, serving: make(chan struct{}), over: make(chan struct{})}
		order[i], c.exchanges[x.id] = x, x
	}
	return c, order
}

// config is that of a server on which the cast plays, which tells sink.
func (c *cast) config(sink audit.Backend) (chain.Config, error) {
	handler, err := c.newHandler()
	return chain.Config{
		Handler:        handler,
		RequestTimeout: diffTimeout,
		Authenticate:   c.authenticate,
		Outside:        c.outside,
		Modify: func(config *server.Config) {
			config.AuditBackend, config.AuditPolicyRuleEvaluator = sink, c
			config.Authorization.Authorizer = authorizer.AuthorizerFunc(c.authorize)
			// Now and then there are too many.
			config.MaxRequestsInFlight, config.MaxMutatingRequestsInFlight = maxStuck+8, maxStuck/2+8
		},
	}, err
}

// find returns the exchange of a request on its way through the chain.
func (c *cast) find(ctx context.Context) *randomRequest {
	return c.exchanges[string(audit.GetAuditIDTruncated(ctx))]
}

// outside notes what net/http sees.
func (c *cast) outside(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer c.running.Begin()()
		if x := c.exchanges[r.Header.Get(auditinternal.HeaderAuditID)]; x != nil && x.arrived.Add(1) == 1 {
			defer close(x.over)
		}
		handler.ServeHTTP(w, r)
	})
}

// inside stands behind the chain, before the handlers.
func (c *cast) inside(handler http.Handler) http.Handler {
	return c.handlers.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if x := c.find(r.Context()); x != nil {
			x.routed.Store(true)
		}
		handler.ServeHTTP(w, r)
	}))
}

// newHandler returns the API, and the scripted handler next to it. All their
// routes are instrumented, as all of kube-apiserver's are.
func (c *cast) newHandler() (http.Handler, error) {
	api, err := chain.API(&castPods{cast: c}, func(v *endpoints.APIGroupVersion) { v.Admit = webhook{c} })
	if err != nil {
		return nil, err
	}
	// The method is reported as it is.
	scripted := metrics.InstrumentHandlerFunc(http.MethodGet, "", "", "scripted", "", "", "", false, "", c.scripted)
	return c.inside(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, scriptedPath) {
			scripted(w, r)
			return
		}
		api.ServeHTTP(w, r)
	})), nil
}

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

// play plays the act of a request, if this is its place. The error is what the
// place reports.
func (c *cast) play(ctx context.Context, at place) error {
	x := c.find(ctx)
	if x == nil || x.at != at {
		return nil
	}
	x.once.Do(func() { close(x.serving) })
	switch x.act {
	case fail:
		return x.failure()
	case honour:
		<-ctx.Done()
		return ctx.Err()
	case tooLate:
		<-ctx.Done()
		// About the time for which the boundary waits for the handler.
		time.Sleep(x.takes / 10)
	case slow:
		timer := time.NewTimer(x.takes)
		defer timer.Stop()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		}
	case ignore:
		time.Sleep(x.takes)
	case stick, partAndStick, allAndStick:
		c.stick()
	case stickAndFail:
		c.stick()
		return x.failure()
	case panics, partAndPanic:
		panic("as planned")
	case panicsLate:
		<-ctx.Done()
		panic("as planned, after the context has ended")
	case partAndHonour, allAndHonour:
		<-ctx.Done()
	}
	return nil
}

// failure is an error of one of the kinds that there are.
func (x *randomRequest) failure() error {
	switch x.answer % 3 {
	case 0:
		return errors.New("as planned")
	case 1:
		return apierrors.NewConflict(schema.GroupResource{Resource: "pods"}, x.id, errors.New("as planned"))
	default:
		return apierrors.NewNotFound(schema.GroupResource{Resource: "pods"}, x.id)
	}
}

// stick returns when so many others are stuck as well, or the test is over.
func (c *cast) stick() {
	released := make(chan struct{})
	c.mu.Lock()
	if c.end {
		close(released)
	} else if c.stuck = append(c.stuck, released); len(c.stuck) > maxStuck {
		close(c.stuck[0])
		c.stuck = c.stuck[1:]
	}
	c.mu.Unlock()
	<-released
}

// release lets go of all that is stuck, and will be.
func (c *cast) release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.end = true
	for _, released := range c.stuck {
		close(released)
	}
	c.stuck = nil
}

// webhook plays the acts in admission.
type webhook struct{ cast *cast }

// Handles implements admission.Interface.
func (webhook) Handles(admission.Operation) bool { return true }

// Validate implements admission.ValidationInterface.
func (w webhook) Validate(ctx context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	if err := w.cast.play(ctx, inAdmission); err != nil {
		return admission.NewForbidden(a, fmt.Errorf("failed calling webhook: %w", err))
	}
	return nil
}

// scripted is a handler that does with its response as it likes.
func (c *cast) scripted(w http.ResponseWriter, r *http.Request) {
	x := c.find(r.Context())
	if r.Body != nil && x.gzip {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	written := 0
	write := func(n int) {
		const chunk = 32 << 10
		for written < n {
			n, err := io.WriteString(w, noise[written:min(n, written+chunk)])
			written += n
			if err != nil {
				return
			}
		}
		if x.flush {
			w.(http.Flusher).Flush()
		}
	}
	switch x.act {
	case partAndReturn, partAndHonour, partAndStick, partAndPanic:
		write((x.answer + 1) / 2)
	case allAndHonour, allAndStick:
		w.Header().Set("Content-Length", strconv.Itoa(x.answer))
		write(x.answer)
	}
	if err := c.play(r.Context(), inHandler); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	write(x.answer)
}
