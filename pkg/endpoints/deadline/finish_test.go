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

import "testing"

// TestFinish is about a handler that returns, or breaks off, as its request is over or no more of it can be sent: who
// has brought it to its end, and whether the handler is told of as late.
func TestFinish(t *testing.T) {
	panicked := exit{panicked: "as designed"}
	for name, tt := range map[string]struct {
		prepare func(g *guard)
		exit    exit
		state   state
		beaten  bool // the handler has not brought it to its end
		late    bool
	}{
		"in time":                                 {func(*guard) {}, exit{}, done, false, false},
		"in time, with a panic":                   {func(*guard) {}, panicked, done, false, false},
		"with nothing to show":                    {func(g *guard) { g.ending = byDeadline }, exit{}, timedOut, true, true},
		"with all of it":                          {func(g *guard) { g.ending = byDeadline; sentAll(g) }, exit{}, done, false, false},
		"with all of it, and a panic":             {func(g *guard) { g.ending = byDeadline; sentAll(g) }, panicked, done, true, true},
		"with all of it, by Goexit":               {func(g *guard) { g.ending = byDeadline; sentAll(g) }, exit{goexit: true}, done, true, false},
		"with a part":                             {func(g *guard) { g.ending = byDeadline; g.state = committed }, exit{}, done, false, false},
		"with a part, and a panic":                {func(g *guard) { g.ending = byDeadline; g.state = committed }, panicked, aborted, true, true},
		"with a part that it has flushed":         {func(g *guard) { g.ending = byDeadline; g.state = committed; g.flushed = true }, exit{}, aborted, true, true},
		"with a part, and the client has gone":    {func(g *guard) { g.ending = byClient; g.state = committed }, exit{}, aborted, true, true},
		"with nothing, and the client has gone":   {func(g *guard) { g.ending = byClient }, exit{}, gone, true, true},
		"and a write had failed":                  {func(g *guard) { g.failed = byDeadline; g.state = committed }, exit{}, aborted, true, true},
		"and a write had failed, after all of it": {func(g *guard) { g.failed = byDeadline; sentAll(g) }, exit{}, done, false, false},
		"and panics, after all of it":             {func(g *guard) { g.failed = byDeadline; sentAll(g) }, panicked, done, true, true},
	} {
		g, _, _ := notedGuard(true, false)
		tt.prepare(g)
		if late := g.finish(tt.exit); g.state != tt.state || late != tt.late || g.sealedAt.IsZero() == tt.beaten {
			t.Errorf("%s: state %d, late: %v, sealed at %v; want %d, %v, and by another: %v", name, g.state, late, g.sealedAt, tt.state, tt.late, tt.beaten)
		}
		if !g.returned || g.exit != tt.exit {
			t.Errorf("%s: returned: %v, %v", name, g.returned, g.exit)
		}
	}
}

// sentAll is a response that has been sent.
func sentAll(g *guard) { g.state, g.status, g.declared, g.written, g.sent = committed, 200, 1, 1, true }
