package sidebyside

// expected are the differences that are meant to be there. Each has the row of the defects that it comes with, or the name
// of one in test/repro/README.md, and the reason.
var expected = []Expectation{
	{
		Row: "EXITS", Why: "a CORS preflight is audited, as every request is",
		Requests: []string{"cors/preflight HTTP/*", "cors/preflight-post HTTP/*"},
		Aspect:   "audit.*", Unmodified: "*", Patched: "*",
	},
	{
		Row: "EXITS", Why: "a CORS preflight is audited, and counted so",
		Requests: []string{"cors/preflight HTTP/*", "cors/preflight-post HTTP/*"},
		Aspect:   "metric.apiserver_audit_*", Unmodified: absent, Patched: "+*",
	},
	{
		Row: "D6", Why: "a client that does not send its body does not hold a connection that is announced to close",
		Requests: []string{"writes/create-expect-403 HTTP/1.1", "writes/create-expect-401 HTTP/1.1"},
		Aspect:   "connection", Unmodified: leftOpen, Patched: closed,
	},
	{
		Row: "D17", Why: "an informational status of a backend's is not taken for the final one",
		Requests: []string{"aggregated/early HTTP/*"},
		Aspect:   "status", Unmodified: "200", Patched: "404",
	},
	{
		Row: "D17", Why: "an informational status of a backend's is not taken for the final one",
		Requests: []string{"aggregated/expect HTTP/1.1"},
		Aspect:   "status", Unmodified: "200", Patched: "409",
	},
	{
		Row: "D17", Why: "the header is that of the final status",
		Requests: []string{"aggregated/early HTTP/*", "aggregated/expect HTTP/1.1"},
		Aspect:   "header.Content-Type", Unmodified: "text/plain; charset=utf-8", Patched: typeJSON,
	},
	{
		Row: "D17", Why: "the header is that of the final status, and not that of the hint",
		Requests: []string{"aggregated/early HTTP/*"},
		Aspect:   "header.Link", Unmodified: "</hint>", Patched: absent,
	},
	{
		Row: "D17", Why: "net/http's ReverseProxy clears the header after each informational status, also what outer filters have set",
		Requests: []string{"aggregated/early HTTP/*", "aggregated/expect HTTP/1.1"},
		Aspect:   "header.*", Unmodified: "*", Patched: absent,
	},
	{
		Row: "D17", Why: "an informational status of a backend's is not taken for the final one",
		Requests: []string{"aggregated/early HTTP/*"},
		Aspect:   "log.resp", Unmodified: "103", Patched: "404",
	},
	{
		Row: "D17", Why: "an informational status of a backend's is not taken for the final one",
		Requests: []string{"aggregated/expect HTTP/1.1"},
		Aspect:   "log.resp", Unmodified: "100", Patched: "409",
	},
	{
		Row: "D17", Why: "what is not taken for the final status earns no stack in the log",
		Requests: []string{"aggregated/early HTTP/*", "aggregated/expect HTTP/1.1"},
		Aspect:   "log.statusStack", Unmodified: "*", Patched: absent,
	},
	{
		Row: "D19", Why: "a backend's trailers arrive",
		Requests: []string{"aggregated/trailer HTTP/*"},
		Aspect:   "trailer.X-Sum", Unmodified: "*", Patched: "42",
	},
	{
		Row: "E14", Why: "an informational status of a backend's is not the one that is audited",
		Requests: []string{"aggregated/early HTTP/*"},
		Aspect:   "audit.ResponseComplete.responseStatus.code", Unmodified: "103", Patched: "404",
	},
	{
		Row: "E14", Why: "an informational status of a backend's is not the one that is audited",
		Requests: []string{"aggregated/expect HTTP/1.1"},
		Aspect:   "audit.ResponseComplete.responseStatus.code", Unmodified: "100", Patched: "409",
	},
	{
		Row: "E18", Why: "a panic, here of a custom resource in protobuf, is a 500 in the HTTP log as it is for the client",
		Requests: []string{"crds/create-protobuf HTTP/*"},
		Aspect:   "log.resp", Unmodified: "0", Patched: "500",
	},
	{
		Row: "E25", Why: "labels that no success has shown are known are left out",
		Requests: []string{"aggregated/unavailable HTTP/*", "aggregated/unavailable-post HTTP/*"},
		Aspect:   `metric.apiserver_request_terminations_total{*,group="nowhere.example",*`, Unmodified: "+1", Patched: absent,
	},
	{
		Row: "E25", Why: "labels that no success has shown are known are left out",
		Requests: []string{"aggregated/unavailable HTTP/*", "aggregated/unavailable-post HTTP/*"},
		Aspect:   `metric.apiserver_request_terminations_total{*,group="",*`, Unmodified: absent, Patched: "+1",
	},
}
