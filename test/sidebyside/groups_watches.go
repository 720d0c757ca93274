package sidebyside

// watches are requests that are answered with what happens. Each ends by itself after a second.
func watches() group {
	create := func(name string) step {
		return step{name: "create-" + name, method: "POST", path: core("configmaps"), header: typed(typeJSON), want: 201,
			body: `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"watched-` + name + `","labels":{"watched":"yes"}}}`,
			save: saveJSON("rv", "metadata", "resourceVersion")}
	}
	const (
		some  = "?watch=1&timeoutSeconds=1&labelSelector=watched%3Dyes"
		since = some + "&resourceVersion=${rv}"
		first = some + "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
	)
	all := core("configmaps")
	a := create("a")
	others := []step{create("b"), create("c")}
	for i := range others {
		others[i].save = nil // What follows watches from the first on.
	}
	upgrade := "GET " + all + since + ` HTTP/1.1
Host: side
User-Agent: sidebyside/${id}
Audit-Id: ${id}
Authorization: ${auth}
Connection: Upgrade
Upgrade: websocket
Origin: https://side.example
Sec-WebSocket-Version: 13
Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==

`
	steps := append([]step{a}, others...)
	steps = append(steps,
		step{name: "json", path: all + since, want: 200},
		step{name: "protobuf", path: all + since, header: accept(typeProtobuf + ";stream=watch"), want: 200},
		step{name: "yaml", path: all + since, header: accept(typeYAML), want: 406},
		step{name: "table", path: all + since, header: accept(asTable), want: 200},
		step{name: "metadata", path: all + since, header: accept(asMetadata), want: 200},
		step{name: "gzip", path: all + since, header: map[string]string{"Accept-Encoding": "gzip"}, want: 200},
		step{name: "from-now", path: all + some, want: 200},
		step{name: "from-zero", path: all + some + "&resourceVersion=0", want: 200},
		step{name: "bookmarks", path: all + since + "&allowWatchBookmarks=true", want: 200},
		step{name: "initial-events", path: all + first + "&allowWatchBookmarks=true", want: 200},
		step{name: "initial-events-protobuf", path: all + first + "&allowWatchBookmarks=true", header: accept(typeProtobuf + ";stream=watch"), want: 200},
		step{name: "initial-events-alone", path: all + some + "&sendInitialEvents=true", want: 422},
		step{name: "expired", path: all + some + "&resourceVersion=1", want: 200},
		step{name: "rv-bogus", path: all + some + "&resourceVersion=bogus", want: 500},
		step{name: "rv-future", path: all + some + "&resourceVersion=999999999", want: 200},
		step{name: "timeout-bogus", path: all + "?watch=1&timeoutSeconds=soon", want: 400},
		step{name: "timeout-parameter-bogus", path: all + since + "&timeout=bogus", want: 200},
		step{name: "one", path: all + "?watch=1&timeoutSeconds=1&fieldSelector=metadata.name%3Dwatched-a", want: 200},
		step{name: "old-path", path: "/api/v1/watch/namespaces/${ns}/configmaps/watched-a?timeoutSeconds=1", want: 200},
		step{name: "forbidden", as: reader, path: all + since, want: 403},
		step{name: "stranger", as: stranger, path: all + since, want: 401},
		step{name: "406", path: all + since, header: accept("text/plain"), want: 406},
		step{name: "head", method: "HEAD", path: all + since, want: 405},
		step{name: "websocket", only: http1, raw: upgrade, want: 101},
		step{name: "delete", method: "DELETE", path: all + "?labelSelector=watched%3Dyes", want: 200},
		step{name: "deleted", path: all + since, want: 200},
	)
	return group{"watches", steps}
}
