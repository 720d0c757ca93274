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
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// stalledTime is for how long a write must have made no progress to be listed.
const stalledTime = 2 * sweepInterval

// What of this process may outlast its time.
var (
	overdueNow = registry[*overdue]{members: map[*overdue]struct{}{}}         // those that run
	sweeping   = registry[*LongRunning]{members: map[*LongRunning]struct{}{}} // those that serve something
)

// registry is who is there now. It may be used by any goroutine.
type registry[T comparable] struct {
	mu sync.Mutex
	// Guarded by mu.
	members map[T]struct{}
}

func (r *registry[T]) add(member T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.members[member] = struct{}{}
}

func (r *registry[T]) remove(member T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.members, member)
}

func (r *registry[T]) list() []T {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]T, 0, len(r.members))
	for member := range r.members {
		list = append(list, member)
	}
	return list
}

// Seated tells the request's context to the boundary, or the LongRunning, that
// the request is served in and that w leads to, once the request has been let in.
// From then on, the lists of what outlasts its time say whose the request is, and
// that it holds the seat that it was given. Seated does nothing outside of both,
// and for a sub-request. It is called by the handler.
func Seated(w http.ResponseWriter, r *http.Request) {
	if o := ownerFrom(r.Context()); o != nil && o.leads(w) {
		o.sit(r.Context())
	}
}

// seat is the part of an owner that names its request.
type seat struct {
	seatMu sync.Mutex
	// Guarded by seatMu.
	seated context.Context // that Seated was told of, or nil
}

func (s *seat) sit(ctx context.Context) {
	s.seatMu.Lock()
	defer s.seatMu.Unlock()
	s.seated = ctx
}

// name has describe name the request, with the context that is seated. Nothing
// names it where describe is nil.
func (s *seat) name(describe func(*http.Request) []any, r *http.Request) (keysAndValues []any) {
	if describe == nil {
		return nil
	}
	s.seatMu.Lock()
	seated := s.seated
	s.seatMu.Unlock()
	if seated != nil {
		r = r.WithContext(seated)
	}
	contain("description", func() { keysAndValues = describe(r) })
	return append(keysAndValues, "seated", seated != nil)
}

func (g *guard) describe() []any { return g.name(g.b.Describe, g.outer) }

// describeRunning is describe for a handler that is running, with where to find
// what it does in a dump of all goroutines.
func (g *guard) describeRunning() []any {
	return append(g.describe(), "goroutine", g.goroutine.Load())
}

// entry is one of a list.
type entry struct {
	after time.Duration
	text  string
}

// lines returns the texts of a list, the longest time first.
func lines(list []entry) []string {
	slices.SortStableFunc(list, func(a, b entry) int { return cmp.Compare(b.after, a.after) })
	texts := make([]string, len(list))
	for i, e := range list {
		texts[i] = e.text
	}
	return texts
}

// text is keys and values as they are logged: what has a space in it, or what
// does not show as what it is, is quoted.
func text(keysAndValues ...any) string {
	var b strings.Builder
	for i, v := range keysAndValues {
		s := fmt.Sprint(v)
		if quoted := strconv.Quote(s); i%2 == 1 && (s == "" || strings.Contains(s, " ") || len(quoted) > len(s)+len(`""`)) {
			s = quoted
		}
		b.WriteString(s)
		switch {
		case i%2 == 0:
			b.WriteByte('=')
		case i < len(keysAndValues)-1:
			b.WriteByte(' ')
		}
	}
	return b.String()
}

// RunningOverdue describes the handlers of this process that are still running
// although their request has ended, the longest first: as their Boundary's
// Describe does, and with the number of their goroutine, how the request ended
// and how long ago. It is for whoever has to stop waiting for them. It may be
// called by any goroutine.
func RunningOverdue() []string {
	var list []entry
	for _, o := range overdueNow.list() {
		after, outcome := o.g.overdueBy()
		list = append(list, entry{after, text(append(o.g.describeRunning(), "ended", outcome.Kind, "overdue", after.Round(time.Millisecond))...)})
	}
	return lines(list)
}

// stalledWrites describes the long-running responses of this process whose client
// has taken nothing for a second or more while a write waits for it, as the
// LongRunning's Describe does and with how long that has been, the longest first.
// Over HTTP/2, and where the system does not tell of progress, that is how long
// the write under way has taken. It may be called by any goroutine.
func stalledWrites() []string {
	var list []entry
	for _, l := range sweeping.list() {
		for s, after := range l.stalled() {
			list = append(list, entry{after, text(append(s.name(l.Describe, s.outer), "bytes", s.written.Load(), "stalled", after)...)})
		}
	}
	return lines(list)
}

// stalled returns for how long what is written to each stream has made no progress.
func (l *LongRunning) stalled() map[*stream]time.Duration {
	found := map[*stream]time.Duration{}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.tick.Load()
	for s := l.streams; s != nil; s = s.next {
		busy := s.busy.Load()
		if after := time.Duration(now-busy) * l.interval(); busy > 0 && after >= stalledTime {
			found[s] = after
		}
	}
	return found
}

// Outlasting serves what of this process outlasts its time: a line for each of
// RunningOverdue and of stalledWrites, as text.
func Outlasting(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	for _, list := range []struct {
		title string
		lines []string
	}{
		{"handlers are running although their request has ended", RunningOverdue()},
		{"long-running responses have a write of which the client takes nothing", stalledWrites()},
	} {
		fmt.Fprintf(w, "# %d %s\n", len(list.lines), list.title)
		for _, line := range list.lines {
			io.WriteString(w, line+"\n")
		}
	}
}
