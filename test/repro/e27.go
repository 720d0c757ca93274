package main

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"fork.internal/apiserver/test/chain"
)

func init() {
	register(Case{
		ID:    "E27",
		Title: "a goroutine that a handler has left behind writes to what the HTTP log, the audit log and request_total are made of: data races",
		Race:  "main.lateForRecords.", // The goroutine that is late.
		run:   lateForRecords,
	})
}

// lateForRecords has handlers leave goroutines behind that use the
// ResponseWriter while the records of the request are being made. It is for the
// race detector to say so: nothing orders the one after the other.
func lateForRecords(ctx context.Context) (Result, error) {
	const each = 20
	uses := []func(http.ResponseWriter){
		func(w http.ResponseWriter) {
			if h, ok := w.(http.Hijacker); ok {
				if conn, _, err := h.Hijack(); err == nil {
					conn.Close()
				}
			}
		},
		func(w http.ResponseWriter) { w.WriteHeader(http.StatusTeapot) },
		func(w http.ResponseWriter) { _, _ = w.Write([]byte("late")) },
		func(w http.ResponseWriter) {
			if f, ok := w.(http.Flusher); ok {
				f.Flush()
			}
		},
	}
	var left chain.Calls
	var panicked atomic.Int64
	handler := func(w http.ResponseWriter, r *http.Request) {
		use := uses[int(r.URL.Query().Get("use")[0]-'0')]
		returning := make(chan struct{})
		end := left.Begin()
		go func() {
			defer end()
			defer func() {
				if recover() != nil { // D2 is about that.
					panicked.Add(1)
				}
			}()
			<-returning
			use(w)
		}()
		close(returning)
	}
	w, err := watchServer(chain.Config{Handler: instrumented(handler)})
	if err != nil {
		return Result{}, err
	}
	defer w.Stop()
	for i := range uses {
		if err := w.send(ctx, each, get(fmt.Sprintf("%s%s?use=%d", w.URL, chain.PodsPath, i))); err != nil {
			return Result{}, err
		}
	}
	w.wg.Wait()
	n := len(w.sent)
	if !left.Wait(10*time.Second, func(c chain.Count) bool { return c.Total == n && c.Running == 0 }) {
		return Result{}, fmt.Errorf("of %d goroutines that were left behind %+v have called", n, left.Count())
	}
	answers := tally{}
	for _, e := range w.sent {
		answers[e.String()]++
	}
	result := Result{Seen: fmt.Sprintf("%d late calls, with answers %v, were made as the records were; %d panicked", n, answers, panicked.Load())}
	if panicked.Load() > 0 {
		result.Lacks = "that a late call fails without a panic"
	}
	return result, nil
}
