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
	"bufio"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"
)

// noted is a connection that notes what is done to it.
type noted struct {
	net.Conn
	lingers     []int
	closed      int
	read, write []time.Time
	setting     time.Duration // how long setting a deadline takes
	set         func()        // what comes of it
}

func (c *noted) SetLinger(sec int) error { c.lingers = append(c.lingers, sec); return nil }
func (c *noted) Close() error            { c.closed++; return nil }

func (c *noted) SetReadDeadline(t time.Time) error {
	time.Sleep(c.setting)
	c.read = append(c.read, t)
	if c.set != nil {
		c.set()
	}
	return nil
}

func (c *noted) SetWriteDeadline(t time.Time) error {
	c.write = append(c.write, t)
	return nil
}

// closedAs is how it was closed: "", "gently" or "at once".
func (c *noted) closedAs() string {
	switch {
	case c.closed == 0:
		return ""
	case len(c.lingers) > 0:
		return "at once"
	}
	return "gently"
}

// notedWriter is net/http's writer, over such a connection.
type notedWriter struct {
	noted
	header   http.Header
	hijacked noted
}

func (w *notedWriter) Header() http.Header         { return w.header }
func (w *notedWriter) WriteHeader(int)             {}
func (w *notedWriter) Write(p []byte) (int, error) { return len(p), nil }
func (w *notedWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return &w.hijacked, nil, nil
}

// notedGuard is a guard over such a writer and, if so wanted, connection.
func notedGuard(http1, conn bool) (g *guard, w *notedWriter, c *noted) {
	w, c = &notedWriter{header: http.Header{}}, &noted{}
	r := httptest.NewRequest("GET", "/", nil)
	if !http1 {
		r.ProtoMajor, r.ProtoMinor = 2, 0
	}
	g = newGuard(&Boundary{Answer: timeoutStatus}, nil, w, r)
	if conn {
		g.conn = &connection{Conn: c, stallTime: stallsFor}
	}
	return g, w, c
}

// TestCut: what was sent of a response reaches its client if that can tell that it is not all of it, and nothing is
// waited for otherwise.
func TestCut(t *testing.T) {
	for name, tt := range map[string]struct {
		prepare func(g *guard, w *notedWriter)
		want    string
	}{
		"chunked":     {func(g *guard, _ *notedWriter) { g.status = 200 }, "gently"},
		"of a length": {func(g *guard, w *notedWriter) { g.status, w.header["Content-Length"] = 200, []string{"10"} }, "gently"},
		"of a length, for HTTP/1.0": {func(g *guard, w *notedWriter) {
			g.status, g.outer.ProtoMinor, w.header["Content-Length"] = 200, 0, []string{"10"}
		}, "gently"},
		"that ends with its connection":       {func(g *guard, _ *notedWriter) { g.status, g.outer.ProtoMinor = 200, 0 }, "at once"},
		"that is not chunked":                 {func(g *guard, w *notedWriter) { g.status, w.header["Transfer-Encoding"] = 200, []string{"identity"} }, "at once"},
		"of which nothing was committed":      {func(*guard, *notedWriter) {}, "at once"},
		"of which a part is being written":    {func(g *guard, _ *notedWriter) { g.status, g.writing = 200, true }, "at once"},
		"of which the client has gone":        {func(g *guard, _ *notedWriter) { g.status, g.ending = 200, byClient }, "at once"},
		"of which the client has gone before": {func(g *guard, _ *notedWriter) { g.ending = byClient }, "gently"},
	} {
		for _, conn := range []bool{true, false} {
			synctest.Test(t, func(t *testing.T) {
				g, w, c := notedGuard(true, conn)
				tt.prepare(g, w)
				free(g)
				start := time.Now()
				busy := g.writing
				g.cut()
				cut, other := &w.hijacked, c
				if conn {
					cut, other = c, &w.hijacked
				}
				if got := cut.closedAs(); got != tt.want || cut.closed != 1 || other.closed != 0 {
					t.Errorf("%s, conn=%v: closed %q, %d times, and the other %d times; want %q, once", name, conn, got, cut.closed, other.closed, tt.want)
				}
				if took := time.Since(start); busy != (took > 0) || took > patience {
					t.Errorf("%s, conn=%v: took %v", name, conn, took)
				}
				if !conn && (len(w.read) == 0 || w.read[0] != longAgo || len(w.write) == 0 || w.write[0] != longAgo) {
					t.Errorf("%s: the deadlines are %v and %v", name, w.read, w.write)
				}
				if conn && len(w.read)+len(w.write) != 0 {
					t.Errorf("%s: the deadlines of a writer that others are between are %v and %v", name, w.read, w.write)
				}
			})
		}
		// A stream is reset by a write deadline that has passed, unless it has gone with its client.
		for _, conn := range []bool{true, false} {
			synctest.Test(t, func(t *testing.T) {
				g, w, c := notedGuard(false, conn)
				tt.prepare(g, w)
				free(g)
				gone, busy := g.ending == byClient, g.writing
				g.cut()
				if reset := len(w.write) > 0 && w.write[0] == longAgo; reset == gone && !busy || w.hijacked.closed+c.closed != 0 {
					t.Errorf("%s, over HTTP/2: the write deadlines are %v, and %d connections were closed", name, w.write, w.hijacked.closed+c.closed)
				}
			})
		}
	}
}

