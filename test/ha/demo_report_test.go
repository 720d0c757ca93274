package ha

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"fork.internal/apiserver/test/demo"
)

// good is a report of what ought to happen: the servers die at 10, 20 and 30 s.
func good() DemoReport {
	side := Side{
		Name: "unmodified", Version: "v1", LoadBegins: 5, LoadEnds: 30, Before: Seen{OK: 10}, During: Seen{OK: 10},
		Watched: Watched{Watches: 3, Events: 9}, Hostile: demo.Requests{Sent: 5, Answered: 2, TimedOut: 3},
		AnsweredEachSecond: []int64{1, 2, 2, 2, 3},
	}
	for at := 0.5; at < 35; at++ {
		s := Sample{At: at}
		for i := range servers {
			s.Servers = append(s.Servers, ServerSample{Alive: true, Connections: 5 + i, Metrics: Metrics{MiB: 300, Watches: 40, Goroutines: 9}})
		}
		side.Samples = append(side.Samples, s)
	}
	p := side
	p.Name, p.Version = "patched", "v1+deadline"
	side.Samples = nil
	for _, s := range p.Samples {
		s.Servers = append([]ServerSample(nil), s.Servers...)
		for i := range s.Servers {
			if s.At > float64(10*(i+1)) {
				s.Servers[i] = ServerSample{}
			}
		}
		side.Samples = append(side.Samples, s)
	}
	for i := range servers {
		side.Deaths = append(side.Deaths, Death{Server: i + 1, At: float64(10 * (i + 1)), Cause: fatalError + "writes", Log: "a.log"})
	}
	return DemoReport{Unmodified: side, Patched: p}
}

func TestDemoVerdict(t *testing.T) {
	if err := good().Verdict(); err != nil {
		t.Errorf("of what ought to happen: %v", err)
	}
	failed := Seen{OK: 5, Failed: map[string]int64{cutOff: 1}, Examples: map[string]string{cutOff: "how"}}
	for want, change := range map[string]func(u, p *Side){
		"1 of 3 unmodified kube-apiservers survived 25 s of load; next": func(u, p *Side) { u.Deaths = u.Deaths[1:] },
		"died of something else: exit status 1":                         func(u, p *Side) { u.Deaths[1].Cause = "exit status 1" },
		"a patched kube-apiserver died: fatal error":                    func(u, p *Side) { p.Deaths = u.Deaths[:1] },
		"unmodified kube-apiservers before the load had 5 answers":      func(u, p *Side) { u.Before = failed },
		"patched kube-apiservers before the load had 0 answers":         func(u, p *Side) { p.Before = Seen{} },
		"under load had 5 answers; failed: 1 answer cut off (how)":      func(u, p *Side) { p.During = failed },
		"watches of the patched kube-apiservers lost their streams":     func(u, p *Side) { p.Streams = failed },
		"1 of 3 watches did not see each of 9 events":                   func(u, p *Side) { p.Watched.Wrong = 1 },
		"nothing was shown":                 func(u, p *Side) { p.Watched.Events = 0 },
		"did not straddle the deadline":     func(u, p *Side) { p.Hostile.TimedOut = 0; p.Hostile.Sent = 2 },
		"got other than an answer or a 504": func(u, p *Side) { p.Hostile.Unreachable = 1; p.Hostile.Sent++ },
		"an answer or a 504":                func(u, p *Side) { p.Hostile.Reset = 2; p.Hostile.Sent += 2 },
		"both sides say that they are v1":   func(u, p *Side) { p.Version = "v1" },
	} {
		r := good()
		change(&r.Unmodified, &r.Patched)
		if err := r.Verdict(); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("got %v, want only %q", err, want)
		}
	}
}

func TestDemoTable(t *testing.T) {
	var out bytes.Buffer
	if err := good().WriteTable(&out); err != nil {
		t.Fatal(err)
	}
	got := strings.Join(strings.Fields(out.String()), " ")
	for _, want := range []string{
		"servers that died 3 of 3 0 of 3",
		"unmodified, server 2, after 15.0 s of load: fatal error: concurrent map writes",
		"before: 1: dead; 2: 6 connections, 40 watches, 300 MiB; 3: 7 connections",
		"after: 1: dead; 2: dead; 3: 7 connections",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}

func TestChart(t *testing.T) {
	for name, r := range map[string]DemoReport{"whole": good(), "empty": {}} {
		chart, err := r.Chart()
		if err != nil {
			t.Fatal(err)
		}
		for dec := xml.NewDecoder(bytes.NewReader(chart)); ; {
			if _, err := dec.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v in\n%s", name, err, chart)
			}
		}
		if bytes.Contains(chart, []byte("NaN")) || bytes.Contains(chart, []byte("Inf")) {
			t.Errorf("%s: %s", name, chart)
		}
		// In each panel of the one side, and in the key.
		if deaths := bytes.Count(chart, []byte(`class="death s2"`)); name == "whole" && deaths != 1+len(chartRows) {
			t.Errorf("%d ends of server 2", deaths)
		}
	}
}

func TestReadMetrics(t *testing.T) {
	got := readMetrics([]byte(`# HELP go_goroutines of them
go_goroutines 1234
process_resident_memory_bytes 3.145728e+08
apiserver_longrunning_requests{component="apiserver",resource="pods",verb="WATCH"} 3
apiserver_longrunning_requests{component="apiserver",resource="nodes",verb="WATCH"} 4
apiserver_longrunning_requests{component="apiserver",resource="pods",verb="CONNECT"} 9
`))
	if want := (Metrics{MiB: 300, Goroutines: 1234, Watches: 7}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
