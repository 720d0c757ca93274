package sidebyside

import "strings"

// aggregated are requests that another server answers, through this one.
func aggregated() group {
	const things = "/apis/" + thingsGroup + "/" + thingsVersion + "/things"
	json := func(name, path, body string, want int) step {
		return step{name: name, method: "POST", path: path, header: typed(typeJSON), body: body, want: want}
	}
	upgrade := func(name string, want int) step {
		return step{name: "upgrade-" + name, only: http1, want: want, raw: "GET " + things + "/" + name + ` HTTP/1.1
Host: side
User-Agent: sidebyside/${id}
Audit-Id: ${id}
Authorization: ${auth}
Connection: Upgrade
Upgrade: echo

hello
`}
	}
	// An informational status is taken for the final one: D17.
	// The body is being read, for the backend, as the answer goes.
	often := func(s step) step {
		s.times = 20
		return s
	}
	expecting := json("expect", things, `{"a":1}`, 200)
	expecting.expect, expecting.only = true, http1
	expecting.ignore = map[string]string{"informational": "the backend's 100 comes through, and net/http's own may have come before"}
	chunked := json("chunked", things, strings.Repeat("x", unreadBody), 409)
	chunked.chunked = true
	return group{"aggregated", []step{
		{name: "group", path: "/apis/" + thingsGroup, want: 200},
		{name: "resources", path: "/apis/" + thingsGroup + "/" + thingsVersion, want: 200},
		{name: "one", path: things + "/one", want: 200},
		{name: "one-protobuf", path: things + "/one", header: accept(typeProtobuf), want: 200},
		{name: "head", method: "HEAD", path: things + "/one", want: 200},
		{name: "missing", path: things + "/none", want: 404},
		{name: "forbidden", as: reader, path: things + "/one", want: 403},
		{name: "stranger", as: stranger, path: things + "/one", want: 401},
		{name: "timeout-bogus", path: things + "/one?timeout=bogus", want: 400},
		{name: "empty", path: things + "/empty", want: 200},
		{name: "no-content", path: things + "/no-content", want: 204},
		{name: "failed", path: things + "/failed", want: 500},
		{name: "warned", path: things + "/warned", want: 200},
		{name: "trailer", path: things + "/trailer", want: 200},
		{name: "large", path: things + "/large", want: 200},
		{name: "flushed", path: things + "/flushed", want: 200},
		{name: "redirect", path: things + "/redirect", want: 502},
		json("conflict", things, `{"a":1}`, 409),
		chunked,
		often(json("unread", things+"/unread", strings.Repeat("x", proxiedBody), 403)),
		often(json("unread-some", things+"/unread", strings.Repeat("x", halfUnread), 403)),
		expecting,
		{name: "expect", only: http2, method: "POST", path: things, expect: true, header: typed(typeJSON), body: `{"a":1}`, want: 409},
		{name: "early", path: things + "/early", want: 200},
		{name: "dropped", path: things + "/dropped", want: 503},
		{name: "cut", path: things + "/cut", want: 200},
		upgrade("upgrade", 101),
		upgrade("refused", 403),
		{name: "after", path: things + "/one", want: 200},
		{name: "unavailable", path: "/apis/nowhere.example/v1/things", want: 503},
		{name: "unavailable-post", method: "POST", path: "/apis/nowhere.example/v1/things", header: typed(typeJSON), body: strings.Repeat("x", unreadBody), want: 503},
	}}
}
