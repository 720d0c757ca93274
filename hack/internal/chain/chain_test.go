package chain

import (
	"strings"
	"testing"
)

const upstreamSource = `package server

import (
	apifilters "example.test/endpoints/filters"
	"example.test/server/filters"
	"example.test/latency"
)

func DefaultBuildHandlerChain(apiHandler http.Handler, c *Config) http.Handler {
	handler := latency.TrackCompleted(apiHandler)
	if c.FlowControl != nil {
		handler = filters.WithPriority(handler, c.FlowControl)
	} else {
		handler = filters.WithMaxInFlight(handler)
	}
	// HERE
	handler = filters.WithInner(handler)
	handler = filters.WithTimeoutForNonLongRunningRequests(handler, c.LongRunning)
	handler = filters.WithDeadline(handler, c.Audit,
		c.Timeout)
	if c.Goaway > 0 {
		handler = filters.WithGoaway(handler, c.Goaway)
	}
	handler = filters.WithLogging(handler)
	handler = apifilters.WithInfo(handler)
	handler = &apifilters.Recovery{Handler: handler}
	return handler
}
`

const boundedSource = `package server

import (
	epfilters "example.test/endpoints/filters"
	"example.test/server/filters"
)

func boundedChain(handler http.Handler, c *Config) http.Handler {
	handler = filters.WithInner(handler)
	handler = filters.WithRejectedDeadline(handler)
	handler = filters.WithLogging(handler)
	handler = filters.WithBoundary(handler, c.LongRunning, filters.Outcomes)
	handler = filters.RejectWithin{Handler: handler}
	handler = filters.WithDeadline(handler, c.Audit, c.Timeout)
	if c.Goaway > 0 {
		handler = filters.WithGoaway(handler, c.Goaway)
	}
	handler = epfilters.WithInfo(handler)
	return &epfilters.Recovery{Handler: handler}
}
`

const hook = `	if c.Gate {
		return boundedChain(handler, c)
	}
`

// sources are the toy's, where the fork follows upstream in whatever upstream has before the hook and after it.
func sources() Sources {
	return Sources{Upstream: upstreamSource, Fork: strings.Replace(upstreamSource, "\t// HERE\n", hook, 1), Bounded: boundedSource}
}

func TestCompare(t *testing.T) {
	both := func(s *Sources, old, new string) {
		s.Upstream, s.Fork = replace(t, s.Upstream, old, new), replace(t, s.Fork, old, new)
	}
	bounded := func(s *Sources, old, new string) { s.Bounded = replace(t, s.Bounded, old, new) }
	const info = "\thandler = apifilters.WithInfo(handler)\n"
	for _, test := range []struct {
		name string
		do   func(*Sources)
		want []string
	}{
		{"the same", func(*Sources) {}, nil},
		{"one more upstream before the hook", func(s *Sources) {
			both(s, "\tif c.FlowControl", "\thandler = filters.WithMore(handler)\n\tif c.FlowControl")
		}, nil},
		{"one of the fork's own in each", func(s *Sources) {
			s.Fork = replace(t, s.Fork, "\tif c.Gate", "\thandler = withUserDeadlinePolicy(handler, c)\n\tif c.Gate")
			bounded(s, "\treturn", "\thandler = withDeadlinePolicy(handler, c)\n\treturn")
		}, nil},
		{"one more upstream", func(s *Sources) {
			both(s, info, info+"\tif c.Load != nil {\n\t\thandler = load.WithMetrics(handler, c.Load)\n\t}\n")
		}, []string{"boundedChain lacks load.WithMetrics(handler, c.Load) if c.Load != nil, which upstream has after apifilters.WithInfo and before apifilters.Recovery"}},
		{"one more upstream, with an error", func(s *Sources) {
			both(s, info, "\thandler, err := filters.WithTrust(handler)\n"+info)
		}, []string{"boundedChain lacks filters.WithTrust(handler), which upstream has after filters.WithLogging and before apifilters.WithInfo"}},
		{"one more upstream, around another", func(s *Sources) {
			both(s, "WithInfo(handler)", "WithOther(apifilters.WithInfo(handler))")
		}, []string{"boundedChain lacks apifilters.WithOther(apifilters.WithInfo(handler)), which upstream has after apifilters.WithInfo and before apifilters.Recovery"}},
		{"one more upstream, a literal", func(s *Sources) {
			both(s, "\treturn handler\n", "\treturn http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) })\n")
		}, []string{"boundedChain lacks http.HandlerFunc("}},
		{"one more upstream of a name that is there", func(s *Sources) {
			both(s, info, info+info)
		}, []string{"boundedChain lacks apifilters.WithInfo(handler), which upstream has after apifilters.WithInfo and before apifilters.Recovery"}},
		{"the same name of another package", func(s *Sources) {
			both(s, "apifilters.WithInfo(", "filters.WithInfo(")
		}, []string{"boundedChain lacks filters.WithInfo(handler)", "boundedChain has epfilters.WithInfo(handler), and upstream has not"}},
		{"one fewer upstream", func(s *Sources) {
			both(s, info, "")
		}, []string{"boundedChain has epfilters.WithInfo(handler), and upstream has not"}},
		{"one fewer inside", func(s *Sources) {
			bounded(s, "\thandler = filters.WithLogging(handler)\n", "")
		}, []string{"boundedChain lacks filters.WithLogging(handler), which upstream has after filters.WithGoaway and before apifilters.WithInfo"}},
		{"another order upstream", func(s *Sources) {
			both(s, info, "")
			both(s, "\tif c.Goaway", info+"\tif c.Goaway")
		}, []string{"boundedChain has epfilters.WithInfo after filters.WithGoaway, and upstream before"}},
		{"another order inside", func(s *Sources) {
			bounded(s, "\thandler = filters.WithInner(handler)\n", "")
			bounded(s, "\thandler = filters.WithBoundary", "\thandler = filters.WithInner(handler)\n\thandler = filters.WithBoundary")
		}, []string{"boundedChain has filters.WithInner after filters.WithLogging, and upstream before"}},
		{"moved outwards", func(s *Sources) {
			bounded(s, "\thandler = filters.WithInner(handler)\n", "")
			bounded(s, "\treturn", "\thandler = filters.WithInner(handler)\n\treturn")
		}, []string{"boundedChain has filters.WithInner outside of WithBoundary, and upstream has it inside"}},
		{"other arguments upstream", func(s *Sources) {
			both(s, "c.Timeout)", "c.Timeout/2)")
		}, []string{"boundedChain has filters.WithDeadline(handler, c.Audit, c.Timeout), and upstream filters.WithDeadline(handler, c.Audit, c.Timeout/2)"}},
		{"another condition upstream", func(s *Sources) {
			both(s, "c.Goaway > 0", "c.Goaway > 0 && c.HTTP2")
		}, []string{"boundedChain has filters.WithGoaway(handler, c.Goaway) if c.Goaway > 0, and upstream filters.WithGoaway(handler, c.Goaway) if c.Goaway > 0 && c.HTTP2"}},
		{"the other branch", func(s *Sources) {
			bounded(s, "if c.Goaway > 0 {\n", "if c.Goaway > 0 {\n\t} else {\n")
		}, []string{"boundedChain has filters.WithGoaway(handler, c.Goaway) if !(c.Goaway > 0), and upstream "}},
	} {
		s := sources()
		test.do(&s)
		got, err := Compare(s)
		if err != nil || len(got) != len(test.want) {
			t.Errorf("%s: got %q, %v, want %q", test.name, got, err, test.want)
			continue
		}
		for i := range got {
			if !strings.HasPrefix(got[i], test.want[i]) {
				t.Errorf("%s: got %s, want %s", test.name, got[i], test.want[i])
			}
		}
	}
}

