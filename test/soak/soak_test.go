package soak

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fork.internal/apiserver/test/cluster"
	"fork.internal/apiserver/test/traffic"
)

func TestTooShort(t *testing.T) {
	if _, err := Run(t.Context(), Config{Duration: Least() - 1}); err == nil || !strings.Contains(err.Error(), "too short") {
		t.Errorf("got %v", err)
	}
}

func TestWhatIsHeld(t *testing.T) {
	before := Sample{Goroutines: 1000, Descriptors: 50, HeapMiB: 100, LongRunning: 6}
	if got := held(before, before); len(got) != 0 {
		t.Errorf("the same: %q", got)
	}
	less, more := before, before
	for _, sp := range spare {
		for _, c := range columns {
			// Each value that is looked at, at its bound and above.
			probe := before
			*c.of(&probe) += sp.most + 1
			if sp.of(probe) == sp.of(before) {
				continue
			}
			if got := held(probe, before); len(got) != 1 || !strings.Contains(got[0], sp.name) {
				t.Errorf("%s: %q", sp.name, got)
			}
			*c.of(&less) -= 10
			*c.of(&more) += sp.most
		}
	}
	if got := held(less, before); len(got) != 0 {
		t.Errorf("less: %q", got)
	}
	if got := held(more, before); len(got) != 0 {
		t.Errorf("at the bounds: %q", got)
	}
}

func TestHeapAlloc(t *testing.T) {
	if got, err := heapAlloc([]byte("heap profile: 1: 2\n# runtime.MemStats\n# Alloc = 1\n# HeapAlloc = 2097152\n")); err != nil || got != 2<<20 {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := heapAlloc([]byte("none")); err == nil {
		t.Error("a profile that does not say it is no error")
	}
}

func TestSamples(t *testing.T) {
	sm := &sampler{}
	for _, s := range []Sample{{At: 1, Seats: 9}, {At: 3, Seats: 4, Goroutines: 7}, {At: 5, Seats: 2, Goroutines: 5}} {
		sm.add(s)
	}
	peak, last := sm.since(2)
	if want := (Sample{At: 5, Seats: 4, Goroutines: 7}); peak != want || last != sm.samples[2] {
		t.Errorf("got %+v, %+v", peak, last)
	}
	path := filepath.Join(t.TempDir(), "samples.csv")
	if err := writeSamples(path, sm.samples); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Split(strings.TrimSpace(string(data)), "\n"); len(lines) != 4 || !strings.HasPrefix(lines[0], "seconds,goroutines,") || !strings.HasPrefix(lines[2], "3,7,0,") {
		t.Errorf("got %q", lines)
	}
}

// good is a report of what ought to happen.
func good() Report {
	r := Report{Duration: 24, Sides: []Side{
		{Name: "unmodified", Version: "v1.0.0", Died: &Death{At: 20, Phase: "warnings", Crash: cluster.Crash{Line: "fatal error: concurrent map writes"}}},
		{Name: "patched", Version: "v1.0.0+x", mustHold: true},
	}}
	for i, p := range phases {
		for side := range r.Sides {
			from := 2 * float64(i)
			r.Sides[side].Phases = append(r.Sides[side].Phases, Phase{Name: p.name, From: from, Seconds: 2, Requests: 3, OK: 3})
			if p.unmodifiedFails && side == 0 {
				r.Sides[side].Phases[i].Lies++
			}
			r.Sides[side].Samples = append(r.Sides[side].Samples, Sample{At: from, Goroutines: 100 * from, Seats: 1})
		}
	}
	return r
}

func TestVerdict(t *testing.T) {
	for want, spoil := range map[string]func(r *Report){
		"":                     func(*Report) {},
		"died in its second 7": func(r *Report) { r.Sides[1].Died = &Death{At: 7} },
		"1 lies, 0 lost":       func(r *Report) { r.Sides[1].Phases[3].Lies++ },
		"0 lies, 1 lost":       func(r *Report) { r.Sides[1].Phases[3].Lost++ },
		"nothing was wrong with the unmodified server: this shows nothing": func(r *Report) {
			r.Sides[0].Died = nil
			for i := range r.Sides[0].Phases {
				r.Sides[0].Phases[i].Lies = 0
			}
		},
		"server in lists not read, which it": func(r *Report) { r.Sides[0].Phases[2].Lies = 0 },
		"held: 1":                            func(r *Report) { r.Sides[1].Phases[3].Held = []string{"a seat"} },
		"ordinary again: 1 lie":              func(r *Report) { r.Sides[1].Phases[len(phases)-1].Lies++ },
	} {
		r := good()
		spoil(&r)
		got := ""
		if err := r.Verdict(); err != nil {
			got = err.Error()
		}
		if (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	r := good()
	r.Sides[0].Phases[1].Lies = 5
	if err := r.Verdict(); err != nil {
		t.Errorf("the unmodified server's lies are no failure: %v", err)
	}
	var out bytes.Buffer
	if err := r.WriteTable(&out); err != nil || !strings.Contains(out.String(), "died in its second 20 (warnings): fatal error") {
		t.Errorf("%v: %s", err, out.String())
	}
}

func TestChart(t *testing.T) {
	for name, r := range map[string]Report{"whole": good(), "empty": {Sides: []Side{{}, {}}}, "one side": {Sides: good().Sides[1:]}} {
		chart, err := r.Chart()
		if err != nil {
			t.Fatal(err)
		}
		for d := xml.NewDecoder(bytes.NewReader(chart)); ; {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if bytes.Contains(chart, []byte("NaN")) || bytes.Contains(chart, []byte("Inf")) {
			t.Errorf("%s: %s", name, chart)
		}
		// In each panel of the one side, and in the key.
		if deaths := bytes.Count(chart, []byte(`class="death"`)); name == "whole" && deaths != 1+len(chartRows) {
			t.Errorf("%d deaths", deaths)
		}
	}
}

func TestAPhaseCountsWhatItsClientsSaw(t *testing.T) {
	s := &server{side: &Side{}, out: io.Discard, begun: time.Now()}
	s.begin("before")
	s.keep(&traffic.Exchange{Status: 200, Whole: true})
	s.end(nil)
	s.begin("it")
	s.extra.Sent, s.extra.Answered, s.extra.TimedOut, s.extra.Reset = 6, 1, 2, 3
	for _, x := range []traffic.Exchange{
		{Status: 201, Whole: true}, {Status: 504, Whole: true}, {Status: 404, Whole: true}, {Err: context.Canceled, Left: true}, {Status: 200, Err: io.EOF},
	} {
		s.keep(&x)
	}
	s.lief("x")
	s.lostf("y")
	s.end([]string{"z"})
	p := s.side.Phases[1]
	if p.Requests != 11 || p.OK != 2 || p.TimedOut != 3 || p.Other != 1 || p.Cut != 4 || p.Left != 1 || p.Lies != 1 || p.Lost != 1 || p.wrong() != 3 || len(p.Examples) != 2 {
		t.Errorf("got %+v", p)
	}
	if s.liedIn("before", "later"); s.side.Phases[0].Lies != 1 {
		t.Errorf("got %+v", s.side.Phases[0])
	}
}
