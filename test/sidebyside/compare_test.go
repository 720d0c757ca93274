package sidebyside

import (
	"strings"
	"testing"
)

func seenOnce(step string, aspects map[string]string) observation {
	return observation{Group: "g", Step: step, Protocol: http1, Aspects: aspects}
}

func TestCompare(t *testing.T) {
	const a, b = `{"a":1,"b":[{"c":"x"}],"same":true}`, `{"a":1,"b":[{"c":"y"},{}],"same":true}`
	for name, test := range map[string]struct {
		unmodified, patched map[string]string
		want                []Difference
	}{
		"same":      {map[string]string{"status": "200", "body": a}, map[string]string{"status": "200", "body": a}, nil},
		"status":    {map[string]string{"status": "200"}, map[string]string{"status": "504"}, []Difference{{Aspect: "status", Unmodified: "200", Patched: "504"}}},
		"missing":   {map[string]string{"header.X": "1"}, nil, []Difference{{Aspect: "header.X", Unmodified: "1", Patched: absent}}},
		"more":      {nil, map[string]string{"log[2].resp": "1"}, []Difference{{Aspect: "log[2].resp", Unmodified: absent, Patched: "1"}}},
		"field":     {map[string]string{"body": a}, map[string]string{"body": b}, []Difference{{Aspect: "body.b[0].c", Unmodified: "x", Patched: "y"}, {Aspect: "body.b[1]", Unmodified: absent, Patched: "{}"}}},
		"bytes":     {map[string]string{"body": `{"a":1,"b":2}`}, map[string]string{"body": `{"b":2,"a":1}`}, []Difference{{Aspect: "body (as bytes)", Unmodified: `{"a":1,"b":2}`, Patched: `{"b":2,"a":1}`}}},
		"line":      {map[string]string{"body": "a\nb\nc"}, map[string]string{"body": "a\nx\nc"}, []Difference{{Aspect: "body:2", Unmodified: "b", Patched: "x"}}},
		"newline":   {map[string]string{"body": "a"}, map[string]string{"body": "a\n"}, []Difference{{Aspect: "body:2", Unmodified: absent, Patched: ""}}},
		"at times":  {map[string]string{"status": "200"}, map[string]string{"status": "200" + or + "504"}, []Difference{{Aspect: "status (at times)", Unmodified: "200", Patched: "504"}}},
		"luck same": {map[string]string{"status": "200" + or + "504"}, map[string]string{"status": "200" + or + "504"}, nil},
	} {
		got := compare([]observation{seenOnce("s", test.unmodified)}, []observation{seenOnce("s", test.patched)})
		if len(got) != len(test.want) {
			t.Errorf("%s: got %v", name, got)
			continue
		}
		for i, d := range got {
			want := test.want[i]
			want.Request = "g/s HTTP/1.1"
			if d != want {
				t.Errorf("%s: got %+v, want %+v", name, d, want)
			}
		}
	}
	if got := compare([]observation{seenOnce("one", nil)}, []observation{seenOnce("two", nil)}); len(got) != 2 {
		t.Errorf("steps that only one was sent: %v", got)
	}
}

func TestMatch(t *testing.T) {
	for _, test := range []struct {
		pattern, s string
		want       bool
	}{
		{"a", "a", true}, {"a", "ab", false}, {"*", "", true}, {"*", "anything", true}, {"a*", "abc", true}, {"*c", "abc", true},
		{"a*c", "abc", true}, {"a*c", "ac", true}, {"a*a", "a", false}, {"a*b*c", "a1b2c", true}, {"a*b*c", "a1c2b", false},
		{"a.b", "axb", false}, {"audit.*", "audit.stages", true}, {"*[0]*", "x[0].y", true},
	} {
		if got := match(test.pattern, test.s); got != test.want {
			t.Errorf("match(%q, %q) = %v", test.pattern, test.s, got)
		}
	}
}

// TestJudge has the table miss a difference, expect one that is not there, and expect another than the one that is there.
func TestJudge(t *testing.T) {
	sent := []observation{seenOnce("one", nil), seenOnce("two", nil)}
	diff := func(step, p string) Difference {
		return Difference{Request: "g/" + step + " HTTP/1.1", Aspect: "status", Unmodified: "200", Patched: p}
	}
	entry := Expectation{Row: "D1", Why: "it is so", Requests: []string{"g/one HTTP/1.1", "g/two *"}, Aspect: "status", Unmodified: "200", Patched: "50*"}
	never := Expectation{Row: "D2", Requests: []string{"other/* *"}, Aspect: "status", Unmodified: "1", Patched: "2"}
	for name, test := range map[string]struct {
		diffs             []Difference
		table             []Expectation
		unexpected, stale int
	}{
		"all in the table": {[]Difference{diff("one", "504"), diff("two", "500")}, []Expectation{entry, never}, 0, 0},
		"nothing":          {nil, nil, 0, 0},
		"not in the table": {[]Difference{diff("one", "504"), diff("two", "500")}, nil, 2, 0},
		"one is no more":   {[]Difference{diff("one", "504")}, []Expectation{entry}, 0, 1},
		"both are no more": {nil, []Expectation{entry}, 0, 2},
		"another value":    {[]Difference{diff("one", "404"), diff("two", "500")}, []Expectation{entry}, 1, 1},
	} {
		judged, stale := judge(test.diffs, test.table, sent)
		unexpected := 0
		for _, d := range judged {
			if d.Row == "" {
				unexpected++
			}
		}
		if unexpected != test.unexpected || len(stale) != test.stale {
			t.Errorf("%s: %d unexpected and %d stale, want %d and %d", name, unexpected, len(stale), test.unexpected, test.stale)
		}
		r := Report{Differences: judged, Stale: stale}
		if err := r.Verdict(); (err == nil) != (test.unexpected+test.stale == 0) {
			t.Errorf("%s: the verdict is %v", name, err)
		}
		var b strings.Builder
		if err := r.WriteTable(&b); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(b.String(), "it is so") != (test.unexpected < len(test.diffs)) {
			t.Errorf("%s: the table is\n%s", name, b.String())
		}
	}
	if (Report{Wrong: []string{"x"}}).Verdict() == nil {
		t.Error("a step that does not do what it is there for passes")
	}
}

