package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"

	genericapifilters "k8s.io/apiserver/pkg/endpoints/filters"
	"k8s.io/apiserver/pkg/server"
	genericfilters "k8s.io/apiserver/pkg/server/filters"

	"fork.internal/apiserver/test/chain"
)

// backend is a server with one setup, which all cases that want it share.
type backend struct {
	*chain.Server
	setup
	// plain is whether it has no chain, and recorded whether there are records, as there are of what a chain serves.
	plain, recorded bool

	config *server.Config
}

// backends are the servers that were started: those with a chain, or those without.
type backends struct {
	plain bool

	mu      sync.Mutex
	started map[setup]*backend
}

// get returns the server with that setup.
func (b *backends) get(s setup) (*backend, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if found := b.started[s]; found != nil {
		return found, nil
	}
	started, err := start(s, b.plain)
	if err != nil {
		return nil, err
	}
	if b.started == nil {
		b.started = map[setup]*backend{}
	}
	b.started[s] = started
	return started, nil
}

// stop stops them all.
func (b *backends) stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	var wg sync.WaitGroup
	for _, s := range b.started {
		wg.Go(s.Stop)
	}
	wg.Wait()
	b.started = nil
}

// start starts a server: with its chain, or with net/http's server and the
// setup's filters alone.
func start(s setup, plain bool) (*backend, error) {
	b := &backend{setup: s, plain: plain}
	around := func(names string, handler http.Handler) (http.Handler, error) {
		words := strings.Fields(names)
		for i := range words {
			filter := filters[words[len(words)-1-i]]
			if filter == nil {
				return nil, fmt.Errorf("there is no filter %s", words[len(words)-1-i])
			}
			handler = filter(handler)
		}
		return handler, nil
	}
	build := builds[s.Build]
	switch {
	case build == nil:
		return nil, fmt.Errorf("there is no chain %s", s.Build)
	case s.Middle != "" && s.Build != "own":
		return nil, fmt.Errorf("%+v: a filter in the middle needs a chain of somebody's own", s)
	}
	b.recorded = !plain && (s.Build == "" || s.Build == "own" || s.Build == "nested")
	if _, err := around(s.Middle+" "+s.Outer, nil); err != nil {
		return nil, err
	}
	middle := func(handler http.Handler) http.Handler {
		handler, _ = around(s.Middle, handler)
		return handler
	}
	var err error
	b.Server, err = chain.Start(chain.Config{
		Handler:    http.HandlerFunc(serve),
		SendBuffer: s.SendBuffer,
		Modify: func(c *server.Config) {
			c.AuditBackend = sink{s.Sink}
		},
		Build: func(handler http.Handler, c *server.Config) http.Handler {
			b.config = c
			if plain {
				return middle(handler)
			}
			return build(handler, c, middle)
		},
		Outside: func(handler http.Handler) http.Handler {
			handler, _ = around(s.Outer, handler)
			return outermost(handler)
		},
	})
	return b, err
}

// builds are the chains that a setup can ask for.
var builds = map[string]func(handler http.Handler, c *server.Config, middle func(http.Handler) http.Handler) http.Handler{
	"": func(handler http.Handler, c *server.Config, _ func(http.Handler) http.Handler) http.Handler {
		return server.DefaultBuildHandlerChain(handler, c)
	},
	"own": ownChain,
	// The timeout filter, and what it needs.
	"alone": func(handler http.Handler, c *server.Config, _ func(http.Handler) http.Handler) http.Handler {
		handler = genericfilters.WithTimeoutForNonLongRunningRequests(handler, c.LongRunningFunc)
		handler = genericapifilters.WithRequestDeadline(handler, nil, nil, c.LongRunningFunc, c.Serializer, c.RequestTimeout)
		return genericapifilters.WithRequestInfo(handler, c.RequestInfoResolver)
	},
	// A timeout filter around the whole chain.
	"nested": func(handler http.Handler, c *server.Config, _ func(http.Handler) http.Handler) http.Handler {
		handler = server.DefaultBuildHandlerChain(handler, c)
		handler = genericfilters.WithTimeoutForNonLongRunningRequests(handler, c.LongRunningFunc)
		handler = genericapifilters.WithRequestDeadline(handler, nil, nil, c.LongRunningFunc, c.Serializer, c.RequestTimeout)
		return genericapifilters.WithRequestInfo(handler, c.RequestInfoResolver)
	},
	// WithTimeout with a function that makes another request of each.
	"timeoutfunc": func(handler http.Handler, _ *server.Config, _ func(http.Handler) http.Handler) http.Handler {
		return genericfilters.WithTimeout(handler, withValue)
	},
}

