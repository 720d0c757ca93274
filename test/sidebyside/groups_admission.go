package sidebyside

import (
	"bytes"
	"strings"
)

// admission are requests that policies and webhooks have a say in.
func admission() group {
	const (
		registered = "/apis/admissionregistration.k8s.io/v1/"
		selector   = `"namespaceSelector":{"matchLabels":{"kubernetes.io/metadata.name":"${ns}"}}`
		rules      = `"rules":[{"apiGroups":[""],"apiVersions":["v1"],"operations":["CREATE"],"resources":["configmaps"]}]`
	)
	json := func(name, method, path, body string, want int) step {
		return step{name: name, method: method, path: path, header: typed(typeJSON), body: body, want: want}
	}
	webhook := func(kind, name, path, more string) string {
		return `{"apiVersion":"admissionregistration.k8s.io/v1","kind":"` + kind + `","metadata":{"name":"` + name + `-${p}"},"webhooks":[{"name":"` + name + `.side.example",
"admissionReviewVersions":["v1"],"sideEffects":"None","clientConfig":{"url":"https://127.0.0.1:${backend}` + path + `","caBundle":"${ca}"},` + selector + `,` + more + `}]}`
	}
	only := func(prefix string) string {
		return rules + `,"matchConditions":[{"name":"name","expression":"request.name.startsWith('` + prefix + `')"}]`
	}
	policy := func(name, validation string) string {
		return `{"apiVersion":"admissionregistration.k8s.io/v1","kind":"ValidatingAdmissionPolicy","metadata":{"name":"` + name + `-${p}"},
"spec":{"matchConstraints":{"resourceRules":[{"apiGroups":[""],"apiVersions":["v1"],"operations":["CREATE"],"resources":["configmaps"]}]},
"matchConditions":[{"name":"name","expression":"request.name.startsWith('policy-` + name + `')"}],"validations":[` + validation + `]}}`
	}
	binding := func(name, actions string) string {
		return `{"apiVersion":"admissionregistration.k8s.io/v1","kind":"ValidatingAdmissionPolicyBinding","metadata":{"name":"` + name + `-${p}"},
"spec":{"policyName":"` + name + `-${p}","validationActions":` + actions + `,"matchResources":{` + selector + `}}}`
	}
	all := core("configmaps")
	create := func(name string, want int) step { return json(name, "POST", all, configMap(name, "1"), want) }
	dry := func(name string, want int) step {
		s := json(name+"-dry", "POST", all+"?dryRun=All", configMap(name, "1"), want)
		s.await = true
		return s
	}
	until := func(s step, u func(*answer) bool) step {
		s.until = u
		return s
	}
	throttle := func(s step) step {
		s.as, s.holds = throttled, "hold-"+s.name+"-${p}"
		s.during = &step{name: "hold", as: throttled, method: "POST", path: all + "?dryRun=All", header: typed(typeJSON), body: configMap(s.holds, "1"), want: 201}
		return s
	}
	hooks := registered + "validatingwebhookconfigurations"
	lonely := strings.Replace(webhook("ValidatingWebhookConfiguration", "gone", "/admit/", only("gone")), "${backend}", "1", 1)
	return group{"admission", []step{
		json("policy", "POST", registered+"validatingadmissionpolicies", policy("deny", `{"expression":"false","message":"the policy says no"}`), 201),
		json("policy-binding", "POST", registered+"validatingadmissionpolicybindings", binding("deny", `["Deny","Audit"]`), 201),
		json("policy-warn", "POST", registered+"validatingadmissionpolicies", policy("warn", `{"expression":"false","messageExpression":"'not ' + object.metadata.name"}`), 201),
		json("policy-warn-binding", "POST", registered+"validatingadmissionpolicybindings", binding("warn", `["Warn","Audit"]`), 201),
		json("policy-bad", "POST", registered+"validatingadmissionpolicies", policy("bad", `{"expression":"nothing.at.all"}`), 422),
		dry("policy-deny", 422),
		until(dry("policy-warn", 201), func(a *answer) bool { return a.header.Get("Warning") != "" }),
		create("policy-warn-it", 201),

		json("hook", "POST", hooks, webhook("ValidatingWebhookConfiguration", "hook", "/admit/", rules+`,"matchConditions":[{"name":"slow","expression":"!request.name.startsWith('slow')"}],"timeoutSeconds":30`), 201),
		json("hook-slow", "POST", hooks, webhook("ValidatingWebhookConfiguration", "slow", "/admit/", only("slow")+`,"timeoutSeconds":1`), 201),
		dry("deny", 418),
		create("deny-it", 418),
		create("warn-it", 201),
		create("note-it", 201),
		create("broken", 500),
		dry("slow", 500),
		json("hook-mutating", "POST", registered+"mutatingwebhookconfigurations", webhook("MutatingWebhookConfiguration", "mutating", "/admit/mutate", only("patch")), 201),
		until(dry("patch", 201), func(a *answer) bool { return bytes.Contains(a.body, []byte("mutated")) }),
		create("patch-it", 201),
		json("hook-gone", "POST", hooks, lonely, 201),
		dry("gone", 500),
		json("hook-untrusted", "POST", hooks, strings.Replace(webhook("ValidatingWebhookConfiguration", "untrusted", "/admit/", only("untrusted")), `,"caBundle":"${ca}"`, "", 1), 201),
		dry("untrusted", 500),

		// One request at a time is what a level without seats has.
		throttle(step{name: "throttled", path: all, want: 429}),
		throttle(json("throttled-post", "POST", all, configMap("late", "1"), 429)),
		throttle(json("throttled-large", "POST", all, configMap("late", strings.Repeat("x", unreadBody)), 429)),
		{name: "not-throttled", as: throttled, path: all, want: 200},

		{name: "unhook", method: "DELETE", path: hooks + "/hook-${p}", want: 200},
		{name: "unhook-gone", method: "DELETE", path: hooks + "/gone-${p}", want: 200},
	}}
}
