package main

import (
	"net/http"

	"k8s.io/apiserver/pkg/apis/example"
	"k8s.io/apiserver/pkg/endpoints/metrics"
)

// instrumented has the requests for handler counted as those that list pods
// are, for handlers that do what none of apiserver's own does.
func instrumented(handler http.HandlerFunc) http.Handler {
	return metrics.InstrumentHandlerFunc("LIST", example.GroupName, "v1", "pods", "", "namespace", metrics.APIServerComponent, false, "", handler)
}
