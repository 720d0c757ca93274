package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fork.internal/apiserver/pkg/endpoints/deadline/policy"
	"fork.internal/apiserver/test/traffic"
)

// TestPolicyChanges: each change leaves the file as the server is to find it, whatever it was before.
func TestPolicyChanges(t *testing.T) {
	f, err := newPolicyFile(filepath.Join(t.TempDir(), "deadline-policy"), first)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range changes {
		if c.churn {
			for _, way := range []func(string) error{f.rename, f.swap, f.swap, f.rename} {
				if err := way(between.file()); err != nil {
					t.Fatal(err)
				}
				if p, err := policy.Load(f.path); err != nil || p.Hash() != between.hash() {
					t.Errorf("before %s: %v", c.what, err)
				}
			}
		}
		if err := c.place(f); err != nil {
			t.Fatalf("%s: %v", c.what, err)
		}
		e := &env{policyFile: f}
		if e.checkLoad(c); len(e.wrong) > 0 {
			t.Error(e.wrong)
		}
	}
	if left, err := os.ReadDir(filepath.Dir(f.path)); err != nil || len(left) > 3 {
		t.Errorf("left beside the file: %v, %v", left, err)
	}
	if _, err := policy.Decode([]byte(badBetween)); err == nil || count([]reload{{line: err.Error()}}, "must be at least 100ms") != 1 {
		t.Errorf("what is bad between says %v", err)
	}
	for _, c := range changes {
		for _, other := range changes {
			if c.refused != "" && other.refused != "" && c.what != other.what && strings.Contains(other.refused, c.refused) {
				t.Errorf("%s and %s cannot be told apart", c.what, other.what)
			}
		}
	}
}

// TestCheckLoad: a file that is not what the change says is noticed.
func TestCheckLoad(t *testing.T) {
	f, err := newPolicyFile(filepath.Join(t.TempDir(), "deadline-policy"), first)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []change{{what: "another", taken: &second}, {what: "a good one", refused: "yaml"}} {
		e := &env{policyFile: f}
		if e.checkLoad(c); len(e.wrong) != 1 {
			t.Errorf("%s: got %q", c.what, e.wrong)
		}
	}
}

func TestReloadLines(t *testing.T) {
	log := `I0102 03:04:05.000006     12 reload.go:1] "Reloaded the deadline policy" file="/f" hash="sha256:a" rules=5
I0102 03:04:05.000007     12 other.go:1] "Something else" hash="sha256:b"
E1231 23:59:59.500000     12 reload.go:2] "Refused the deadline policy, the one before stays in force" err="no" file="/f" hash="sha256:a"
`
	got, err := parseReloads([]byte(log), time.Date(2027, 1, 2, 3, 4, 7, 0, time.UTC))
	if err != nil || len(got) != 2 {
		t.Fatalf("got %+v, %v, want two", got, err)
	}
	if r := got[0]; !r.taken || r.hash != "sha256:a" || !r.at.Equal(time.Date(2027, 1, 2, 3, 4, 5, 6000, time.UTC)) {
		t.Errorf("got %+v", r)
	}
	if r := got[1]; r.taken || r.hash != "sha256:a" || !r.at.Equal(time.Date(2026, 12, 31, 23, 59, 59, 5e8, time.UTC)) {
		t.Errorf("got %+v", r)
	}
}

