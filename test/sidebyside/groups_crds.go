package sidebyside

// crds are requests for kinds that somebody has defined.
func crds() group {
	const definition = `{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"widgets.${p}.example"},
"spec":{"group":"${p}.example","scope":"Namespaced","names":{"plural":"widgets","singular":"widget","kind":"Widget","listKind":"WidgetList","shortNames":["wd"]},
"conversion":{"strategy":"None"},"versions":[
{"name":"v1","served":true,"storage":true,"subresources":{"status":{},"scale":{"specReplicasPath":".spec.replicas","statusReplicasPath":".status.replicas"}},
"additionalPrinterColumns":[{"name":"Size","type":"integer","jsonPath":".spec.size"}],
"schema":{"openAPIV3Schema":{"type":"object","properties":{
"spec":{"type":"object","required":["size"],"properties":{"size":{"type":"integer","maximum":10},"replicas":{"type":"integer"},"colour":{"type":"string","default":"blue"}},
"x-kubernetes-validations":[{"rule":"self.colour != 'red'","message":"not in red"}]},
"status":{"type":"object","x-kubernetes-preserve-unknown-fields":true}}}}},
{"name":"v1beta1","served":true,"storage":false,"deprecated":true,"deprecationWarning":"use v1",
"schema":{"openAPIV3Schema":{"type":"object","x-kubernetes-preserve-unknown-fields":true}}}]}}`
	const (
		v1   = "/apis/${p}.example/v1/namespaces/${ns}/widgets"
		beta = "/apis/${p}.example/v1beta1/namespaces/${ns}/widgets"
	)
	const crd = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
	widget := func(name, spec string) string {
		return `{"apiVersion":"${p}.example/v1","kind":"Widget","metadata":{"name":"` + name + `"},"spec":` + spec + `}`
	}
	json := func(name, method, path, body string, want int) step {
		return step{name: name, method: method, path: path, header: typed(typeJSON), body: body, want: want}
	}
	patch := func(name, contentType, path, body string, want int) step {
		return step{name: name, method: "PATCH", path: path, header: typed(contentType), body: body, want: want}
	}
	// What the server gives out to go on with list-1 at the version 1, before there was any widget.
	const oldPage = "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MSwic3RhcnQiOiJsaXN0LTFcdTAwMDAifQ"
	one := v1 + "/w"
	return group{"crds", []step{
		json("define-invalid", "POST", crd, `{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"x.${p}.example"},"spec":{"group":"${p}.example"}}`, 422),
		json("define", "POST", crd, definition, 201),
		{name: "list-empty", path: v1, await: true, want: 200},
		{name: "discovery", path: "/apis/${p}.example/v1", await: true, want: 200},
		{name: "list-beta", path: beta, await: true, want: 200},
		json("create", "POST", v1, widget("w", `{"size":3,"replicas":1}`), 201),
		{name: "create-yaml", method: "POST", path: v1, header: typed(typeYAML), want: 201,
			body: "apiVersion: ${p}.example/v1\nkind: Widget\nmetadata:\n  name: wy\nspec:\n  size: 4\n"},
		json("create-exists", "POST", v1, widget("w", `{"size":3}`), 409),
		json("invalid-schema", "POST", v1, widget("i", `{"size":30}`), 422),
		json("invalid-rule", "POST", v1, widget("i", `{"size":3,"colour":"red"}`), 422),
		json("strict", "POST", v1+"?fieldValidation=Strict", widget("i", `{"size":3,"weight":4}`), 400),
		json("warn", "POST", v1+"?fieldValidation=Warn&dryRun=All", widget("i", `{"size":3,"weight":4}`), 201),
		json("ignore", "POST", v1+"?fieldValidation=Ignore&dryRun=All", widget("i", `{"size":3,"weight":4}`), 201),
		// The handler panics.
		{name: "create-protobuf", method: "POST", path: v1, header: typed(typeProtobuf), body: configMapProto("x", "1"), want: noAnswer},
		{name: "create-cbor", method: "POST", path: v1, header: typed(typeCBOR), body: "\xa0", want: 415},
		{name: "get", path: one, want: 200},
		{name: "get-protobuf", path: one, header: accept(typeProtobuf), want: 406},
		{name: "get-protobuf-or-json", path: one, header: accept(typeProtobuf + "," + typeJSON), want: 200},
		{name: "get-beta", path: beta + "/w", want: 200},
		{name: "get-table", path: v1, header: accept(asTable), want: 200},
		{name: "get-metadata", path: one, header: accept(asMetadata), want: 200},
		{name: "get-metadata-protobuf", path: one, header: accept(asMetadataPB), want: 200},
		{name: "get-missing", path: v1 + "/none", want: 404},
		{name: "list-yaml", path: v1, header: accept(typeYAML), want: 200},
		{name: "list-pages", path: v1 + "?limit=1", want: 200},
		{name: "watch", path: v1 + "?watch=1&timeoutSeconds=1", want: 200},
		patch("merge", typeMerge, one, `{"spec":{"size":5}}`, 200),
		patch("json-patch", typeJSONPatch, one, `[{"op":"replace","path":"/spec/size","value":6}]`, 200),
		patch("strategic", typeStrategic, one, `{"spec":{"size":5}}`, 415),
		patch("apply", typeApply, one+"?fieldManager=a", "apiVersion: ${p}.example/v1\nkind: Widget\nmetadata:\n  name: w\nspec:\n  size: 7\n", 409),
		patch("apply-force", typeApply, one+"?fieldManager=a&force=true", "apiVersion: ${p}.example/v1\nkind: Widget\nmetadata:\n  name: w\nspec:\n  size: 7\n", 200),
		patch("apply-strict", typeApply, one+"?fieldManager=a&fieldValidation=Strict", "apiVersion: ${p}.example/v1\nkind: Widget\nmetadata:\n  name: w\nspec:\n  size: 7\n  weight: 1\n", 500),
		patch("status", typeMerge, one+"/status", `{"status":{"replicas":1,"anything":"goes"}}`, 200),
		{name: "scale", path: one + "/scale", want: 200},
		patch("scale-patch", typeMerge, one+"/scale", `{"spec":{"replicas":4}}`, 200),
		json("update-conflict", "PUT", one, `{"apiVersion":"${p}.example/v1","kind":"Widget","metadata":{"name":"w","resourceVersion":"1"},"spec":{"size":1}}`, 409),
		json("update-unversioned", "PUT", one, widget("w", `{"size":1}`), 422),
		{name: "delete", method: "DELETE", path: one, want: 200},
		{name: "expired", before: compact, path: v1 + "?resourceVersion=1&resourceVersionMatch=Exact", want: 410},
		{name: "expired-metadata-protobuf", path: v1 + "?resourceVersion=1&resourceVersionMatch=Exact", header: accept("application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"), want: 410},
		{name: "expired-page", path: v1 + "?limit=2&continue=" + oldPage, want: 410},
		{name: "expired-watch", path: v1 + "?watch=1&timeoutSeconds=1&resourceVersion=1", want: 200},
		{name: "delete-collection", method: "DELETE", path: v1, want: 200},
		{name: "definition", path: crd + "/widgets.${p}.example", header: accept(asTable), want: 200},
		{name: "delete-definition", method: "DELETE", path: crd + "/widgets.${p}.example", want: 200},
	}}
}
