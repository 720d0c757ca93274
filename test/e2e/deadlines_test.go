package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"fork.internal/apiserver/test/e2e/suite"
	"fork.internal/apiserver/test/traffic"
)

const (
	// shortTimeout is that of a request that is to run out of time.
	shortTimeout = 500 * time.Millisecond

	// mutationBound is what the server allows a mutation, if it allows requests that long at all.
	mutationBound = 34 * time.Second
)

// mutations are requests for an object of a collection, which all meet its webhook. object is what it was made from, and
// stored what it is.
func mutations(path, name string, object, stored []byte) []suite.Request {
	at := path + "/" + name
	return []suite.Request{
		{Method: http.MethodPost, Path: path, Body: []byte(strings.Replace(string(object), name, name+"-new", 1))},
		{Method: http.MethodPut, Path: at, Body: stored},
		{Method: http.MethodPatch, Path: at, Body: []byte(`{"metadata":{"annotations":{"a":"b"}}}`), Type: "application/merge-patch+json"},
		{Method: http.MethodPatch, Path: at + "?fieldManager=e2e&force=true", Body: object, Type: "application/apply-patch+yaml"},
		{Method: http.MethodDelete, Path: at},
		{Method: http.MethodDelete, Path: path + "?fieldSelector=metadata.name=" + name},
	}
}

// within gives a request a timeout.
func within(r suite.Request, timeout time.Duration) suite.Request {
	sep := "?"
	if strings.Contains(r.Path, "?") {
		sep = "&"
	}
	r.Path += sep + "timeout=" + timeout.String()
	return r
}

// deadlines has requests of every verb run out of time in a webhook: each gets a complete 504, and the next request goes
// over the same connection.
func deadlines(t *T) {
	silent := t.Silent()
	k, err := t.MakeKind("deadlines")
	t.Check(err)
	const name = "hangs"
	maps, widgets := configMapsPath(t.Suite), k.Path("v1", t.Namespace)
	label := t.Name("deadlines")
	object := configMap(t.Suite, name, nil, suite.HookLabel, label)
	widget := encode(k.New(suite.Object{"name": name, "labels": t.Labels(suite.HookLabel, label)}, suite.Object{"size": 1}))
	admin := t.As(suite.HTTP2)
	storedMap := t.Must(admin, suite.Request{Method: http.MethodPost, Path: maps, Body: object}, http.StatusCreated)
	storedWidget := t.Must(admin, suite.Request{Method: http.MethodPost, Path: widgets, Body: widget}, http.StatusCreated)
	hooks, err := t.MakeHooks("deadlines", suite.Hook{Name: label, Address: silent.Address, Fail: true, Seconds: 10})
	t.Check(err)
	t.Cleanup(hooks.Remove)
	t.Check(hooks.Await(label))

	all := append(mutations(maps, name, object, storedMap.Body), mutations(widgets, name, widget, storedWidget.Body)...)
	try := func(c *suite.Client, r suite.Request) {
		r = within(r, shortTimeout)
		a, err := c.Do(t.ctx, r)
		if err != nil {
			t.Errorf("%v", err)
			return
		}
		if err := Complete504(a, shortTimeout); err != nil {
			t.Errorf("%s %s over %s: %v", r.Method, r.Path, c.Protocol, err)
		}
		if !strings.Contains(a.Status.Message, "may still be processing the request") {
			t.Errorf("the 504 says: %q", a.Status.Message)
		}
		next, err := c.Do(t.ctx, suite.Request{Path: maps + "/" + name})
		if err != nil || next.Code != http.StatusOK {
			t.Errorf("after %s %s: %v %v", r.Method, r.Path, next, err)
			return
		}
		if !next.Reused || next.Port != a.Port {
			t.Errorf("after the 504 of %s %s over %s another connection was made", r.Method, r.Path, c.Protocol)
		}
	}
	everyProtocol(t, func(p suite.Protocol) {
		c := t.As(p)
		for _, r := range all {
			try(c, r)
		}
	})
	// Beside a watch, on its connection.
	for _, r := range all {
		try(run.background.HTTP2, r)
	}
	// Nothing was done that has been answered with a 504.
	t.Get(admin, maps+"/"+name)
	t.Get(admin, widgets+"/"+name)
	t.Must(admin, suite.Request{Path: maps + "/" + name + "-new"}, http.StatusNotFound)
}