// TestReloadLog: each line is read once, when it is whole.
func TestReloadLog(t *testing.T) {
	l := reloadLog{path: filepath.Join(t.TempDir(), "log")}
	log := ""
	for i, tt := range []struct {
		more string
		want int
	}{
		{`I0102 03:04:05.000006 12 reload.go:1] "Reloaded the deadline policy" ha`, 0},
		{"sh=\"sha256:a\"\nsomething else\n", 1},
		{"", 1},
		{"E0102 03:04:05.000006 12 reload.go:1] \"Refused the deadline policy\" hash=\"sha256:a\"\nI0102", 2},
	} {
		log += tt.more
		if err := os.WriteFile(l.path, []byte(log), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := l.reloads(); err != nil || len(got) != tt.want || tt.want > 0 && got[tt.want-1].hash != "sha256:a" {
			t.Errorf("%d: got %+v, %v, want %d", i, got, err, tt.want)
		}
	}
}

func TestReloadMetrics(t *testing.T) {
	data := strings.NewReplacer("N_", policyMetrics).Replace(`# TYPE N_automatic_reloads_total counter
N_automatic_reloads_total{apiserver_id_hash="x",status="failure"} 2
N_automatic_reloads_total{apiserver_id_hash="x",status="success"} 1
# TYPE N_last_config_info gauge
N_last_config_info{apiserver_id_hash="x",hash="sha256:a"} 1
`)
	got, err := parseReloadMetrics([]byte(data))
	if err != nil {
		t.Fatal(err)
	}
	lines := []reload{{}, {taken: true}, {}}
	for name, tt := range map[string]struct {
		lines   []reload
		inForce string
		wrong   bool
	}{
		"as logged":          {lines, "sha256:a", false},
		"another in force":   {lines, "sha256:b", true},
		"one more refused":   {append(lines, reload{}), "sha256:a", true},
		"one not taken":      {append(lines, reload{taken: true}), "sha256:a", true},
		"more than are said": {lines[1:], "sha256:a", true},
	} {
		if what := got.wrong(tt.lines, tt.inForce); (what != "") != tt.wrong {
			t.Errorf("%s: got %q", name, what)
		}
	}
}

// reloaded is a log: second comes after 10 s, something bad after 20 s, third after 30 s.
func reloaded(start time.Time) []reload {
	return []reload{
		{at: start.Add(10 * time.Second), taken: true, hash: second.hash()},
		{at: start.Add(20 * time.Second), hash: second.hash()},
		{at: start.Add(30 * time.Second), taken: true, hash: third.hash()},
	}
}

func TestBoundBy(t *testing.T) {
	start := time.Now()
	says := func(bound, rule string) string {
		return fmt.Sprintf(`{"message":"no time: %s, by the rule %s of the deadline policy"}`, bound, rule)
	}
	for name, tt := range map[string]struct {
		came, took time.Duration
		rule       string // of the client's class
		audited    string
		body       string
		by, wrong  string
	}{
		"the first":                    {5 * time.Second, 3 * time.Second, "creates", "creates-first", says("3s", "creates-first"), "first", ""},
		"the first, and ends later":    {9 * time.Second, 3 * time.Second, "creates", "creates-first", says("3s", "creates-first"), "first", ""},
		"the second, hardly logged":    {9 * time.Second, time.Second, "creates", "creates-second", says("1s", "creates-second"), "second", ""},
		"too early for the second":     {7 * time.Second, time.Second, "creates", "creates-second", says("1s", "creates-second"), "", "creates-second"},
		"the first, too late":          {11 * time.Second, 3 * time.Second, "creates", "creates-first", says("3s", "creates-first"), "", "creates-first"},
		"after a bad one":              {25 * time.Second, 500 * time.Millisecond, "tenants", "tenants-second", says("500ms", "tenants-second"), "second", ""},
		"a bad one's rule":             {25 * time.Second, time.Second, "creates", "creates-bad", says("700ms", "creates-bad"), "", "creates-bad"},
		"no rule":                      {5 * time.Second, 3 * time.Second, "creates", "", says("3s", "creates-first"), "", `the rule ""`},
		"another class's rule":         {5 * time.Second, 0, "gets", "lists-first", "", "", "lists-first"},
		"the bound of another":         {15 * time.Second, 3 * time.Second, "creates", "creates-second", says("3s", "creates-first"), "second", "want"},
		"no bound is named":            {15 * time.Second, time.Second, "creates", "creates-second", `{"message":"no time: 1s"}`, "second", "want"},
		"no Status":                    {15 * time.Second, time.Second, "creates", "creates-second", "no time", "second", "no Status"},
		"before its bound":             {35 * time.Second, 3 * time.Second, "creates", "creates-third", says("5s", "creates-third"), "third", "it had 3s"},
		"long after its bound":         {35 * time.Second, 11 * time.Second, "creates", "creates-third", says("5s", "creates-third"), "third", "late"},
		"in time, of a class that can": {35 * time.Second, time.Millisecond, "gets", "gets-third", "", "third", ""},
	} {
		x := &traffic.Exchange{Rule: tt.rule, Took: tt.took, Body: []byte(tt.body)}
		ev := traffic.Event{RequestReceivedTimestamp: start.Add(tt.came), Annotations: map[string]string{ruleAnnotation: tt.audited}}
		b, err := boundBy(x, ev, reloaded(start))
		if b.name != tt.by || (err != nil) != (tt.wrong != "") || err != nil && !strings.Contains(err.Error(), tt.wrong) {
			t.Errorf("%s: got %q, %v; want %q, %q", name, b.name, err, tt.by, tt.wrong)
		}
	}
}

func TestCheckPolicies(t *testing.T) {
	start := time.Now()
	run := func(change func(e *env, records map[string]traffic.Record)) []string {
		e, records := &env{policyLog: reloadLog{all: reloaded(start)}}, map[string]traffic.Record{}
		for i, b := range []bounds{first, second, second, third} {
			for _, rule := range []string{"creates", "tenants", "gets", "lists", "paths"} {
				id := fmt.Sprint(rule, i)
				e.exchanges = append(e.exchanges, &traffic.Exchange{AuditID: id, Rule: rule, Whole: true, Took: b.bound(rule),
					Body: fmt.Appendf(nil, `{"message":": %s, by the rule %s-%s of the deadline policy"}`, b.bound(rule), rule, b.name)})
				records[id] = traffic.Record{Ends: []traffic.Event{{RequestReceivedTimestamp: start.Add(time.Duration(5+10*i) * time.Second), Annotations: map[string]string{ruleAnnotation: rule + "-" + b.name}}}}
			}
		}
		change(e, records)
		e.checkPolicies(records)
		return e.wrong
	}
	if wrong := run(func(*env, map[string]traffic.Record) {}); len(wrong) > 0 {
		t.Errorf("got %q", wrong)
	}
	for want, change := range map[string]func(e *env, records map[string]traffic.Record){
		"the fastest of creates had": func(e *env, _ map[string]traffic.Record) { e.exchanges[15].Took += prompt + 1 },
		"no request of lists":        func(e *env, records map[string]traffic.Record) { delete(records, "lists2") },
		`names the rule "gets-bad"`: func(e *env, records map[string]traffic.Record) {
			records["gets3"].Ends[0].Annotations[ruleAnnotation] = "gets-bad"
		},
	} {
		if wrong := strings.Join(run(change), "\n"); !strings.Contains(wrong, want) {
			t.Errorf("got %q, want %q", wrong, want)
		}
	}
}