// free has a write that is under way leave after a while.
func free(g *guard) {
	if !g.writing {
		return
	}
	time.AfterFunc(patience/2, func() {
		g.mu.Lock()
		g.writing = false
		g.mu.Unlock()
		g.idle.Broadcast()
	})
}

// TestSettle: calls that are under way are interrupted until they leave, and nothing is after that.
func TestSettle(t *testing.T) {
	for name, tt := range map[string]struct {
		http1, conn bool
		after       time.Duration // when the write leaves
		interrupted int           // how often it was by then
		closed      bool
	}{
		"at once, HTTP/1":             {http1: true, after: 0},
		"at once, HTTP/2":             {http1: false, after: 0},
		"before it is interrupted":    {http1: true, after: patience / 2},
		"when it is":                  {http1: true, after: patience + 1, interrupted: 1},
		"when it is, HTTP/2":          {http1: false, after: patience + 1, interrupted: 1},
		"in the end":                  {http1: true, after: 10*patience + 1, interrupted: 10},
		"in the end, HTTP/2":          {http1: false, after: 10*patience + 1, interrupted: 1},
		"at any price":                {http1: true, after: stuckTime + patience, interrupted: int(stuckTime/patience) + 1},
		"at any price, HTTP/2":        {http1: false, after: stuckTime + patience, interrupted: 2},
		"at any price, by connection": {http1: true, conn: true, after: stuckTime + patience, interrupted: int(stuckTime/patience) + 1, closed: true},
	} {
		synctest.Test(t, func(t *testing.T) {
			g, w, c := notedGuard(tt.http1, tt.conn)
			if tt.after > 0 {
				g.writing = true
				time.AfterFunc(tt.after, func() {
					g.mu.Lock()
					g.writing = false
					g.mu.Unlock()
					g.idle.Broadcast()
				})
			}
			of := &w.noted
			if tt.conn {
				of = c
			}
			start := time.Now()
			interrupted := g.settle(&longAgo, nil)
			if took := time.Since(start); took != tt.after || interrupted != (tt.interrupted > 0) {
				t.Errorf("%s: took %v, want %v, and says of reads that were interrupted: %v", name, took, tt.after, interrupted)
			}
			time.Sleep(2 * stuckTime)
			if got := len(of.read); got != tt.interrupted {
				t.Errorf("%s: interrupted %d times, want %d", name, got, tt.interrupted)
			}
			if got := len(of.write); got != len(of.read)/(int(stuckTime/patience)+1) && tt.http1 {
				t.Errorf("%s: %d write deadlines were set", name, got)
			}
			if want := map[bool]string{true: "at once"}[tt.closed]; c.closedAs() != want {
				t.Errorf("%s: the connection was closed %q, want %q", name, c.closedAs(), want)
			}
		})
	}
}

// TestSettleWaitsForWhoInterrupts: what is set late would be found by the next request on the connection.
func TestSettleWaitsForWhoInterrupts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, w, _ := notedGuard(true, false)
		g.writing, w.setting = true, patience/2
		time.AfterFunc(patience+1, func() {
			g.mu.Lock()
			g.writing = false
			g.mu.Unlock()
			g.idle.Broadcast()
		})
		start := time.Now()
		g.settle(&longAgo, nil)
		if took := time.Since(start); took != patience*3/2 || len(w.read) != 1 {
			t.Errorf("took %v, and %d deadlines had been set", took, len(w.read))
		}
	})
}

// TestBusy: a read that is under way is waited for over HTTP/1 only.
func TestBusy(t *testing.T) {
	for _, http1 := range []bool{true, false} {
		g, _, _ := notedGuard(http1, false)
		if g.busy() {
			t.Error("busy with nothing")
		}
		if g.reading = 1; g.busy() != http1 {
			t.Errorf("http1=%v: busy with a read: %v", http1, g.busy())
		}
		if g.reading, g.writing = 0, true; !g.busy() {
			t.Errorf("http1=%v: not busy with a write", http1)
		}
	}
}
