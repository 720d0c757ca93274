package sidebyside

import (
	"fmt"
	"strings"
)

const (
	asTable       = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
	asMetadata    = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json"
	asMetadatas   = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json"
	asTableProto  = "application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io"
	asMetadataPB  = "application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
	maxBodySize   = 3 << 20
	twoMiB        = 2 << 20
	unreadBody    = 300_000  // more than net/http reads of a body that nobody has
	halfUnread    = 100_000  // less than that
	proxiedBody   = 16 << 20 // more than the sockets on the way take besides
	sideForbidden = "secrets"
)

// reads are requests that change nothing.
func reads() group {
	one := core("configmaps/one")
	return group{"reads", []step{
		{name: "create", method: "POST", path: core("configmaps"), header: typed(typeJSON), body: configMap("one", "1"), want: 201,
			save: saveJSON("rv", "metadata", "resourceVersion")},
		{name: "json", path: one, want: 200},
		{name: "yaml", path: one, header: accept(typeYAML), want: 200},
		{name: "protobuf", path: one, header: accept(typeProtobuf), want: 200},
		{name: "cbor", path: one, header: accept(typeCBOR), want: 406},
		{name: "cbor-or-json", path: one, header: accept(typeCBOR + "," + typeJSON), want: 200},
		{name: "table", path: one, header: accept(asTable), want: 200},
		{name: "table-objects", path: one + "?includeObject=Object", header: accept(asTable), want: 200},
		{name: "table-bad", path: one + "?includeObject=Everything", header: accept(asTable), want: 400},
		{name: "table-protobuf", path: one, header: accept(asTableProto), want: 406},
		{name: "metadata", path: one, header: accept(asMetadata), want: 200},
		{name: "metadata-protobuf", path: one, header: accept(asMetadataPB), want: 200},
		{name: "pretty", path: one + "?pretty=true", want: 200},
		{name: "browser", path: one, header: map[string]string{"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "User-Agent": "Mozilla/5.0"}, want: 200},
		{name: "406", path: one, header: accept("text/plain"), want: 406},
		{name: "gzip", path: one, header: map[string]string{"Accept-Encoding": "gzip"}, want: 200},
		{name: "head", method: "HEAD", path: one, want: 405},
		{name: "404", path: core("configmaps/none"), want: 404},
		{name: "404-yaml", path: core("configmaps/none"), header: accept(typeYAML), want: 404},
		{name: "404-protobuf", path: core("configmaps/none"), header: accept(typeProtobuf), want: 404},
		{name: "404-table", path: core("configmaps/none"), header: accept(asTable), want: 404},
		{name: "404-resource", path: core("nothings"), want: 404},
		{name: "404-subresource", path: core("configmaps/one/scale"), want: 404},
		{name: "timeout", path: one + "?timeout=10s", want: 200},
		{name: "timeout-long", path: one + "?timeout=10m", want: 200},
		{name: "timeout-bogus", path: one + "?timeout=bogus", want: 400},
		{name: "timeout-negative", path: one + "?timeout=-1s", want: 200},
		{name: "timeout-zero", path: one + "?timeout=0", want: 200},
		{name: "timeout-bogus-anonymous", as: nobody, path: one + "?timeout=bogus", want: 400},
		{name: "rv", path: one + "?resourceVersion=${rv}", want: 200},
		{name: "rv-zero", path: one + "?resourceVersion=0", want: 200},
		{name: "rv-bogus", path: one + "?resourceVersion=bogus", want: 500},
		{name: "rv-future", path: core("configmaps") + "?resourceVersion=999999999", want: 504},
		{name: "rv-exact", path: core("configmaps") + "?resourceVersion=${rv}&resourceVersionMatch=Exact", want: 200},
		{name: "rv-match-alone", path: core("configmaps") + "?resourceVersionMatch=Exact", want: 422},
		{name: "rv-match-bogus", path: core("configmaps") + "?resourceVersion=1&resourceVersionMatch=Roughly", want: 422},
		{name: "body", path: one, body: "a GET with a body that nobody reads", want: 200},
		{name: "body-large", path: one, body: strings.Repeat("x", unreadBody), want: 200},
		{name: "if-none-match", path: one, header: map[string]string{"If-None-Match": `"x"`}, want: 200},
		{name: "range", path: one, header: map[string]string{"Range": "bytes=0-9"}, want: 200},
		{name: "method-unknown", method: "BREW", path: one, want: 405},
		{name: "post-to-object", method: "POST", path: one, header: typed(typeJSON), body: configMap("one", "1"), want: 405},
		{name: "put-to-list", method: "PUT", path: core("configmaps"), header: typed(typeJSON), body: configMap("one", "1"), want: 405},
		{name: "reader", as: reader, path: one, want: 200},
		{name: "reader-forbidden", as: reader, path: core(sideForbidden), want: 403},
		{name: "reader-forbidden-yaml", as: reader, path: core(sideForbidden), header: accept(typeYAML), want: 403},
		{name: "reader-forbidden-post", as: reader, method: "POST", path: core("configmaps"), header: typed(typeJSON), body: configMap("two", "1"), want: 403},
		{name: "reader-forbidden-large", as: reader, method: "POST", path: core("configmaps"), header: typed(typeJSON), body: configMap("two", strings.Repeat("x", unreadBody)), want: 403},
		{name: "reader-forbidden-half", as: reader, method: "POST", path: core("configmaps"), header: typed(typeJSON), body: configMap("two", strings.Repeat("x", halfUnread)), want: 403},
		{name: "reader-forbidden-chunked", as: reader, method: "POST", chunked: true, path: core("configmaps"), header: typed(typeJSON), body: configMap("two", strings.Repeat("x", unreadBody)), want: 403},
		{name: "anonymous-forbidden", as: nobody, path: one, want: 403},
		{name: "stranger", as: stranger, path: one, want: 401},
		{name: "stranger-post", as: stranger, method: "POST", path: core("configmaps"), header: typed(typeJSON), body: configMap("two", "1"), want: 401},
		{name: "stranger-large", as: stranger, method: "POST", path: core("configmaps"), header: typed(typeJSON), body: configMap("two", strings.Repeat("x", unreadBody)), want: 401},
		{name: "stranger-protobuf", as: stranger, path: one, header: accept(typeProtobuf), want: 401},
		{name: "authorization-odd", as: nobody, path: one, header: map[string]string{"Authorization": "Basic YTpi"}, want: 403},
	}}
}

// writes are requests that change one object, or would.
func writes() group {
	all := core("configmaps")
	json := func(name, method, path, body string, want int) step {
		return step{name: name, method: method, path: path, header: typed(typeJSON), body: body, want: want}
	}
	patch := func(name, contentType, path, body string, want int) step {
		return step{name: name, method: "PATCH", path: path, header: typed(contentType), body: body, want: want}
	}
	one := core("configmaps/w")
	unknown := `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"unknown","colour":"red"},"data":{"a":"1"},"size":3}`
	twice := `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"twice"},"data":{"a":"1","a":"2"}}`
	return group{"writes", []step{
		json("create-dry", "POST", all+"?dryRun=All", configMap("w", "1"), 201),
		json("create-dry-bogus", "POST", all+"?dryRun=Some", configMap("w", "1"), 422),
		json("create", "POST", all, configMap("w", "1"), 201),
		json("create-exists", "POST", all, configMap("w", "1"), 409),
		json("create-generated", "POST", all, `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"generateName":"gen-"}}`, 201),
		{name: "create-yaml", method: "POST", path: all, header: typed(typeYAML), body: configMapYAML("wy", "1"), want: 201},
		{name: "create-protobuf", method: "POST", path: all, header: typed(typeProtobuf), body: configMapProto("wp", "1"), want: 201},
		{name: "create-protobuf-both", method: "POST", path: all, header: map[string]string{"Content-Type": typeProtobuf, "Accept": typeProtobuf}, body: configMapProto("wpp", "1"), want: 201},
		{name: "create-protobuf-bad", method: "POST", path: all, header: typed(typeProtobuf), body: "k8s\x00\xff\xff\xff", want: 400},
		{name: "create-cbor", method: "POST", path: all, header: typed(typeCBOR), body: "\xd9\xd9\xf7\xa0", want: 415},
		{name: "create-untyped", method: "POST", path: all, body: configMap("wu", "1"), want: 201},
		{name: "create-chunked", method: "POST", path: all, chunked: true, header: typed(typeJSON), body: configMap("wc", "1"), want: 201},
		{name: "create-chunked-large", method: "POST", path: all, chunked: true, header: typed(typeJSON), body: configMap("wcl", strings.Repeat("x", unreadBody)), want: 201},
		{name: "create-expect", method: "POST", path: all, expect: true, header: typed(typeJSON), body: configMap("we", "1"), want: 201},
		{name: "create-expect-403", as: reader, method: "POST", path: all, expect: true, header: typed(typeJSON), body: configMap("we", "1"), want: 403},
		{name: "create-expect-401", as: stranger, method: "POST", path: all, expect: true, header: typed(typeJSON), body: configMap("we", "1"), want: 401},
		{name: "create-expect-409", method: "POST", path: all, expect: true, header: typed(typeJSON), body: configMap("we", "1"), want: 409},
		{name: "create-expect-odd", method: "POST", path: all, header: map[string]string{"Content-Type": typeJSON, "Expect": "a-miracle"}, body: configMap("wo", "1"), want: 417, only: http1},
		{name: "create-timeout", method: "POST", path: all + "?timeout=20s", header: typed(typeJSON), body: configMap("wt", "1"), want: 201},
		{name: "create-timeout-bogus", method: "POST", path: all + "?timeout=bogus", header: typed(typeJSON), body: configMap("wtb", "1"), want: 400},
		{name: "create-timeout-bogus-large", method: "POST", path: all + "?timeout=bogus", header: typed(typeJSON), body: configMap("wtb", strings.Repeat("x", unreadBody)), want: 400},

		{name: "415", method: "POST", path: all, header: typed("text/csv"), body: "a,b", want: 415},
		{name: "415-large", method: "POST", path: all, header: typed("text/csv"), body: strings.Repeat("a,b\n", unreadBody/4), want: 415},
		{name: "413", method: "POST", path: all, header: typed(typeJSON), body: configMap("huge", strings.Repeat("x", maxBodySize)), want: 413},
		{name: "413-chunked", method: "POST", path: all, chunked: true, header: typed(typeJSON), body: configMap("huge", strings.Repeat("x", maxBodySize)), want: 413},
		{name: "large-invalid", method: "POST", path: all, header: typed(typeJSON), body: configMap("large", strings.Repeat("x", twoMiB)), want: 422},
		json("empty", "POST", all, "", 400),
		json("malformed", "POST", all, `{"apiVersion":"v1","kind":`, 400),
		json("kind-unknown", "POST", all, `{"apiVersion":"v1","kind":"Nothing"}`, 400),
		json("kind-other", "POST", all, `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"s"}}`, 400),
		json("type-wrong", "POST", all, `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"t"},"data":{"a":1}}`, 400),
		json("invalid", "POST", all, configMap("Not_A_Name", "1"), 422),
		json("namespace-other", "POST", all, `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"o","namespace":"other"}}`, 400),
		json("namespace-missing", "POST", "/api/v1/namespaces/none/configmaps", configMap("w", "1"), 404),

		json("strict", "POST", all+"?dryRun=All&fieldValidation=Strict", unknown, 400),
		json("warn", "POST", all+"?dryRun=All&fieldValidation=Warn", unknown, 201),
		json("ignore", "POST", all+"?dryRun=All&fieldValidation=Ignore", unknown, 201),
		json("default", "POST", all+"?dryRun=All", unknown, 201),
		json("bogus", "POST", all+"?dryRun=All&fieldValidation=Maybe", unknown, 422),
		json("strict-twice", "POST", all+"?dryRun=All&fieldValidation=Strict", twice, 400),
		json("warn-twice", "POST", all+"?dryRun=All&fieldValidation=Warn", twice, 201),
		{name: "strict-yaml", method: "POST", path: all + "?dryRun=All&fieldValidation=Strict", header: typed(typeYAML), body: configMapYAML("sy", "1") + "size: 3\n", want: 400},
		{name: "warn-yaml", method: "POST", path: all + "?dryRun=All&fieldValidation=Warn", header: typed(typeYAML), body: configMapYAML("sy", "1") + "size: 3\n", want: 201},
		{name: "strict-protobuf", method: "POST", path: all + "?dryRun=All&fieldValidation=Strict", header: typed(typeProtobuf), body: configMapProto("sp", "1"), want: 201},

		json("update", "PUT", one, configMap("w", "2"), 200),
		json("update-same", "PUT", one, configMap("w", "2"), 200),
		json("update-dry", "PUT", one+"?dryRun=All", configMap("w", "3"), 200),
		json("update-conflict", "PUT", one, `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"w","resourceVersion":"1"}}`, 409),
		json("update-name", "PUT", one, configMap("other", "2"), 400),
		json("update-missing", "PUT", core("configmaps/none"), configMap("none", "2"), 404),
		json("update-uid", "PUT", one, `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"w","uid":"00000000-0000-0000-0000-000000000000"}}`, 409),
		json("update-strict", "PUT", one+"?fieldValidation=Strict", `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"w"},"size":3}`, 400),
		{name: "update-protobuf", method: "PUT", path: one, header: typed(typeProtobuf), body: configMapProto("w", "4"), want: 200},
		{name: "update-yaml", method: "PUT", path: one, header: typed(typeYAML), body: configMapYAML("w", "5"), want: 200},

		patch("merge", typeMerge, one, `{"data":{"b":"1"}}`, 200),
		patch("merge-dry", typeMerge, one+"?dryRun=All", `{"data":{"b":"2"}}`, 200),
		patch("merge-nothing", typeMerge, one, `{}`, 200),
		patch("merge-unknown", typeMerge, one, `{"size":3}`, 200),
		patch("merge-unknown-strict", typeMerge, one+"?fieldValidation=Strict", `{"size":3}`, 422),
		patch("merge-malformed", typeMerge, one, `{"data":`, 400),
		patch("merge-conflict", typeMerge, one, `{"metadata":{"resourceVersion":"1"},"data":{"b":"9"}}`, 409),
		patch("merge-missing", typeMerge, core("configmaps/none"), `{"data":{"b":"1"}}`, 404),
		patch("json", typeJSONPatch, one, `[{"op":"add","path":"/data/c","value":"1"}]`, 200),
		patch("json-test", typeJSONPatch, one, `[{"op":"test","path":"/data/c","value":"2"}]`, 422),
		patch("json-malformed", typeJSONPatch, one, `{"op":"add"}`, 400),
		patch("json-missing", typeJSONPatch, one, `[{"op":"remove","path":"/data/nothing"}]`, 422),
		patch("strategic", typeStrategic, one, `{"data":{"d":"1","a":null}}`, 200),
		patch("strategic-warn", typeStrategic, one+"?fieldValidation=Warn", `{"data":{"d":"2"},"size":3}`, 200),
		patch("patch-type", "application/json", one, `{"data":{"b":"1"}}`, 415),
		patch("patch-untyped", "", one, `{"data":{"b":"1"}}`, 415),
		patch("patch-force", typeMerge, one+"?force=true", `{"data":{"b":"1"}}`, 422),

		patch("apply", typeApply, core("configmaps/applied")+"?fieldManager=first", configMapYAML("applied", "1"), 201),
		patch("apply-same", typeApply, core("configmaps/applied")+"?fieldManager=first", configMapYAML("applied", "1"), 200),
		patch("apply-conflict", typeApply, core("configmaps/applied")+"?fieldManager=second", configMapYAML("applied", "2"), 409),
		patch("apply-force", typeApply, core("configmaps/applied")+"?fieldManager=second&force=true", configMapYAML("applied", "2"), 200),
		patch("apply-dry", typeApply, core("configmaps/applied")+"?fieldManager=second&dryRun=All", configMapYAML("applied", "3"), 200),
		patch("apply-nobody", typeApply, core("configmaps/applied"), configMapYAML("applied", "3"), 422),
		patch("apply-strict", typeApply, core("configmaps/applied")+"?fieldManager=second&fieldValidation=Strict", configMapYAML("applied", "2")+"size: 3\n", 500),
		patch("apply-malformed", typeApply, core("configmaps/applied")+"?fieldManager=second", "a: [", 400),
		patch("apply-cbor", typeApplyCBOR, core("configmaps/applied")+"?fieldManager=second", "\xa0", 415),

		{name: "delete-dry", method: "DELETE", path: one + "?dryRun=All", want: 200},
		json("delete-uid", "DELETE", one, `{"apiVersion":"v1","kind":"DeleteOptions","preconditions":{"uid":"00000000-0000-0000-0000-000000000000"}}`, 409),
		json("delete-options-bad", "DELETE", one, `{"apiVersion":"v1","kind":"DeleteOptions","propagationPolicy":"Slowly"}`, 422),
		json("delete-options", "DELETE", one, `{"apiVersion":"v1","kind":"DeleteOptions","propagationPolicy":"Background"}`, 200),
		{name: "delete-missing", method: "DELETE", path: one, want: 404},
		{name: "delete-query", method: "DELETE", path: core("configmaps/wy") + "?gracePeriodSeconds=0&propagationPolicy=Orphan", want: 200},
		{name: "delete-protobuf", method: "DELETE", path: core("configmaps/wp"), header: accept(typeProtobuf), want: 200},
	}}
}

// lists are requests for many objects, and what is done to many.
func lists() group {
	steps := []step{}
	for i := range 6 {
		steps = append(steps, step{name: fmt.Sprintf("create-%d", i), method: "POST", path: core("configmaps"), header: typed(typeJSON), want: 201,
			body: fmt.Sprintf(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"list-%d","labels":{"list":"yes","odd":"%d"}}}`, i, i%2)})
	}
	all := core("configmaps") + "?labelSelector=list%3Dyes"
	large := "/api/v1/namespaces/" + largeNamespace + "/configmaps"
	zip := map[string]string{"Accept-Encoding": "gzip"}
	steps = append(steps,
		step{name: "all", path: all, want: 200},
		step{name: "yaml", path: all, header: accept(typeYAML), want: 200},
		step{name: "protobuf", path: all, header: accept(typeProtobuf), want: 200},
		step{name: "table", path: all, header: accept(asTable), want: 200},
		step{name: "metadata", path: all, header: accept(asMetadatas), want: 200},
		step{name: "406", path: all, header: accept(asMetadatas + "x;as=Nothing"), want: 200},
		step{name: "gzip", path: all, header: zip, want: 200},
		step{name: "page-1", path: all + "&limit=2", want: 200, save: saveJSON("continue", "metadata", "continue")},
		step{name: "page-2", path: all + "&limit=2&continue=${continue}", want: 200, save: saveJSON("continue", "metadata", "continue")},
		step{name: "page-3", path: all + "&limit=2&continue=${continue}", want: 200},
		step{name: "page-rv", path: all + "&limit=2&continue=${continue}&resourceVersion=5", want: 400},
		step{name: "page-bogus", path: all + "&continue=bogus", want: 400},
		step{name: "limit-bogus", path: all + "&limit=many", want: 400},
		step{name: "labels", path: all + ",odd%3D1", want: 200},
		step{name: "labels-set", path: core("configmaps") + "?labelSelector=odd%20in%20(0,7)", want: 200},
		step{name: "labels-none", path: core("configmaps") + "?labelSelector=list%3Dno", want: 200},
		step{name: "labels-bogus", path: core("configmaps") + "?labelSelector=a%3D%3D%3Db", want: 400},
		step{name: "fields", path: core("configmaps") + "?fieldSelector=metadata.name%3Dlist-1", want: 200},
		step{name: "fields-bogus", path: core("configmaps") + "?fieldSelector=data.a%3D1", want: 400},
		step{name: "rv-zero", path: all + "&resourceVersion=0", want: 200},
		step{name: "large", path: large, want: 200},
		step{name: "large-gzip", path: large, header: zip, want: 200},
		step{name: "large-protobuf", path: large, header: accept(typeProtobuf), want: 200},
		step{name: "large-yaml", path: large, header: accept(typeYAML), want: 200},
		step{name: "large-yaml-gzip", path: large, header: map[string]string{"Accept": typeYAML, "Accept-Encoding": "gzip"}, want: 200},
		step{name: "large-pages", path: large + "?limit=10", want: 200},
		step{name: "large-metadata", path: large, header: accept(asMetadatas), want: 200},
		step{name: "large-one", path: large + "/large-00", want: 200},
		step{name: "large-one-gzip", path: large + "/large-00", header: zip, want: 200},
		step{name: "everywhere", path: "/api/v1/configmaps?labelSelector=list%3Dyes&fieldSelector=metadata.namespace%3D${ns}", want: 200},
		step{name: "nodes", path: "/api/v1/nodes", want: 200},
		step{name: "deprecated", path: "/api/v1/componentstatuses", want: 200, ignore: map[string]string{"body*": "in no order", "audit.ResponseComplete*": "as body"}},
		step{name: "endpoints-deprecated", path: core("endpoints"), want: 200},
		step{name: "collection-dry", method: "DELETE", path: all + "&dryRun=All", want: 200},
		step{name: "collection-forbidden", as: reader, method: "DELETE", path: all, want: 403},
		step{name: "collection", method: "DELETE", path: all, want: 200},
		step{name: "collection-empty", method: "DELETE", path: all, want: 200},
		step{name: "collection-bad", method: "DELETE", path: all, header: typed(typeJSON), body: `{"apiVersion":"v1","kind":"DeleteOptions","propagationPolicy":"Slowly"}`, want: 422},
	)
	return group{"lists", steps}
}
