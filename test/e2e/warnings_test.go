package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	utilnet "k8s.io/apimachinery/pkg/util/net"

	"fork.internal/apiserver/test/e2e/suite"
)

// warned are the texts of an answer's warnings, sorted.
func warned(a *suite.Answer) ([]string, error) {
	headers, errs := utilnet.ParseWarningHeaders(a.Header["Warning"])
	var texts []string
	for _, h := range headers {
		if h.Code != 299 {
			errs = append(errs, fmt.Errorf("code %d", h.Code))
		}
		texts = append(texts, h.Text)
	}
	slices.Sort(texts)
	if len(errs) > 0 {
		return texts, fmt.Errorf("warnings %q: %v", a.Header["Warning"], errs)
	}
	return texts, nil
}

// warningPod sets a variable more than once, each time but the first of which earns a warning.
func warningPod(t *T, times int) suite.Request {
	env := make([]suite.Object, times)
	for i := range env {
		env[i] = suite.Object{"name": "A", "value": fmt.Sprint(i)}
	}
	return suite.Request{
		Method: http.MethodPost, Path: "/api/v1/namespaces/" + t.Namespace + "/pods?dryRun=All",
		Body: encode(suite.Object{
			"apiVersion": "v1", "kind": "Pod", "metadata": suite.Object{"generateName": "warned-", "labels": t.Labels()},
			"spec": suite.Object{"containers": []suite.Object{{"name": "c", "image": "example/none", "env": env}}},
		}),
	}
}

// unknownFields are a patch with that many.
func unknownFields(t *T, name string, fields int, validation string) suite.Request {
	patch := suite.Object{}
	for i := range fields {
		patch[fmt.Sprintf("unknown%02d", i)] = i
	}
	return suite.Request{
		Method: http.MethodPatch, Path: configMapsPath(t.Suite) + "/" + name + "?dryRun=All&fieldValidation=" + validation,
		Type: "application/merge-patch+json", Body: encode(patch),
	}
}

// warnings come as headers, each once, with whatever else is asked at the same time.
func warnings(t *T) {
	const (
		clients = 4
		rounds  = 25
		fields  = 5
	)
	k, err := t.MakeKind("warnings")
	t.Check(err)
	t.Must(t.As(suite.HTTP2), suite.Request{Method: http.MethodPost, Path: configMapsPath(t.Suite), Body: configMap(t.Suite, "warned", nil)}, http.StatusCreated)

	// Who knows the deprecated version is told so by the definition, and what the others say is known by its number.
	kinds := []struct {
		request suite.Request
		code    int
		count   int
		text    string
	}{
		{suite.Request{Path: k.Path("v1beta1", t.Namespace)}, http.StatusOK, 1, suite.DeprecationWarning},
		{unknownFields(t, "warned", fields, "Warn"), http.StatusOK, fields, `unknown field "unknown`},
		{unknownFields(t, "warned", fields, "Ignore"), http.StatusOK, 0, ""},
		{unknownFields(t, "warned", fields, "Strict"), http.StatusUnprocessableEntity, 0, ""},
		{warningPod(t, fields), http.StatusCreated, fields - 1, "hides previous definition"},
		{suite.Request{Method: http.MethodPost, Path: k.Path("v1", t.Namespace) + "?dryRun=All&fieldValidation=Warn", Body: encode(k.New(
			suite.Object{"generateName": "warned-", "labels": t.Labels()}, suite.Object{"unknown": "field"}))}, http.StatusCreated, 1, `unknown field "spec.unknown"`},
	}
	everyProtocol(t, func(p suite.Protocol) {
		var all sync.WaitGroup
		for range clients {
			c := t.As(p) // Over HTTP/2, requests of one client share its connection.
			for _, kind := range kinds {
				all.Go(func() {
					for range rounds {
						a, err := c.Do(t.ctx, kind.request)
						if err != nil {
							t.Errorf("%v", err)
							return
						}
						texts, err := warned(a)
						if err != nil || a.Code != kind.code || len(texts) != kind.count {
							t.Errorf("%s %s over %s: want %d and %d warnings, got %v, %q, %s", kind.request.Method, kind.request.Path, p, kind.code, kind.count, err, texts, a)
							return
						}
						for _, text := range texts {
							if !strings.Contains(text, kind.text) {
								t.Errorf("%s %s over %s: the warning %q", kind.request.Method, kind.request.Path, p, text)
							}
						}
						if len(slices.Compact(texts)) != len(texts) {
							t.Errorf("%s %s over %s: warnings more than once: %q", kind.request.Method, kind.request.Path, p, texts)
						}
					}
				})
			}
		}
		all.Wait()
	})
	if c := t.As(suite.HTTP2); !t.Failed() {
		a := t.Must(c, suite.Request{Path: "/api/v1/componentstatuses?limit=1"}, http.StatusOK)
		if texts, err := warned(a); err != nil || len(texts) != 1 || !strings.Contains(texts[0], "deprecated") {
			t.Errorf("an old API: %q, %v", texts, err)
		}
	}
}

