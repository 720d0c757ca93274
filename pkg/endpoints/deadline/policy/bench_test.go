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
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/endpoints/request"
)

// manyRules returns a policy of that many rules, a quarter of which name groups.
func manyRules(t testing.TB, n int) *Policy {
	var b strings.Builder
	b.WriteString(header + "rules:\n")
	if n == 0 {
		b.WriteString("  []\n")
	}
	for i := range n {
		fmt.Fprintf(&b, "- {name: r%d, timeout: 5s, ", i)
		switch i % 4 {
		case 0:
			fmt.Fprintf(&b, "verbs: [get, list], apiGroups: [''], resources: [res%d, res%d/status]}\n", i, i)
		case 1:
			fmt.Fprintf(&b, "apiGroups: [g%d.example.com]}\n", i)
		case 2:
			fmt.Fprintf(&b, "nonResourceURLs: [/path%d, '/path%d/*']}\n", i, i)
		case 3:
			fmt.Fprintf(&b, "groups: [group%d, other%d]}\n", i, i)
		}
	}
	return New(decode(t, b.String()))
}

var requests = []struct{ what, method, target string }{
	{"list", http.MethodGet, "/api/v1/namespaces/n/pods"},
	{"update", http.MethodPut, "/apis/coordination.k8s.io/v1/namespaces/n/leases/l"},
	{"path", http.MethodGet, "/openapi/v3"},
}

// BenchmarkMatch is both passes of a request that no rule matches.
func BenchmarkMatch(b *testing.B) {
	u := &user.DefaultInfo{Name: "system:serviceaccount:n:a", Groups: []string{"system:serviceaccounts", "system:serviceaccounts:n", "system:authenticated"}}
	for _, n := range []int{0, 1, 10, 100} {
		p := manyRules(b, n)
		for _, r := range requests {
			i := info(b, r.method, r.target)
			b.Run(fmt.Sprintf("rules=%d/%s", n, r.what), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					p.Inner(i, u, p.Outer(i, DefaultBound(time.Minute)))
				}
			})
		}
	}
}

// TestMatchingAllocatesNothing also has each kind of rule match.
func TestMatchingAllocatesNothing(t *testing.T) {
	p := New(decode(t, header+`rules:
- {name: user, users: [u], verbs: [delete], timeout: 1s}
- {name: group, groups: [g], verbs: [patch], timeout: 1s}
- {name: resource, apiGroups: [''], resources: ['*/status', pods], timeout: 1s}
- {name: path, nonResourceURLs: ['/version', '/openapi/*'], timeout: 1s}
`))
	for _, test := range []struct{ method, target, want string }{
		{"DELETE", "/version", "user"}, {"PATCH", "/version", "group"}, {"GET", "/api/v1/pods", "resource"}, {"GET", "/openapi/v3", "path"}, {"GET", "/x", ""},
	} {
		// A user.Info that the compiler does not see through.
		var u user.Info = &user.DefaultInfo{Name: "u", Groups: []string{"f", "g"}}
		i := info(t, test.method, test.target)
		got := match(p, i, u)
		if n := testing.AllocsPerRun(100, func() { match(p, i, u) }); n != 0 || got.Rule != test.want {
			t.Errorf("%s %s: %v allocations, rule %q; want none, and %q", test.method, test.target, n, got.Rule, test.want)
		}
	}
}

//go:noinline
func match(p *Policy, i *request.RequestInfo, u user.Info) Bound {
	return p.Inner(i, u, p.Outer(i, DefaultBound(time.Minute)))
}
