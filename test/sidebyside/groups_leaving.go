package sidebyside

import "strings"

// leaving are clients that go as soon as they have their answer.
func leaving() group {
	// Whether the handler has returned by then is a matter of luck, and upstream counts an abort if not.
	luck := map[string]string{
		"metric.*":  "upstream counts an abort or a 504, or neither",
		"log.apf_*": "upstream writes the line before the handler has returned, or after",
	}
	leave := func(s step) step {
		s.times, s.hangUp, s.ignore = 20, true, luck
		return s
	}
	zip := map[string]string{"Accept-Encoding": "gzip"}
	large := "/api/v1/namespaces/" + largeNamespace + "/configmaps"
	return group{"leaving", []step{
		leave(step{name: "schema", path: "/openapi/v3/apis/apps/v1", want: 200}),
		leave(step{name: "schema-gzip", path: "/openapi/v3/apis/apps/v1", header: zip, want: 200}),
		leave(step{name: "discovery", path: "/api/v1", want: 200}),
		leave(step{name: "discovery-aggregated", path: "/apis", header: accept(aggregatedV2), want: 200}),
		leave(step{name: "object", path: large + "/large-00", want: 200}),
		leave(step{name: "object-gzip", path: large + "/large-00", header: zip, want: 200}),
		leave(step{name: "list", path: large + "?limit=5", want: 200}),
		leave(step{name: "missing", path: large + "/none", want: 404}),
		leave(step{name: "version", path: "/version", want: 200}),
		leave(step{name: "health", path: "/healthz", want: 200}),
		leave(step{name: "thing", path: "/apis/" + thingsGroup + "/" + thingsVersion + "/things/one", want: 200}),
		leave(step{name: "create", method: "POST", path: core("configmaps") + "?dryRun=All", header: typed(typeJSON), body: configMap("left", strings.Repeat("x", halfUnread)), want: 201}),
		leave(step{name: "forbidden", as: reader, method: "POST", path: core("configmaps"), header: typed(typeJSON), body: configMap("left", strings.Repeat("x", halfUnread)), want: 403}),
	}}
}
