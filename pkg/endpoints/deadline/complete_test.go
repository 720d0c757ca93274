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
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// TestComplete is a table of when a response is all that there will be.
func TestComplete(t *testing.T) {
	for name, tt := range map[string]struct {
		g    *guard
		http bool // whether over HTTP/1 it is, too
		want bool
	}{
		"nothing":                                        {&guard{declared: 0}, false, false},
		"a part":                                         {&guard{state: committed, declared: 2, written: 1}, false, false},
		"a part that was sent":                           {&guard{state: committed, declared: 2, written: 1, sent: true}, false, false},
		"of no length":                                   {&guard{state: committed, declared: -1, written: 1, sent: true}, false, false},
		"all":                                            {&guard{state: committed, declared: 1, written: 1}, true, true},
		"all, at the deadline":                           {&guard{state: committed, declared: 1, written: 1, ending: byDeadline}, true, true},
		"all, held back from a client that goes":         {&guard{state: committed, declared: 1, written: 1, ending: byClient}, false, false},
		"as much as is held back from it":                {&guard{state: committed, declared: heldBack, written: heldBack, ending: byClient}, false, false},
		"more than is held back from it":                 {&guard{state: committed, declared: heldBack + 1, written: heldBack + 1, ending: byClient}, true, true},
		"all, sent to a client that goes":                {&guard{state: committed, declared: 1, written: 1, ending: byClient, sent: true}, true, true},
		"no body, for a client that goes":                {&guard{state: committed, declared: -1, bodyless: true, ending: byClient}, true, true},
		"all, and a write has failed":                    {&guard{state: committed, declared: 1, written: 1, failed: byDeadline}, false, false},
		"all, sent, and then a write has failed":         {&guard{state: committed, declared: 1, written: 1, failed: byDeadline, sent: true}, true, true},
		"no body, and a write has failed":                {&guard{state: committed, declared: -1, bodyless: true, failed: byDeadline}, false, false},
		"all, and a write has failed for its client":     {&guard{state: committed, declared: 1, written: 1, failed: byClient}, false, false},
		"more, and a write has failed for its client":    {&guard{state: committed, declared: heldBack + 1, written: heldBack + 1, failed: byClient}, false, true},
		"as much, and a write has failed for its client": {&guard{state: committed, declared: heldBack, written: heldBack, failed: byClient}, false, false},
	} {
		for http1, want := range map[bool]bool{true: tt.http, false: tt.want} {
			g := tt.g
			if g.http1 = http1; g.complete() != want {
				t.Errorf("%s, http1=%v: got %v", name, http1, !want)
			}
		}
	}
}

// TestWhatCameFirst: of a response of which no more could be sent, that is why it has ended, whatever else did.
func TestWhatCameFirst(t *testing.T) {
	for name, tt := range map[string]struct {
		http1   bool
		prepare func(g *guard)
		why     ending
		state   state
		ending  ending
	}{
		"the deadline":              {true, func(*guard) {}, byDeadline, timedOut, byDeadline},
		"the client":                {true, func(*guard) {}, byClient, gone, byClient},
		"the client, of a part":     {true, func(g *guard) { g.state = committed }, byClient, aborted, byClient},
		"a write that failed":       {true, func(g *guard) { g.failed = byDeadline }, byClient, aborted, byDeadline},
		"a write without a client":  {true, func(g *guard) { g.failed = byClient }, byDeadline, aborted, byClient},
		"its own deadline":          {true, func(g *guard) { g.writeBy = longAgo }, byClient, gone, byClient},
		"its own deadline, HTTP/2":  {false, func(g *guard) { g.writeBy = longAgo }, byClient, aborted, byDeadline},
		"another deadline, HTTP/2":  {false, func(g *guard) { g.writeBy = time.Now().Add(time.Hour) }, byClient, gone, byClient},
		"all of it, in the nick of": {true, func(g *guard) { g.state, g.declared = committed, 0 }, byDeadline, done, byDeadline},
	} {
		g, _, _ := notedGuard(tt.http1, false)
		tt.prepare(g)
		if g.end(tt.why); g.state != tt.state || g.ending != tt.ending || g.sealedAt.IsZero() {
			t.Errorf("%s: ended in state %d, by %d, at %v; want %d, by %d", name, g.state, g.ending, g.sealedAt, tt.state, tt.ending)
		}
	}
}

// endless is a context that has ended by a deadline that it does not tell of.
type endless struct{ context.Context }

func (endless) Err() error { return context.DeadlineExceeded }

// TestExpired: the context says so, unless it has ended for nothing.
func TestExpired(t *testing.T) {
	future, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	past, cancel := context.WithTimeout(context.Background(), 0)
	defer cancel()
	for name, tt := range map[string]struct {
		ctx         context.Context
		want, alone bool
	}{
		"no deadline":         {context.Background(), false, false},
		"one to come":         {future, false, false},
		"one that has passed": {past, true, true},
		"one it does not say": {endless{context.Background()}, true, false},
		"before its timer":    {pastContext{future}, false, true},
	} {
		for alone, want := range map[bool]bool{false: tt.want, true: tt.alone} {
			if g := (&guard{ctx: tt.ctx, alone: alone}); g.expired() != want {
				t.Errorf("%s, alone=%v: got %v", name, alone, !want)
			}
		}
	}
}