// invalidTimeouts are answered, and not waited for.
func invalidTimeouts(t *T) {
	everyProtocol(t, func(p suite.Protocol) {
		c := t.As(p)
		path := configMapsPath(t.Suite) + "?limit=1&timeout="
		if a := t.Must(c, suite.Request{Path: path + "bogus"}, http.StatusBadRequest); a.Status.Kind != "Status" {
			t.Errorf("an invalid timeout over %s: %s", p, a)
		}
		t.Must(c, suite.Request{Path: path + "10s"}, http.StatusOK)
		if !t.Fork {
			return
		}
		a, err := c.Do(t.ctx, suite.Request{Path: path + "1ns"})
		t.Check(err)
		if err := Complete504(a, 0); err != nil {
			t.Errorf("no time at all, over %s: %v", p, err)
		}
	})
	if !t.Fork {
		t.Partly("a timeout of no time at all: only the fork promises a complete answer (D14, D15)")
	}
}

// big is what makes a LIST of more than 12 MB, and one of more than 38.
var big struct {
	once sync.Once
	err  error
}

const (
	bigObjects  = 26
	hugeObjects = 80
	bigSize     = 500_000
	bigLabel    = "big"
)

// bigList makes it, once, and returns the path of the smaller LIST.
func bigList(t *T) string { return bigListOf(t, bigLabel+"=yes") }

// hugeList is bigList for the other one: as a rule more than sockets and a proxy hold for a client that does not read.
func hugeList(t *T) string { return bigListOf(t, bigLabel) }

func bigListOf(t *T, selector string) string {
	big.once.Do(func() {
		c := t.As(suite.HTTP2)
		text := strings.Repeat("large-enough-xyz", bigSize/16)
		for i := range hugeObjects {
			label := "yes"
			if i >= bigObjects {
				label = "huge"
			}
			a, err := c.Do(t.ctx, suite.Request{
				Method: http.MethodPost, Path: configMapsPath(t.Suite),
				Body: configMap(t.Suite, fmt.Sprintf("big-%02d", i), map[string]string{"text": text}, bigLabel, label),
			})
			if err == nil && a.Code != http.StatusCreated {
				err = fmt.Errorf("%s", a)
			}
			if err != nil {
				big.err = err
				return
			}
		}
	})
	t.Check(big.err)
	return configMapsPath(t.Suite) + "?labelSelector=" + url.QueryEscape(selector)
}

// What comes of a LIST whose deadline is near.
const (
	listWhole      = "whole"
	listCut        = "cut, for the client to see"
	listRefused    = "refused" // It waits for a seat, which cut ones have while they end, for no more than a quarter of its time.
	listTimedOut   = "504"
	listUnanswered = "unanswered"
)

// deadlinesOfLists steers the deadline to where the answer begins, and to where it ends: it comes whole, or as a complete
// 504, or is cut, for the client to see; a part is never passed off as the whole.
func deadlinesOfLists(t *T) {
	path := bigList(t)
	everyProtocol(t, func(p suite.Protocol) {
		c := t.As(p)
		for _, edge := range []struct {
			where string
			tries int
			first time.Duration
			// past are the outcomes of a deadline that was on the far side.
			past []string
			// near is one of a deadline on the near side.
			near string
		}{
			{"where the answer begins", 80, 20 * time.Millisecond, []string{listCut, listWhole}, listTimedOut},
			{"where the answer ends", 40, 100 * time.Millisecond, []string{listWhole}, listCut},
		} {
			counts := map[string]int{}
			far := 0
			for i, timeout := 0, edge.first; i < edge.tries; i++ {
				outcome := listBy(t, c, path, timeout)
				counts[outcome]++
				if slices.Contains(edge.past, outcome) {
					far++
					timeout = timeout * 85 / 100
				} else {
					timeout = timeout * 120 / 100
				}
			}
			if far == 0 || counts[edge.near] == 0 {
				t.Errorf("the deadline of LISTs over %s was not steered to %s: %v", p, edge.where, counts)
			}
			// One in a few dozens has begun an answer of which nothing has left yet.
			if most := traffic.Rarely(int64(edge.tries)); int64(counts[listUnanswered]) > most {
				t.Errorf("%d of %d LISTs over %s had neither a 504 nor the beginning of an answer, of which at most %d may be: %v", counts[listUnanswered], edge.tries, p, most, counts)
			}
			t.Say("         LISTs over %s whose deadline is %s: %v", p, edge.where, counts)
		}
	})
}

// listBy asks for the list with a deadline, and says what came of it.
func listBy(t *T, c *suite.Client, path string, timeout time.Duration) string {
	a, err := c.Do(t.ctx, within(suite.Request{Path: path}, timeout))
	switch {
	case err != nil && a.Code == http.StatusOK:
		t.Records.Saw(a.AuditID, suite.Cut())
		return listCut
	case err != nil:
		t.Records.Saw(a.AuditID, suite.Unanswered())
		return listUnanswered
	case a.Code == http.StatusOK:
		// To decode all of them would take longer than all else.
		if n := bytes.Count(a.Body, []byte(`"name":"big-`)); n != bigObjects || !bytes.HasSuffix(bytes.TrimSpace(a.Body), []byte("}]}")) {
			t.Errorf("a LIST over %s with %v: %d of %d objects in %d bytes, and no error", c.Protocol, timeout, n, bigObjects, len(a.Body))
		}
		return listWhole
	case a.Code == http.StatusTooManyRequests:
		return listRefused
	}
	if err := Complete504(a, timeout); err != nil {
		t.Errorf("a LIST over %s with %v: %v", c.Protocol, timeout, err)
	}
	return listTimedOut
}

