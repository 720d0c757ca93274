package ha

import (
	"bytes"
	"strings"
	"testing"

	"fork.internal/apiserver/test/cluster"
)

// replaced is a report of what ought to happen.
func replaced() RollReport {
	r := RollReport{Watched: Watched{Watches: 3, Events: 9}}
	for _, name := range []string{"unmodified to unmodified", "unmodified to patched", "patched to unmodified"} {
		r.Phases = append(r.Phases, Phase{
			Name: name, Requests: Seen{OK: 100, Failed: map[string]int64{}}, SlowRequests: 4, Streams: Seen{OK: 5, Failed: map[string]int64{}},
			Replaced: []Replaced{{"v1", 5, 0.3, 8, 12, nil}, {"v1", 6, 0.3, 8, 12, nil}, {"v1", 7, 0.3, 8, 12, nil}},
		})
	}
	return r
}

func TestRollVerdict(t *testing.T) {
	if err := replaced().Verdict(); err != nil {
		t.Errorf("of what ought to happen: %v", err)
	}
	alike := replaced()
	alike.Phases[1].Requests.Failed[turnedAway], alike.Phases[2].Requests.Failed[crossed] = 27, 3
	for i := range alike.Phases {
		alike.Phases[i].Requests.Failed[cutOff] = 2
	}
	if err := alike.Verdict(); err != nil {
		t.Errorf("of what it costs without the fork too: %v", err)
	}
	for want, change := range map[string]func(r *RollReport){
		"unmodified to patched, server 2: it had no connection":   func(r *RollReport) { r.Phases[1].Replaced[1].Connections = 0 },
		"patched to unmodified, server 1: \"Observed a panic\"":   func(r *RollReport) { r.Phases[2].Replaced[0].Panics = []string{`"Observed a panic" is once`} },
		"not ready after 3.5 s, which is later":                   func(r *RollReport) { r.Phases[0].Replaced[2].OutAfter = 3.5 },
		"0 answers, 4 slow requests: nothing was shown":           func(r *RollReport) { r.Phases[2].Requests.OK = 0 },
		"100 answers, 0 slow requests: nothing was shown":         func(r *RollReport) { r.Phases[0].SlowRequests = 0 },
		"unmodified to patched: 1 requests failed by answer cut":  func(r *RollReport) { r.Phases[1].Requests.Failed[cutOff] = 1 },
		"unmodified to patched: 4 requests failed by kept connec": func(r *RollReport) { r.Phases[1].Requests.Failed[crossed] = 4 },
		"patched to unmodified: 28 requests failed by 503, shut":  func(r *RollReport) { r.Phases[2].Requests.Failed[turnedAway] = 28 },
		"patched to unmodified: 1 watches failed by stream cut":   func(r *RollReport) { r.Phases[2].Streams.Failed[streamCut] = 1 },
		"2 of 3 watches did not see each of 9 events":             func(r *RollReport) { r.Watched.Wrong = 2 },
		"what it would not have without it: /x is added; /y is":   func(r *RollReport) { r.Leftover = []string{"/x is added", "/y is changed"} },
	} {
		r := replaced()
		change(&r)
		if err := r.Verdict(); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("got %v, want only %q", err, want)
		}
		if err := r.WriteTable(&bytes.Buffer{}); err != nil {
			t.Error(err)
		}
	}
}

func TestRollTable(t *testing.T) {
	r := replaced()
	r.Phases[1].Requests.Failed[turnedAway] = 2
	var out bytes.Buffer
	if err := r.WriteTable(&out); err != nil {
		t.Fatal(err)
	}
	got := strings.Join(strings.Fields(out.String()), " ")
	for _, want := range []string{
		"each server: connections 5, 6, 7", " 503, shutting down 0 2 0 ",
		"each of 3 saw each of 9 events once, in order", "left in etcd by the fork: nothing",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}

func TestLeftover(t *testing.T) {
	of := func(kvs ...string) dump {
		var all []cluster.KeyValue
		for _, kv := range kvs {
			key, value, _ := strings.Cut(kv, "=")
			all = append(all, cluster.KeyValue{Key: key, Value: []byte(value)})
		}
		return newDump(all, "+deadline.")
	}
	before := of("/a=1", "/b=1", "/c=1", keys+"worker=1", "/registry/leases/x=1")
	same := of("/a=2", "/b=1", "/c=1", keys+"worker=2", "/registry/leases/x=2").since(before)
	if len(same.Added)+len(same.Removed) > 0 || len(same.Changed) != 1 || same.Changed[0] != "/a" || same.Keys != 5 {
		t.Errorf("%+v", same)
	}
	if left := leftover(before, of("/a=3", "/b=1", "/c=1", "/registry/leases/x=3", "/registry/events/e=1"), same); len(left) > 0 {
		t.Errorf("what changes without the fork too, or of itself: %v", left)
	}
	got := strings.Join(leftover(before, of("/a=3", "/b=2", "/d=1", "/registry/leases/x=v1+deadline.13", "/registry/leases/y=1"), same), "; ")
	if want := "/d is added; /registry/leases/y is added; /c is removed; /b is changed; /registry/leases/x names the fork"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
