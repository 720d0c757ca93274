//go:build go1.25

/*
Copyright The Kubernetes Authors.

Licensed under the Apache License, Version 2.0 (the "License");
you may not use this file except in compliance with the License.
You may obtain a copy of the License at

    http://www.apache.org/licenses/LICENSE-2.0

Unless required by applicable law or agreed to in writing, software
distributed under the License is distributed on an "AS IS" BASIS,
WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
See the License for the specific language governing permissions and
limitations under the License.
*/

package deadline

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// idle is how many handler goroutines a boundary keeps.
func (b *Boundary) idle() (n int) {
	b.kept.mu.Lock()
	defer b.kept.mu.Unlock()
	for _, l := range b.kept.lots {
		l.mu.Lock()
		n += len(l.idle)
		l.mu.Unlock()
	}
	return n
}

// serving has requests served at one time, and returns when all have been and
// their goroutines wait or have ended. It is for bubbles.
func serving(b *Boundary, requests int, handler http.HandlerFunc) {
	var all sync.WaitGroup
	for range requests {
		all.Go(func() {
			defer func() { _ = recover() }()
			b.Serve(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil), handler)
		})
	}
	all.Wait()
	synctest.Wait()
}

// TestKeptGoroutinesAreUsedAgain: the second request of two finds the
// goroutine of the first.
func TestKeptGoroutinesAreUsedAgain(t *testing.T) {
	// One processor, of which the lot is: elsewhere there may be none.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	synctest.Test(t, func(t *testing.T) {
		b := newBoundary()
		seen := map[string]int{}
		for range 100 {
			serving(b, 1, func(http.ResponseWriter, *http.Request) { seen[goroutine()]++ })
		}
		// The race detector has sync.Pool forget some of what it is given, and
		// there is another lot then only once there are more processors.
		if len(seen) != 1 || b.idle() != 1 {
			t.Errorf("100 requests in turn were served by %d goroutines, and %d are kept", len(seen), b.idle())
		}
		time.Sleep(3 * idleTime)
	})
}

// TestKeptGoroutinesAreBoundedAndDrained: however many there were.
func TestKeptGoroutinesAreBoundedAndDrained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoundary()
		limit := idlePerProc * runtime.GOMAXPROCS(0)
		serving(b, 10*limit, func(http.ResponseWriter, *http.Request) { time.Sleep(time.Second) })
		if n := b.idle(); n == 0 || n > limit {
			t.Errorf("%d are kept, want some and at most %d", n, limit)
		}
		// Those that are needed stay, the others go. One at a time is needed, of
		// any lot.
		for range 30 {
			time.Sleep(idleTime / 10)
			serving(b, 1, func(http.ResponseWriter, *http.Request) {})
		}
		if n := b.idle(); n == 0 || n > limit/4 {
			t.Errorf("%d are kept while requests come one by one", n)
		}
		time.Sleep(3 * idleTime)
		if n := b.idle(); n != 0 {
			t.Errorf("%d are kept after %v", n, 3*idleTime)
		}
	})
}

// TestKeptGoroutinesOfHandlersThatDoNotReturn: they are never kept, and cost
// those nothing that are.
func TestKeptGoroutinesOfHandlersThatDoNotReturn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoundary()
		serving(b, 5, func(http.ResponseWriter, *http.Request) { runtime.Goexit() })
		if n := b.idle(); n != 0 {
			t.Errorf("%d are kept whose handlers have exited", n)
		}
		free := make(chan struct{})
		tr := newTrial(t, true, deadline, func(http.ResponseWriter, *http.Request) { <-free })
		tr.boundary = b
		tr.run().want(timedOut)
		if n := b.idle(); n != 0 {
			t.Errorf("%d are kept whose handlers are running", n)
		}
		close(free)
		synctest.Wait()
		if n := b.idle(); n != 1 {
			t.Errorf("%d are kept after one has returned, late", n)
		}
	})
}

// TestKeptGoroutinesForget: a request sees nothing of the one before, by the
// labels of its goroutine, and is not held by it.
func TestKeptGoroutinesForget(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	b := newBoundary()
	labels := func() string {
		var buf bytes.Buffer
		_ = pprof.Lookup("goroutine").WriteTo(&buf, 1)
		var found []string
		for line := range strings.Lines(buf.String()) {
			if strings.Contains(line, `"of":`) {
				found = append(found, strings.TrimSpace(line))
			}
		}
		return strings.Join(found, "\n")
	}
	var within string
	serve := func(ctx context.Context, handler http.HandlerFunc) {
		b.Serve(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, "GET", "/", nil), handler)
		for b.idle() == 0 {
			runtime.Gosched()
		}
	}
	freed := make(chan struct{})
	pprof.Do(context.Background(), pprof.Labels("of", "first"), func(ctx context.Context) {
		serve(ctx, func(w http.ResponseWriter, r *http.Request) {
			within = labels()
			runtime.AddCleanup(guardFrom(r.Context()), func(ch chan struct{}) { close(ch) }, freed)
			pprof.SetGoroutineLabels(pprof.WithLabels(ctx, pprof.Labels("of", "its handler")))
		})
	})
	if !strings.Contains(within, `"of":"first"`) {
		t.Errorf("a handler runs under the labels %q, want its request's", within)
	}
	if left := labels(); left != "" {
		t.Errorf("an idle goroutine has the labels %s", left)
	}
	serve(context.Background(), func(http.ResponseWriter, *http.Request) { within = labels() })
	if within != "" {
		t.Errorf("the next request runs under the labels %s", within)
	}
	for done := false; !done; {
		runtime.GC()
		select {
		case <-freed:
			done = true
		default:
			runtime.Gosched()
		}
	}
}
