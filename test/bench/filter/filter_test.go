// Package filter measures the timeout filter alone: what it costs over a direct call of its handler
// (level 1), and whether that grows with what else is going on (level 5).
package filter

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/server/filters"

	"fork.internal/apiserver/test/bench"
)

// BenchmarkFilter serves requests with nothing around the filter, by handlers
// that need little stack and by such that are 60 frames of 256 bytes deep.
func BenchmarkFilter(b *testing.B) {
	for _, frames := range []int{0, 60} {
		for _, parallel := range []int{1, 2, 8} {
			for _, p := range peers() {
				b.Run(fmt.Sprintf("frames=%d/parallel=%d/peer=%s", frames, parallel, p.name), func(b *testing.B) {
					handler := p.filter(answering(frames))
					b.ReportAllocs()
					b.SetParallelism(parallel)
					b.RunParallel(func(pb *testing.PB) {
						w, r := newWriter(), newRequest(b)
						for pb.Next() {
							w.serve(handler, r)
						}
					})
				})
			}
		}
	}
}

// peer is one way to run a handler.
type peer struct {
	name   string
	filter func(http.Handler) http.Handler
}

// peers are those that this program can measure. All but none isolate the
// response from its handler, and all but net/http's the request too.
func peers() []peer {
	own := peer{bench.Variant(), func(h http.Handler) http.Handler {
		return filters.WithTimeoutForNonLongRunningRequests(h, filters.BasicLongRunningRequestCheck(sets.NewString("watch"), sets.NewString("proxy")))
	}}
	none := peer{"none", func(h http.Handler) http.Handler { return h }}
	if own.name == "fork" {
		return []peer{own, none}
	}
	return []peer{own, none, {"least", withLeast}, {"timeouthandler", func(h http.Handler) http.Handler {
		return http.TimeoutHandler(h, time.Hour, "")
	}}}
}

// answering is a handler that answers at that depth of calls.
func answering(frames int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		descend(frames, w)
	}
}

var body = []byte(`{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Success"}`)

//go:noinline
func descend(frames int, w http.ResponseWriter) byte {
	var frame [256]byte
	if frames == 0 {
		w.Header()["Content-Type"] = contentType
		w.WriteHeader(http.StatusOK)
		_, _ = w.Write(body)
	} else {
		frame[frames%len(frame)] = descend(frames-1, w)
	}
	runtime.KeepAlive(&frame)
	return frame[0]
}

var contentType = []string{"application/json"}

// writer is the least of a ResponseWriter.
type writer struct {
	header http.Header
	status int
}

func newWriter() *writer { return &writer{header: http.Header{}} }

func (w *writer) Header() http.Header         { return w.header }
func (w *writer) WriteHeader(status int)      { w.status = status }
func (w *writer) Write(p []byte) (int, error) { return len(p), nil }

// serve has a request served, with the headers that the filters outside have set.
func (w *writer) serve(handler http.Handler, r *http.Request) {
	w.status = 0
	clear(w.header)
	w.header["Audit-Id"] = auditID
	w.header["Cache-Control"] = cacheControl
	handler.ServeHTTP(w, r)
	if w.status != http.StatusOK {
		panic(fmt.Sprintf("status %d", w.status))
	}
}

var (
	auditID      = []string{"4f0a5d1c-6c02-4a0f-9f6b-3a3f5f2f0a11"}
	cacheControl = []string{"no-cache, private"}
)

// newRequest returns a request as the filter gets it.
func newRequest(b *testing.B) *http.Request {
	r := newPlainRequest()
	ctx, cancel := context.WithTimeout(r.Context(), time.Hour)
	b.Cleanup(cancel)
	return r.WithContext(withInfo(ctx, r))
}

// newPlainRequest returns a request with headers as kubectl sends.
func newPlainRequest() *http.Request {
	r := httptest.NewRequest(http.MethodGet, "https://127.0.0.1/api/v1/namespaces/default/configmaps/some?timeout=34s", nil)
	r.Header = http.Header{
		"Accept":          {"application/json"},
		"Accept-Encoding": {"gzip"},
		"Authorization":   {"Bearer 0123456789abcdef"},
		"Kubectl-Command": {"kubectl get"},
		"Kubectl-Session": {"7f2b1d7e-6f0f-4c55-8a9c-0d8a3a4d5f00"},
		"User-Agent":      {"kubectl/v1.37.2 (linux/amd64) kubernetes/0123456"},
	}
	return r
}

func withInfo(ctx context.Context, r *http.Request) context.Context {
	return request.WithRequestInfo(ctx, &request.RequestInfo{
		IsResourceRequest: true, Verb: "get", APIPrefix: "api", APIVersion: "v1",
		Namespace: "default", Resource: "configmaps", Name: "some", Path: r.URL.Path,
	})
}
