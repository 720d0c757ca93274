//go:build !before_v0.34 || before_v0.33

// Not for v0.33, whose filterlatency ends the server's span, of every request, when the audit filter has done its work.
// No deadline has a part in that; v0.34 has it mended.

package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"k8s.io/apiserver/pkg/server"

	"fork.internal/apiserver/test/chain"
)

func init() {
	register(Case{
		ID:    "D29",
		Title: "the tracing span of a request that its deadline ends has another status than was sent, or ends when the handler does",
		run:   spans,
	})
}

// spans traces requests that time out and then succeed or fail, are cut, or are
// left by their clients.
func spans(ctx context.Context) (Result, error) {
	const each = 2
	recorder := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))
	defer provider.Shutdown(context.WithoutCancel(ctx))

	release := make(chan struct{})
	var handlers, ready chain.Calls
	handler := func(w http.ResponseWriter, r *http.Request) {
		defer ready.Begin()()
		if strings.Contains(r.URL.Path, "/cut/") {
			fmt.Fprint(w, "part")
			w.(http.Flusher).Flush()
		}
		<-release
		if strings.Contains(r.URL.Path, "/fails/") {
			http.Error(w, "failed", http.StatusInternalServerError)
			return
		}
		fmt.Fprint(w, "done")
	}
	w, err := watchServer(chain.Config{
		Handler: handlers.Handler(instrumented(handler)),
		Modify:  func(c *server.Config) { c.TracerProvider = provider },
	})
	if err != nil {
		return Result{}, err
	}
	defer w.Stop()

	leaving, leave := context.WithCancel(ctx)
	defer leave()
	kinds := []struct {
		namespace, timeout string
		ctx                context.Context
		want               span
	}{
		{"succeeds", "?timeout=1s", ctx, span{504, codes.Error, "timed out"}},
		{"fails", "?timeout=1s", ctx, span{504, codes.Error, "timed out"}},
		{"cut", "?timeout=1s", ctx, span{200, codes.Error, "aborted"}},
		{"left", "", leaving, span{0, codes.Error, "client gone"}},
	}
	want := map[string]span{}
	for _, kind := range kinds {
		want["/"+kind.namespace+"/"] = kind.want
		url := strings.Replace(w.URL+chain.PodsPath, "/default/", "/"+kind.namespace+"/", 1)
		if err := w.send(kind.ctx, each, get(url+kind.timeout)); err != nil {
			return Result{}, err
		}
	}
	n := len(w.sent)
	if !ready.Wait(20*time.Second, func(c chain.Count) bool { return c.Total == n }) {
		return Result{}, untried("%d of %d requests reached their handler: the machine is too slow", ready.Count().Total, n)
	}
	leave()
	err = w.over()
	inTime := 0
	if err == nil {
		eventually(patience, func() bool {
			inTime = serverSpans(recorder, want).total()
			return inTime == n
		})
	}
	close(release)
	if err != nil {
		return Result{}, err
	}
	// Those that wait for their handler come now.
	handlers.Wait(10*time.Second, func(c chain.Count) bool { return c.Running == 0 })
	eventually(patience, func() bool { return serverSpans(recorder, want).total() >= n })
	seen := serverSpans(recorder, want)
	result := Result{
		Defect: inTime != n || seen.with(wrongCode) > 0 || seen.total() != n,
		Seen:   fmt.Sprintf("%d of %d spans had ended when their requests had; they say %v", inTime, n, seen),
	}
	if seen[rightSpan] != n {
		result.Lacks = "how their requests ended, in the fork's words"
	}
	return result, nil
}

// span is what the server's span says of a request.
type span struct {
	code   int
	status codes.Code
	text   string
}

func (s span) String() string {
	return strings.TrimSpace(fmt.Sprintf("%d %v %s", s.code, s.status, s.text))
}

const (
	rightSpan = "what was sent"
	// wrongCode begins what is said with another code than was sent.
	wrongCode = "another code: "
)

// with counts the outcomes whose names begin so.
func (t tally) with(prefix string) (n int) {
	for name, count := range t {
		if strings.HasPrefix(name, prefix) {
			n += count
		}
	}
	return n
}

// serverSpans counts what the spans say that have ended, of requests, whose path tells what they are to say.
func serverSpans(recorder *tracetest.SpanRecorder, want map[string]span) tally {
	seen := tally{}
	for _, ended := range recorder.Ended() {
		var got span
		var expected span
		ok := false // of a filter, or of a client
		for _, a := range ended.Attributes() {
			switch a.Key {
			case "http.target":
				for part, what := range want {
					if strings.Contains(a.Value.AsString(), part) {
						expected, ok = what, true
					}
				}
			case "http.response.status_code", "http.status_code": // the latter before v0.35
				got.code = int(a.Value.AsInt64())
			}
		}
		if !ok {
			continue
		}
		got.status, got.text = ended.Status().Code, ended.Status().Description
		switch {
		case got == expected:
			seen[rightSpan]++
		case got.code != expected.code:
			seen[fmt.Sprintf("%s%v (and not %v)", wrongCode, got, expected)]++
		default:
			seen[fmt.Sprintf("%v (and not %v)", got, expected)]++
		}
	}
	return seen
}
