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
	"slices"
	"strings"
	"time"

	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/endpoints/request"
)

// rule is a Rule that is ready to match.
type rule struct {
	name                    string
	timeout, handlerTimeout time.Duration // 0 if the rule has none

	verbs uint32 // A bit for each verb.
	// Those that are empty match all.
	apiGroups     []string
	resources     []resource
	paths         []path
	users, groups map[string]struct{}
}

// resource is a resource and a subresource, either of which may be "*" (all).
type resource struct{ resource, subresource string }

// path is a path, or what paths begin with.
type path struct {
	path   string
	prefix bool
}

func newRule(r *Rule) *rule {
	c := &rule{name: r.Name, users: set(r.Users), groups: set(r.Groups)}
	if r.Timeout != nil {
		c.timeout = r.Timeout.Duration
	}
	if r.HandlerTimeout != nil {
		c.handlerTimeout = r.HandlerTimeout.Duration
	}
	for _, verb := range r.Verbs {
		if verb == all {
			c.verbs = 1<<verbs - 1
			break
		}
		c.verbs |= 1 << verbOf(verb)
	}
	c.apiGroups = r.APIGroups
	if !slices.Contains(r.Resources, all) {
		for _, s := range r.Resources {
			name, sub, _ := strings.Cut(s, "/")
			c.resources = append(c.resources, resource{name, sub})
		}
	}
	for _, url := range r.NonResourceURLs {
		prefix, ok := strings.CutSuffix(url, "*")
		c.paths = append(c.paths, path{prefix, ok})
	}
	return c
}

func set(list []string) map[string]struct{} {
	if len(list) == 0 {
		return nil
	}
	s := make(map[string]struct{}, len(list))
	for _, name := range list {
		s[name] = struct{}{}
	}
	return s
}

// named reports whether the rule names users or groups.
func (r *rule) named() bool { return len(r.users)+len(r.groups) > 0 }

// matches reports whether the rule matches a request, whoever sends it. The caller has
// made sure that the verb matches, and that the rule is for requests of that kind (see
// Policy.rules).
func (r *rule) matches(info *request.RequestInfo) bool {
	if !info.IsResourceRequest {
		return r.matchesPath(info.Path)
	}
	for _, group := range r.apiGroups {
		if group == all || group == info.APIGroup {
			return r.matchesResource(info)
		}
	}
	return len(r.apiGroups) == 0
}

func (r *rule) matchesResource(info *request.RequestInfo) bool {
	for i := range r.resources {
		want := &r.resources[i]
		if (want.resource == info.Resource || want.resource == all) &&
			(want.subresource == info.Subresource || want.subresource == all && info.Subresource != "") {
			return true
		}
	}
	return len(r.resources) == 0
}

func (r *rule) matchesPath(s string) bool {
	for i := range r.paths {
		if want := &r.paths[i]; want.path == s || want.prefix && strings.HasPrefix(s, want.path) {
			return true
		}
	}
	return len(r.paths) == 0
}

func (r *rule) matchesUser(u user.Info) bool {
	if len(r.users) > 0 {
		if _, ok := r.users[u.GetName()]; !ok {
			return false
		}
	}
	if len(r.groups) == 0 {
		return true
	}
	for _, group := range u.GetGroups() {
		if _, ok := r.groups[group]; ok {
			return true
		}
	}
	return false
}

// verbs is how many numbers verbOf returns.
const verbs = 14

// verbOf numbers the verbs that rules may name, and all others alike.
func verbOf(verb string) int {
	switch verb {
	case "get":
		return 1
	case "list":
		return 2
	case "create":
		return 3
	case "update":
		return 4
	case "patch":
		return 5
	case "delete":
		return 6
	case "deletecollection":
		return 7
	case "head":
		return 8
	case "post":
		return 9
	case "put":
		return 10
	case "options":
		return 11
	case "connect":
		return 12
	case "trace":
		return 13
	}
	return 0
}
