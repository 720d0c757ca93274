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
	"reflect"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"
)

const header = "apiVersion: deadline.apiserver.config.k8s.io/v1alpha1\nkind: DeadlinePolicy\n"

// example is that of DeadlinePolicy's documentation.
const example = header + `rules:
- name: probes
  nonResourceURLs: ["/livez*", "/readyz*"]
  timeout: 5s
- name: dashboards
  users: ["system:serviceaccount:monitoring:dashboard"]
  verbs: ["list"]
  timeout: 10s
- name: tenants
  groups: ["tenants"]
  timeout: 20s
- name: big-lists
  verbs: ["list"]
  apiGroups: [""]
  resources: ["pods", "events"]
  timeout: 5m
- name: slow-webhooks
  verbs: ["create", "update", "patch"]
  apiGroups: ["example.com"]
  timeout: 60s
  handlerTimeout: 50s
`

func decode(t testing.TB, data string) *DeadlinePolicy {
	t.Helper()
	p, err := Decode([]byte(data))
	if err != nil {
		t.Fatalf("%v\n%s", err, data)
	}
	return p
}

func TestDecode(t *testing.T) {
	got := decode(t, example)
	want := &DeadlinePolicy{
		TypeMeta: metav1.TypeMeta{APIVersion: "deadline.apiserver.config.k8s.io/v1alpha1", Kind: "DeadlinePolicy"},
		Rules: []Rule{{
			Name: "probes", Verbs: []string{"*"}, NonResourceURLs: []string{"/livez*", "/readyz*"},
			Timeout: &metav1.Duration{Duration: 5 * time.Second},
		}, {
			Name: "dashboards", Users: []string{"system:serviceaccount:monitoring:dashboard"}, Verbs: []string{"list"},
			Timeout: &metav1.Duration{Duration: 10 * time.Second},
		}, {
			Name: "tenants", Verbs: []string{"*"}, Groups: []string{"tenants"},
			Timeout: &metav1.Duration{Duration: 20 * time.Second},
		}, {
			Name: "big-lists", Verbs: []string{"list"}, APIGroups: []string{""}, Resources: []string{"pods", "events"},
			Timeout: &metav1.Duration{Duration: 5 * time.Minute},
		}, {
			Name: "slow-webhooks", Verbs: []string{"create", "update", "patch"}, APIGroups: []string{"example.com"}, Resources: []string{"*"},
			Timeout: &metav1.Duration{Duration: time.Minute}, HandlerTimeout: &metav1.Duration{Duration: 50 * time.Second},
		}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if c := got.DeepCopyObject(); !reflect.DeepEqual(c, want) {
		t.Errorf("a copy is %+v", c)
	}
	asJSON, err := yaml.YAMLToJSON([]byte(example))
	if err != nil {
		t.Fatal(err)
	}
	if got := decode(t, string(asJSON)); !reflect.DeepEqual(got, want) {
		t.Errorf("of JSON, got  %+v", got)
	}
	decode(t, header+"rules: []")
	decode(t, "# A comment\n---\n"+header+"rules: []\n---\n# another\n")
	decode(t, example+"...\n# The end.\n")
}

// TestExampleOfTheDocumentation: it is the one that the tests use.
func TestExampleOfTheDocumentation(t *testing.T) {
	doc := strings.ReplaceAll(readFile(t, "types.go"), "//\t", "")
	if !strings.Contains(doc, example+"type DeadlinePolicy struct") {
		t.Error("types.go has another one")
	}
}

func TestDecodeRefuses(t *testing.T) {
	rule := func(fields ...string) string {
		return header + "rules:\n- name: a\n  timeout: 5s\n  " + strings.Join(fields, "\n  ") + "\n"
	}
	for name, test := range map[string]struct{ data, want string }{
		"nothing":           {"", "there is nothing in it"},
		"comments":          {"# rules\n---\n", "there is nothing in it"},
		"two documents":     {example + "---\n" + example, "it has 2 documents"},
		"two, after dots":   {example + "...\n" + example, "it has 2 documents"},
		"rest after dots":   {example + "... # the end\r\n}{", "it has 2 documents"},
		"no YAML":           {header + "rules: [", "yaml: line"},
		"no kind":           {"apiVersion: deadline.apiserver.config.k8s.io/v1alpha1\nrules: []", "kind: Required value: must be DeadlinePolicy"},
		"no version":        {"kind: DeadlinePolicy\nrules: []", "apiVersion: Required value: must be deadline.apiserver.config.k8s.io/v1alpha1"},
		"another version":   {"apiVersion: deadline.apiserver.config.k8s.io/v1\nkind: DeadlinePolicy\nrules: []", `apiVersion: Unsupported value: "deadline.apiserver.config.k8s.io/v1"`},
		"another kind":      {"apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: []", `kind: Unsupported value: "Policy": supported values: "DeadlinePolicy"`},
		"a list":            {"[]", "cannot unmarshal"},
		"unknown field":     {rule("tiemout: 5s"), `unknown field "rules[0].tiemout"`},
		"unknown at top":    {header + "rules: []\ntimeout: 5s", `unknown field "timeout"`},
		"duplicate field":   {rule("timeout: 6s"), `key "timeout" already set`},
		"field's case":      {rule("apigroups: ['']"), `unknown field "rules[0].apigroups"`},
		"type's case":       {strings.Replace(header, "kind", "Kind", 1) + "rules: []", `unknown field "Kind"`},
		"duplicate in JSON": {`{"apiVersion":"deadline.apiserver.config.k8s.io/v1alpha1","kind":"DeadlinePolicy","rules":[],"rules":[]}`, `duplicate field "rules"`},
		"type":              {rule("verbs: get"), "rules.verbs of type []string"},
		"no rules":          {header, "rules: Required value"},
		"null rules":        {header + "rules: null", "rules: Required value"},

		"no name":           {header + "rules:\n- timeout: 5s", "rules[0].name: Required value"},
		"name":              {header + "rules:\n- name: A b\n  timeout: 5s", `rules[0].name: Invalid value: "A b"`},
		"name twice":        {header + "rules:\n- {name: a, timeout: 5s, verbs: [get]}\n- {name: a, timeout: 5s}", `rules[1].name: Invalid value: "a": rules[0] has that name`},
		"no timeout":        {header + "rules:\n- name: a", "rules[0].timeout: Required value"},
		"no unit":           {header + "rules:\n- {name: a, timeout: '5'}", `rules[0].timeout: Invalid value: "5": must be a duration with its unit`},
		"a number":          {header + "rules:\n- {name: a, timeout: 5s}\n- {name: b, handlerTimeout: 5}", `rules[1].handlerTimeout: Invalid value: 5: must be a duration with its unit`},
		"too short":         {header + "rules:\n- {name: a, timeout: 5ms}", `rules[0].timeout: Invalid value: "5ms": must be at least 100ms`},
		"negative":          {header + "rules:\n- {name: a, timeout: 5s, handlerTimeout: -1s}", `rules[0].handlerTimeout: Invalid value: "-1s": must be at least 100ms`},
		"handler longer":    {rule("handlerTimeout: 6s"), `rules[0].handlerTimeout: Invalid value: "6s": must not be longer than timeout, 5s`},
		"handler of reads":  {rule("handlerTimeout: 5s", "verbs: [get, list]"), `rules[0].handlerTimeout: Invalid value: "5s": only these verbs have one: create, update`},
		"handler of many":   {rule("handlerTimeout: 5s", "verbs: [deletecollection]"), `rules[0].handlerTimeout: Invalid value: "5s": only these verbs have one: create, update, patch, delete`},
		"handler of a path": {rule("handlerTimeout: 5s", "nonResourceURLs: [/a]"), `rules[0].handlerTimeout: Invalid value: "5s": only handlers of resources`},

		"verb":              {rule("verbs: [get, fetch]"), `rules[0].verbs[1]: Unsupported value: "fetch"`},
		"upper case":        {rule("verbs: [GET]"), `rules[0].verbs[0]: Unsupported value: "GET"`},
		"watch":             {rule("verbs: [watch]"), `rules[0].verbs[0]: Invalid value: "watch": a watch is long-running`},
		"method, resource":  {rule("verbs: [post]", "apiGroups: ['']"), `rules[0].verbs[0]: Unsupported value: "post"`},
		"verb, path":        {rule("verbs: [list]", "nonResourceURLs: [/a]"), `rules[0].verbs[0]: Unsupported value: "list"`},
		"verb twice":        {rule("verbs: [get, get]"), `rules[0].verbs[1]: Duplicate value: "get"`},
		"all and one":       {rule("verbs: [get, '*']"), `"*" stands for all: it stands alone`},
		"no group":          {rule("resources: [pods]"), "rules[0].apiGroups: Required value"},
		"group":             {rule("apiGroups: [apps/v1]"), `rules[0].apiGroups[0]: Invalid value: "apps/v1"`},
		"resource and path": {rule("apiGroups: ['']", "nonResourceURLs: [/a]"), "rules[0].nonResourceURLs: Invalid value"},
		"kind":              {rule("apiGroups: ['']", "resources: [Pod]"), `rules[0].resources[0]: Invalid value: "Pod": must be in lower case`},
		"two slashes":       {rule("apiGroups: ['']", "resources: [a/b/c]"), `rules[0].resources[0]: Invalid value: "a/b/c"`},
		"no subresource":    {rule("apiGroups: ['']", "resources: [pods, pods/]"), `rules[0].resources[1]: Invalid value: "pods/"`},
		"part of a name":    {rule("apiGroups: ['']", "resources: [po*]"), `rules[0].resources[0]: Invalid value: "po*"`},
		"all of all":        {rule("apiGroups: ['']", "resources: ['*/*']"), `rules[0].resources[0]: Invalid value: "*/*"`},
		"no slash":          {rule("nonResourceURLs: [healthz]"), `rules[0].nonResourceURLs[0]: Invalid value: "healthz": must begin with "/"`},
		"star in a path":    {rule("nonResourceURLs: [/a/*/b]"), `rules[0].nonResourceURLs[0]: Invalid value: "/a/*/b": "*" must be the last`},
		"query":             {rule("nonResourceURLs: ['/a?b']"), `rules[0].nonResourceURLs[0]: Invalid value: "/a?b"`},
		"user's wildcard":   {rule("users: ['system:node:*']"), `rules[0].users[0]: Invalid value: "system:node:*": there are no wildcards`},
		"empty groups":      {rule("groups: []"), "rules[0].groups: Required value: there is nothing in it"},
		"groups, all gone":  {rule("groups:", "# - tenants"), "rules[0].groups: Required value"},
		"empty verbs":       {rule("verbs: []"), "rules[0].verbs: Required value"},
		"other empty lists": {rule("users: []", "apiGroups:", "resources: []", "nonResourceURLs: []"), "rules[0].apiGroups: Required value: there is nothing in it; a rule that matches whatever it is leaves it out, rules[0].resources: Required value"},
		"empty group":       {rule("groups: ['']"), `rules[0].groups[0]: Invalid value: "": must be a name`},
		"several": {
			header + "rules:\n- {name: a, timeout: 1s, verbs: [x]}\n- {name: b, timeout: 1ms}",
			`, "trace", "update", "*", rules[1].timeout: Invalid value: "1ms": must be at least 100ms]`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Decode([]byte(test.data))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got  %v\nwant %s", err, test.want)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("it has several lines: %s", err)
			}
		})
	}
}

