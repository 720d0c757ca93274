package main

import (
	"net/http"
	"time"

	"k8s.io/apimachinery/pkg/util/sets"
	genericapifilters "k8s.io/apiserver/pkg/endpoints/filters"
	apirequest "k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/server/filters"
)

// timeoutFilter puts handler behind the timeout filter and what that needs.
func timeoutFilter(handler http.Handler) http.Handler {
	watches := filters.BasicLongRunningRequestCheck(sets.NewString("watch"), nil)
	handler = filters.WithTimeoutForNonLongRunningRequests(handler, watches)
	handler = genericapifilters.WithRequestDeadline(handler, nil, nil, watches, nil, time.Minute)
	return genericapifilters.WithRequestInfo(handler, &apirequest.RequestInfoFactory{
		APIPrefixes: sets.NewString("api", "apis"), GrouplessAPIPrefixes: sets.NewString("api"),
	})
}
