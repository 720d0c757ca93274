package integration

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"fork.internal/apiserver/pkg/endpoints/deadline/policy"
	"fork.internal/apiserver/test/traffic"
)

// The good policies, in the order in which they come to be in force. Neighbours have bounds that are told apart by how long
// a request takes, also on a machine that is busy.
var (
	first  = bounds{"first", 3 * time.Second, 1500 * time.Millisecond}
	second = bounds{"second", time.Second, 500 * time.Millisecond}
	third  = bounds{"third", 5 * time.Second, 2500 * time.Millisecond}
	fourth = bounds{"fourth", 2 * time.Second, time.Second}
	// between is in the file for moments, and hardly ever in force.
	between = bounds{"between", 4 * time.Second, 2 * time.Second}
)

// badBetween is in the file for moments too.
var badBetween = strings.Replace(between.file(), "timeout: 50s", "timeout: 1ms", 1)

// change is one of the policy's file, to which the server comes within its interval.
type change struct {
	what  string
	place func(f *policyFile) error
	// taken is the policy that is in force then; nil, and refused is what is said to be wrong with it.
	taken   *bounds
	refused string
	// churn is whether the file changes many times before it is that.
	churn bool
}

func rename(data string) func(*policyFile) error {
	return func(f *policyFile) error { return f.rename(data) }
}

func swap(data string) func(*policyFile) error {
	return func(f *policyFile) error { return f.swap(data) }
}

// The rules that the bad policies have are never to bound a request.
var changes = []change{
	{"broken YAML", rename(bad("rules:", "rules: [")), nil, "yaml: line ", false},
	{"a good one, by a rename", rename(second.file()), &second, "", true},
	{"a field that is not known", rename(bad("timeout: 40s", "timeOut: 40s")), nil, `unknown field`, true},
	{"another version, by a link", swap(bad("v1alpha1", "v1")), nil, "apiVersion: Unsupported value", true},
	{"a good one, by a link", swap(third.file()), &third, "", true},
	{"no file", (*policyFile).remove, nil, "no such file or directory", true},
	{"a directory", (*policyFile).directory, nil, "is a directory", false},
	{"an empty file", func(f *policyFile) error {
		if err := f.remove(); err != nil {
			return err
		}
		if err := f.rename(third.file()); err != nil {
			return err
		}
		return f.truncate()
	}, nil, "there is nothing in it", false},
	{"a good one, into the empty file", func(f *policyFile) error { return f.write(fourth.file()) }, &fourth, "", false},
}

// bad is a policy in which something else stands in the place of old.
func bad(old, replacement string) string {
	return strings.Replace(bounds{"bad", 700 * time.Millisecond, 300 * time.Millisecond}.file(), old, replacement, 1)
}

// policyReloaded has the file of the deadline policy change, to good policies and bad ones, while requests of each class are
// sent. No request fails for it. What bounded each, checkPolicies finds when the audit log is whole.
func policyReloaded(ctx context.Context, e *env) error {
	lines, err := e.policyLog.reloads()
	if err != nil {
		return err
	}
	if err := e.reloadsAgree(ctx, "the first one", lines, first.hash()); err != nil {
		return err
	}
	stop := e.sendClasses(ctx)
	defer stop()
	inForce := &first
	for _, c := range changes {
		if lines, err = e.change(ctx, c, lines, inForce); err != nil {
			return fmt.Errorf("%s: %w", c.what, err)
		}
		if c.taken != nil {
			inForce = c.taken
		}
	}
	select { // Requests that came after the last change are to get their 504 from it.
	case <-time.After(inForce.creates + prompt):
	case <-ctx.Done():
	}
	stop()
	for _, c := range changes {
		if n := count(lines, c.refused); c.refused != "" && n != 1 {
			e.wrongf("%s: %d lines in the log say %q, want one", c.what, n, c.refused)
		}
	}
	return ctx.Err()
}

// count is how many lines refuse a policy for that.
func count(lines []reload, refused string) (n int) {
	for _, l := range lines {
		if !l.taken && strings.Contains(l.line, refused) {
			n++
		}
	}
	return n
}

// notices bounds how long after its interval the server may come to look at the file.
const notices = 2 * time.Second