func TestCompareRefuses(t *testing.T) {
	for _, test := range []struct {
		name, want string
		do         func(*Sources)
	}{
		{"what is not Go", "cannot be read as Go", func(s *Sources) { s.Upstream = "x" }},
		{"no file upstream", "there is no pkg/server/config.go", func(s *Sources) { s.Upstream = "" }},
		{"no chain upstream", "pkg/server/config.go has no function DefaultBuildHandlerChain", func(s *Sources) { s.Upstream = replace(t, s.Upstream, "DefaultBuild", "Build") }},
		{"no chain in the fork", "pkg/server/bounded_chain.go has no function boundedChain", func(s *Sources) { s.Bounded = replace(t, s.Bounded, "boundedChain", "chain") }},
		{"variables of another name", "wraps no handler", func(s *Sources) { s.Bounded = strings.ReplaceAll(s.Bounded, "handler", "h") }},
		{"no hook", "does not return boundedChain(...)", func(s *Sources) { s.Fork = s.Upstream }},
		{"a hook that goes on", "does not return boundedChain(...)", func(s *Sources) { s.Fork = replace(t, s.Fork, "return boundedChain", "handler = boundedChain") }},
		{"a change below the hook", "it has apifilters.Recovery{Handler: handler} where upstream has apifilters.WithInfo(handler)", func(s *Sources) {
			s.Fork = replace(t, s.Fork, "\thandler = apifilters.WithInfo(handler)\n", "")
		}},
		{"a change at the end", "it has filters.WithMore(handler) where upstream has nothing", func(s *Sources) {
			s.Fork = replace(t, s.Fork, "\treturn handler\n", "\treturn filters.WithMore(handler)\n")
		}},
		{"a hook beyond the timeout filter", "upstream's DefaultBuildHandlerChain does not call WithTimeoutForNonLongRunningRequests", func(s *Sources) {
			s.Fork = replace(t, s.Upstream, "\thandler = filters.WithDeadline", hook+"\thandler = filters.WithDeadline")
		}},
		{"no boundary", "boundedChain does not call WithBoundary", func(s *Sources) { s.Bounded = replace(t, s.Bounded, "WithBoundary", "WithBounds") }},
	} {
		s := sources()
		test.do(&s)
		if got, err := Compare(s); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %q, %v, want an error with %q", test.name, got, err, test.want)
		}
	}
}

func replace(t *testing.T, s, old, new string) string {
	t.Helper()
	if !strings.Contains(s, old) {
		t.Fatalf("there is no %q", old)
	}
	return strings.Replace(s, old, new, 1)
}
