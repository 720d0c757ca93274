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
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/endpoints/request"
)

// referenceMatches says what the documentation of Rule says, in the simplest way. The
// user is nil before authentication.
func referenceMatches(r *Rule, i *request.RequestInfo, u user.Info) bool {
	verb := len(r.Verbs) == 0 || slices.Contains(r.Verbs, "*") || slices.Contains(r.Verbs, i.Verb)
	group := len(r.APIGroups) == 0 || i.IsResourceRequest && (slices.Contains(r.APIGroups, "*") || slices.Contains(r.APIGroups, i.APIGroup))
	resource := len(r.Resources) == 0
	for _, s := range r.Resources {
		asked := i.Resource
		if i.Subresource != "" {
			asked += "/" + i.Subresource
		}
		resource = resource || i.IsResourceRequest && (s == "*" || s == asked ||
			i.Subresource != "" && (s == i.Resource+"/*" || s == "*/"+i.Subresource))
	}
	path := len(r.NonResourceURLs) == 0
	for _, s := range r.NonResourceURLs {
		path = path || !i.IsResourceRequest && (s == i.Path || strings.HasSuffix(s, "*") && strings.HasPrefix(i.Path, s[:len(s)-1]))
	}
	who := len(r.Users) == 0 && len(r.Groups) == 0
	if u != nil && !who {
		who = len(r.Users) == 0 || slices.Contains(r.Users, u.GetName())
		in := len(r.Groups) == 0
		for _, g := range u.GetGroups() {
			in = in || slices.Contains(r.Groups, g)
		}
		who = who && in
	}
	return verb && group && resource && path && who
}

func reference(p *DeadlinePolicy, i *request.RequestInfo, u user.Info) *Rule {
	for n := range p.Rules {
		if referenceMatches(&p.Rules[n], i, u) {
			return &p.Rules[n]
		}
	}
	return nil
}

// The words that random policies and requests are made of: few, so that they meet.
var (
	ruleVerbs     = slices.Concat(resourceVerbs, methods, []string{"*", "*"})
	wordVerbs     = slices.Concat(resourceVerbs, methods, []string{"watch", "proxy", ""})
	wordGroups    = []string{"", "apps", "example.com"}
	wordResources = []string{"pods", "nodes", "deployments", ""}
	wordSubs      = []string{"", "", "status", "scale"}
	wordPaths     = []string{"/", "/version", "/api", "/apis/apps", "/openapi/v3", "/openapi/v2", ""}
	wordUsers     = []string{"a", "b", "c"}
)

type source struct{ *rand.Rand }

func (s source) of(words []string) string { return words[s.IntN(len(words))] }

// some returns a few different words, or none.
func (s source) some(words ...string) []string {
	var list []string
	for range s.IntN(3) {
		if w := s.of(words); !slices.Contains(list, w) {
			list = append(list, w)
		}
	}
	return list
}

func (s source) duration() *metav1.Duration {
	if s.IntN(3) == 0 {
		return nil
	}
	return &metav1.Duration{Duration: time.Duration(1+s.IntN(100)) * time.Second}
}

// policy returns one that New takes. It may not be valid: its rules may be in vain.
func (s source) policy() *DeadlinePolicy {
	p := &DeadlinePolicy{Rules: []Rule{}}
	for n := range s.IntN(6) {
		r := Rule{Name: fmt.Sprint("r", n), Verbs: s.some(ruleVerbs...), Timeout: s.duration(), HandlerTimeout: s.duration()}
		switch s.IntN(3) {
		case 0:
			r.APIGroups = s.some(slices.Concat(wordGroups, []string{"*"})...)
			if len(r.APIGroups) > 0 {
				r.Resources = s.some("pods", "nodes", "pods/status", "pods/*", "*/scale", "*")
			}
		case 1:
			r.NonResourceURLs = s.some("/version", "/api*", "/openapi/*", "/apis/*", "*")
		}
		if s.IntN(2) == 0 {
			r.Users, r.Groups = s.some(wordUsers...), s.some(wordUsers...)
		}
		p.Rules = append(p.Rules, r)
	}
	setDefaults(p)
	return p
}

func (s source) request() (*request.RequestInfo, user.Info) {
	i := &request.RequestInfo{Verb: s.of(wordVerbs), Path: s.of(wordPaths)}
	if s.IntN(2) == 0 {
		i.IsResourceRequest, i.APIGroup, i.Resource, i.Subresource = true, s.of(wordGroups), s.of(wordResources), s.of(wordSubs)
	}
	return i, &user.DefaultInfo{Name: s.of(wordUsers), Groups: s.some(wordUsers...)}
}

// checkAgainstReference compares one random policy with the reference, on random
// requests.
func checkAgainstReference(t *testing.T, seed uint64) (matched int) {
	s := source{rand.New(rand.NewPCG(seed, 0))}
	config := s.policy()
	p := New(config)
	for range 50 {
		i, u := s.request()
		outer := DefaultBound(time.Minute)
		if r := reference(config, i, nil); r != nil {
			outer.Rule = r.Name
			if r.Timeout != nil {
				outer.Request = Limit{r.Timeout.Duration, r.Name}
			}
			if r.HandlerTimeout != nil {
				outer.Handler = Limit{r.HandlerTimeout.Duration, r.Name}
			}
			matched++
		}
		inner := outer
		if r := reference(config, i, u); r != nil {
			inner.Rule = r.Name
			if r.Timeout != nil && r.Timeout.Duration < outer.Request.Duration {
				inner.Request = Limit{r.Timeout.Duration, r.Name}
			}
			if r.HandlerTimeout != nil && r.HandlerTimeout.Duration < outer.Handler.Duration {
				inner.Handler = Limit{r.HandlerTimeout.Duration, r.Name}
			}
			matched++
		}
		gotOuter := p.Outer(i, DefaultBound(time.Minute))
		if gotInner := p.Inner(i, u, gotOuter); gotOuter != outer || gotInner != inner {
			t.Fatalf("seed %d: rules %+v\nrequest %+v of %+v\ngot  %+v, then %+v\nwant %+v, then %+v", seed, config.Rules, i, u, gotOuter, gotInner, outer, inner)
		}
	}
	// A rule that is said never to match must not, whoever asks.
	for n := range config.Rules {
		for m := range n {
			if !covers(&config.Rules[m], &config.Rules[n]) {
				continue
			}
			for range 50 {
				i, u := s.request()
				if referenceMatches(&config.Rules[n], i, u) && !referenceMatches(&config.Rules[m], i, u) {
					t.Fatalf("seed %d: %+v does not cover %+v: request %+v of %+v", seed, config.Rules[m], config.Rules[n], i, u)
				}
			}
		}
	}
	return matched
}

func TestMatchesAsReference(t *testing.T) {
	matched := 0
	for seed := range uint64(2000) {
		matched += checkAgainstReference(t, seed)
	}
	if matched < 10_000 {
		t.Errorf("only %d matches: this compares too little", matched)
	}
}

func FuzzMatch(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) { checkAgainstReference(t, seed) })
}
