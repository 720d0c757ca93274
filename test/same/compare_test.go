package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// seenOf is what one side has shown of the scenario answer-1 over HTTP/1.1.
func seenOf(side string, change func(*observation)) seen {
	o := observation{
		First: answer{Status: "HTTP/1.1 200 OK", Header: []string{"Content-Length: 1"}, Body: `"P"`, Framing: byLength},
		Next:  "HTTP/1.1 200 OK", End: "kept",
	}
	if side != plain {
		o.First.Header = append([]string{"Audit-Id: ...", "Cache-Control: no-cache, private"}, o.First.Header...)
		o.Audit, o.Log = []string{"RequestReceived", `ResponseComplete 200   ""`}, []string{"resp=200"}
	}
	if change != nil {
		change(&o)
	}
	return seen{Scenario: "answer-1", Proto: http11, Side: side, Observation: o}
}

func TestCompare(t *testing.T) {
	closes := func(o *observation) { o.End, o.Next = "announced, the connection was closed", "" }
	other := func(o *observation) { o.First.Status = "HTTP/1.1 404 Not Found" }
	entry := allowance{Row: "X1", At: []string{"answer-1"}, Fields: []string{"next", "end"}}
	elsewhere := allowance{Row: "X2", At: []string{"answer-0"}, Fields: []string{"next", "end"}, Is: func(seenValue) bool { return true }}
	for _, c := range []struct {
		name  string
		seen  []seen
		table []allowance

		fields, near []string // that differ, and the rows near to the first one
		stale        []string // rows
		allowed      map[string]int
		own          int
	}{
		{name: "the same", seen: []seen{seenOf(plain, nil), seenOf(upstream, nil), seenOf(fork, nil)}},
		{name: "like upstream, but not like the handler alone", seen: []seen{seenOf(plain, nil), seenOf(upstream, closes), seenOf(fork, closes)}, own: 1},
		{name: "like the handler alone, and not in the table", seen: []seen{seenOf(plain, nil), seenOf(upstream, closes), seenOf(fork, nil)}, fields: []string{"next", "end"}},
		{name: "in the table", seen: []seen{seenOf(plain, nil), seenOf(upstream, closes), seenOf(fork, nil)}, table: []allowance{entry, elsewhere}, allowed: map[string]int{"X1": 1}},
		{name: "in the table, but not like the handler alone", seen: []seen{seenOf(plain, nil), seenOf(upstream, nil), seenOf(fork, closes)}, table: []allowance{entry},
			fields: []string{"next", "end"}, near: []string{"X1"}, stale: []string{"X1"}},
		{name: "in the table in part", seen: []seen{seenOf(plain, nil), seenOf(upstream, closes), seenOf(fork, other)}, table: []allowance{entry},
			fields: []string{"status", "records"}, allowed: map[string]int{"X1": 1}},
		{name: "no longer there", seen: []seen{seenOf(plain, nil), seenOf(upstream, nil), seenOf(fork, nil)}, table: []allowance{entry}, stale: []string{"X1"}},
		{name: "one of what upstream shows", seen: []seen{seenOf(plain, nil), seenOf(upstream, nil), seenOf(upstream, closes), seenOf(fork, closes)}, own: 1},
		{name: "only once what upstream never shows", seen: []seen{seenOf(plain, nil), seenOf(upstream, nil), seenOf(upstream, nil), seenOf(fork, nil), seenOf(fork, closes)},
			fields: []string{"next", "end"}},
		{name: "records that are wrong upstream too", seen: []seen{
			seenOf(plain, nil),
			seenOf(upstream, func(o *observation) { o.Log = []string{"resp=0"} }),
			seenOf(fork, func(o *observation) { o.Log = []string{"resp=0"} }),
		}, fields: []string{"records"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := compare(c.seen, c.table)
			if err != nil {
				t.Fatal(err)
			}
			var fields, stale []string
			for _, d := range r.Differences {
				fields = append(fields, d.Field)
			}
			for _, s := range r.Stale {
				stale = append(stale, s.Row)
			}
			if !reflect.DeepEqual(fields, c.fields) || !reflect.DeepEqual(stale, c.stale) {
				t.Errorf("%v differ and %v are stale, not %v and %v", fields, stale, c.fields, c.stale)
			}
			if len(r.Differences) > 0 && !reflect.DeepEqual(r.Differences[0].Near, c.near) {
				t.Errorf("near is %v, not %v", r.Differences[0].Near, c.near)
			}
			if c.allowed == nil {
				c.allowed = map[string]int{}
			}
			if !reflect.DeepEqual(r.Allowed, c.allowed) || r.Own != c.own {
				t.Errorf("allowed are %v, and %d like upstream alone; not %v and %d", r.Allowed, r.Own, c.allowed, c.own)
			}
		})
	}
}