// TestRulesThatNeverMatch: the second of two rules is refused if the first matches all
// that it does.
func TestRulesThatNeverMatch(t *testing.T) {
	for _, test := range []struct {
		first, second string
		never         bool
	}{
		{"", "", true},
		{"", "verbs: [get]", true},
		{"verbs: [get]", "", false},
		{"", "users: [a]", true},
		{"users: [a]", "", false},
		{"users: [a]", "users: [a]", true},
		{"users: [a]", "users: [a, b]", false},
		{"users: [a, b]", "users: [a]", true},
		{"users: [a]", "groups: [a]", false},
		{"groups: [a]", "users: [a], groups: [a]", true},
		{"verbs: [get, list]", "verbs: [list]", true},
		{"verbs: [get]", "verbs: [get], apiGroups: [apps]", true},
		{"verbs: [get]", "verbs: [get], nonResourceURLs: [/a]", true},
		{"apiGroups: ['*']", "apiGroups: [apps]", true},
		{"apiGroups: ['*']", "", false},
		{"apiGroups: ['*']", "nonResourceURLs: [/a]", false},
		{"apiGroups: [apps]", "apiGroups: ['']", false},
		{"apiGroups: [''], resources: [pods]", "apiGroups: [''], resources: [pods/log]", false},
		{"apiGroups: [''], resources: ['pods/*']", "apiGroups: [''], resources: [pods/status]", true},
		{"apiGroups: [''], resources: ['pods/*']", "apiGroups: [''], resources: [pods]", false},
		{"apiGroups: [''], resources: ['*/status']", "apiGroups: [''], resources: [pods/status]", true},
		{"apiGroups: [''], resources: ['*/status']", "apiGroups: [''], resources: ['pods/*']", false},
		{"apiGroups: [''], resources: ['pods/*']", "apiGroups: [''], resources: ['*/status']", false},
		{"apiGroups: ['']", "apiGroups: [''], resources: ['pods/*']", true},
		{"nonResourceURLs: ['/a*']", "nonResourceURLs: [/a, /ab]", true},
		{"nonResourceURLs: ['/a*']", "nonResourceURLs: ['/a/*']", true},
		{"nonResourceURLs: ['/a/*']", "nonResourceURLs: ['/a*']", false},
		{"nonResourceURLs: ['/a']", "nonResourceURLs: ['/a*']", false},
		{"nonResourceURLs: ['*']", "nonResourceURLs: ['/a*']", true},
	} {
		rule := func(name, fields string) string {
			return "- {name: " + name + ", timeout: 5s, " + fields + "}\n"
		}
		_, err := Decode([]byte(header + "rules:\n" + rule("first", test.first) + rule("second", test.second)))
		const want = `rules[1]: Invalid value: "second": never matches: rules[0], first, matches all that it does`
		if test.never != (err != nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q, then %q: got %v", test.first, test.second, err)
		}
	}
}

// TestNeverReachedOnce: of all the rules that come before a rule that never matches, the first is named.
func TestNeverReachedOnce(t *testing.T) {
	_, err := Decode([]byte(header + "rules:\n- {name: a, users: [u], timeout: 5s}\n- {name: b, timeout: 5s}\n- {name: c, users: [u], timeout: 5s}\n"))
	if err == nil || strings.Count(err.Error(), "never matches") != 1 || !strings.Contains(err.Error(), "rules[0], a") {
		t.Errorf("got %v", err)
	}
}

// TestAddToScheme is for those who have a scheme of their own.
func TestAddToScheme(t *testing.T) {
	s := runtime.NewScheme()
	if err := AddToScheme(s); err != nil {
		t.Fatal(err)
	}
	obj, err := s.New(GroupVersion.WithKind(kind))
	p, ok := obj.(*DeadlinePolicy)
	if !ok {
		t.Fatalf("got %T, %v", obj, err)
	}
	p.Rules = []Rule{{Name: "a"}}
	s.Default(p)
	if len(p.Rules[0].Verbs) != 1 {
		t.Error("no defaults")
	}
}
