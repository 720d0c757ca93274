package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"fork.internal/apiserver/test/e2e/report"
	"fork.internal/apiserver/test/e2e/suite"
)

// T is a test of the suite's. Its methods may be called from several goroutines, but for those that end the test.
type T struct {
	*testing.T
	*suite.Suite
	ctx context.Context

	mu  sync.Mutex
	res report.Test
}

// runTest runs one test, and reports it.
func runTest(t *testing.T, tt test) {
	tester := &T{T: t, Suite: run.suite, ctx: run.suite.Context(), res: report.Test{Name: tt.name}}
	begun := time.Now()
	defer func() {
		tester.mu.Lock()
		defer tester.mu.Unlock()
		if p := recover(); p != nil {
			// What was made is to be removed, whatever happens.
			tester.res.Output = append(tester.res.Output, fmt.Sprintf("panic: %v\n%s", p, debug.Stack()))
			t.Fail()
		}
		tester.res.Seconds = time.Since(begun).Seconds()
		switch {
		case t.Failed():
			tester.res.Result = report.Failed
		case t.Skipped():
			tester.res.Result = report.Skipped
		default:
			tester.res.Result = report.Passed
		}
		run.mu.Lock()
		defer run.mu.Unlock()
		run.report.Tests = append(run.report.Tests, tester.res)
		run.suite.Say("%s", tester.res.Line())
	}()
	if tester.ctx.Err() != nil {
		tester.Skipf("%v", context.Cause(tester.ctx))
	}
	if tt.fork != "" && !run.suite.Fork {
		tester.Skipf("only the fork promises that: %s", tt.fork)
	}
	tt.run(tester)
}

// Errorf notes a failure.
func (t *T) Errorf(format string, args ...any) {
	t.Helper()
	t.note(format, args)
	t.T.Errorf(format, args...)
}

// Fatalf notes a failure and ends the test.
func (t *T) Fatalf(format string, args ...any) {
	t.Helper()
	t.note(format, args)
	t.T.Fatalf(format, args...)
}

// Skipf ends the test, and says why.
func (t *T) Skipf(format string, args ...any) {
	t.Helper()
	t.Partly(format, args...)
	t.T.SkipNow()
}

// Partly says why a part of the test is left out.
func (t *T) Partly(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.res.Reasons = append(t.res.Reasons, fmt.Sprintf(format, args...))
}

func (t *T) note(format string, args []any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.res.Output = append(t.res.Output, fmt.Sprintf(format, args...))
}

// Check ends the test with an error.
func (t *T) Check(err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%v", err)
	}
}

// Silent is where webhooks are that do not answer. Without one the test is skipped.
func (t *T) Silent() *suite.Silent {
	t.Helper()
	if run.silentErr != nil {
		t.Skipf("%v", run.silentErr)
	}
	return run.silent
}

// Direct is whether nothing is between the tests and the server that takes what it sends for a client that does not read.
func (t *T) Direct() bool { return t.Config.Server != "" && t.Config.Server == t.REST.Host }

// Measured reports whether the metrics can be compared with what was done; if not, that part is left out.
func (t *T) Measured() bool {
	if t.Unmeasured != "" {
		t.Partly("the metrics: %s", t.Unmeasured)
	}
	return t.Unmeasured == ""
}

// AsUser is a client that speaks for the suite's user, and As one that speaks for its administrator.
func (t *T) AsUser(p suite.Protocol) *suite.Client {
	t.Helper()
	c, err := t.UserClient(p)
	t.Check(err)
	t.Cleanup(c.Close)
	return c
}

// As is a client that speaks for the suite's administrator.
func (t *T) As(p suite.Protocol) *suite.Client {
	t.Helper()
	c, err := t.NewClient(p, nil)
	t.Check(err)
	t.Cleanup(c.Close)
	return c
}

// AsNobody is a client that speaks for a user without rights.
func (t *T) AsNobody(p suite.Protocol) *suite.Client {
	t.Helper()
	c, err := t.NewClient(p, func(conf *rest.Config) { conf.Impersonate.UserName = t.Name("nobody") })
	t.Check(err)
	t.Cleanup(c.Close)
	return c
}

// Get asks for something, which is there.
func (t *T) Get(c *suite.Client, path string) *suite.Answer {
	t.Helper()
	a, err := c.Do(t.ctx, suite.Request{Path: path})
	t.Check(err)
	if a.Code != http.StatusOK {
		t.Fatalf("GET %s: %s", path, a)
	}
	return a
}

// Must sends a request, which is answered with one of the codes.
func (t *T) Must(c *suite.Client, r suite.Request, codes ...int) *suite.Answer {
	t.Helper()
	a, err := c.Do(t.ctx, r)
	t.Check(err)
	for _, code := range codes {
		if a.Code == code {
			return a
		}
	}
	t.Fatalf("%s %s (%s): %s; want %v", r.Method, r.Path, c.Protocol, a, codes)
	return nil
}

// Complete504 is what is wrong with the answer of a request that ran out of time, after timeout, or nil.
func Complete504(a *suite.Answer, timeout time.Duration) error {
	const slow = 4 * time.Second // Of a machine that is busy.
	var wrong []string
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if a.Code != http.StatusGatewayTimeout {
		return fmt.Errorf("want a 504, got %s", a)
	}
	if got := a.Header.Get("Content-Type"); got != "application/json" {
		say("its content type is %q", got)
	}
	if got := a.Header.Get("Content-Length"); got != strconv.Itoa(len(a.Body)) {
		say("its length is said to be %q, and is %d", got, len(a.Body))
	}
	if s := a.Status; s.Kind != "Status" || s.Status != metav1.StatusFailure || s.Reason != metav1.StatusReasonTimeout || s.Code != http.StatusGatewayTimeout {
		say("it is no Status of reason Timeout")
	}
	if got := a.Header.Get("Audit-Id"); got != a.AuditID {
		say("its Audit-Id is %q, not %q", got, a.AuditID)
	}
	if a.Took < timeout || a.Took > timeout+slow {
		say("it came after %v, and the time allowed was %v", a.Took, timeout)
	}
	if len(wrong) == 0 {
		return nil
	}
	return fmt.Errorf("%s: %s", strings.Join(wrong, ", "), a)
}

// encode is an object in JSON.
func encode(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // Maps and slices of strings and numbers.
	}
	return data
}

// configMap is one in JSON, with labels in pairs.
func configMap(s *suite.Suite, name string, data map[string]string, labels ...string) []byte {
	return encode(suite.Object{"apiVersion": "v1", "kind": "ConfigMap", "metadata": s.Meta(name, labels...), "data": data})
}

// configMapsPath is where those of the suite's own namespace are.
func configMapsPath(s *suite.Suite) string {
	return "/api/v1/namespaces/" + s.Namespace + "/configmaps"
}
