package chain_test

import (
	"fmt"
	"net/http"
	"time"

	auditinternal "k8s.io/apiserver/pkg/apis/audit"
	"k8s.io/apiserver/pkg/endpoints/filterlatency"
	genericapifilters "k8s.io/apiserver/pkg/endpoints/filters"
	"k8s.io/apiserver/pkg/endpoints/filters/impersonation"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/server"
	genericfilters "k8s.io/apiserver/pkg/server/filters"
	"k8s.io/apiserver/plugin/pkg/audit/fake"

	"fork.internal/apiserver/test/bench"
	"fork.internal/apiserver/test/chain"
)

// peer is one way to bound requests.
type peer struct {
	name string
	// filter stands where the timeout filter does, in upstream's chain. Without
	// one, the chain is the module's own.
	filter func(http.Handler, *server.Config) http.Handler
}

// peers are those that this program can measure.
func peers() []peer {
	own := peer{name: bench.Variant()}
	if own.name == "fork" {
		return []peer{own}
	}
	return []peer{
		own,
		{"arming", arming},
		{"timeouthandler", timeoutHandler},
		{"none", func(h http.Handler, _ *server.Config) http.Handler { return h }},
	}
}

// start serves the chain of that peer. What is audited is thrown away.
func (p peer) start(c chain.Config) (*chain.Server, error) {
	var config *server.Config
	modify, outside := c.Modify, c.Outside
	c.Modify = func(sc *server.Config) {
		sc.AuditBackend = &fake.Backend{OnRequest: func([]*auditinternal.Event) {}}
		if modify != nil {
			modify(sc)
		}
		config = sc
	}
	c.Outside = func(handler http.Handler) http.Handler {
		if p.filter != nil {
			handler = upstreamChain(c.Handler, config, p.filter)
		}
		if outside != nil {
			handler = outside(handler)
		}
		return handler
	}
	return chain.Start(c)
}

// arming is what KEP-4460 describes: each request has its deadlines armed, and
// is left alone.
func arming(h http.Handler, c *server.Config) http.Handler {
	return shortRunning(h, c, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		deadline, ok := r.Context().Deadline()
		if !ok {
			panic(fmt.Sprintf("a request for %s has no deadline", r.URL))
		}
		controller := http.NewResponseController(w)
		if err := controller.SetReadDeadline(deadline); err != nil {
			panic(err)
		}
		if err := controller.SetWriteDeadline(deadline); err != nil {
			panic(err)
		}
		h.ServeHTTP(w, r)
	}))
}

// timeoutHandler is net/http's. It buffers what handlers write, and ends with
// the request's context if that ends first.
func timeoutHandler(h http.Handler, c *server.Config) http.Handler {
	return shortRunning(h, c, http.TimeoutHandler(h, c.RequestTimeout+time.Second, ""))
}

// shortRunning has long-running requests go past the filter that is around h.
func shortRunning(h http.Handler, c *server.Config, filtered http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		info, ok := request.RequestInfoFrom(r.Context())
		if ok && c.LongRunningFunc(r, info) {
			h.ServeHTTP(w, r)
			return
		}
		filtered.ServeHTTP(w, r)
	})
}

// upstreamChain is what upstream's DefaultBuildHandlerChain makes of the
// configurations here, but for the timeout filter. TestUpstreamChain compares.
func upstreamChain(handler http.Handler, c *server.Config, timeout func(http.Handler, *server.Config) http.Handler) http.Handler {
	track := func(name string, filter func(http.Handler) http.Handler) {
		handler = filterlatency.TrackStarted(filter(filterlatency.TrackCompleted(handler)), c.TracerProvider, name)
	}
	track("authorization", func(h http.Handler) http.Handler {
		return genericapifilters.WithAuthorization(h, c.Authorization.Authorizer, c.Serializer)
	})
	handler = genericfilters.WithMaxInFlightLimit(handler, c.MaxRequestsInFlight, c.MaxMutatingRequestsInFlight, c.LongRunningFunc)
	track("constrainedimpersonation", func(h http.Handler) http.Handler {
		return impersonation.WithConstrainedImpersonation(h, c.Authorization.Authorizer, c.Serializer)
	})
	track("audit", func(h http.Handler) http.Handler {
		return genericapifilters.WithAudit(h, c.AuditBackend, c.AuditPolicyRuleEvaluator, c.LongRunningFunc)
	})
	failed := genericapifilters.WithFailedAuthenticationAudit(genericapifilters.Unauthorized(c.Serializer), c.AuditBackend, c.AuditPolicyRuleEvaluator)
	failed = filterlatency.TrackCompleted(failed)
	handler = genericapifilters.WithTracing(handler, c.TracerProvider)
	track("authentication", func(h http.Handler) http.Handler {
		return genericapifilters.WithAuthentication(h, c.Authentication.Authenticator, failed, c.Authentication.APIAudiences, c.Authentication.RequestHeaderConfig)
	})
	handler = genericfilters.WithCORS(handler, c.CorsAllowedOriginList, nil, nil, nil, "true")
	handler = genericapifilters.WithWarningRecorder(handler)
	handler = timeout(handler, c)
	handler = genericapifilters.WithRequestDeadline(handler, c.AuditBackend, c.AuditPolicyRuleEvaluator, c.LongRunningFunc, c.Serializer, c.RequestTimeout)
	handler = genericfilters.WithWaitGroup(handler, c.LongRunningFunc, c.NonLongRunningRequestWaitGroup)
	handler = genericapifilters.WithCacheControl(handler)
	handler = genericfilters.WithHSTS(handler, c.HSTSDirectives)
	handler = genericfilters.WithHTTPLogging(handler)
	handler = genericapifilters.WithLatencyTrackers(handler)
	handler = genericapifilters.WithRequestInfo(handler, c.RequestInfoResolver)
	handler = genericapifilters.WithRequestReceivedTimestamp(handler)
	handler = genericapifilters.WithMuxAndDiscoveryComplete(handler, make(chan struct{}))
	handler = genericfilters.WithPanicRecovery(handler, c.RequestInfoResolver)
	return genericapifilters.WithAuditInit(handler)
}
