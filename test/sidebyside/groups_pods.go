package sidebyside

import (
	"fmt"
	"strings"
)

// pods are requests for kinds with subresources, some of which lead to a node.
func pods() group {
	pod := func(name, extra string) string {
		return `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"` + name + `","labels":{"app":"` + name + `"}},"spec":{` + extra +
			`"automountServiceAccountToken":false,"containers":[{"name":"c","image":"example/none"}]}}`
	}
	var env []string
	for i := range 20 {
		env = append(env, fmt.Sprintf(`{"name":"A","value":"%d"}`, i))
	}
	warned := `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"warned"},"spec":{"automountServiceAccountToken":false,"containers":[{"name":"c","image":"example/none","env":[` +
		strings.Join(env, ",") + `]}]}}`
	all, one := core("pods"), core("pods/p")
	json := func(name, method, path, body string, want int) step {
		return step{name: name, method: method, path: path, header: typed(typeJSON), body: body, want: want}
	}
	upgrade := func(name, path, headers string, want int) step {
		return step{name: name, only: http1, want: want, raw: "POST " + path + ` HTTP/1.1
Host: side
User-Agent: sidebyside/${id}
Audit-Id: ${id}
Authorization: ${auth}
` + headers + `
`}
	}
	spdy := "Connection: Upgrade\nUpgrade: SPDY/3.1\nX-Stream-Protocol-Version: v4.channel.k8s.io\nContent-Length: 0\n"
	eviction := func(name string) string {
		return `{"apiVersion":"policy/v1","kind":"Eviction","metadata":{"name":"` + name + `"}}`
	}
	return group{"pods", []step{
		json("create", "POST", all, pod("p", ""), 201),
		json("create-warned", "POST", all, warned, 201),
		json("create-warned-dry", "POST", all+"?dryRun=All", warned, 409),
		json("create-invalid", "POST", all, `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"i"},"spec":{"containers":[]}}`, 422),
		json("create-no-account", "POST", all, strings.Replace(pod("n", ""), `"spec":{`, `"spec":{"serviceAccountName":"none",`, 1), 403),
		{name: "get", path: one, want: 200},
		{name: "table", path: all, header: accept(asTable), want: 200},
		{name: "protobuf", path: all, header: accept(typeProtobuf), want: 200},
		{name: "fields", path: all + "?fieldSelector=spec.nodeName%3D,status.phase%3DPending", want: 200},
		json("immutable", "PUT", one, pod("p", `"hostNetwork":true,`), 422),
		{name: "status", path: one + "/status", want: 200},
		{name: "status-patch", method: "PATCH", path: one + "/status", header: typed(typeStrategic), body: `{"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}]}}`, want: 200},
		{name: "ephemeral", method: "PATCH", path: one + "/ephemeralcontainers", header: typed(typeStrategic), body: `{"spec":{"ephemeralContainers":[{"name":"e","image":"example/none"}]}}`, want: 200},
		{name: "resize", method: "PATCH", path: one + "/resize", header: typed(typeStrategic), body: `{"spec":{"containers":[{"name":"c","resources":{"limits":{"cpu":"1"}}}]}}`, want: 422},
		{name: "log-nowhere", path: one + "/log", want: 204},
		{name: "exec-nowhere", path: one + "/exec?command=true&stdout=true", want: 400},
		{name: "attach-nowhere", path: one + "/attach?stdout=true", want: 400},
		{name: "portforward-nowhere", path: one + "/portforward", want: 400},
		{name: "proxy-nowhere", path: one + "/proxy/", want: 400},
		{name: "log-missing", path: core("pods/none/log"), want: 404},
		{name: "log-forbidden", as: reader, path: one + "/log", want: 403},

		json("bind", "POST", one+"/binding", `{"apiVersion":"v1","kind":"Binding","metadata":{"name":"p"},"target":{"kind":"Node","name":"`+nodeName+`"}}`, 201),
		json("bind-again", "POST", one+"/binding", `{"apiVersion":"v1","kind":"Binding","metadata":{"name":"p"},"target":{"kind":"Node","name":"`+nodeName+`"}}`, 409),
		{name: "log", path: one + "/log", want: 200},
		{name: "log-gzip", path: one + "/log", header: map[string]string{"Accept-Encoding": "gzip"}, want: 200},
		{name: "log-container", path: one + "/log?container=nothing", want: 400},
		{name: "log-options", path: one + "/log?tailLines=-1", want: 422},
		{name: "exec", path: one + "/exec?command=true&stdout=true", want: 400},
		upgrade("exec-upgrade", one+"/exec?command=true&stdout=true", spdy+"\nhello\n", 101),
		upgrade("exec-upgrade-forbidden", "/api/v1/namespaces/none/pods/p/exec?command=true&stdout=true", spdy, 404),
		upgrade("attach-upgrade", one+"/attach?stdout=true", spdy, 404),
		{name: "node-proxy", path: "/api/v1/nodes/" + nodeName + "/proxy/healthz", want: 400},

		json("budget", "POST", "/apis/policy/v1/namespaces/${ns}/poddisruptionbudgets",
			`{"apiVersion":"policy/v1","kind":"PodDisruptionBudget","metadata":{"name":"b"},"spec":{"minAvailable":1,"selector":{"matchLabels":{"app":"p"}}}}`, 201),
		json("evict-budget", "POST", one+"/eviction", eviction("p"), 429),
		json("evict-missing", "POST", core("pods/none/eviction"), eviction("none"), 404),
		json("evict", "POST", core("pods/warned/eviction"), eviction("warned"), 201),
		{name: "delete", method: "DELETE", path: one + "?gracePeriodSeconds=30", want: 200},
		{name: "delete-now", method: "DELETE", path: one + "?gracePeriodSeconds=0", want: 200},
	}}
}

