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
	"time"

	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/endpoints/request"
)

// DefaultHandlerTimeout bounds the handlers of create, update, patch and delete where no
// rule does.
const DefaultHandlerTimeout = 34 * time.Second

// Limit is how long something may take, and who says so.
type Limit struct {
	Duration time.Duration
	// Rule is the name of the rule that says so, or "" if none does.
	Rule string
}

// String is for answers and logs: "5s, by the rule leases of the deadline policy".
func (l Limit) String() string {
	if l.Rule == "" {
		return l.Duration.String()
	}
	return l.Duration.String() + ", by the rule " + l.Rule + " of the deadline policy"
}

func (l *Limit) shorten(by Limit) {
	if by.Duration > 0 && by.Duration < l.Duration {
		*l = by
	}
}

// Bound is what is said of one request.
type Bound struct {
	// Request is counted from the request's arrival to the end of its response.
	Request Limit
	// Handler is counted from the start of the handler of a create, update, patch or
	// delete. It may be longer than what is left of Request, which holds as well.
	Handler Limit
	// Rule is the name of the rule that matches, or "" if none does. It may differ from
	// that of Request or Handler: the rule may leave those as they are.
	Rule string
}

// DefaultBound is what is said of a request that no rule matches.
func DefaultBound(requestTimeout time.Duration) Bound {
	return Bound{Request: Limit{Duration: requestTimeout}, Handler: Limit{Duration: DefaultHandlerTimeout}}
}

// Shorten makes d the bound of the request if it is nearer, and more than zero. It is
// for a client's ?timeout=.
func (b *Bound) Shorten(d time.Duration) { b.Request.shorten(Limit{Duration: d}) }

// Policy is a DeadlinePolicy that is ready to be asked. It does not change, and may be
// used by any number of goroutines. A nil Policy has no rules.
type Policy struct {
	config *DeadlinePolicy
	hash   string

	// The rules that may match a request with that verb, in their order.
	resource    [verbs][]*rule
	nonResource [verbs][]*rule
	named       bool // some rule names users or groups
}

// New makes a Policy of a config that is valid and has its defaults, as Decode returns
// it. The config must not be changed after that.
func New(config *DeadlinePolicy) *Policy {
	p := &Policy{config: config}
	for i := range config.Rules {
		r := newRule(&config.Rules[i])
		p.named = p.named || r.named()
		for v := range verbs {
			if r.verbs&(1<<v) == 0 {
				continue
			}
			if len(r.paths) == 0 {
				p.resource[v] = append(p.resource[v], r)
			}
			if len(r.apiGroups) == 0 {
				p.nonResource[v] = append(p.nonResource[v], r)
			}
		}
	}
	return p
}

// Config returns what the Policy was made of, which must not be changed.
func (p *Policy) Config() *DeadlinePolicy { return p.config }

// Hash identifies the file that the Policy was read from, by its content, as the
// metric does. It is "" if there was none.
func (p *Policy) Hash() string { return p.hash }

// Outer is the bound of a request whose user is not known yet: what the first rule
// that matches, of those that name neither users nor groups, puts in place of the
// argument otherwise. It allocates nothing.
func (p *Policy) Outer(info *request.RequestInfo, otherwise Bound) Bound {
	if p == nil {
		return otherwise
	}
	for _, r := range p.rules(info) {
		if r.named() || !r.matches(info) {
			continue
		}
		if r.timeout > 0 {
			otherwise.Request = Limit{r.timeout, r.name}
		}
		if r.handlerTimeout > 0 {
			otherwise.Handler = Limit{r.handlerTimeout, r.name}
		}
		otherwise.Rule = r.name
		break
	}
	return otherwise
}

// Inner is the bound of a request whose user is known: outer, which is the bound that
// it has by then, or a shorter one. Of all rules, the first that matches shortens it.
// If that rule names neither users nor groups, it is the one that outer is of, and
// there is nothing to shorten. It allocates nothing.
func (p *Policy) Inner(info *request.RequestInfo, u user.Info, outer Bound) Bound {
	if p == nil || !p.named || u == nil {
		return outer
	}
	for _, r := range p.rules(info) {
		if !r.matches(info) || !r.matchesUser(u) {
			continue
		}
		outer.Request.shorten(Limit{r.timeout, r.name})
		outer.Handler.shorten(Limit{r.handlerTimeout, r.name})
		outer.Rule = r.name
		break
	}
	return outer
}

func (p *Policy) rules(info *request.RequestInfo) []*rule {
	if info.IsResourceRequest {
		return p.resource[verbOf(info.Verb)]
	}
	return p.nonResource[verbOf(info.Verb)]
}