// deadlineOfMutations has one end by the server's own bound.
func deadlineOfMutations(t *T) {
	silent := t.Silent()
	bound := min(mutationBound, t.Config.RequestTimeout)
	// Together they would take longer than that. No client waits longer than each for a TLS handshake.
	const each = 10
	first := suite.Hook{Name: t.Name("first"), Address: silent.Address, Seconds: each}
	serial := []suite.Hook{first}
	for i := range int(bound/(each*time.Second)) + 1 {
		another := first
		another.Name = t.Name(fmt.Sprintf("another-%d", i))
		serial = append(serial, another)
	}
	hooks, err := t.MakeSerialHooks("bound", serial...)
	t.Check(err)
	t.Cleanup(hooks.Remove)
	c := t.As(suite.HTTP2)
	// Until they are called: 500 ms are enough for whoever does not.
	probe := configMap(t.Suite, "bound-probe", nil, suite.HookLabel, first.Name)
	t.Check(t.Settled(func() error {
		a, err := c.Do(t.ctx, within(suite.Request{Method: http.MethodPost, Path: configMapsPath(t.Suite) + "?dryRun=All", Body: probe}, shortTimeout))
		if err == nil && a.Code/100 == 2 {
			return fmt.Errorf("the webhooks are not called")
		}
		return err
	}))
	a, err := c.Do(t.ctx, suite.Request{Method: http.MethodPost, Path: configMapsPath(t.Suite), Body: configMap(t.Suite, "bound", nil, suite.HookLabel, first.Name)})
	t.Check(err)
	if err := Complete504(a, bound-500*time.Millisecond); err != nil {
		t.Errorf("%v", err)
	}
	t.Must(c, suite.Request{Path: configMapsPath(t.Suite) + "/bound"}, http.StatusNotFound)
}

// counted compares the metrics with what was done, with a kind that nobody else has.
func counted(t *T) {
	if !t.Measured() {
		t.T.SkipNow()
	}
	const times = 10
	silent := t.Silent()
	k, err := t.MakeKind("counted")
	t.Check(err)
	path := k.Path("v1", t.Namespace)
	label := t.Name("counted")
	hooks, err := t.MakeHooks("counted", suite.Hook{Name: label, Address: silent.Address, Fail: true, Seconds: 10})
	t.Check(err)
	t.Cleanup(hooks.Remove)
	t.Check(hooks.Await(label))
	slow := within(suite.Request{Method: http.MethodPost, Path: path, Body: encode(k.New(
		suite.Object{"generateName": "slow-", "labels": t.Labels(suite.HookLabel, label)}, suite.Object{}))}, shortTimeout)
	quick := suite.Request{Method: http.MethodPost, Path: path, Body: encode(k.New(
		suite.Object{"generateName": "quick-", "labels": t.Labels()}, suite.Object{}))}
	everyProtocol(t, func(p suite.Protocol) {
		c := t.AsUser(p)
		for range times {
			a, err := c.Do(t.ctx, slow)
			if err == nil {
				err = Complete504(a, shortTimeout)
			}
			if err != nil {
				t.Errorf("%v", err)
			}
			if a, err := c.Do(t.ctx, quick); err != nil || a.Code != http.StatusCreated {
				t.Errorf("%v %v", a, err)
			}
		}
	})
	both := float64(times * len(suite.Protocols))
	t.Check(t.Settled(func() error {
		m, err := t.Metrics()
		if err != nil {
			return err
		}
		for _, want := range []struct {
			name   string
			labels suite.L
			value  float64
		}{
			{"apiserver_request_total", suite.L{"verb": "POST", "code": "504"}, both},
			{"apiserver_request_total", suite.L{"verb": "POST", "code": "201"}, both},
			{"apiserver_request_total", suite.L{"verb": "POST"}, 2 * both},
			{"apiserver_request_terminations_total", suite.L{"code": "504"}, both},
			{"apiserver_request_terminations_total", nil, both},
			{"apiserver_request_aborts_total", nil, 0},
		} {
			labels := suite.L{"group": k.Group}
			for key, value := range want.labels {
				labels[key] = value
			}
			if got := m.Sum(want.name, labels); got != want.value {
				return fmt.Errorf("%s%v is %g, not %g", want.name, labels, got, want.value)
			}
		}
		seats, err := t.Seats()
		if err == nil && seats != 0 {
			err = fmt.Errorf("%g seats are taken, by nobody", seats)
		}
		return err
	}))
}
