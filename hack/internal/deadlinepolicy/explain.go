// Package deadlinepolicy tells what a deadline policy's file says of a request, without
// a server.
package deadlinepolicy

import (
	"slices"
	"time"

	"k8s.io/apiserver/pkg/endpoints/request"

	"fork.internal/apiserver/pkg/endpoints/deadline/policy"
)

// Question is what Explain is asked.
type Question struct {
	// Verb is one of the API's, in lower case, or an HTTP method, in upper case.
	Verb string
	// Path is that of a request, with or without a query.
	Path string
	// User and Groups are the request's. If there are none, the user is not known.
	User   string
	Groups []string
	// RequestTimeout is the server's --request-timeout.
	RequestTimeout time.Duration
}

// Explanation is what a policy says of a request.
type Explanation struct {
	File    string  `json:"file"`
	Hash    string  `json:"hash"` // as in the server's metrics
	Request Request `json:"request"`

	// LongRunning requests have no deadline, and no more is said of them.
	LongRunning bool `json:"longRunning"`

	// Rule is the one that matches, "" if none does, and Index its place in rules.
	Rule  string `json:"rule"`
	Index int    `json:"index"`
	// Timeout bounds the request, Handler the handler of a create, update, patch or delete.
	Timeout Limit  `json:"timeout"`
	Handler *Limit `json:"handlerTimeout,omitempty"`
	// QueueWait is how long API Priority and Fairness has the request wait at most.
	QueueWait Duration `json:"queueWait"`
	// For are the rules that come first for the users or groups that they name. It is
	// empty if the user is known.
	For []Rule `json:"forUsers,omitempty"`
}

// Request is what the server makes of a verb and a path.
type Request struct {
	Verb        string   `json:"verb"`
	Path        string   `json:"path"`
	IsResource  bool     `json:"isResource"`
	APIGroup    string   `json:"apiGroup,omitempty"`
	Resource    string   `json:"resource,omitempty"`
	Subresource string   `json:"subresource,omitempty"`
	User        string   `json:"user,omitempty"`
	Groups      []string `json:"groups,omitempty"`
}

// Limit is how long something may take, and By who says so: rule, --request-timeout,
// ?timeout= or default.
type Limit struct {
	Duration Duration `json:"duration"`
	By       string   `json:"by"`
	Rule     string   `json:"rule,omitempty"`
}

// Rule is one that names users or groups, and the bounds that they have by it.
type Rule struct {
	Rule    string   `json:"rule"`
	Index   int      `json:"index"`
	Users   []string `json:"users,omitempty"`
	Groups  []string `json:"groups,omitempty"`
	Timeout Limit    `json:"timeout"`
	Handler *Limit   `json:"handlerTimeout,omitempty"`
}

// Duration is one that JSON has as a string, as the policy's file does.
type Duration time.Duration

func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText makes it "5m0s".
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// maxQueueWait is the longest that API Priority and Fairness has any request wait.
const maxQueueWait = time.Minute

// Explain says what the policy in a file says of a request. It is an error if the file
// is bad, or there can be no such request.
func Explain(file string, q Question) (*Explanation, error) {
	p, err := policy.Load(file)
	if err != nil {
		return nil, err
	}
	info, timeout, err := newInfo(q.Verb, q.Path)
	if err != nil {
		return nil, err
	}
	e := &Explanation{File: file, Hash: p.Hash(), Index: -1, Request: Request{
		Verb: info.Verb, Path: q.Path, IsResource: info.IsResourceRequest,
		APIGroup: info.APIGroup, Resource: info.Resource, Subresource: info.Subresource,
	}}
	if longRunning(info) {
		e.LongRunning = true
		return e, nil
	}
	outer := p.Outer(info, policy.DefaultBound(q.RequestTimeout))
	outer.Shorten(timeout)
	b := outer
	if u := newUser(q.User, q.Groups); u != nil {
		e.Request.User, e.Request.Groups = u.GetName(), u.GetGroups()
		b = p.Inner(info, u, outer)
	}
	rules := p.Config().Rules
	e.Rule, e.Index = b.Rule, index(rules, b.Rule)
	e.Timeout, e.Handler = limits(info, b, timeout)
	e.QueueWait = Duration(min(b.Request.Duration/4, maxQueueWait))
	if q.User != "" || len(q.Groups) > 0 {
		return e, nil
	}
	for i := range rules {
		if rules[i].Name == outer.Rule {
			break
		}
		if b, ok := forWhomItNames(&rules[i], info, outer); ok {
			r := Rule{Rule: rules[i].Name, Index: i, Users: rules[i].Users, Groups: rules[i].Groups}
			r.Timeout, r.Handler = limits(info, b, timeout)
			e.For = append(e.For, r)
		}
	}
	return e, nil
}

// forWhomItNames is the bound of a request of somebody whom a rule names. It is not ok
// if the rule names nobody or does not match the request.
func forWhomItNames(r *policy.Rule, info *request.RequestInfo, outer policy.Bound) (policy.Bound, bool) {
	who := newUser(slices.Concat(r.Users, []string{""})[0], r.Groups)
	if len(r.Users)+len(r.Groups) == 0 {
		return outer, false
	}
	alone := policy.New(&policy.DeadlinePolicy{Rules: []policy.Rule{*r}})
	b := alone.Inner(info, who, outer)
	return b, b.Rule == r.Name
}

func index(rules []policy.Rule, name string) int {
	return slices.IndexFunc(rules, func(r policy.Rule) bool { return r.Name == name })
}

// limits are the bounds of a request that was sent with that ?timeout=. The second is
// nil for one whose handler has none of its own.
func limits(info *request.RequestInfo, b policy.Bound, timeout time.Duration) (Limit, *Limit) {
	by := "--request-timeout"
	if timeout > 0 && b.Request.Duration == timeout {
		by = "?timeout="
	}
	all := newLimit(b.Request, by)
	if !info.IsResourceRequest || !slices.Contains([]string{"create", "update", "patch", "delete"}, info.Verb) {
		return all, nil
	}
	handler := newLimit(b.Handler, "default")
	if all.Duration < handler.Duration {
		handler = all
	}
	return all, &handler
}

func newLimit(l policy.Limit, otherwise string) Limit {
	if l.Rule != "" {
		return Limit{Duration: Duration(l.Duration), By: "rule", Rule: l.Rule}
	}
	return Limit{Duration: Duration(l.Duration), By: otherwise}
}