// ownChain is a chain of somebody's own, in upstream's order, with more filters
// between the timeout filter and WithAudit.
func ownChain(handler http.Handler, c *server.Config, middle func(http.Handler) http.Handler) http.Handler {
	handler = genericapifilters.WithAuthorization(handler, c.Authorization.Authorizer, c.Serializer)
	handler = genericfilters.WithMaxInFlightLimit(handler, c.MaxRequestsInFlight, c.MaxMutatingRequestsInFlight, c.LongRunningFunc)
	handler = genericapifilters.WithAudit(handler, c.AuditBackend, c.AuditPolicyRuleEvaluator, c.LongRunningFunc)
	failed := genericapifilters.WithFailedAuthenticationAudit(genericapifilters.Unauthorized(c.Serializer), c.AuditBackend, c.AuditPolicyRuleEvaluator)
	handler = genericapifilters.WithTracing(handler, c.TracerProvider)
	handler = genericapifilters.WithAuthentication(handler, c.Authentication.Authenticator, failed, c.Authentication.APIAudiences, c.Authentication.RequestHeaderConfig)
	handler = genericapifilters.WithWarningRecorder(handler)
	handler = middle(handler)
	handler = genericfilters.WithTimeoutForNonLongRunningRequests(handler, c.LongRunningFunc)
	handler = genericapifilters.WithRequestDeadline(handler, c.AuditBackend, c.AuditPolicyRuleEvaluator, c.LongRunningFunc, c.Serializer, c.RequestTimeout)
	handler = genericfilters.WithWaitGroup(handler, c.LongRunningFunc, c.NonLongRunningRequestWaitGroup)
	handler = genericapifilters.WithCacheControl(handler)
	handler = genericfilters.WithHTTPLogging(handler)
	handler = genericapifilters.WithLatencyTrackers(handler)
	handler = genericapifilters.WithRequestInfo(handler, c.RequestInfoResolver)
	handler = genericapifilters.WithRequestReceivedTimestamp(handler)
	handler = genericfilters.WithPanicRecovery(handler, c.RequestInfoResolver)
	return genericapifilters.WithAuditInit(handler)
}

// sub is what a sub-request in process goes through: filters as they stand in
// the chain, all of them for the "whole" one, or for one "alone" none.
func (b *backend) sub(how string) http.Handler {
	handler := http.Handler(http.HandlerFunc(serve))
	c := b.config
	switch {
	case b.plain || how == "alone":
		return handler
	case how == "whole":
		return server.DefaultBuildHandlerChain(handler, c)
	}
	handler = genericapifilters.WithAudit(handler, c.AuditBackend, c.AuditPolicyRuleEvaluator, c.LongRunningFunc)
	if how == "audit" {
		return handler
	}
	handler = genericapifilters.WithTracing(handler, c.TracerProvider)
	handler = genericapifilters.WithAuthentication(handler, c.Authentication.Authenticator, genericapifilters.Unauthorized(c.Serializer), c.Authentication.APIAudiences, c.Authentication.RequestHeaderConfig)
	handler = genericapifilters.WithWarningRecorder(handler)
	return genericfilters.WithTimeoutForNonLongRunningRequests(handler, c.LongRunningFunc)
}

// remotes are servers behind the one under test, by what they do.
var remotes = struct {
	sync.Mutex
	servers map[string]*httptest.Server
}{servers: map[string]*httptest.Server{}}

// remoteHandlers are what they serve.
var remoteHandlers = map[string]http.HandlerFunc{
	// It reads the body, and so sends a 100 if it is asked for one.
	"conflict": func(w http.ResponseWriter, r *http.Request) {
		_, _ = r.Body.Read(make([]byte, 1))
		http.Error(w, "a conflict", http.StatusConflict)
	},
	"early": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		http.Error(w, "not there", http.StatusNotFound)
	},
	"trailers": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "X-Sum")
		_, _ = w.Write([]byte("a body with a trailer\n"))
		w.Header().Set("X-Sum", "1")
	},
	"large": func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(content(0, 300000)))
	},
	"cut": func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(content(0, 5000)))
		panic(http.ErrAbortHandler)
	},
}

// proxyTo returns a reverse proxy, as the aggregator has, to a remote server
// that does so.
func proxyTo(name string) http.Handler {
	remotes.Lock()
	defer remotes.Unlock()
	s := remotes.servers[name]
	if s == nil {
		handler := remoteHandlers[name]
		s = httptest.NewServer(handler)
		s.Config.ErrorLog = nothing
		remotes.servers[name] = s
	}
	location, err := url.Parse(s.URL)
	if err != nil {
		panic(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(location)
	proxy.ErrorLog = nothing
	return proxy
}
