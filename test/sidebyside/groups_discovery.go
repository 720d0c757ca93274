package sidebyside

const (
	aggregatedV2      = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"
	aggregatedV2Beta1 = "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json"

	openAPIProto = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
)

// discovery are requests that are about what the server has.
func discovery() group {
	return group{"discovery", []step{
		{name: "root", path: "/", want: 200},
		{name: "api", path: "/api", want: 200},
		{name: "api-slash", path: "/api/", want: 200},
		{name: "api-head", method: "HEAD", path: "/api", want: 405},
		{name: "api-proto", path: "/api", header: accept("application/vnd.kubernetes.protobuf"), want: 200},
		{name: "api-yaml", path: "/api", header: accept("application/yaml"), want: 200},
		{name: "api-406", path: "/api/v1", header: accept("text/html"), want: 406},
		{name: "core", path: "/api/v1", want: 200},
		{name: "core-gzip", path: "/api/v1", header: map[string]string{"Accept-Encoding": "gzip"}, want: 200},
		{name: "apis", path: "/apis", want: 200},
		{name: "group", path: "/apis/apps", want: 200},
		{name: "group-version", path: "/apis/apps/v1", want: 200},
		{name: "group-missing", path: "/apis/nothing.example", want: 404},
		{name: "version-missing", path: "/apis/apps/v9", want: 404},
		{name: "aggregated-core", path: "/api", header: accept(aggregatedV2), want: 200},
		{name: "aggregated", path: "/apis", header: accept(aggregatedV2), want: 200, save: saveHeader("etag", "Etag")},
		{name: "aggregated-gzip", path: "/apis", want: 200, header: map[string]string{"Accept": aggregatedV2, "Accept-Encoding": "gzip"}},
		{name: "aggregated-304", path: "/apis", want: 304, header: map[string]string{"Accept": aggregatedV2, "If-None-Match": "${etag}"}},
		{name: "aggregated-beta", path: "/apis", header: accept(aggregatedV2Beta1), want: 200},
		{name: "version", path: "/version", want: 200},
		{name: "version-post", method: "POST", path: "/version", want: 405},
		{name: "version-slash", path: "/version/", want: 200},
		{name: "missing", path: "/nothing/here", want: 404},
		{name: "missing-post", method: "POST", path: "/nothing/here", body: `{"a":1}`, header: typed("application/json"), want: 404},
		{name: "unclean", path: "/api//v1", want: 404},
		{name: "anonymous", as: nobody, path: "/version", want: 200},
		{name: "anonymous-forbidden", as: nobody, path: "/apis", want: 403},
		{name: "method-unknown", method: "BREW", path: "/api/v1", want: 405},
		{name: "oidc", path: "/.well-known/openid-configuration", want: 200},
		{name: "jwks", path: "/openid/v1/jwks", want: 200, ignore: map[string]string{"body*": "a key of this run"}},
	}}
}

// openAPI are requests for the schema, which is large and cached.
func openAPI() group {
	cached := map[string]string{"header.Etag": "a hash of what has the version in it"}
	return group{"openapi", []step{
		{name: "v2", path: "/openapi/v2", want: 200, save: saveHeader("v2", "Etag"), ignore: cached},
		{name: "v2-gzip", path: "/openapi/v2", header: map[string]string{"Accept-Encoding": "gzip"}, want: 200, ignore: cached},
		{name: "v2-304", path: "/openapi/v2", header: map[string]string{"If-None-Match": "${v2}"}, want: 304, ignore: cached},
		{name: "v2-since", path: "/openapi/v2", header: map[string]string{"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"}, want: 304, ignore: cached},
		{name: "v2-proto", path: "/openapi/v2", header: accept(openAPIProto), want: 200, ignore: cached},
		{name: "v2-406", path: "/openapi/v2", header: accept("image/png"), want: 406},
		{name: "v2-range", path: "/openapi/v2", header: map[string]string{"Range": "bytes=0-99"}, want: 206, ignore: cached},
		{name: "v2-head", method: "HEAD", path: "/openapi/v2", want: 200, ignore: cached},
		{name: "v3", path: "/openapi/v3", want: 200, ignore: map[string]string{"header.Etag": "as body", "body*": "hashes of what has the version in it"}},
		{name: "v3-core", path: "/openapi/v3/api/v1", want: 200, save: saveHeader("v3", "Etag"), ignore: cached},
		{name: "v3-core-gzip", path: "/openapi/v3/api/v1", header: map[string]string{"Accept-Encoding": "gzip"}, want: 200, ignore: cached},
		{name: "v3-304", path: "/openapi/v3/api/v1", header: map[string]string{"If-None-Match": "${v3}"}, want: 304, ignore: cached},
		{name: "v3-proto", path: "/openapi/v3/apis/apps/v1", header: accept("application/com.github.proto-openapi.spec.v3@v1.0+protobuf"), want: 200, ignore: cached},
		{name: "v3-hash", path: "/openapi/v3/apis/apps/v1?hash=0000", want: 301, ignore: map[string]string{"header.Location": "a hash", "body*": "a hash"}},
		{name: "v3-missing", path: "/openapi/v3/apis/nothing.example/v1", want: 404},
	}}
}

