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
	"net/http/httptest"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

type whoKey struct{}

// whose says whose request it is, as far as Seated was told.
func whose(r *http.Request) []any {
	return []any{"method", r.Method, "user", r.Context().Value(whoKey{})}
}

// by is the request with a context that says whose it is.
func by(r *http.Request, who string) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), whoKey{}, who))
}

func listed(t *testing.T) string {
	t.Helper()
	w := httptest.NewRecorder()
	Outlasting(w, httptest.NewRequest("GET", "/", nil))
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "text/plain; charset=utf-8" || w.Header().Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("got %d, %q", w.Code, w.Header())
	}
	return w.Body.String()
}

const (
	noHandlers = "# 0 handlers are running although their request has ended\n"
	noWrites   = "# 0 long-running responses have a write of which the client takes nothing\n"
)

var goroutineNumber = regexp.MustCompile(`goroutine=(\d+)`)

// dumped returns what a dump of all goroutines has of that one.
func dumped(id string) string {
	buf := make([]byte, 4<<20)
	_, rest, _ := strings.Cut("\n\n"+string(buf[:runtime.Stack(buf, true)]), "\n\ngoroutine "+id+" [")
	stack, _, _ := strings.Cut(rest, "\n\n")
	return stack
}

// TestOutlastingHandler is listed for as long as it runs after its request has ended, with whose it is if it was let in.
func TestOutlastingHandler(t *testing.T) {
	for name, tt := range map[string]struct {
		seat func(http.ResponseWriter, *http.Request)
		want string
	}{
		"that was let in": {
			func(w http.ResponseWriter, r *http.Request) { Seated(w, by(r, "a user\nwith a line")) },
			`method=POST user="a user\nwith a line" seated=true goroutine=N ended="timed out" overdue=2s`,
		},
		"that was not":     {func(http.ResponseWriter, *http.Request) {}, `method=POST user=<nil> seated=false goroutine=N ended="timed out" overdue=2s`},
		"of a sub-request": {func(_ http.ResponseWriter, r *http.Request) { Seated(httptest.NewRecorder(), by(r, "another")) }, `method=POST user=<nil> seated=false goroutine=N ended="timed out" overdue=2s`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				tr := newTrial(t, false, time.Second, func(w http.ResponseWriter, r *http.Request) {
					tt.seat(w, r)
					<-release
				})
				tr.boundary.Describe = whose
				time.AfterFunc(time.Second-time.Millisecond, func() {
					if got := listed(t); got != noHandlers+noWrites {
						t.Errorf("before its deadline: %s", got)
					}
				})
				tr.run().want(timedOut)
				time.Sleep(2 * time.Second)
				got := listed(t)
				if id := goroutineNumber.FindStringSubmatch(got); id == nil || !strings.Contains(dumped(id[1]), "TestOutlastingHandler") {
					t.Errorf("its goroutine is not there in a dump: %s", got)
				}
				got = goroutineNumber.ReplaceAllString(got, "goroutine=N")
				want := "# 1" + strings.TrimPrefix(noHandlers, "# 0") + tt.want + "\n" + noWrites
				if got != want {
					t.Errorf("got:\n%s\nwant:\n%s", got, want)
				}
				close(release)
				<-tr.returned
				synctest.Wait()
				if got := listed(t); got != noHandlers+noWrites {
					t.Errorf("after its return: %s", got)
				}
			})
		})
	}
}

// TestOutlastingWrite is listed from when it has made no progress for a second, until it ends.
func TestOutlastingWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &LongRunning{WriteTimeout: time.Minute, Describe: whose}
		w := &writing{ResponseRecorder: httptest.NewRecorder(), deadline: make(chan struct{})}
		r := httptest.NewRequest("GET", "/", nil)
		served := make(chan struct{})
		go func() {
			defer close(served)
			l.Serve(w, r, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				Seated(w, by(r, "w"))
				time.Sleep(time.Hour) // Nothing is listed that has nothing to send.
				w.Write([]byte("x"))
			}))
		}()
		time.Sleep(time.Hour)
		synctest.Wait()
		time.Sleep(stalledTime - 2*l.interval())
		if got := listed(t); got != noHandlers+noWrites {
			t.Errorf("before a second has passed: %s", got)
		}
		time.Sleep(30 * time.Second)
		got := listed(t)
		if !strings.Contains(got, "\nmethod=GET user=w seated=true bytes=0 stalled=") || !strings.Contains(got, "\n# 1"+strings.TrimPrefix(noWrites, "# 0")) {
			t.Errorf("got: %s", got)
		}
		<-served
		if got := listed(t); got != noHandlers+noWrites {
			t.Errorf("after its end: %s", got)
		}
		time.Sleep(2 * l.interval())
		if n := len(sweeping.list()); n != 0 {
			t.Errorf("%d are kept that serve nothing", n)
		}
	})
}

// TestSeatedOutsideOfABoundary does nothing.
func TestSeatedOutsideOfABoundary(t *testing.T) {
	r := httptest.NewRequest("GET", "/", nil)
	Seated(httptest.NewRecorder(), r)
	Seated(httptest.NewRecorder(), r.WithContext(context.WithValue(r.Context(), guardKey{}, nil)))
}

// TestTextShowsWhatIsThere: what a client has named cannot pass for more than that.
func TestTextShowsWhatIsThere(t *testing.T) {
	for value, want := range map[string]string{
		"plain":      `k=plain`,
		"":           `k=""`,
		"a b":        `k="a b"`,
		"a\nb":       `k="a\nb"`,
		`a"b`:        `k="a\"b"`,
		`a\b`:        `k="a\\b"`,
		"a\u009bb":   `k="a\u009bb"`,
		"a\u202eb":   `k="a\u202eb"`,
		"a\u2028b":   `k="a\u2028b"`,
		"a\u2003b=c": `k="a\u2003b=c"`,
		"\xff":       `k="\xff"`,
		"é":          `k=é`,
	} {
		if got := text("k", value); got != want {
			t.Errorf("%q: got %s, want %s", value, got, want)
		}
	}
}
