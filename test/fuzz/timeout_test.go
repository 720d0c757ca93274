package fuzz

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"k8s.io/apiserver/pkg/server"
	utilfeature "k8s.io/apiserver/pkg/util/feature"

	"fork.internal/apiserver/test/chain"
)

// gate is the fork's. Unmodified upstream does not know it.
const gate = "PerHandlerReadWriteTimeout"

const (
	most = time.Minute // the server's own --request-timeout
	// soon is how long a request may take on a busy machine.
	soon = 2 * time.Second
)

// paths are what is asked for: a resource, one by name, a watch, a subresource that lasts, something that is no resource.
var paths = []string{
	"/api/v1/namespaces/default/pods", "/apis/apps/v1/deployments/x", "/api/v1/watch/pods", "/api/v1/namespaces/default/pods/x/exec", "/healthz", "/", "/api",
}

var methods = []string{"GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"}

// FuzzTimeout asks the whole chain for anything with any query, of which ?timeout= is one that means something: with the
// gate on the answer is the one with the gate off, which is upstream's, but for what tells requests apart; and each is what
// the query says. An invalid timeout is a 400, and reaches no handler; a valid one is the handler's deadline, if it is
// positive and nearer than the server's own; a request that lasts has none.
func FuzzTimeout(f *testing.F) {
	for _, query := range []string{
		"", "timeout=", "timeout=5s", "timeout=34s", "timeout=1h", "timeout=0", "timeout=0s", "timeout=-5s", "timeout=5", "timeout=x", "timeout=1ns", "timeout=1.5m", "timeout=%31s",
		"timeout=5s&timeout=x", "timeout=x&timeout=5s", "timeout=9999999999999999h", "timeout=2562047h47m16.854775807s", "timeout=.s", "timeout=+5s", "timeout=5+s", "timeout=5µs", "timeout=%00", "timeout=%zz",
		"a;timeout=x", "timeout=5s;timeout=6s", "Timeout=x", "watch=true&timeout=x", "watch=1&timeout=5s", "timeoutSeconds=5&timeout=10s", "timeout=5s&watch=false", "pretty=1&timeout=x", "dryRun=All&timeout=30s",
	} {
		for i := range paths {
			f.Add(byte(i), byte(i+len(query)), query)
		}
	}
	on, off := newVariant(f, true), newVariant(f, false)
	f.Fuzz(func(t *testing.T, path, method byte, query string) {
		target := paths[int(path)%len(paths)]
		if query != "" {
			target += "?" + query
		}
		// What net/http would not take for a request line, or a URL, does not come here.
		u, err := url.ParseRequestURI(target)
		if err != nil || strings.ContainsFunc(target, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
			t.Skip("no request")
		}
		if asked, err := time.ParseDuration(u.Query().Get("timeout")); err == nil && asked > 0 && asked < soon {
			t.Skip("it may strike, of which unmodified upstream may die")
		}
		verb := methods[int(method)%len(methods)]
		a, b := on.ask(verb, target, u), off.ask(verb, target, u)
		for _, answer := range []answer{a, b} {
			answer.check(t, verb, u)
		}
		if !a.near(b) {
			t.Errorf("%s %s: with the gate on:\n%s\nand off:\n%s", verb, target, a, b)
		}
	})
}

// variant is a chain with the gate on, or off; if there is none, it is upstream's.
type variant struct {
	gated, on bool
	handler   http.Handler
}

// newVariant builds a chain whose handler says what deadline it has.
func newVariant(f *testing.F, on bool) *variant {
	v := &variant{on: on}
	_, v.gated = utilfeature.DefaultMutableFeatureGate.GetAll()[gate]
	v.set()
	s, err := chain.Start(chain.Config{
		RequestTimeout: most,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			left := "none"
			if deadline, ok := r.Context().Deadline(); ok {
				left = strconv.FormatInt(int64(time.Until(deadline)), 10)
			}
			w.Header().Set("X-Left", left)
			io.WriteString(w, "served")
		}),
		Build: func(handler http.Handler, c *server.Config) http.Handler {
			v.handler = server.DefaultBuildHandlerChain(handler, c)
			return v.handler
		},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(s.Stop)
	return v
}

func (v *variant) set() {
	if v.gated {
		if err := utilfeature.DefaultMutableFeatureGate.Set(fmt.Sprintf("%s=%t", gate, v.on)); err != nil {
			panic(err)
		}
	}
}

// answer is what came.
type answer struct {
	status int
	header http.Header
	body   string
	served bool          // by the handler
	bound  bool          // which had a deadline
	left   time.Duration // that far away, or past
}

func (v *variant) ask(verb, target string, u *url.URL) answer {
	v.set()
	r := httptest.NewRequest(verb, "/", nil)
	r.URL, r.RequestURI = u, target
	w := httptest.NewRecorder()
	v.handler.ServeHTTP(w, r)
	a := answer{status: w.Code, header: w.Result().Header, body: w.Body.String()}
	if left := a.header.Get("X-Left"); left != "" {
		a.served = true
		if n, err := strconv.ParseInt(left, 10, 64); err == nil {
			a.bound, a.left = true, time.Duration(n)
		}
	}
	for _, of := range []string{"Audit-Id", "Date", "X-Left"} {
		delete(a.header, of)
	}
	return a
}

func (a answer) String() string {
	return fmt.Sprintf("%d, %v, %q, served %v, with a deadline %v, in %v", a.status, a.header, a.body, a.served, a.bound, a.left)
}

// near is whether two answers are the same, but for the time that has passed.
func (a answer) near(b answer) bool {
	left := a.left - b.left
	a.left = b.left
	return a.String() == b.String() && left.Abs() < soon
}

// check holds an answer against the query.
func (a answer) check(t *testing.T, verb string, u *url.URL) {
	t.Helper()
	query := u.Query()
	value := query.Get("timeout")
	asked, err := time.ParseDuration(value)
	if value == "" {
		asked, err = 0, nil
	}
	lasts := a.served && !a.bound
	want := most
	if asked > 0 && asked < most {
		want = asked
	}
	wrong := func(what string) { t.Helper(); t.Errorf("%s %s: %s: %s", verb, u, what, a) }
	switch {
	case lasts:
		if !slices.Contains([]string{"/api/v1/watch/pods", "/api/v1/namespaces/default/pods/x/exec"}, u.Path) && query.Get("watch") == "" && !query.Has("watch") {
			wrong("it is served without a deadline")
		}
	case err != nil:
		if a.served || a.status != http.StatusBadRequest || !strings.Contains(a.body, "invalid timeout specified in the request URL") {
			wrong("its timeout is invalid")
		}
	case !a.served:
		wrong("it is not served")
	case a.left > want || a.left < want-soon:
		wrong(fmt.Sprintf("its deadline is to be at %v", want))
	}
}