// health are requests about the server itself.
func health() group {
	changing := map[string]string{"body*": "changes all the time", "header.Content-Length": "as body"}
	return group{"health", []step{
		{name: "healthz", path: "/healthz", want: 200},
		{name: "healthz-head", method: "HEAD", path: "/healthz", want: 200},
		{name: "healthz-post", method: "POST", path: "/healthz", body: "a body that nobody reads", want: 200},
		{name: "livez", path: "/livez", want: 200},
		{name: "livez-verbose", path: "/livez?verbose", want: 200},
		{name: "livez-one", path: "/livez/etcd", want: 200},
		{name: "livez-unknown", path: "/livez/nothing", want: 404},
		{name: "readyz", path: "/readyz", want: 200},
		{name: "readyz-verbose", path: "/readyz?verbose", want: 200},
		{name: "readyz-exclude", path: "/readyz?verbose&exclude=etcd&exclude=nothing", want: 200},
		{name: "readyz-anonymous", as: nobody, path: "/readyz", want: 200},
		{name: "readyz-stranger", as: stranger, path: "/readyz", want: 401},
		{name: "metrics", path: "/metrics", want: 200, ignore: changing},
		{name: "metrics-gzip", path: "/metrics", header: map[string]string{"Accept-Encoding": "gzip"}, want: 200, ignore: changing},
		{name: "metrics-slis", path: "/metrics/slis", want: 200, ignore: changing},
		{name: "metrics-forbidden", as: reader, path: "/metrics", want: 403},
		{name: "logs", path: "/logs/", want: 404},
		{name: "pprof", path: "/debug/pprof/", want: 200, ignore: changing},
		{name: "pprof-symbol", path: "/debug/pprof/symbol", want: 200},
		{name: "verbosity", method: "PUT", path: "/debug/flags/v", body: "3", want: 200},
		{name: "verbosity-bad", method: "PUT", path: "/debug/flags/v", body: "loud", want: 400},
		{name: "priority-levels", path: "/debug/api_priority_and_fairness/dump_priority_levels", want: 200, ignore: changing},
		{name: "statusz", path: "/statusz", want: 200, ignore: changing},
		{name: "flagz", path: "/flagz", want: 200, ignore: changing},
	}}
}

// cors are requests of a browser.
func cors() group {
	preflight := func(origin string) map[string]string {
		return map[string]string{"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
	}
	return group{"cors", []step{
		{name: "preflight", as: nobody, method: "OPTIONS", path: core("configmaps"), header: preflight("https://side.example"), want: 204},
		{name: "preflight-post", as: nobody, method: "OPTIONS", path: core("configmaps"), header: preflight("https://side.example"), body: "a body", want: 204},
		{name: "preflight-other", as: nobody, method: "OPTIONS", path: core("configmaps"), header: preflight("https://other.example"), want: 403},
		{name: "options", method: "OPTIONS", path: core("configmaps"), want: 405},
		{name: "get", path: core("configmaps"), header: map[string]string{"Origin": "https://side.example"}, want: 200},
		{name: "get-other", path: core("configmaps"), header: map[string]string{"Origin": "https://other.example"}, want: 200},
		{name: "unauthorized", as: stranger, path: core("configmaps"), header: map[string]string{"Origin": "https://side.example"}, want: 401},
		{name: "not-found", path: core("configmaps/none"), header: map[string]string{"Origin": "https://side.example"}, want: 404},
	}}
}
