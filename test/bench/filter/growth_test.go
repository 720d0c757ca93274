package filter

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"time"
)

// BenchmarkGrowth serves requests beside others whose handlers are running,
// and beside handlers that run on although their request is over.
func BenchmarkGrowth(b *testing.B) {
	for _, p := range peers() {
		for _, inflight := range []int{1, 100, 10000} {
			b.Run(fmt.Sprintf("inflight=%d/peer=%s", inflight, p.name), func(b *testing.B) {
				beside(b, p, inflight-1, false)
			})
		}
		if p.name == "none" || p.name == "least" {
			continue // Nothing ends their requests.
		}
		b.Run(fmt.Sprintf("overdue=10000/peer=%s", p.name), func(b *testing.B) {
			beside(b, p, 10000, true)
		})
	}
}

// beside measures requests beside that many others, which are running or
// overdue.
func beside(b *testing.B, p peer, others int, overdue bool) {
	var started, ended, returned sync.WaitGroup
	free := make(chan struct{})
	handler := p.filter(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, blocks := r.Header["Blocks"]; blocks {
			started.Done()
			<-free
		}
		descend(0, w)
	}))
	// What is cancelled without a client that could go has timed out.
	ctx, cancel := context.WithCancel(b.Context())
	for range others {
		started.Add(1)
		ended.Add(1)
		returned.Go(func() {
			defer func() { _ = recover() }() // The fork aborts when too many are overdue.
			handler.ServeHTTP(&blockedWriter{writer: newWriter(), ended: sync.OnceFunc(ended.Done)}, blocking(ctx))
		})
	}
	started.Wait()
	if overdue {
		cancel()
		ended.Wait()
	}
	// What it took to get here, and to log it, is not what is measured; it is a small part of seconds.
	runtime.GC()
	b.ReportAllocs()
	w, r := newWriter(), newRequest(b)
	for b.Loop() {
		w.serve(handler, r)
	}
	close(free)
	returned.Wait()
	cancel()
}

// blocking returns a request for a handler that blocks.
func blocking(ctx context.Context) *http.Request {
	r := newPlainRequest()
	r.Header = http.Header{"Blocks": {""}}
	return r.WithContext(withInfo(ctx, r))
}

// blockedWriter notes when its request is over: answered or cut off.
type blockedWriter struct {
	*writer
	ended func()
}

func (w *blockedWriter) WriteHeader(status int) {
	w.writer.WriteHeader(status)
	w.ended()
}

func (w *blockedWriter) SetReadDeadline(time.Time) error {
	w.ended()
	return nil
}

func (w *blockedWriter) SetWriteDeadline(time.Time) error { return nil }