// warningsAtTheDeadline has requests end while warnings are being added to their answers, which is what an unmodified server
// dies of: it is not sent there.
func warningsAtTheDeadline(t *T) {
	const (
		clients = 4
		load    = 8 * time.Second
		repeats = 80
	)
	t.Must(t.As(suite.HTTP2), suite.Request{Method: http.MethodPost, Path: configMapsPath(t.Suite), Body: configMap(t.Suite, "target", nil)}, http.StatusCreated)
	ctx, cancel := context.WithTimeout(t.ctx, load)
	defer cancel()
	var mu sync.Mutex
	counts := map[int]int{}
	var all sync.WaitGroup
	for i := range clients {
		c := t.As(suite.Protocols[i%2])
		for _, r := range []suite.Request{warningPod(t, repeats), unknownFields(t, "target", repeats, "Warn")} {
			all.Go(func() {
				// It is steered to where as many are answered as not.
				for timeout := 10 * time.Millisecond; ctx.Err() == nil; {
					jittered := time.Duration(float64(timeout) * (0.9 + 0.2*rand.Float64()))
					a, err := c.Do(t.ctx, within(r, jittered))
					if err != nil {
						// Cut, when its time was over with the answer under way; the audit log is to say so, and the server to live.
						t.Records.Saw(a.AuditID, suite.Unanswered())
						timeout = timeout * 103 / 100
						if next, err := c.Do(t.ctx, suite.Request{Path: configMapsPath(t.Suite) + "/target"}); err != nil || next.Code != http.StatusOK {
							t.Errorf("after %v: %v %v", a, next, err)
							return
						}
						continue
					}
					mu.Lock()
					counts[a.Code]++
					mu.Unlock()
					switch {
					case a.Code/100 == 2:
						timeout = timeout * 97 / 100
						if texts, err := warned(a); err != nil || len(texts) == 0 {
							t.Errorf("an answer in time: %q, %v", texts, err)
							return
						}
					case a.Code == http.StatusTooManyRequests: // A quarter of so short a time is all that it may wait for a seat.
						timeout = timeout * 103 / 100
					default:
						timeout = timeout * 103 / 100
						if err := Complete504(a, 0); err != nil {
							t.Errorf("with %v: %v", jittered, err)
							return
						}
						if len(a.Header["Warning"]) > 0 {
							t.Errorf("a 504 has warnings: %q", a.Header["Warning"])
						}
					}
					timeout = max(timeout, 50*time.Microsecond)
				}
			})
		}
	}
	all.Wait()
	if counts[http.StatusGatewayTimeout] == 0 || counts[http.StatusOK]+counts[http.StatusCreated] == 0 {
		t.Errorf("the deadlines were not steered into the answers: %v", counts)
	}
}
