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
	"context"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// TestReclaim: over HTTP/1 a read is interrupted at once, and again while it does not leave; over HTTP/2 no read is. A
// write alone costs nobody a read deadline.
func TestReclaim(t *testing.T) {
	for name, tt := range map[string]struct {
		http1, reading, writing bool
		want                    bool
		read                    []time.Duration // when read deadlines were set
		took                    time.Duration
	}{
		"nothing":         {http1: true},
		"nothing, HTTP/2": {},
		"a read":          {http1: true, reading: true, want: true, read: []time.Duration{0, patience}, took: patience + 1},
		"a read, HTTP/2":  {reading: true},
		"a write":         {http1: true, writing: true, took: patience + 1},
		"a write, HTTP/2": {writing: true, took: patience + 1},
		"both, HTTP/2":    {reading: true, writing: true, took: patience + 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			g, w, _ := notedGuard(tt.http1, false)
			start := time.Now()
			var read []time.Duration
			w.set = func() { read = append(read, time.Since(start)) }
			if tt.reading {
				g.reading = 1
			}
			g.writing = tt.writing
			time.AfterFunc(patience+1, func() {
				g.mu.Lock()
				g.reading, g.writing = 0, false
				g.mu.Unlock()
				g.idle.Broadcast()
			})
			if got := g.reclaim(); got != tt.want || time.Since(start) != tt.took {
				t.Errorf("%s: got %v after %v, want %v after %v", name, got, time.Since(start), tt.want, tt.took)
			}
			if !slices.Equal(read, tt.read) || slices.ContainsFunc(w.read, longAgo.Before) || len(w.write) != 0 {
				t.Errorf("%s: read deadlines were set after %v, want %v; they were %v, and write deadlines %v", name, read, tt.read, w.read, w.write)
			}
			time.Sleep(patience)
		})
	}
}

// TestWhyWaitsForNoCallForEver: a call under way may tell what has ended the
// context, but one that does not leave is not waited for longer than goneTime,
// however late the wait began after its timer.
func TestWhyWaitsForNoCallForEver(t *testing.T) {
	t.Parallel()
	g, _, _ := notedGuard(true, false)
	g.writing = true
	g.mu.Lock()
	told := make(chan bool, 1)
	go func() { told <- g.timedOutItself() }()
	time.Sleep(brief) // It waits for mu, which nothing tells.
	g.mu.Unlock()
	select {
	case own := <-told:
		if own {
			t.Error("no deadline of the handler's has passed")
		}
	case <-time.After(10 * goneTime):
		t.Error("it still waits")
		g.mu.Lock()
		g.writing = false
		g.mu.Unlock()
		g.idle.Broadcast()
		<-told
	}
}

// TestFlushBy: the request's deadline, but not less than flushTime from now, unless the handler's own is nearer.
func TestFlushBy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		for name, tt := range map[string]struct {
			deadline, own time.Duration // from now; 0 is none
			want          time.Duration // 0 is none
		}{
			"no deadline":                {0, 0, 0},
			"no deadline, but its own":   {0, time.Hour, 0},
			"one that is far":            {time.Minute, 0, time.Minute},
			"one that is near":           {time.Millisecond, 0, flushTime},
			"one, and a nearer":          {time.Minute, time.Second, 0},
			"one, and a later":           {time.Minute, time.Hour, time.Minute},
			"one, and the same":          {time.Minute, time.Minute, time.Minute},
			"one that is near, and next": {time.Millisecond, flushTime / 2, 0},
		} {
			ctx, cancel := context.Background(), func() {}
			if tt.deadline != 0 {
				ctx, cancel = context.WithDeadline(ctx, now.Add(tt.deadline))
			}
			var own time.Time
			if tt.own != 0 {
				own = now.Add(tt.own)
			}
			by, ok := (&guard{ctx: ctx}).flushBy(own)
			if cancel(); ok != (tt.want != 0) || ok && !by.Equal(now.Add(tt.want)) {
				t.Errorf("%s: got %v, %v, want %v", name, by.Sub(now), ok, tt.want)
			}
		}
	})
}

// TestLimitFlush: where nobody else bounds it.
func TestLimitFlush(t *testing.T) {
	for name, tt := range map[string]struct {
		prepare func(g *guard)
		want    bool
	}{
		"HTTP/1":                 {func(*guard) {}, true},
		"HTTP/2":                 {func(g *guard) { g.http1 = false }, false},
		"no way to":              {func(g *guard) { g.controls = false }, false},
		"the server's":           {func(g *guard) { g.server = &http.Server{WriteTimeout: time.Hour} }, false},
		"the handler's":          {func(g *guard) { g.writeBy = time.Now().Add(time.Second) }, false},
		"the handler's, a later": {func(g *guard) { g.writeBy = time.Now().Add(time.Hour) }, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			g, w, _ := notedGuard(true, false)
			g.ctx, g.server, g.controls = ctx, &http.Server{}, true
			tt.prepare(g)
			g.limitFlush(time.Time{})
			if bounded := len(w.write) == 1 && w.write[0].Equal(time.Now().Add(time.Minute)); bounded != tt.want || !bounded && len(w.write) != 0 || len(w.read) != 0 {
				t.Errorf("%s: the write deadlines are %v", name, w.write)
			}
		})
	}
}

