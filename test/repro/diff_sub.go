package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	genericapifilters "k8s.io/apiserver/pkg/endpoints/filters"
	apirequest "k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/server/filters"

	"fork.internal/apiserver/test/chain"
)

// subPath is what a sub-request asks for.
const subPath = podsPath + "/sub"

// subHandler returns what serves sub-requests: an API of its own, in which
// nobody plays, behind some of the filters of a chain. What audits is not among
// them: a request's context has one audit event.
func subHandler(resolver apirequest.RequestInfoResolver, longRunning apirequest.LongRunningRequestCheck) (http.Handler, error) {
	api, err := chain.API(&chain.Pods{})
	if err != nil {
		return nil, err
	}
	handler := genericapifilters.WithWarningRecorder(api)
	bounded := filters.WithTimeoutForNonLongRunningRequests(handler, longRunning)
	return genericapifilters.WithRequestInfo(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("bounded") {
			bounded.ServeHTTP(w, r)
		} else {
			handler.ServeHTTP(w, r)
		}
	}), resolver), nil
}

// subRequest serves a sub-request in this process, with the request's context,
// whose answer is nobody's but the one's who asks.
func (c *cast) subRequest(x *randomRequest, r *http.Request) {
	url := "https://inner" + subPath
	if x.bounded() {
		url += "?bounded"
	}
	req, err := http.NewRequestWithContext(r.Context(), http.MethodGet, url, nil)
	if err != nil {
		panic(err) // It is the same for all.
	}
	rec := httptest.NewRecorder()
	c.sub.ServeHTTP(rec, req)
	x.subCode.Store(int32(rec.Code))
}

// bounded reports whether its sub-request has a boundary of its own.
func (p *plan) bounded() bool { return p.answer%2 == 0 }

// subBreaches says what breaks this rule: a sub-request is answered, whatever
// becomes of the request, but for one that is bounded if that was over already.
func (x *randomRequest) subBreaches() []breach {
	switch code := int(x.subCode.Load()); {
	case code == 0, code == http.StatusOK, code == http.StatusGatewayTimeout && x.bounded():
		return nil
	default:
		return []breach{{rule: "sub-request", how: fmt.Sprintf("it was answered %d", code)}}
	}
}
