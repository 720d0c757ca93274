package integration

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"fork.internal/apiserver/test/traffic"
)

// ruleAnnotation is what names the rule that a request matches, in its audit event.
const ruleAnnotation = "deadline.apiserver.k8s.io/rule"

const (
	// asks bounds how long after a request's arrival the server asks which policy is in force, and how long after a
	// reload it is logged.
	asks = 2 * time.Second

	// prompt is how late the fastest may be of all requests that hang under one policy.
	prompt = time.Second
)

// known are the good policies, by their hashes.
var known = func() map[string]bounds {
	all := map[string]bounds{}
	for _, b := range []bounds{first, second, third, fourth, between} {
		all[b.hash()] = b
	}
	return all
}()

// inForce are the policies that were in force at some moment of a time, by what the log says.
func inForce(lines []reload, from, to time.Time) (all []bounds) {
	for i := -1; i < len(lines); i++ {
		now := first
		if i >= 0 {
			var ok bool
			if now, ok = known[lines[i].hash]; !ok {
				continue // change has said so.
			}
		}
		begun := i < 0 || lines[i].at.Before(to)
		ended := i+1 < len(lines) && lines[i+1].at.Before(from)
		if begun && !ended && !slices.Contains(all, now) {
			all = append(all, now)
		}
	}
	return all
}

// boundBy finds the policy that has bounded a request: in force when it came, named by its audit event and, if that is a
// 504, by the answer. The error is what is wrong.
func boundBy(x *traffic.Exchange, ev traffic.Event, lines []reload) (bounds, error) {
	came := ev.RequestReceivedTimestamp
	all := inForce(lines, came, came.Add(asks))
	n := slices.IndexFunc(all, func(b bounds) bool { return x.Rule+"-"+b.name == ev.Annotations[ruleAnnotation] })
	if n < 0 {
		return bounds{}, fmt.Errorf("its audit event names the rule %q, and in force were those of the policy %v", ev.Annotations[ruleAnnotation], all)
	}
	b := all[n]
	bound := b.bound(x.Rule)
	if bound == 0 {
		return b, nil
	}
	var status struct{ Message string }
	if err := json.Unmarshal(x.Body, &status); err != nil {
		return b, fmt.Errorf("its answer is no Status: %w", err)
	}
	switch want := fmt.Sprintf(": %s, by the rule %s-%s of the deadline policy", bound, x.Rule, b.name); {
	case !strings.HasSuffix(status.Message, want):
		return b, fmt.Errorf("its answer says %q, want %q at its end", status.Message, want)
	case x.Took < bound:
		return b, fmt.Errorf("it had %v, and its bound is %v", x.Took, bound)
	case x.Took > bound+traffic.Slack:
		return b, fmt.Errorf("it had %v, late for a bound of %v", x.Took, bound)
	}
	return b, nil
}

// bound is when what hangs gets its 504; 0 if the rule is not for that.
func (b bounds) bound(rule string) time.Duration {
	switch rule {
	case "creates":
		return b.creates
	case "tenants":
		return b.tenants
	}
	return 0
}

// checkPolicies finds for each request of a class which policy has bounded it. What hung got its 504 at the bound of the
// policy that was in force when it came, and of each class some came after each reload.
func (e *env) checkPolicies(records map[string]traffic.Record) {
	lines := e.policyLog.all
	type span struct {
		policy bounds
		rule   string
	}
	fastest := map[span]time.Duration{}
	sent := map[string]map[int]int{} // by rule, and how many reloads there were before
	for _, x := range e.exchanges {
		if x.Rule == "" || !x.Whole || len(records[x.AuditID].Ends) != 1 {
			continue // If that is wrong, it has been said.
		}
		ev := records[x.AuditID].Ends[0]
		b, err := boundBy(x, ev, lines)
		if err != nil {
			e.wrongf("%v: %v", err, x)
			continue
		}
		if s := (span{b, x.Rule}); fastest[s] == 0 || x.Took < fastest[s] {
			fastest[s] = x.Took
		}
		if sent[x.Rule] == nil {
			sent[x.Rule] = map[int]int{}
		}
		n, _ := slices.BinarySearchFunc(lines, ev.RequestReceivedTimestamp, func(r reload, t time.Time) int { return r.at.Compare(t) })
		sent[x.Rule][n]++
	}
	for s, took := range fastest {
		if bound := s.policy.bound(s.rule); bound > 0 && took > bound+prompt {
			e.wrongf("under the policy %v the fastest of %s had %v, and its bound is %v", s.policy, s.rule, took, bound)
		}
	}
	for _, c := range classes {
		for n := 1; n <= len(lines); n++ {
			if sent[c.rule][n] == 0 {
				e.wrongf("no request of %s has come after %s: nothing was tried", c.rule, lines[n-1].line)
			}
		}
	}
}
