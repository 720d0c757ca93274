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
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// minTimeout is the shortest bound that is taken. No healthy server meets a shorter
// one, and 5ms where 5m was meant would turn a whole class of requests away.
const minTimeout = 100 * time.Millisecond

var (
	resourceVerbs = []string{"get", "list", "create", "update", "patch", "delete", "deletecollection"}
	// handled are the verbs whose handlers have a bound of their own. deletecollection's
	// has none, as list's has none: it may have much to do.
	handled = []string{"create", "update", "patch", "delete"}
	methods = []string{"get", "head", "post", "put", "patch", "delete", "options", "connect", "trace"}
)

// Validate returns all that is wrong with a policy that has its defaults.
func Validate(p *DeadlinePolicy) field.ErrorList {
	path := field.NewPath("rules")
	if p.Rules == nil {
		return field.ErrorList{field.Required(path, "a policy that bounds nothing says []")}
	}
	var errs field.ErrorList
	names := map[string]int{}
	for i := range p.Rules {
		r, path := &p.Rules[i], path.Index(i)
		if first, ok := names[r.Name]; ok && r.Name != "" {
			errs = append(errs, field.Invalid(path.Child("name"), r.Name, fmt.Sprintf("rules[%d] has that name", first)))
		} else {
			names[r.Name] = i
		}
		errs = append(errs, validateRule(r, path)...)
	}
	if len(errs) > 0 {
		return errs // It cannot be told of a rule that is wrong what it matches.
	}
	return validateReached(p.Rules, path)
}

func validateRule(r *Rule, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if r.Name == "" {
		errs = append(errs, field.Required(path.Child("name"), "audit events and answers name the rule by it"))
	} else {
		for _, msg := range validation.IsDNS1123Label(r.Name) {
			errs = append(errs, field.Invalid(path.Child("name"), r.Name, msg))
		}
	}
	if len(r.NonResourceURLs) > 0 && len(r.APIGroups)+len(r.Resources) > 0 {
		errs = append(errs, field.Invalid(path.Child("nonResourceURLs"), r.NonResourceURLs, "a rule matches resources or other paths: make two of it"))
	}
	errs = append(errs, validateVerbs(r, path.Child("verbs"))...)
	errs = append(errs, validateAPIGroups(r, path)...)
	errs = append(errs, validateList(r.Resources, path.Child("resources"), resourceProblem)...)
	errs = append(errs, validateList(r.NonResourceURLs, path.Child("nonResourceURLs"), urlProblem)...)
	errs = append(errs, validateList(r.Users, path.Child("users"), nameProblem)...)
	errs = append(errs, validateList(r.Groups, path.Child("groups"), nameProblem)...)
	return append(errs, validateTimeouts(r, path)...)
}

func validateVerbs(r *Rule, path *field.Path) field.ErrorList {
	var valid []string
	if len(r.NonResourceURLs) == 0 {
		valid = append(valid, resourceVerbs...)
	}
	if len(r.APIGroups) == 0 {
		valid = append(valid, methods...)
	}
	slices.Sort(valid)
	valid = append(slices.Compact(valid), all)
	errs := validateList(r.Verbs, path, nil)
	for i, verb := range r.Verbs {
		switch {
		case verb == "watch":
			errs = append(errs, field.Invalid(path.Index(i), verb, "a watch is long-running, and has no deadline"))
		case !slices.Contains(valid, verb):
			errs = append(errs, field.NotSupported(path.Index(i), verb, valid))
		}
	}
	return errs
}

func validateAPIGroups(r *Rule, path *field.Path) field.ErrorList {
	if len(r.APIGroups) == 0 && len(r.Resources) > 0 {
		return field.ErrorList{field.Required(path.Child("apiGroups"), `resources have API groups: "" is the core group, "*" stands for all`)}
	}
	return validateList(r.APIGroups, path.Child("apiGroups"), func(group string) string {
		if group == "" || group == all {
			return ""
		}
		return strings.Join(validation.IsDNS1123Subdomain(group), "; ")
	})
}

// validateList finds in a list what is there twice, what stands beside "*", and what
// has a problem of its own.
func validateList(list []string, path *field.Path, problem func(string) string) field.ErrorList {
	var errs field.ErrorList
	seen := map[string]bool{}
	for i, s := range list {
		switch {
		case seen[s]:
			errs = append(errs, field.Duplicate(path.Index(i), s))
		case problem != nil && problem(s) != "":
			errs = append(errs, field.Invalid(path.Index(i), s, problem(s)))
		}
		seen[s] = true
	}
	if seen[all] && len(list) > 1 && len(errs) == 0 {
		errs = append(errs, field.Invalid(path, list, `"*" stands for all: it stands alone`))
	}
	return errs
}

func resourceProblem(s string) string {
	resource, subresource, sub := strings.Cut(s, "/")
	switch {
	case resource == "" || sub && subresource == "":
		return "must be a resource, or a resource, a slash and a subresource"
	case strings.Contains(subresource, "/"):
		return "a subresource has none of its own: must have one slash at most"
	case resource == all && subresource == all:
		return `must be "*/" and a subresource; "*" alone matches all of them, and resources too`
	case resource != all && strings.Contains(resource, "*"), subresource != all && strings.Contains(subresource, "*"):
		return `"*" stands for a whole resource or subresource`
	case strings.ToLower(s) != s:
		return "must be in lower case, such as pods and not Pod"
	case strings.ContainsAny(s, " \t\r\n?#%"):
		return "must be a resource as it stands in a path"
	}
	return ""
}

func urlProblem(s string) string {
	switch i := strings.Index(s, "*"); {
	case s == all:
		return ""
	case !strings.HasPrefix(s, "/"):
		return `must begin with "/"`
	case i >= 0 && i < len(s)-1:
		return `"*" must be the last character`
	case strings.ContainsAny(s, "?#"):
		return "must be a path alone, without a query"
	}
	return ""
}

func nameProblem(s string) string {
	switch {
	case s == "":
		return "must be a name"
	case strings.Contains(s, "*"):
		return `there are no wildcards: name a group, such as system:nodes or system:authenticated`
	}
	return ""
}

func validateTimeouts(r *Rule, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if r.Timeout == nil && r.HandlerTimeout == nil {
		return append(errs, field.Required(path.Child("timeout"), "a rule has a timeout, a handlerTimeout or both"))
	}
	for i, d := range []*metav1.Duration{r.Timeout, r.HandlerTimeout} {
		if d != nil && d.Duration < minTimeout {
			name := []string{"timeout", "handlerTimeout"}[i]
			errs = append(errs, field.Invalid(path.Child(name), d.Duration.String(), "must be at least "+minTimeout.String()))
		}
	}
	if r.HandlerTimeout == nil {
		return errs
	}
	path = path.Child("handlerTimeout")
	bounded := slices.ContainsFunc(r.Verbs, func(verb string) bool { return verb == all || slices.Contains(handled, verb) })
	switch {
	case len(r.NonResourceURLs) > 0:
		errs = append(errs, field.Invalid(path, r.HandlerTimeout.Duration.String(), "only handlers of resources have one"))
	case !bounded:
		errs = append(errs, field.Invalid(path, r.HandlerTimeout.Duration.String(), "only these verbs have one: "+strings.Join(handled, ", ")))
	case r.Timeout != nil && r.HandlerTimeout.Duration > r.Timeout.Duration:
		errs = append(errs, field.Invalid(path, r.HandlerTimeout.Duration.String(), "must not be longer than timeout, "+r.Timeout.Duration.String()))
	}
	return errs
}