// workloads are requests for kinds of other groups.
func workloads() group {
	apps := "/apis/apps/v1/namespaces/${ns}/deployments"
	json := func(name, method, path, body string, want int) step {
		return step{name: name, method: method, path: path, header: typed(typeJSON), body: body, want: want}
	}
	const deployment = `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d"},"spec":{"replicas":1,"selector":{"matchLabels":{"app":"d"}},` +
		`"template":{"metadata":{"labels":{"app":"d"}},"spec":{"containers":[{"name":"c","image":"example/none"}]}}}}`
	scale := func(replicas string) string {
		return `{"apiVersion":"autoscaling/v1","kind":"Scale","metadata":{"name":"d","namespace":"${ns}"},"spec":{"replicas":` + replicas + `}}`
	}
	return group{"workloads", []step{
		json("create", "POST", apps, deployment, 201),
		json("create-strict", "POST", apps+"?fieldValidation=Strict", strings.Replace(deployment, `"replicas":1`, `"replica":1`, 1), 400),
		{name: "scale", path: apps + "/d/scale", want: 200},
		{name: "scale-protobuf", path: apps + "/d/scale", header: accept(typeProtobuf), want: 200},
		json("scale-put", "PUT", apps+"/d/scale", scale("3"), 200),
		json("scale-bad", "PUT", apps+"/d/scale", scale("-3"), 422),
		{name: "scale-patch", method: "PATCH", path: apps + "/d/scale", header: typed(typeMerge), body: `{"spec":{"replicas":2}}`, want: 200},
		{name: "scale-apply", method: "PATCH", path: apps + "/d/scale?fieldManager=a", header: typed(typeApply), body: "apiVersion: autoscaling/v1\nkind: Scale\nmetadata:\n  name: d\nspec:\n  replicas: 7\n", want: 409},
		{name: "status", path: apps + "/d/status", want: 200},
		{name: "status-patch", method: "PATCH", path: apps + "/d/status", header: typed(typeMerge), body: `{"status":{"replicas":2}}`, want: 200},
		{name: "strategic", method: "PATCH", path: apps + "/d", header: typed(typeStrategic), body: `{"spec":{"template":{"spec":{"containers":[{"name":"c","image":"example/other"}]}}}}`, want: 200},
		{name: "apply-conflict", method: "PATCH", path: apps + "/d?fieldManager=other", header: typed(typeApply), want: 409,
			body: "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: d\nspec:\n  replicas: 9\n"},
		{name: "table", path: apps, header: accept(asTable), want: 200},
		{name: "delete", method: "DELETE", path: apps + "/d?propagationPolicy=Foreground", want: 200},
		json("service", "POST", core("services"), `{"apiVersion":"v1","kind":"Service","metadata":{"name":"s"},"spec":{"clusterIP":"None","ports":[{"port":80}]}}`, 201),
		{name: "service-proxy", path: core("services/s/proxy/"), want: 503},
		json("service-bad", "POST", core("services"), `{"apiVersion":"v1","kind":"Service","metadata":{"name":"t"},"spec":{"ports":[]}}`, 422),
		json("secret", "POST", core("secrets"), `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"s"},"stringData":{"a":"b"}}`, 201),
		json("secret-type", "POST", core("secrets"), `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"t"},"type":"kubernetes.io/tls"}`, 422),
		json("event", "POST", core("events"), `{"apiVersion":"v1","kind":"Event","metadata":{"name":"e"},"involvedObject":{"namespace":"${ns}","kind":"Pod","name":"p"},"reason":"Why"}`, 201),
		json("namespace", "POST", "/api/v1/namespaces", `{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"gone-${p}"}}`, 201),
		{name: "namespace-delete", method: "DELETE", path: "/api/v1/namespaces/gone-${p}", want: 200},
		json("namespace-terminating", "POST", "/api/v1/namespaces/gone-${p}/configmaps", configMap("late", "1"), 403),
		json("namespace-finalize", "PUT", "/api/v1/namespaces/gone-${p}/finalize", `{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"gone-${p}"},"spec":{"finalizers":[]}}`, 200),
		json("quota", "POST", core("resourcequotas"), `{"apiVersion":"v1","kind":"ResourceQuota","metadata":{"name":"q"},"spec":{"hard":{"count/jobs.batch":"0"}}}`, 201),
	}}
}
