//go:build go1.25

/*
Copyright The Kubernetes Authors.

Licensed under the Apache License, Version 2.0 (the "License");
you may not use this file except in compliance with the License.
You may obtain a copy of the License at

    http://www.apache.org/licenses/LICENSE-2.0

Unless required by applicable law or agreed to in writing, software
distributed under the License is distributed on an "AS IS" BASIS,
WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
See the License for the specific language governing permissions and
limitations under the License.
*/

package policy

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/endpoints/request"
)

func readFile(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// info is what upstream's own parser makes of a request.
func info(t testing.TB, method, target string) *request.RequestInfo {
	t.Helper()
	factory := request.RequestInfoFactory{APIPrefixes: sets.NewString("api", "apis"), GrouplessAPIPrefixes: sets.NewString("api")}
	i, err := factory.NewRequestInfo(httptest.NewRequest(method, target, nil))
	if err != nil {
		t.Fatal(err)
	}
	return i
}

const several = header + `rules:
- {name: pod, verbs: [get], apiGroups: [''], resources: [pods], timeout: 1s}
- {name: pod-sub, apiGroups: [''], resources: [pods/*], timeout: 1s}
- {name: scale, apiGroups: [apps, example.com], resources: ['*/scale'], timeout: 1s}
- {name: pods, verbs: [list, deletecollection], apiGroups: [''], resources: [pods, nodes], timeout: 1s}
- {name: any-group, verbs: [patch], apiGroups: ['*'], resources: [things, things/status], timeout: 1s}
- {name: apps, apiGroups: [apps], timeout: 1s}
- {name: version, verbs: [get], nonResourceURLs: [/version], timeout: 1s}
- {name: openapi, nonResourceURLs: ['/openapi/*'], timeout: 1s}
- {name: discovery, nonResourceURLs: ['/api*'], timeout: 1s}
- {name: delete, verbs: [delete], timeout: 1s}
- {name: head, verbs: [head], timeout: 1s}
- {name: post, verbs: [post, create], timeout: 1s}
`

func TestFirstMatch(t *testing.T) {
	p := New(decode(t, several))
	for _, test := range []struct{ method, target, want string }{
		{"GET", "/api/v1/namespaces/n/pods/p", "pod"},
		{"HEAD", "/api/v1/namespaces/n/pods/p", "pod"},
		{"GET", "/api/v1/namespaces/n/pods/p/status", "pod-sub"},
		{"PUT", "/api/v1/namespaces/n/pods/p/ephemeralcontainers", "pod-sub"},
		{"PUT", "/api/v1/namespaces/n/pods/p", ""},
		{"GET", "/api/v1/pods", "pods"},
		{"GET", "/api/v1/nodes?limit=500", "pods"},
		{"GET", "/api/v1/nodes/n", ""},
		{"DELETE", "/api/v1/namespaces/n/pods", "pods"},
		{"DELETE", "/api/v1/namespaces/n/pods/p", "delete"},
		{"GET", "/apis/metrics.k8s.io/v1beta1/pods", ""},
		{"PUT", "/apis/apps/v1/namespaces/n/deployments/d/scale", "scale"},
		{"PUT", "/apis/example.com/v1/things/a/scale", "scale"},
		{"PATCH", "/apis/example.com/v1/things/a", "any-group"},
		{"PATCH", "/apis/apps/v1/things/a/status", "any-group"},
		{"PATCH", "/apis/apps/v1/things/a/other", "apps"},
		{"PATCH", "/apis/example.com/v1/things/a/other", ""},
		{"GET", "/apis/apps/v1/deployments", "apps"},
		{"GET", "/apis/apps/v1", "discovery"},
		{"GET", "/apis", "discovery"},
		{"GET", "/api", "discovery"},
		{"GET", "/apiary", "discovery"},
		{"GET", "/version", "version"},
		{"GET", "/version/", ""},
		{"HEAD", "/version", "head"},
		{"GET", "/openapi/v3", "openapi"},
		{"GET", "/openapi", ""},
		{"DELETE", "/logs/x", "delete"},
		{"POST", "/x", "post"},
		{"POST", "/api/v1/namespaces/n/secrets", "post"},
		{"BREW", "/api/v1/namespaces/n/pods/p", ""},
		{"BREW", "/openapi/v2", "openapi"},
	} {
		if got := p.Outer(info(t, test.method, test.target), DefaultBound(time.Minute)).Rule; got != test.want {
			t.Errorf("%s %s: got rule %q, want %q", test.method, test.target, got, test.want)
		}
	}
}

func TestBounds(t *testing.T) {
	p := New(decode(t, header+`rules:
- {name: short, verbs: [get], timeout: 2s}
- {name: long, verbs: [list], timeout: 5m}
- {name: handler, verbs: [create], handlerTimeout: 3s}
- {name: both, verbs: [update], timeout: 2m, handlerTimeout: 90s}
`))
	for _, test := range []struct {
		method, target string
		want           Bound
	}{
		{"GET", "/version", Bound{Limit{2 * time.Second, "short"}, Limit{34 * time.Second, ""}, "short"}},
		{"GET", "/api/v1/pods", Bound{Limit{5 * time.Minute, "long"}, Limit{34 * time.Second, ""}, "long"}},
		{"POST", "/api/v1/nodes", Bound{Limit{time.Minute, ""}, Limit{3 * time.Second, "handler"}, "handler"}},
		{"PUT", "/api/v1/nodes/a", Bound{Limit{2 * time.Minute, "both"}, Limit{90 * time.Second, "both"}, "both"}},
		{"DELETE", "/api/v1/nodes/a", Bound{Limit{time.Minute, ""}, Limit{34 * time.Second, ""}, ""}},
	} {
		i := info(t, test.method, test.target)
		if got := p.Outer(i, DefaultBound(time.Minute)); got != test.want {
			t.Errorf("%s %s: got %+v, want %+v", test.method, test.target, got, test.want)
		}
		var none *Policy
		outer := none.Outer(i, DefaultBound(time.Minute))
		if got := none.Inner(i, &user.DefaultInfo{Name: "a"}, outer); got != DefaultBound(time.Minute) {
			t.Errorf("no policy: got %+v", got)
		}
	}
}

// TestUsers: what the documentation of Rule says of rules that name users or groups.
func TestUsers(t *testing.T) {
	const (
		tenants = "- {name: tenants, groups: [tenants], timeout: 10s}\n"
		admins  = "- {name: admins, users: [admin], timeout: 10m, handlerTimeout: 10m}\n"
		others  = "- {name: others, groups: ['system:authenticated'], timeout: 20s, handlerTimeout: 5s}\n"
		all5m   = "- {name: all, timeout: 5m, handlerTimeout: 4m}\n"
		all5s   = "- {name: all, timeout: 5s}\n"
		both    = "- {name: both, users: [admin], groups: [ops], timeout: 3s}\n"
		handler = "- {name: handler, users: [admin], handlerTimeout: 7s}\n"
	)
	s, m := time.Second, time.Minute
	admin := &user.DefaultInfo{Name: "admin", Groups: []string{"system:authenticated"}}
	ops := &user.DefaultInfo{Name: "admin", Groups: []string{"system:authenticated", "ops"}}
	tenant := &user.DefaultInfo{Name: "t", Groups: []string{"tenants", "system:authenticated"}}
	anonymous := &user.DefaultInfo{Name: "system:anonymous", Groups: []string{"system:unauthenticated"}}
	otherwise := DefaultBound(m)
	fiveMinutes := Bound{Limit{5 * m, "all"}, Limit{4 * m, "all"}, "all"}
	for _, test := range []struct {
		what, rules  string
		user         user.Info
		outer, inner Bound
	}{
		{"it shortens", tenants, tenant, otherwise, Bound{Limit{10 * s, "tenants"}, Limit{34 * s, ""}, "tenants"}},
		{"it is not another's", tenants, admin, otherwise, otherwise},
		{"it cannot lengthen", admins, admin, otherwise, Bound{Limit{m, ""}, Limit{34 * s, ""}, "admins"}},
		{"the long bound is for all, the shorter one for the rest: the rest", others + all5m, admin, fiveMinutes, Bound{Limit{20 * s, "others"}, Limit{5 * s, "others"}, "others"}},
		{"the long bound is for all, the shorter one for the rest: some", others + all5m, anonymous, fiveMinutes, fiveMinutes},
		{"it exempts from one after it that names groups", admins + others + all5m, admin, fiveMinutes, Bound{Limit{5 * m, "all"}, Limit{4 * m, "all"}, "admins"}},
		{"after that one it does nothing", others + admins + all5m, admin, fiveMinutes, Bound{Limit{20 * s, "others"}, Limit{5 * s, "others"}, "others"}},
		{"it does not exempt from one that names nobody", admins + all5s, admin, Bound{Limit{5 * s, "all"}, Limit{34 * s, ""}, "all"}, Bound{Limit{5 * s, "all"}, Limit{34 * s, ""}, "admins"}},
		{"users and groups: both", both, ops, otherwise, Bound{Limit{3 * s, "both"}, Limit{34 * s, ""}, "both"}},
		{"users and groups: one", both, admin, otherwise, otherwise},
		{"a handler's alone", handler + all5m, admin, fiveMinutes, Bound{Limit{5 * m, "all"}, Limit{7 * s, "handler"}, "handler"}},
		{"nobody", others + all5m, nil, fiveMinutes, fiveMinutes},
	} {
		t.Run(test.what, func(t *testing.T) {
			p := New(decode(t, header+"rules:\n"+test.rules))
			i := info(t, http.MethodPost, "/api/v1/namespaces/n/pods")
			outer := p.Outer(i, otherwise)
			if outer != test.outer {
				t.Errorf("outer: got %+v, want %+v", outer, test.outer)
			}
			if got := p.Inner(i, test.user, outer); got != test.inner {
				t.Errorf("inner: got %+v, want %+v", got, test.inner)
			}
			// What the client has asked for stays, if it is nearer.
			outer.Shorten(time.Second)
			if got := p.Inner(i, test.user, outer).Request; got != (Limit{Duration: time.Second}) {
				t.Errorf("after ?timeout=1s: got %+v", got)
			}
		})
	}
}

func TestShorten(t *testing.T) {
	for d, want := range map[time.Duration]Limit{
		-time.Second: {5 * time.Second, "a"}, 0: {5 * time.Second, "a"}, time.Second: {time.Second, ""},
		5 * time.Second: {5 * time.Second, "a"}, time.Minute: {5 * time.Second, "a"},
	} {
		b := Bound{Request: Limit{5 * time.Second, "a"}, Rule: "a"}
		if b.Shorten(d); b.Request != want || b.Rule != "a" {
			t.Errorf("?timeout=%s: got %+v, want %+v", d, b, want)
		}
	}
}

func TestLimitInWords(t *testing.T) {
	for l, want := range map[Limit]string{
		{5 * time.Second, ""}:       "5s",
		{5 * time.Second, "leases"}: "5s, by the rule leases of the deadline policy",
	} {
		if got := l.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestContext(t *testing.T) {
	ctx := context.Background()
	if p, b, ok := FromContext(ctx); ok || p != nil || b != (Bound{}) || RequestTimeout(ctx, time.Hour) != time.Hour || HandlerTimeout(ctx, time.Hour) != time.Hour {
		t.Errorf("without: got %v, %v, %v", p, b, ok)
	}
	policy, bound := New(decode(t, example)), DefaultBound(time.Minute)
	ctx = NewContext(ctx, policy, bound)
	if p, b, ok := FromContext(ctx); !ok || p != policy || b != bound || RequestTimeout(ctx, time.Hour) != time.Minute || HandlerTimeout(ctx, time.Hour) != DefaultHandlerTimeout {
		t.Errorf("with: got %v, %v, %v", p, b, ok)
	}
}