// TestPeace has what is a matter of times count only as it is where the least
// disturbs it, and anything else as it ever was.
func TestPeace(t *testing.T) {
	const timed, untimed = "sink-slow", "answer-1"
	hasty, shaken, calm, calmShaken := seen{}, seen{Unsteady: true}, seen{Calm: true}, seen{Calm: true, Unsteady: true}
	for _, c := range []struct {
		scenario       string
		differs, alike seen
		want           int
	}{
		{timed, hasty, calm, 0},
		{timed, calm, hasty, 1},
		{timed, calm, calm, 1},
		{timed, shaken, hasty, 0},
		{timed, calmShaken, calm, 0},
		{timed, calm, calmShaken, 1},
		{timed, hasty, calmShaken, 0},
		{timed, calmShaken, calmShaken, 1},
		{untimed, hasty, calm, 1},
	} {
		differs, alike := seenOf(fork, func(o *observation) { o.End = "something else" }), seenOf(fork, nil)
		differs.Calm, differs.Unsteady = c.differs.Calm, c.differs.Unsteady
		alike.Calm, alike.Unsteady = c.alike.Calm, c.alike.Unsteady
		all := []seen{seenOf(upstream, nil), differs, alike}
		for i := range all {
			all[i].Scenario = c.scenario
		}
		r, err := compare(all, nil)
		if hasty := c.scenario == timed && (differs.Calm != alike.Calm || differs.Unsteady != alike.Unsteady); err != nil || len(r.Differences) != c.want || (r.Hasty == 1) != hasty {
			t.Errorf("%+v: %v, %d, %v", c, r.Differences, r.Hasty, err)
		}
	}
}

// TestHasteMakesNoRequest has what no haste makes count in spite of it.
func TestHasteMakesNoRequest(t *testing.T) {
	smuggled, calm, disturbed := seenOf(fork, func(o *observation) { o.Served = []string{"POST " + firstPath, "GET " + smuggledPath} }), seenOf(fork, nil), seenOf(upstream, func(o *observation) { o.End = "cut" })
	calm.Calm, disturbed.Unsteady = true, true
	all := []seen{seenOf(upstream, nil), smuggled, calm}
	for i := range all {
		all[i].Scenario = "sink-slow"
	}
	if r, err := compare(all, nil); err != nil || len(r.Differences) != 1 || r.Differences[0].Field != "served" {
		t.Errorf("got %v, %v", r.Differences, err)
	}
	// What upstream shows while the machine stands still allows the fork nothing.
	cut := seenOf(fork, func(o *observation) { o.End = "cut" })
	all = []seen{seenOf(upstream, nil), disturbed, cut}
	for i := range all {
		all[i].Scenario = "sink-slow"
	}
	if r, err := compare(all, nil); err != nil || len(r.Differences) != 1 || r.Differences[0].Field != "end" {
		t.Errorf("got %v, %v", r.Differences, err)
	}
}

