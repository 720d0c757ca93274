package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"fork.internal/apiserver/test/cluster"
	"fork.internal/apiserver/test/cluster/fake"
)

func TestMain(m *testing.M) {
	fake.Main()
	os.Exit(m.Run())
}

func fakeConfig(t *testing.T, unmodified, patched string) Config {
	return Config{
		Unmodified: fake.Binary(t, unmodified),
		Patched:    fake.Binary(t, patched),
		Etcd:       fake.Binary(t, fake.Etcd),
		Dir:        t.TempDir(),
		Duration:   time.Second,
		Clients:    2,
	}
}

func TestRun(t *testing.T) {
	conf := fakeConfig(t, fake.APICrashTimeouts, fake.API)
	var progress bytes.Buffer
	conf.Progress = &progress
	r, err := Run(t.Context(), conf)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Verdict(); err != nil {
		t.Error(err)
	}
	u, p := r.Unmodified, r.Patched
	if !u.Died || u.SecondsToDeath <= 0 || u.Crash.Line != fake.CrashLine || len(u.Crash.Frames) == 0 || strings.Contains(u.Exit, "\n") {
		t.Errorf("unmodified: %+v", u)
	}
	if p.Died || !p.ReadyAfter || p.LoadSeconds < conf.Duration.Seconds() {
		t.Errorf("patched: %+v", p)
	}
	if p.WarningsPerPod != fake.Warnings || p.WarningsPerPatch != fake.Warnings || p.Version != "v0.0.0-"+fake.API {
		t.Errorf("patched: %+v", p)
	}
	if n := p.Requests; n.Sent != n.Answered+n.TimedOut || n.Answered < 20 || n.TimedOut < 20 {
		t.Errorf("patched: %+v", n)
	}
	for _, want := range []string{"unmodified: died after", "patched: alive after"} {
		if !strings.Contains(progress.String(), want) {
			t.Errorf("progress lacks %q:\n%s", want, progress.String())
		}
	}
	if data, err := json.Marshal(r); err != nil || !strings.Contains(string(data), `"secondsToDeath":`) {
		t.Errorf("%s, %v", data, err)
	}
}

func TestRunBothDie(t *testing.T) {
	r, err := Run(t.Context(), fakeConfig(t, fake.APICrashTimeouts, fake.APICrashTimeouts))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Verdict(); err == nil || !strings.HasPrefix(err.Error(), "the patched kube-apiserver died after") {
		t.Errorf("verdict: %v", err)
	}
}

// TestRunDiesAtItsEnd: a patched server that crashes while it is stopped is not well after the load.
func TestRunDiesAtItsEnd(t *testing.T) {
	r, err := Run(t.Context(), fakeConfig(t, fake.APICrashTimeouts, fake.APICrashEnd))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Verdict(); err == nil || !strings.Contains(err.Error(), "it died when it was told to end: "+fake.CrashLine) {
		t.Errorf("verdict: %v", err)
	}
}

func TestRunStartFails(t *testing.T) {
	_, err := Run(t.Context(), fakeConfig(t, fake.API, fake.APIDies))
	if err == nil || !strings.HasPrefix(err.Error(), "patched: ") || !strings.Contains(err.Error(), "something is wrong") {
		t.Errorf("Run = %v", err)
	}
}

func TestRunInterrupted(t *testing.T) {
	conf := fakeConfig(t, fake.API, fake.API)
	conf.Duration = time.Minute
	ctx, interrupt := context.WithCancel(t.Context())
	conf.Progress = writerFunc(func(p []byte) {
		if bytes.Contains(p, []byte("2 clients")) {
			time.AfterFunc(50*time.Millisecond, interrupt) // in mid-load
		}
	})
	begun := time.Now()
	_, err := Run(ctx, conf)
	if !errors.Is(err, context.Canceled) || time.Since(begun) > 30*time.Second {
		t.Errorf("Run = %v after %v", err, time.Since(begun))
	}
}