// TestLimitWrites: a connection of HTTP/2 that takes nothing is closed, unless the writes have come to an end.
func TestLimitWrites(t *testing.T) {
	const d = time.Second
	for name, tt := range map[string]struct {
		http1, conn bool
		after       time.Duration // when they come to an end
		closed      bool
	}{
		"HTTP/1":                       {true, true, d + 2*stallsFor, false},
		"HTTP/2":                       {false, true, d + 2*stallsFor, true},
		"HTTP/2, without a connection": {false, false, d + 2*stallsFor, false},
		"HTTP/2, in time":              {false, true, d / 2, false},
		"HTTP/2, while it is watched":  {false, true, d + stallsFor/2, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			g, w, c := notedGuard(tt.http1, tt.conn)
			stop := g.limitWrites(d)
			by := w.write
			if tt.http1 {
				by = c.write
			}
			if len(by) != 1 || !by[0].Equal(start.Add(d)) {
				t.Errorf("%s: the write deadlines are %v", name, by)
			}
			time.Sleep(tt.after)
			stop()
			if took := time.Since(start); took != tt.after {
				t.Errorf("%s: stopped after %v", name, took)
			}
			time.Sleep(d + 2*stallsFor)
			if closed := c.closed > 0; closed != tt.closed {
				t.Errorf("%s: closed: %v", name, closed)
			}
		})
	}
}

// TestStopWaitsForWhoWatches the connection, and is so the last of it.
func TestStopWaitsForWhoWatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		g, _, c := notedGuard(false, true)
		g.conn.Conn = &slowToClose{noted: c}
		stop := g.limitWrites(time.Second)
		time.Sleep(time.Second + stallsFor + closeTime/2) // It is being closed.
		if stop(); c.closed != 1 || time.Since(start) != time.Second+stallsFor+closeTime {
			t.Errorf("closed %d times, at the end after %v", c.closed, time.Since(start))
		}
	})
}

// closeTime is what a connection takes to be closed that is slow to.
const closeTime = time.Second

// slowToClose is a connection that takes its time to be closed.
type slowToClose struct{ *noted }

func (c *slowToClose) Close() error { time.Sleep(closeTime); return c.noted.Close() }

// TestLetGoWhileReportsBlock: the serve goroutine finds that the handler has returned, and does not wait for its reports.
func TestLetGoWhileReportsBlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTrial(t, true, deadline, func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			time.Sleep(tick / 2)
		})
		tr.boundary.JoinTime = tick
		tr.boundary.Reporters = []Reporter{{Key: "key", Say: func(*http.Request, Outcome) { time.Sleep(time.Minute) }}}
		tr.run().want(timedOut)
		if tr.took != deadline+tick/2 {
			t.Errorf("took %v, want %v", tr.took, deadline+tick/2)
		}
		time.Sleep(time.Minute)
	})
}

// TestPassedBoundLetsGoOfWhoWaitsForTheWriter, of which the serve goroutine hears by nothing but the bound.
func TestPassedBoundLetsGoOfWhoWaitsForTheWriter(t *testing.T) {
	inBubbles(t, func(t *testing.T, http1 bool) {
		var took time.Duration
		waited := make(chan struct{})
		tr := newTrial(t, http1, deadline, func(w http.ResponseWriter, r *http.Request) {
			start := time.Now()
			w.(http.Flusher).Flush()
			fakeOf(w).stall()
			go w.Write([]byte("stuck"))
			go func() {
				defer close(waited)
				time.Sleep(tick / 2)
				w.Write([]byte("behind"))
				took = time.Since(start)
			}()
			ctx, cancel := context.WithTimeout(r.Context(), tick)
			defer cancel()
			release, _ := Bind(tardy{ctx}, boundStatus)
			<-ctx.Done()
			release()
			<-r.Context().Done()
		})
		tr.slow = tick
		tr.run().want(aborted)
		if <-waited; took != tick {
			t.Errorf("let go of after %v, want %v", took, tick)
		}
	})
}

// TestCallThatOutlastsItsConnection: over HTTP/1 it is closed once, and not counted as one that has stalled.
func TestCallThatOutlastsItsConnection(t *testing.T) {
	before := metric(t, "apiserver_stalled_connections_closed_total")
	synctest.Test(t, func(t *testing.T) {
		g, _, c := notedGuard(true, true)
		g.writing = true
		time.AfterFunc(stuckTime+3*stallsFor, func() {
			g.mu.Lock()
			g.writing = false
			g.mu.Unlock()
			g.idle.Broadcast()
		})
		if g.settle(nil, nil); c.closed != 1 {
			t.Errorf("closed %d times", c.closed)
		}
	})
	if n := metric(t, "apiserver_stalled_connections_closed_total") - before; n != 0 {
		t.Errorf("%v connections are said to have stalled", n)
	}
}
