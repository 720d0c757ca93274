package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/endpoints/handlers/finisher"
	"k8s.io/apiserver/pkg/endpoints/handlers/responsewriters"
	"k8s.io/apiserver/pkg/warning"

	"fork.internal/apiserver/test/chain"
)

func init() {
	register(Case{
		ID:    "D1",
		Title: "the process dies when a request ends while warnings are being added",
		Fatal: "fatal error: concurrent map",
		run:   concurrentWarnings,
	})
}

// concurrentWarnings sends creates whose storage goes on adding warnings after
// the request's own timeout, as the handlers of create, update and patch do. It
// begins with them then, and ends with what the header takes, 4 KiB of them: what
// it did beyond would only keep a machine of two cores from the collision.
func concurrentWarnings(ctx context.Context) (Result, error) {
	const clients, requests, warnings = 8, 500, 150
	var s *chain.Server
	var added atomic.Int64
	create := func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 5*time.Millisecond)
		defer cancel()
		_, err := finisher.FinishRequest(ctx, func() (runtime.Object, error) {
			<-ctx.Done()
			for i := range warnings {
				warning.AddWarning(r.Context(), "", fmt.Sprintf("a warning that no other says, %d", i))
			}
			added.Add(warnings)
			return nil, fmt.Errorf("not stored")
		})
		responsewriters.ErrorNegotiated(err, s.Codecs, schema.GroupVersion{Version: "v1"}, w, r)
	}
	s, err := chain.Start(chain.Config{Handler: http.HandlerFunc(create)})
	if err != nil {
		return Result{}, err
	}
	defer s.Stop()

	var mu sync.Mutex
	answers, n := tally{}, 0
	var wg sync.WaitGroup
	for i := range clients {
		proto := []string{"HTTP/1.1", "HTTP/2.0"}[i%2]
		wg.Go(func() {
			client := s.Client(proto)
			defer client.CloseIdleConnections()
			for range requests {
				if ctx.Err() != nil {
					return
				}
				mu.Lock()
				n++
				mu.Unlock()
				res, err := client.Post(s.URL+"/api/v1/namespaces/default/pods", "application/json", strings.NewReader("{}"))
				if err != nil {
					continue // It is missed among the answers.
				}
				_, _ = io.Copy(io.Discard, res.Body)
				res.Body.Close()
				mu.Lock()
				answers[strconv.Itoa(res.StatusCode)]++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	// A machine that is very busy may not come to all in the time of a case.
	if got := added.Load(); n == 0 || got < int64(n*warnings/2) {
		return Result{}, untried("%d warnings were added to %d requests, of %d each: nothing was tried (answers: %v)", got, n, warnings, answers.orNone())
	}
	result := Result{Seen: fmt.Sprintf("alive, answers to %d requests with %d warnings: %v", n, added.Load(), answers.orNone())}
	if answers["504"] != n {
		result.Lacks = fmt.Sprintf("%d 504s", n)
	}
	return result, nil
}