// TestInformationalAfterABound that nobody has heard of: who finds that it has passed has the request ended.
func TestInformationalAfterABound(t *testing.T) {
	inBubbles(t, func(t *testing.T, http1 bool) {
		tr := newTrial(t, http1, deadline, func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithTimeout(r.Context(), tick)
			defer cancel()
			Bind(tardy{ctx}, boundStatus)
			<-ctx.Done()
			w.WriteHeader(http.StatusEarlyHints)
			<-r.Context().Done()
		})
		tr.run().want(timedOut)
		if late := tr.took - tick; late < 0 || late > DefaultJoinTime {
			t.Errorf("took %v, want %v", tr.took, tick)
		}
	})
}

// TestHoldOfAHandlerThatIsStayedWith: what a request holds is let go of in time though the serve goroutine is not.
func TestHoldOfAHandlerThatIsStayedWith(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var after time.Duration
		tr := newTrial(t, true, time.Second, func(_ http.ResponseWriter, r *http.Request) {
			Hold(r.Context(), func() { after = time.Since(start) })
			time.Sleep(time.Minute)
		})
		tr.boundary.MaxOverdue = -1
		if tr.run(); after < time.Second+holdTime || after > time.Second+holdTime+cappedJoinTime {
			t.Errorf("let go of after %v, want %v", after, time.Second+holdTime)
		}
	})
}

// TestHandlerOfAHeadGoesOn: over HTTP/2 the response to a HEAD is at its end when its header has been sent. That is no client
// that goes: a handler writes on as it does of a GET, and is not overdue.
func TestHandlerOfAHeadGoesOn(t *testing.T) {
	for name, begin := range map[string]func(w http.ResponseWriter) (n int){
		"with a large write": func(w http.ResponseWriter) (n int) {
			n, _ = w.Write(make([]byte, 2*heldBack))
			return n
		},
		"with a small one, the second": func(w http.ResponseWriter) (n int) { // Over HTTP/2 it is short.
			n, _ = w.Write(make([]byte, streamBuffer-1))
			m, _ := w.Write(make([]byte, 2))
			return n + m
		},
	} {
		t.Run(name, func(t *testing.T) { headGoesOn(t, begin) })
	}
}

func headGoesOn(t *testing.T, begin func(w http.ResponseWriter) (n int)) {
	eachProto(t, func(t *testing.T, proto string) {
		var took int
		sent := make(chan struct{})
		s := newTestServer(t, proto, serverConfig{timeout: time.Minute, handler: func(w http.ResponseWriter, r *http.Request) {
			took = begin(w)
			_, short := w.Write(nil) // As of then net/http takes no more.
			<-sent
			<-time.After(10 * DefaultJoinTime)
			for range 3 {
				n, err := w.Write(make([]byte, heldBack))
				if took += n; err != short || err == nil && n != heldBack {
					t.Errorf("took %d, and %v", n, err)
				}
				w.(http.Flusher).Flush()
			}
		}})
		if proto != "HTTP/2.0" {
			close(sent) // The header leaves with the handler's return at the latest.
		}
		res, _, err := s.do("HEAD", nil)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Errorf("got %v, %v", res, err)
		}
		if proto == "HTTP/2.0" {
			close(sent)
		}
		if o := s.outcome(); o.Kind != Answered || o.Running || o.Bytes != int64(took) {
			t.Errorf("reported %+v", o)
		}
		if n := s.boundary.Overdue(); n != 0 {
			t.Errorf("%d are overdue", n)
		}
	})
}

// TestClientThatGoesOfNoBody: a response without a body ends no stream before its header is sent, and only one to a HEAD then. Who
// goes before is seen to go, as with net/http alone.
func TestClientThatGoesOfNoBody(t *testing.T) {
	t.Parallel() // Mostly it waits.
	for name, tt := range map[string]struct {
		method string
		begin  func(w http.ResponseWriter)
	}{
		"a HEAD whose header has not left":  {"HEAD", func(w http.ResponseWriter) { w.WriteHeader(http.StatusOK) }},
		"a HEAD of which little is written": {"HEAD", func(w http.ResponseWriter) { w.Write(make([]byte, 100)) }},
		"a HEAD of as much as is held back": {"HEAD", func(w http.ResponseWriter) { w.Write(make([]byte, streamBuffer)) }},
		"a 204":                             {"GET", func(w http.ResponseWriter) { w.WriteHeader(http.StatusNoContent) }},
		"a 204 that is flushed":             {"GET", func(w http.ResponseWriter) { w.WriteHeader(http.StatusNoContent); w.(http.Flusher).Flush() }},
		"a 304":                             {"GET", func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotModified) }},
	} {
		for _, direct := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s,direct=%v", name, direct), func(t *testing.T) {
				t.Parallel()
				begun, told := make(chan struct{}), make(chan error, 1)
				s := newTestServer(t, "HTTP/2.0", serverConfig{timeout: time.Minute, direct: direct, handler: func(w http.ResponseWriter, r *http.Request) {
					tt.begin(w)
					close(begun)
					select {
					case <-r.Context().Done():
						told <- r.Context().Err()
					case <-time.After(10 * time.Second):
						told <- nil
					}
				}})
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				r, err := http.NewRequestWithContext(ctx, tt.method, s.URL, nil)
				if err != nil {
					t.Fatal(err)
				}
				gone := make(chan struct{})
				go func() {
					defer close(gone)
					if res, err := s.client().Do(r); err == nil {
						<-ctx.Done()
						res.Body.Close()
					}
				}()
				<-begun
				cancel()
				<-gone
				if err := <-told; err != context.Canceled {
					t.Errorf("the handler's context has ended with %v", err)
				}
			})
		}
	}
}