// TestCompareFile has a case that could not be played, and one that nobody knows.
func TestCompareFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "seen.json")
	write := func(all ...seen) {
		var text strings.Builder
		for _, s := range all {
			if err := json.NewEncoder(&text).Encode(s); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	failed := seenOf(fork, nil)
	failed.Error = "no connection"
	write(seenOf(plain, nil), seenOf(upstream, nil), failed)
	var out strings.Builder
	if err := compareFile([]string{file}, &out); err != nil {
		t.Fatal(err)
	}
	var r report
	if err := json.Unmarshal([]byte(out.String()), &r); err != nil || len(r.Failed) != 1 || !strings.Contains(r.Failed[0].Why, "no connection") {
		t.Errorf("got %s, %v", out.String(), err)
	}
	unknown := seenOf(fork, nil)
	unknown.Scenario = "nobody-knows"
	write(unknown)
	if err := compareFile([]string{file}, &out); err == nil || !strings.Contains(err.Error(), "nobody-knows") {
		t.Errorf("an unknown scenario: %v", err)
	}
}

// TestWhatWasNotPlayedIsNoAgreement and neither is it that nothing was, or that a case failed that nobody played again.
func TestWhatWasNotPlayedIsNoAgreement(t *testing.T) {
	failed := seenOf(fork, nil)
	failed.Error = "no connection"
	calmly := func(s seen) seen { s.Calm = true; return s }
	all := []seen{seenOf(plain, nil), seenOf(upstream, nil)}
	for name, tt := range map[string]struct {
		seen []seen
		want string // why, by side
	}{
		"all of it":                      {append(all, seenOf(fork, nil)), ""},
		"nothing":                        {nil, ": no case was played;"},
		"not by the fork":                {all, "fork: it was not played;"},
		"by the fork alone":              {[]seen{seenOf(fork, nil)}, "plain: it was not played;upstream: it was not played;"},
		"it failed":                      {append(all, failed), "fork: no connection;"},
		"it failed, and again":           {append(all, failed, calmly(failed)), "fork: no connection;fork: no connection;"},
		"it failed, and not in calm":     {append(all, failed, calmly(seenOf(fork, nil))), ""},
		"it failed once in calm as well": {append(all, seenOf(fork, nil), calmly(seenOf(fork, nil)), calmly(failed)), "fork: no connection;"},
	} {
		r, err := compare(tt.seen, nil)
		got := ""
		for _, f := range r.Failed {
			got += fmt.Sprintf("%s: %s;", f.Side, f.Why)
		}
		if err != nil || got != tt.want {
			t.Errorf("%s: %q, %v, not %q", name, got, err, tt.want)
		}
	}
}

func TestCloseAnnounced(t *testing.T) {
	late := kase{&scenario{Body: body{Size: 10, How: afterAnswer}}, http11}
	for _, c := range []struct {
		field, upstream, value string
		want                   bool
	}{
		{"header", "Date: ...", "Connection: close\nDate: ...", true},
		{"header", "Connection: close\nDate: ...", "Connection: close\nDate: ...", true},
		{"header", "Date: ...", "Date: ...", false},
		{"header", "Date: ...", "Connection: close\nDate: ...\nX-One: 1", false},
		{"header", "", "Connection: close", true},
		{"header", "", "Date: ...", false},
		{"end", "kept", "announced, the connection was closed", true},
		{"end", "kept", "not announced, the connection was closed", false},
		{"next", "HTTP/1.1 200 OK", "", true},
		{"next", "HTTP/1.1 200 OK", "HTTP/1.1 400 Bad Request", false},
		{"served", "POST /same/first\nGET /same/next", "POST /same/first", true},
		{"served", "POST /same/first\nGET /same/next", "POST /same/first\nGET /same/smuggled", false},
		{"early", "no", "yes", true},
		{"status", "HTTP/1.1 403 Forbidden", "HTTP/1.1 200 OK", false},
		{"body", "nothing", "something", false},
	} {
		v := seenValue{late, c.field, c.value, map[string][]string{upstream: {c.upstream}}, nil}
		if got := v.closeAnnounced(); got != c.want {
			t.Errorf("%s %q for %q: %t", c.field, c.value, c.upstream, got)
		}
	}
}

func TestSaysWhatWasSent(t *testing.T) {
	all := values{"status": {fork: {"HTTP/1.1 404 Not Found"}}}
	for _, c := range []struct {
		field, value string
		want         bool
	}{
		{"audit", "RequestReceived\nResponseComplete 404   \"\"", true},
		{"audit", "RequestReceived\nPanic 404 Failure", true},
		{"audit", "RequestReceived\nResponseComplete 200   \"\"", false},
		{"audit", "RequestReceived", false},
		{"audit", "", false},
		{"log", "resp=404", true},
		{"log", "resp=0", false},
		{"log", "no status", false},
	} {
		v := seenValue{kase{&scenario{}, http11}, c.field, c.value, nil, all}
		if got := v.saysWhatWasSent(); got != c.want {
			t.Errorf("%s %q: %t", c.field, c.value, got)
		}
	}
}

// TestTable has every entry be about scenarios that there are.
func TestTable(t *testing.T) {
	for i, a := range allowances {
		if a.Row == "" || a.Why == "" || (len(a.At) == 0) != a.Luck || len(a.Fields) == 0 {
			t.Errorf("entry %d, of %q: it needs a Row, its Why, At and Fields", i, a.Row)
		}
		for _, at := range a.At {
			if found, err := find(at); err != nil {
				t.Errorf("%s: %v", a.Row, err)
			} else if name, _, _ := strings.Cut(at, "@"); found[0].Name != name {
				t.Errorf("%s: At %s is not the name of a scenario", a.Row, at)
			}
		}
		for _, f := range a.Fields {
			if f == "records" {
				t.Errorf("%s: no entry may allow records that contradict what the client saw", a.Row)
			}
		}
	}
}

// TestScenarios has every scenario be one that can be played.
func TestScenarios(t *testing.T) {
	names := map[string]bool{}
	all := named
	for i := range 2000 {
		all = append(all, randomScenario(7, i))
	}
	for _, s := range all {
		if names[s.Name] {
			t.Errorf("%s: there are two", s.Name)
		}
		names[s.Name] = true
		for _, step := range s.Handler {
			op, args, _ := strings.Cut(step, " ")
			if ops[op] == nil {
				t.Errorf("%s: there is no step %q", s.Name, step)
			}
			if strings.Contains(args, "%!") {
				t.Errorf("%s: %q", s.Name, step)
			}
		}
		for _, f := range strings.Fields(s.Server.Outer + " " + s.Server.Middle) {
			if filters[f] == nil {
				t.Errorf("%s: there is no filter %s", s.Name, f)
			}
		}
		if builds[s.Server.Build] == nil || s.Server.Middle != "" && s.Server.Build != "own" {
			t.Errorf("%s: there is no such chain: %+v", s.Name, s.Server)
		}
	}
}

// TestRandomIsReproducible has a name stand for the same scenario always.
func TestRandomIsReproducible(t *testing.T) {
	for i := range 100 {
		a := randomScenario(3, i)
		found, err := find(a.Name)
		if err != nil || len(found) != 1 || found[0].String() != a.String() {
			t.Errorf("%s is %v, %v", a, found, err)
		}
		if b := randomScenario(4, i); b.String() == strings.Replace(a.String(), fmt.Sprintf(randomName, 3, i), b.Name, 1) {
			t.Errorf("%s: another seed makes the same", a)
		}
	}
}

func TestContradiction(t *testing.T) {
	for _, c := range []struct {
		o    observation
		want string
	}{
		{observation{First: answer{Status: "HTTP/1.1 404 Not Found"}, Audit: []string{`ResponseComplete 404   ""`}, Log: []string{"resp=404"}}, ""},
		{observation{First: answer{Status: "404"}, Audit: []string{`ResponseComplete 404   ""`}, Log: []string{"resp=404"}}, ""},
		{observation{First: answer{Status: "404"}, Audit: []string{`ResponseComplete 103   ""`}, Log: []string{"resp=404"}}, "the client got 404, the audit log says 103"},
		{observation{First: answer{Status: "200"}, Audit: []string{`ResponseComplete 200   ""`}, Log: []string{"resp=0"}}, "the client got 200, the HTTP log says 0"},
		{observation{Audit: []string{`ResponseComplete 200   ""`}}, "the client got 0, the audit log says 200"},
		{observation{Audit: []string{"RequestReceived"}}, "no final audit event"},
		{observation{Audit: []string{`Panic 500 Failure InternalError "x"`}, Log: []string{"resp=0"}}, ""},
		{observation{End: clientLeft, Audit: []string{`ResponseComplete 200   ""`}}, ""},
		{observation{}, ""},
	} {
		if got := c.o.contradiction(); got != c.want {
			t.Errorf("%+v: %q", c.o, got)
		}
	}
}

func TestPlainly(t *testing.T) {
	for in, want := range map[string]string{
		"write tcp 127.0.0.1:1234->127.0.0.1:5: write: broken pipe": "the connection was closed",
		"read tcp 127.0.0.1:1234->127.0.0.1:5: i/o timeout":         "read tcp ADDRESS->ADDRESS: i/o timeout",
		`resp=200 ended="client gone" bytes=123456`:                 `resp=200 ended="client gone" bytes=many`,
		"123456 bytes of its body were sent":                        "many bytes of its body were sent",
		"5 bytes of its body were sent":                             "5 bytes of its body were sent",
		"as planned\ngoroutine 5 [running]:\nmain.x()\n":            "as planned (a stack)",
	} {
		if got := plainly(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}