// change makes one, and waits until the server has seen it. It holds the log, the metrics and `fork policy check` to the
// same.
func (e *env) change(ctx context.Context, c change, before []reload, inForce *bounds) ([]reload, error) {
	if c.churn {
		if err := e.churn(ctx); err != nil {
			return nil, err
		}
	}
	if err := c.place(e.policyFile); err != nil {
		return nil, err
	}
	placed := time.Now()
	e.checkLoad(c)
	if c.taken != nil {
		inForce = c.taken
	}
	for {
		lines, err := e.policyLog.reloads()
		if err != nil {
			return nil, err
		}
		for _, l := range lines[len(before):] {
			if !c.is(l) {
				continue
			}
			if late := l.at.Sub(placed) - policy.ReloadInterval; late > notices {
				e.wrongf("%s: the server has seen it %v late", c.what, late)
			}
			if l.hash != inForce.hash() || !strings.Contains(l.line, strconv.Quote(e.policyFile.path)) {
				e.wrongf("%s: the log does not name the file, and %s as in force: %s", c.what, inForce.hash(), l.line)
			}
			return lines, e.reloadsAgree(ctx, c.what, lines, inForce.hash())
		}
		if time.Since(placed) > policy.ReloadInterval+notices+traffic.Slack {
			return nil, fmt.Errorf("%v after the change the log does not say that it was seen", time.Since(placed))
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-e.cl.Exited():
			return nil, errors.New("the server has ended")
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// is reports whether the line is about the change.
func (c change) is(l reload) bool {
	if c.taken != nil {
		return l.taken && l.hash == c.taken.hash()
	}
	return !l.taken && strings.Contains(l.line, c.refused)
}

// checkLoad holds what `fork policy check` says of the file against what the server is to say.
func (e *env) checkLoad(c change) {
	p, err := policy.Load(e.policyFile.path)
	switch {
	case c.taken != nil && (err != nil || p.Hash() != c.taken.hash()):
		e.wrongf("%s: fork policy check finds it bad, or another: %v", c.what, err)
	case c.taken == nil && (err == nil || !strings.Contains(err.Error(), c.refused)):
		e.wrongf("%s: fork policy check says %v, want %q", c.what, err, c.refused)
	}
}

// churn changes the file many times, in a part of the server's interval.
func (e *env) churn(ctx context.Context) error {
	for n := 0; n < 40 && ctx.Err() == nil; n++ {
		way, data := e.policyFile.rename, between.file()
		if n%2 == 1 {
			way = e.policyFile.swap
		}
		if n%3 == 1 {
			data = badBetween
		}
		if err := way(data); err != nil {
			return err
		}
		time.Sleep(100 * time.Millisecond)
	}
	return ctx.Err()
}

// class is a sort of request for which each policy has a rule.
type class struct {
	rule         string // the beginning of its name
	method, path string
	user         string
	clients      int
}

// hangs is whether its requests get no answer but a 504.
func (c class) hangs() bool { return c.method == http.MethodPost }

var classes = []class{
	{"creates", http.MethodPost, secrets(hangs), "", 3},
	{"tenants", http.MethodPost, secrets(hangs), tenant, 3},
	{"gets", http.MethodGet, configMaps(watched) + "/ticks", "", 1},
	{"gets", http.MethodGet, secrets(plain) + "/one", tenant, 1},
	{"lists", http.MethodGet, configMaps(watched), "", 1},
	{"lists", http.MethodGet, secrets(plain), "", 1},
	{"paths", http.MethodGet, "/version", "", 1},
	{"paths", http.MethodGet, "/livez/ping", tenant, 1},
}

// sendClasses sends requests of each class over each protocol until stop is called, which waits for those under way.
func (e *env) sendClasses(ctx context.Context) (stop func()) {
	stopping := make(chan struct{})
	var done sync.WaitGroup
	for _, proto := range traffic.Protocols {
		for _, c := range classes {
			for range c.clients {
				done.Go(func() { e.sendClass(ctx, stopping, proto, c) })
			}
		}
	}
	return sync.OnceFunc(func() {
		close(stopping)
		done.Wait()
	})
}

func (e *env) sendClass(ctx context.Context, stopping <-chan struct{}, proto string, c class) {
	for {
		q := traffic.Request{Method: c.method, Path: c.path, User: c.user, Rule: c.rule}
		want := http.StatusOK
		if c.hangs() {
			q.Body, want = newSecret(), http.StatusGatewayTimeout
		}
		e.Answered(e.Send(ctx, proto, q), want)
		select {
		case <-ctx.Done():
			return
		case <-stopping:
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func secrets(ns string) string { return "/api/v1/namespaces/" + ns + "/secrets" }

func newSecret() io.Reader {
	return strings.NewReader(`{"apiVersion":"v1","kind":"Secret","metadata":{"generateName":"x-"}}`)
}
