package deadlinepolicy

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/server/filters"
)

func file(t *testing.T, rules string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "policy.yaml")
	data := "apiVersion: deadline.apiserver.config.k8s.io/v1alpha1\nkind: DeadlinePolicy\nrules:\n" + rules
	if err := os.WriteFile(name, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestExplain(t *testing.T) {
	const rules = `- {name: one, users: [a], groups: [g], timeout: 5s}
- {name: path, nonResourceURLs: [/x], timeout: 7s}
- {name: two, users: ['system:serviceaccount:n:s'], verbs: [create], handlerTimeout: 3s, timeout: 3m}
- {name: sa, groups: ['system:serviceaccounts:n'], timeout: 4s}
- {name: all, verbs: [create], timeout: 2m, handlerTimeout: 100s}
- {name: late, users: [a], verbs: [get], timeout: 1s}
`
	name := file(t, rules)
	for _, test := range []struct {
		what    string
		q       Question
		rule    string
		timeout Limit
		handler *Limit
		wait    time.Duration
		forWhom []string
	}{
		{"nobody", Question{Verb: "create", Path: "/api/v1/nodes"}, "all",
			limit(2*time.Minute, "rule", "all"), ptr(limit(100*time.Second, "rule", "all")), 30 * time.Second, []string{"one", "two", "sa"}},
		{"shortened", Question{Verb: "create", Path: "/api/v1/nodes?timeout=2s"}, "all",
			limit(2*time.Second, "?timeout=", ""), ptr(limit(2*time.Second, "?timeout=", "")), 500 * time.Millisecond, []string{"one", "two", "sa"}},
		{"a user", Question{Verb: "create", Path: "/api/v1/nodes", User: "a", Groups: []string{"g"}}, "one",
			limit(5*time.Second, "rule", "one"), ptr(limit(5*time.Second, "rule", "one")), 1250 * time.Millisecond, nil},
		{"a service account", Question{Verb: "create", Path: "/api/v1/nodes", User: "system:serviceaccount:n:s"}, "two",
			limit(2*time.Minute, "rule", "all"), ptr(limit(3*time.Second, "rule", "two")), 30 * time.Second, nil},
		{"a service account's group", Question{Verb: "get", Path: "/y", User: "system:serviceaccount:n:t"}, "sa",
			limit(4*time.Second, "rule", "sa"), nil, time.Second, nil},
		{"a collection", Question{Verb: "deletecollection", Path: "/api/v1/nodes", User: "b"}, "",
			limit(time.Minute, "--request-timeout", ""), nil, 15 * time.Second, nil},
		{"a path", Question{Verb: "GET", Path: "/x"}, "path",
			limit(7*time.Second, "rule", "path"), nil, 1750 * time.Millisecond, []string{"one"}},
		{"none", Question{Verb: "GET", Path: "/y", RequestTimeout: 10 * time.Minute}, "",
			limit(10*time.Minute, "--request-timeout", ""), nil, time.Minute, []string{"one", "sa", "late"}},
	} {
		if test.q.RequestTimeout == 0 {
			test.q.RequestTimeout = time.Minute
		}
		e, err := Explain(name, test.q)
		if err != nil {
			t.Errorf("%s: %v", test.what, err)
			continue
		}
		var forWhom []string
		for _, r := range e.For {
			forWhom = append(forWhom, r.Rule)
		}
		if e.Rule != test.rule || e.Timeout != test.timeout || !reflect.DeepEqual(e.Handler, test.handler) ||
			time.Duration(e.QueueWait) != test.wait || !reflect.DeepEqual(forWhom, test.forWhom) {
			t.Errorf("%s: got %+v, handler %+v, for %v; want %+v", test.what, e, e.Handler, forWhom, test)
		}
		if data, err := json.Marshal(e); err != nil || !strings.Contains(string(data), `"duration":"`+test.timeout.Duration.String()) {
			t.Errorf("%s: %v, %s", test.what, err, data)
		}
	}
}

func limit(d time.Duration, by, rule string) Limit { return Limit{Duration(d), by, rule} }

func ptr(l Limit) *Limit { return &l }

func TestRefuses(t *testing.T) {
	name := file(t, "  []")
	for _, test := range []struct{ verb, path, want string }{
		{"list", "/api/v1/namespaces/n/pods/p", "is no list, but a get: say that, or another path"},
		{"delete", "/api/v1/pods", "is no delete, but a deletecollection"},
		{"create", "/version", "is no create, but a post"},
		{"List", "/api/v1/pods", "is no verb"},
		{"get", "version", "is no path"},
		{"get", "http://server/version", "is no path"},
		{"get", "/version?timeout=5", "?timeout=5 is no duration"},
	} {
		if e, err := Explain(name, Question{Verb: test.verb, Path: test.path, RequestTimeout: time.Minute}); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s %s: got %v, %v", test.verb, test.path, e, err)
		}
	}
	if _, err := Explain(name+".none", Question{}); err == nil || !strings.Contains(err.Error(), name+".none") {
		t.Errorf("no file: got %v", err)
	}
}

// TestLongRunning compares with upstream's own check, as kube-apiserver has it.
func TestLongRunning(t *testing.T) {
	upstream := filters.BasicLongRunningRequestCheck(sets.NewString("watch", "proxy"), sets.NewString("attach", "exec", "proxy", "log", "portforward"))
	seen := map[bool]int{}
	for _, verb := range []string{"get", "watch", "proxy", "create"} {
		for _, sub := range []string{"", "status", "attach", "exec", "proxy", "log", "portforward"} {
			for _, path := range []string{"/debug/pprof/", "/debug/pprof/heap", "/debug/pprof", "/version"} {
				for _, isResource := range []bool{true, false} {
					info := &request.RequestInfo{IsResourceRequest: isResource, Verb: verb, Subresource: sub, Path: path}
					want := upstream(&http.Request{}, info)
					seen[want]++
					if got := longRunning(info); got != want {
						t.Errorf("%+v: got %t", info, got)
					}
				}
			}
		}
	}
	if seen[true] == 0 || seen[false] == 0 {
		t.Errorf("compared %v", seen)
	}
}
