package sidebyside

// access are requests about who may do what, and on behalf of others.
func access() group {
	const (
		authn = "/apis/authentication.k8s.io/v1/"
		authz = "/apis/authorization.k8s.io/v1/"
	)
	json := func(name, method, path, body string, want int) step {
		return step{name: name, method: method, path: path, header: typed(typeJSON), body: body, want: want}
	}
	as := func(name, path string, want int, header ...string) step {
		h := map[string]string{}
		for i := 0; i < len(header); i += 2 {
			h[header[i]] = header[i+1]
		}
		return step{name: name, path: path, header: h, want: want}
	}
	self := json("self-stranger", "POST", authn+"selfsubjectreviews", `{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}`, 401)
	self.as = stranger
	rules := json("rules", "POST", authz+"selfsubjectrulesreviews", `{"apiVersion":"authorization.k8s.io/v1","kind":"SelfSubjectRulesReview","spec":{"namespace":"${ns}"}}`, 201)
	rules.as = reader
	rules.ignore = map[string]string{"body*": "rules in no order", "audit.ResponseComplete*": "as body"}
	forbidden := as("impersonate-forbidden", core("configmaps"), 403, "Impersonate-User", "side")
	forbidden.as = reader
	account := core("serviceaccounts/default/token")
	return group{"access", []step{
		json("self", "POST", authn+"selfsubjectreviews", `{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}`, 201),
		self,
		json("token-review", "POST", authn+"tokenreviews", `{"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","spec":{"token":"nothing"}}`, 201),
		json("self-access", "POST", authz+"selfsubjectaccessreviews", `{"apiVersion":"authorization.k8s.io/v1","kind":"SelfSubjectAccessReview","spec":{"resourceAttributes":{"verb":"get","resource":"pods"}}}`, 201),
		json("self-access-bad", "POST", authz+"selfsubjectaccessreviews", `{"apiVersion":"authorization.k8s.io/v1","kind":"SelfSubjectAccessReview","spec":{}}`, 422),
		json("access", "POST", authz+"subjectaccessreviews", `{"apiVersion":"authorization.k8s.io/v1","kind":"SubjectAccessReview","spec":{"user":"nobody","nonResourceAttributes":{"verb":"get","path":"/metrics"}}}`, 201),
		json("local-access", "POST", authz+"namespaces/${ns}/localsubjectaccessreviews", `{"apiVersion":"authorization.k8s.io/v1","kind":"LocalSubjectAccessReview","metadata":{"namespace":"${ns}"},"spec":{"user":"nobody","resourceAttributes":{"namespace":"${ns}","verb":"get","resource":"pods"}}}`, 201),
		rules,
		as("impersonate", core("configmaps"), 200, "Impersonate-User", "side-reader"),
		as("impersonate-nobody", core("configmaps"), 403, "Impersonate-User", "who"),
		as("impersonate-group", core("secrets"), 200, "Impersonate-User", "who", "Impersonate-Group", "system:masters"),
		as("impersonate-account", core("secrets"), 403, "Impersonate-User", "system:serviceaccount:${ns}:default"),
		as("impersonate-group-alone", core("secrets"), 400, "Impersonate-Group", "system:masters"),
		as("impersonate-extra", core("configmaps"), 200, "Impersonate-User", "side-reader", "Impersonate-Extra-Scopes", "a", "Impersonate-Uid", "7"),
		forbidden,
		{name: "token", method: "POST", path: account, header: typed(typeJSON), want: 201,
			body: `{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{"expirationSeconds":3600}}`, save: saveJSON("token", "status", "token")},
		json("token-short", "POST", account, `{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{"expirationSeconds":5}}`, 422),
		json("token-audience", "POST", account, `{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{"audiences":["side"]}}`, 201),
		json("token-missing", "POST", core("serviceaccounts/none/token"), `{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest"}`, 404),
		as("token-used", core("configmaps"), 403, "Authorization", "Bearer ${token}"),
		json("token-reviewed", "POST", authn+"tokenreviews", `{"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","spec":{"token":"${token}"}}`, 201),
		json("role-escalation", "POST", "/apis/rbac.authorization.k8s.io/v1/namespaces/${ns}/rolebindings",
			`{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"RoleBinding","metadata":{"name":"x"},"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"Role","name":"none"}}`, 201),
		json("signing-request", "POST", "/apis/certificates.k8s.io/v1/certificatesigningrequests",
			`{"apiVersion":"certificates.k8s.io/v1","kind":"CertificateSigningRequest","metadata":{"name":"c-${p}"},"spec":{"request":"bm90aGluZw==","signerName":"example.com/s","usages":["client auth"]}}`, 422),
	}}
}