// TestMutatedTable changes each entry of the real table in turn: the difference that it is there for is then not covered.
func TestMutatedTable(t *testing.T) {
	concrete := func(pattern string) string { return strings.ReplaceAll(pattern, "*", "1") }
	for i, e := range expected {
		if e.Row == "" || e.Why == "" || len(e.Requests) == 0 || e.Aspect == "" || e.Unmodified == e.Patched && e.Unmodified != "*" {
			t.Errorf("entry %d is incomplete: %+v", i, e)
		}
		for _, r := range e.Requests {
			found := false
			for _, o := range allSteps() {
				found = found || match(r, o.request())
			}
			if !found {
				t.Errorf("entry %d: no step matches %s: it would never be missed", i, r)
			}
		}
		d := Difference{Request: concrete(e.Requests[0]), Aspect: concrete(e.Aspect), Unmodified: concrete(e.Unmodified), Patched: concrete(e.Patched)}
		if !e.covers(d) {
			t.Errorf("entry %d does not cover %+v", i, d)
		}
		for name, mutate := range map[string]func(*Expectation){
			"aspect":     func(e *Expectation) { e.Aspect = "x" + e.Aspect },
			"unmodified": func(e *Expectation) { e.Unmodified = "x" + e.Unmodified },
			"patched":    func(e *Expectation) { e.Patched = "x" + e.Patched },
			"request":    func(e *Expectation) { e.Requests = []string{"x" + e.Requests[0]} },
		} {
			mutated := e
			mutate(&mutated)
			if mutated.covers(d) {
				t.Errorf("entry %d, with another %s, still covers %+v", i, name, d)
			}
		}
	}
}

// allSteps are all steps over all their protocols.
func allSteps() (all []observation) {
	for _, g := range allGroups() {
		for _, s := range g.steps {
			for _, p := range []protocol{http1, http2} {
				if s.runs(p) {
					all = append(all, observation{Group: g.name, Step: s.name, Protocol: p})
				}
			}
		}
	}
	return all
}

func TestGroups(t *testing.T) {
	seen := map[string]bool{}
	for _, g := range allGroups() {
		for _, s := range g.steps {
			id := taken{group: g.name, step: s, protocol: http1}
			name := id.id()
			for _, p := range []protocol{http1, http2} {
				if s.runs(p) && seen[name+string(p)] {
					t.Errorf("%s is there twice", name)
				}
				seen[name+string(p)] = seen[name+string(p)] || s.runs(p)
			}
			if n := len(id.attemptID(s.times) + ".during"); n > 64 {
				t.Errorf("%s: its audit ID has %d bytes, of which the server's records have 64", name, n)
			}
			if s.want == 0 {
				t.Errorf("%s: no status is wanted", name)
			}
			if s.raw != "" && s.only != http1 || s.raw == "" && s.path == "" {
				t.Errorf("%s: neither a path nor bytes for HTTP/1.1", name)
			}
			if (s.during == nil) != (s.holds == "") {
				t.Errorf("%s: what is held, and by what, go together", name)
			}
			for aspect, why := range s.ignore {
				if why == "" {
					t.Errorf("%s: %s is ignored without a reason", name, aspect)
				}
			}
		}
	}
	if n := len(allSteps()); n < 120 {
		t.Errorf("%d requests, want some hundred", n)
	}
	if _, err := choose(allGroups(), []string{"reads", "nothing"}); err == nil || !strings.Contains(err.Error(), "next: one of discovery") {
		t.Errorf("an unknown group: %v", err)
	}
	if got, err := choose(allGroups(), []string{"writes", "reads"}); err != nil || len(got) != 2 || got[0].name != "reads" {
		t.Errorf("two groups: %v", err)
	}
}

func TestExpand(t *testing.T) {
	vars := map[string]string{"a": "1", "b": ""}
	for in, want := range map[string]string{"": "", "x": "x", "${a}": "1", "$a {a} ${b}${a}!": "$a {a} 1!"} {
		if got, err := expand(in, vars); err != nil || got != want {
			t.Errorf("%q: got %q, %v", in, got, err)
		}
	}
	if _, err := expand("${c}", vars); err == nil {
		t.Error("what nobody has saved is expanded")
	}
}

func TestMerge(t *testing.T) {
	got := merge([]map[string]string{{"a": "1", "b": "x"}, {"a": "1"}, {"a": "1", "b": "y"}})
	if got["a"] != "1" || got["b"] != absent+or+"x"+or+"y" {
		t.Errorf("got %q", got)
	}
}