// TestAttackSeveral: the load goes on where there is still a server, and ends with the last.
func TestAttackSeveral(t *testing.T) {
	tokens := NewTokens()
	cl, err := cluster.Start(t.Context(), cluster.Config{
		KubeAPIServer: fake.Binary(t, fake.APICrashTimeouts), Etcd: fake.Binary(t, fake.Etcd), Dir: t.TempDir(),
		Tokens: tokens.Users(), Servers: 2,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Stop(context.Background())
	begun := time.Now()
	got, err := Attack(t.Context(), cl, tokens, 2, time.Minute)
	if err != nil || time.Since(begun) > 30*time.Second {
		t.Errorf("%v after %v", err, time.Since(begun))
	}
	for _, s := range cl.Servers() {
		if s.ExitError() == nil {
			t.Errorf("%s is alive", s.Name())
		}
	}
	if got.TimedOut == 0 || got.Unreachable == 0 {
		t.Errorf("%+v", got)
	}
}

// TestReal needs real binaries: KUBE_APISERVER (unmodified), KUBE_APISERVER_PATCHED and ETCD name them.
// DEMO_DURATION is Config.Duration.
func TestReal(t *testing.T) {
	conf := Config{
		Unmodified: os.Getenv("KUBE_APISERVER"), Patched: os.Getenv("KUBE_APISERVER_PATCHED"), Etcd: os.Getenv("ETCD"),
		Dir: t.TempDir(), Progress: t.Output(),
	}
	if conf.Unmodified == "" || conf.Patched == "" || conf.Etcd == "" {
		t.Skip("KUBE_APISERVER, KUBE_APISERVER_PATCHED and ETCD do not name the binaries to test with")
	}
	if text := os.Getenv("DEMO_DURATION"); text != "" {
		var err error
		if conf.Duration, err = time.ParseDuration(text); err != nil {
			t.Fatalf("DEMO_DURATION: %v", err)
		}
	}
	r, err := Run(t.Context(), conf)
	if err != nil {
		t.Fatal(err)
	}
	r.WriteTable(t.Output())
	if err := r.Verdict(); err != nil {
		t.Error(err)
	}
}

func TestVerdict(t *testing.T) {
	good := func() Report {
		return Report{
			Unmodified: Target{Name: "unmodified", Version: "v1", Died: true, SecondsToDeath: 2, LoadSeconds: 2,
				WarningsPerPod: 42, WarningsPerPatch: 80,
				Crash: cluster.Crash{Line: "fatal error: concurrent map read and map write"}},
			Patched: Target{Name: "patched", Version: "v1+x", LoadSeconds: 60, ReadyAfter: true,
				WarningsPerPod: 42, WarningsPerPatch: 80,
				Requests: Requests{Sent: 20, Answered: 10, TimedOut: 10}},
		}
	}
	for _, test := range []struct {
		name   string
		change func(*Report)
		want   string // "" for no error
	}{
		{"good", func(*Report) {}, ""},
		{"unmodified survived", func(r *Report) { r.Unmodified.Died = false }, "survived 2.0 s"},
		{"unmodified died of something else", func(r *Report) {
			r.Unmodified.Crash = cluster.Crash{}
			r.Unmodified.Exit = "kube-apiserver (pid 1) ended: signal: killed; the end of its log:\n  x"
		}, "died of something else: kube-apiserver (pid 1) ended: signal: killed"},
		{"patched died", func(r *Report) { r.Patched.Died = true }, "patched kube-apiserver died"},
		{"patched not ready", func(r *Report) { r.Patched.ReadyAfter, r.Patched.AfterError = false, "not ready: x" }, "not ready: x"},
		{"no 2xx", func(r *Report) { r.Patched.Requests.Answered = 0 }, "did not straddle"},
		{"no 504", func(r *Report) { r.Patched.Requests.TimedOut = 0 }, "did not straddle"},
		{"reset", func(r *Report) { r.Patched.Requests.Reset = 3 }, "cut 3 answers off"},
		{"the same twice", func(r *Report) { r.Patched.Version = "v1" }, "both kube-apiservers say that they are v1"},
		{"silent", func(r *Report) { r.Patched.Requests.Silent = 1 }, "left 1 requests without an answer"},
		{"unreachable", func(r *Report) { r.Patched.Requests.Unreachable = 2 }, "left 2 requests"},
		{"forbidden", func(r *Report) { r.Patched.Requests.Other, r.Patched.OtherExample = 1, "HTTP status 403" }, "HTTP status 403"},
		{"warnings lost", func(r *Report) { r.Patched.WarningsPerPod = 41 }, "warnings per pod and patch differ"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := good()
			test.change(&r)
			err := r.Verdict()
			switch {
			case test.want == "" && err != nil:
				t.Error(err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestWriteTable(t *testing.T) {
	r := Report{
		Unmodified: Target{Name: "unmodified", Version: "v1.37.2", Log: "u.log", LoadSeconds: 2.25, Died: true, SecondsToDeath: 2.25,
			WarningsPerPod: 42, WarningsPerPatch: 80,
			Requests: Requests{Sent: 10, Answered: 4, TimedOut: 3, Reset: 2, Unreachable: 1},
			Crash:    cluster.Crash{Line: "fatal error: concurrent map writes", Frames: []string{"a.B (c.go:1)"}}},
		Patched: Target{Name: "patched", Version: "v1.37.2+fork", LoadSeconds: 60, ReadyAfter: true,
			WarningsPerPod: 42, WarningsPerPatch: 80, Requests: Requests{Sent: 9, Answered: 5, TimedOut: 4}},
	}
	const want = `                         UNMODIFIED         PATCHED
version                  v1.37.2            v1.37.2+fork
outcome                  died after 2.2 s   alive and ready
seconds of load          2.2                60.0
requests                 10                 9
  answered (2xx)         4                  5
  timed out (504)        3                  4
  cut off (reset)        2                  0
  connection broken      1                  0
  other                  0                  0
warnings per pod, patch  42, 80             42, 80

unmodified: fatal error: concurrent map writes
    a.B (c.go:1)
  log: u.log
`
	var got bytes.Buffer
	if err := r.WriteTable(&got); err != nil {
		t.Fatal(err)
	}
	squeeze := func(s string) string {
		var lines []string
		for line := range strings.Lines(s) {
			lines = append(lines, strings.Join(strings.Fields(line), " "))
		}
		return strings.Join(lines, "\n")
	}
	if squeeze(got.String()) != squeeze(want) {
		t.Errorf("got\n%s\nwant\n%s", got.String(), want)
	}
}

type writerFunc func([]byte)

func (f writerFunc) Write(p []byte) (int, error) { f(p); return len(p), nil }
