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
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// +k8s:deepcopy-gen=true
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// DeadlinePolicy says how long requests may take, by class.
//
// Its file is named by --deadline-policy-file, and read again when it changes. An
// example:
//
//	apiVersion: deadline.apiserver.config.k8s.io/v1alpha1
//	kind: DeadlinePolicy
//	rules:
//	- name: probes
//	  nonResourceURLs: ["/livez*", "/readyz*"]
//	  timeout: 5s
//	- name: dashboards
//	  users: ["system:serviceaccount:monitoring:dashboard"]
//	  verbs: ["list"]
//	  timeout: 10s
//	- name: tenants
//	  groups: ["tenants"]
//	  timeout: 20s
//	- name: big-lists
//	  verbs: ["list"]
//	  apiGroups: [""]
//	  resources: ["pods", "events"]
//	  timeout: 5m
//	- name: slow-webhooks
//	  verbs: ["create", "update", "patch"]
//	  apiGroups: ["example.com"]
//	  timeout: 60s
//	  handlerTimeout: 50s
type DeadlinePolicy struct {
	metav1.TypeMeta `json:",inline"`

	// rules are tried in their order, and the first that matches a request bounds
	// it. A request that none matches is bounded by --request-timeout. Required; a
	// policy that bounds nothing says [].
	//
	// A rule that can never be the first, since one before it matches all that it
	// does, is an error.
	Rules []Rule `json:"rules"`
}

// +k8s:deepcopy-gen=true

// Rule bounds the requests that it matches: those that match every one of its
// fields that is set. A rule that sets none matches every request.
//
// Requests that are long-running (watches, exec, attach, port-forward, log, proxied
// streams) have no deadline, and rules do not match them.
//
// A rule that names users or groups can only shorten, because a request's deadline
// is set before it is known whose it is. The rules are gone through twice:
//
//   - Before authentication, rules that name users or groups are passed over. The
//     first of the others that matches gives the request's bounds, as --request-timeout
//     and 34 s do where none matches.
//   - After authentication and impersonation, the first rule of all that matches is
//     the request's rule, the one that its audit event names. If it names users or
//     groups, each of its bounds that is shorter than what the request has takes that
//     one's place; a longer one does nothing.
//
// From that follows:
//
//   - A rule cannot give users more than others have. To let some have 5 minutes and
//     the rest 10 seconds, bound all by 5 minutes, and put before that a rule that
//     bounds the rest, by their groups, to 10 seconds.
//   - A rule for users keeps the rules after it from applying to those users, so it
//     exempts them from a later rule that names groups: if its own timeout is long, its
//     users have what the first pass has given.
//   - It does not exempt from a later rule that names nobody: that one was the first
//     to match before authentication, and stays in force.
//   - Anonymous requests are authenticated too: their user is system:anonymous, their
//     group system:unauthenticated. A request that cannot be authenticated has the
//     bounds of the first pass.
type Rule struct {
	// name tells the rule in audit events and in the message of a 504. Required; a DNS
	// label, and no two rules have the same.
	Name string `json:"name"`

	// verbs are those of the API: get, list, create, update, patch, delete and
	// deletecollection; for non-resource paths, HTTP methods in lower case, get and
	// head being two. "*" stands for all, and is the default. watch is long-running.
	// +optional
	Verbs []string `json:"verbs,omitempty"`

	// apiGroups are those of the resources. "" is the core group, "*" stands for all.
	// Required if resources is set. A rule that sets apiGroups matches requests for
	// resources only.
	// +optional
	APIGroups []string `json:"apiGroups,omitempty"`

	// resources are those of the API groups, in lower case and plural:
	//   - "pods" matches pods, but no subresource of them.
	//   - "pods/status" matches that subresource.
	//   - "pods/*" matches every subresource of pods, but not pods.
	//   - "*/scale" matches the subresource scale of every resource.
	//   - "*" matches every resource and subresource. It is the default if apiGroups is set.
	// +optional
	Resources []string `json:"resources,omitempty"`

	// nonResourceURLs are paths of requests that are for no resource, such as /version,
	// /metrics and /openapi/v3. A trailing "*" stands for anything: "/openapi/*" matches all
	// below /openapi/, "/openapi*" /openapi as well, and "*" every such path. Discovery, such
	// as /apis/apps/v1, is for no resource; /apis/apps/v1/deployments is, and no
	// path matches it. A rule cannot have both nonResourceURLs and apiGroups.
	// +optional
	NonResourceURLs []string `json:"nonResourceURLs,omitempty"`

	// users are names of users, one of which the request's must be: the user after
	// impersonation, as authorization sees it. There are no wildcards. See above for what
	// such a rule can do.
	// +optional
	Users []string `json:"users,omitempty"`

	// groups are groups of users, one of which the request's user must be in. There are
	// no wildcards. A rule that sets users too matches where both do.
	// +optional
	Groups []string `json:"groups,omitempty"`

	// timeout is how long a request may take, from its arrival to the end of its
	// response, in place of --request-timeout. 100ms or more, such as "2s" or "5m". The client's
	// ?timeout= can only shorten it. Not set, the request has --request-timeout, or what
	// the first pass has given it. timeout, handlerTimeout or both must be set.
	// +optional
	Timeout *metav1.Duration `json:"timeout,omitempty"`

	// handlerTimeout is how long the handler of a create, update, patch or delete of this
	// server's own resources may take, admission and storage included, in place of 34 s.
	// 100ms or more; the request's own deadline holds as well, so this cannot be longer
	// than timeout. Webhooks have timeouts of their own, 30 s at most each. A
	// deletecollection has only the request's deadline, as have requests that are
	// proxied to an aggregated API.
	// +optional
	HandlerTimeout *metav1.Duration `json:"handlerTimeout,omitempty"`
}
