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

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validateReached finds rules that can never be the first to match, because one
// before them matches all that they do. It does not find a rule all of whose requests
// several rules before it match, but none of them alone.
func validateReached(rules []Rule, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i := range rules {
		for j := range rules[:i] {
			if covers(&rules[j], &rules[i]) {
				errs = append(errs, field.Invalid(path.Index(i), rules[i].Name,
					fmt.Sprintf("never matches: rules[%d], %s, matches all that it does, and comes first", j, rules[j].Name)))
				break
			}
		}
	}
	return errs
}

// covers reports whether a matches every request that b does, in both passes.
func covers(a, b *Rule) bool {
	switch {
	case len(a.APIGroups) > 0 && len(b.APIGroups) == 0, len(a.NonResourceURLs) > 0 && len(b.NonResourceURLs) == 0:
		return false
	case !coversList(a.Verbs, b.Verbs, nil):
		return false
	case len(a.APIGroups) > 0 && !coversList(a.APIGroups, b.APIGroups, nil):
		return false
	case len(a.APIGroups) > 0 && !coversList(a.Resources, b.Resources, coversResource):
		return false
	case len(a.NonResourceURLs) > 0 && !coversList(a.NonResourceURLs, b.NonResourceURLs, coversURL):
		return false
	}
	return coversNames(a.Users, b.Users) && coversNames(a.Groups, b.Groups)
}

// coversList reports whether each of b is covered by one of a.
func coversList(a, b []string, covers func(a, b string) bool) bool {
	for _, b := range b {
		if !slices.ContainsFunc(a, func(a string) bool { return a == all || a == b || covers != nil && covers(a, b) }) {
			return false
		}
	}
	return true
}

func coversNames(a, b []string) bool {
	return len(a) == 0 || len(b) > 0 && coversList(a, b, nil)
}

func coversResource(a, b string) bool {
	aResource, aSub, _ := strings.Cut(a, "/")
	bResource, bSub, bHasSub := strings.Cut(b, "/")
	return bHasSub && (aResource == all && aSub == bSub || aResource == bResource && aSub == all)
}

func coversURL(a, b string) bool {
	prefix, ok := strings.CutSuffix(a, "*")
	return ok && strings.HasPrefix(b, prefix)
}
