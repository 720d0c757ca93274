package sidebyside

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestParseLine(t *testing.T) {
	for line, want := range map[string]map[string]string{
		`I1128 10:11:12.123456      77 httplog.go:134] "HTTP" verb="GET" URI="/a?b=\"c\"" latency="1.5ms" audit-ID="x" apf_iseats=3 resp=200`: {
			"verb": "GET", "URI": `/a?b="c"`, "latency": "<duration>", "audit-ID": "x", "apf_iseats": "<seats>", "resp": "200",
		},
		"I1128 10:11:12.123456      77 httplog.go:134] \"HTTP\" audit-ID=\"x\" resp=500 statusStack=<": {
			"audit-ID": "x", "resp": "500", "statusStack": "<several lines>",
		},
		`I1128 10:11:12.123456      77 httplog.go:134] "HTTP" verb="GET" resp=200`: nil,
		`I1128 10:11:12.123456      77 other.go:1] "Something else" audit-ID="x"`:  nil,
	} {
		got, ok := parseLine(line)
		if !ok {
			if want != nil {
				t.Errorf("%s: is no line", line)
			}
			continue
		}
		if diffs := compareAspects("", got.values, want); want == nil || len(diffs) > 0 {
			t.Errorf("%s: got %v, want %v", line, got.values, want)
		}
	}
}

func TestParseEvent(t *testing.T) {
	n := &normaliser{}
	parse := func(line string) event {
		t.Helper()
		id, e, err := parseEvent([]byte(line), n)
		if err != nil || id != "x" || e.stage != "ResponseComplete" {
			t.Fatalf("%s: got %s, %s, %v", line, id, e.stage, err)
		}
		return e
	}
	plain := parse(`{"auditID":"x","stage":"ResponseComplete","annotations":{"b":"c"}}`)
	slow := parse(`{"auditID":"x","stage":"ResponseComplete","annotations":{"apiserver.latency.k8s.io/etcd":"1.2s","b":"c"}}`)
	slower := parse(`{"auditID":"x","stage":"ResponseComplete","annotations":{"b":"c","apiserver.latency.k8s.io/total":"700ms"}}`)
	if plain != slow || plain != slower {
		t.Errorf("what is slow differs: %s, %s, %s", plain.text, slow.text, slower.text)
	}
	if _, _, err := parseEvent([]byte("half an ev"), n); err == nil {
		t.Error("what is no event is taken for one")
	}
}

func TestRecords(t *testing.T) {
	dir := t.TempDir()
	logPath, auditPath := filepath.Join(dir, "log"), filepath.Join(dir, "audit")
	r := newRecords(logPath, auditPath, &normaliser{})
	read := func() {
		t.Helper()
		if err := r.read(); err != nil {
			t.Fatal(err)
		}
	}
	add := func(path, text string) {
		t.Helper()
		f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
	}
	read() // Neither file is there.
	if got := r.aspects("x", ""); got["log.lines"] != "0" || got["audit.stages"] != "" {
		t.Errorf("of nothing: %v", got)
	}
	const line = `I1 a.go:1] "HTTP" verb="GET" audit-ID="x" resp=200` + "\n"
	add(logPath, line[:20])
	add(auditPath, `{"auditID":"x","stage":"RequestReceived"}`+"\n")
	read()
	if len(r.lines["x"]) != 0 || r.ended("x") {
		t.Error("half a line is taken for one, or the beginning for the end")
	}
	add(logPath, line[20:])
	add(auditPath, `{"auditID":"x","stage":"ResponseComplete"}`+"\n")
	read()
	if got := r.aspects("x", ""); got["log.lines"] != "1" || got["log.resp"] != "200" || got["audit.stages"] != "RequestReceived ResponseComplete" {
		t.Errorf("got %v", got)
	}
	if !r.ended("x") {
		t.Error("the end is not seen")
	}
	add(logPath, strings.Replace(line, "200", "504", 1))
	add(auditPath, `{"auditID":"x","stage":"ResponseComplete","more":1}`+"\n")
	read()
	got := r.aspects("x", "")
	if got["log.lines"] != "2" || got["log[2].resp"] != "504" || got["audit.ResponseComplete[2]"] == "" {
		t.Errorf("what is there twice is not seen: %v", got)
	}
}

func TestMetrics(t *testing.T) {
	parse := func(lines ...string) scrape {
		t.Helper()
		s, err := parseMetrics([]byte(strings.Join(lines, "\n") + "\n"))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	const (
		total = `apiserver_request_total{code="200",resource="pods",verb="GET"}`
		sum   = `apiserver_response_sizes_sum{resource="pods",verb="GET"}`
		watch = `apiserver_request_total{code="200",resource="pods",verb="WATCH"}`
	)
	before := parse("# HELP apiserver_request_total x", total+" 3", sum+" 1e+06", "other_total 5")
	after := parse(total+" 4", sum+" 1.000321e+06", "other_total 6", watch+" 1",
		`apiserver_request_total{code="200",resource="leases",verb="PUT"} 1`, `apiserver_watch_events_total{group="",resource="pods",version="v1"} 1`,
		"apiserver_overdue_requests 1")
	got := after.aspects(before, step{path: "/a"}, sizes{"bytes received": 321})
	want := map[string]string{"metric." + total: "+1", "metric." + sum: "<bytes received>", "metric.apiserver_overdue_requests": "+1"}
	for _, d := range compareAspects("", got, want) {
		t.Errorf("%s: got %s, want %s", d.Aspect, d.Unmodified, d.Patched)
	}
	if got := after.aspects(before, step{path: "/a?watch=1"}, nil); got["metric."+watch] != "+1" || got["metric."+sum] != "+321" {
		t.Errorf("of a watch: %v", got)
	}
	if _, err := parseMetrics([]byte("apiserver_request_total{} many\n")); err == nil {
		t.Error("what is no number is taken for one")
	}
}
