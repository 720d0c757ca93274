package faults

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"fork.internal/apiserver/test/traffic"
)

func TestChosen(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range faults {
		if seen[f.id] || f.id == "" || f.what == "" || f.inject == nil {
			t.Errorf("%+v", f)
		}
		seen[f.id] = true
	}
	for id, want := range map[string]int{"": len(faults), "etcd-": len(etcdFaults), "etcd-full": 1, "etcd": 0, "none": 0} {
		some, err := chosen(id)
		if len(some) != want || (err != nil) != (want == 0) {
			t.Errorf("%q: %d, %v", id, len(some), err)
		}
	}
	if err := Check("none"); err == nil || !strings.Contains(err.Error(), "take one of webhook-hangs, ") {
		t.Errorf("got %v", err)
	}
}

func TestWhatIsSilentMayHaveNoAnswer(t *testing.T) {
	r := &run{fault: fault{silent: true}}
	for _, part := range []string{before, during, after} {
		r.enter(part)
		r.clientWrongf("%s", part)
	}
	r.enter(during)
	r.wrongf("lost")
	if got := strings.Join(r.result.Wrong, ","); got != "before,after,lost" || r.result.WrongCount != 3 {
		t.Errorf("got %s", got)
	}
}

func TestWhatIsHeld(t *testing.T) {
	r := &run{rest: map[string]float64{traffic.Goroutines: 1000}}
	if got := r.held(map[string]float64{traffic.Goroutines: 1030, traffic.Seats: 2}); len(got) != 0 {
		t.Errorf("at the bounds: %q", got)
	}
	if got := r.held(map[string]float64{traffic.Goroutines: 1031, traffic.Seats: 3, traffic.Overdue: 1, traffic.Reporting: 2, traffic.LongRunning: 4}); len(got) != len(spare) {
		t.Errorf("above all bounds: %q", got)
	}
}

func TestCount(t *testing.T) {
	r := &run{exchanges: []*traffic.Exchange{
		{Phase: before, Status: 200, Whole: true}, {Phase: during, Status: 201, Whole: true}, {Phase: during, Status: 504, Whole: true},
		{Phase: during, Status: 429, Whole: true}, {Phase: during, Status: 200}, {Phase: during},
	}}
	r.count()
	if got := r.result; got.Requests != 5 || got.OK != 1 || got.TimedOut != 1 || got.Other != 1 || got.None != 2 {
		t.Errorf("got %+v", got)
	}
}

func TestAnsweredWith(t *testing.T) {
	all := []*traffic.Exchange{{Status: 504}, {}, {Status: 504}}
	if err := answeredWith(all, 504); err != nil {
		t.Error(err)
	}
	if err := answeredWith(all, 504, 201); err == nil || !strings.Contains(err.Error(), "none of 3 requests was answered 201") {
		t.Errorf("got %v", err)
	}
}

func TestTurnedAway(t *testing.T) {
	for _, tt := range []struct {
		x    traffic.Exchange
		want bool
	}{
		{traffic.Exchange{Status: 503, Title: "HTTP/2 GET /a?watch=1"}, true},
		{traffic.Exchange{Status: 200, Title: "HTTP/2 GET /a?watch=1"}, false},
		{traffic.Exchange{Status: 503, Title: "HTTP/2 GET /a"}, true},
		{traffic.Exchange{Status: 504, Title: "HTTP/2 GET /a"}, false},
	} {
		if got := turnedAway(&tt.x); got != tt.want {
			t.Errorf("%v: %v", &tt.x, got)
		}
	}
}

func TestValidEvents(t *testing.T) {
	dir := t.TempDir()
	from := filepath.Join(dir, "audit.log")
	// The second has no room for its end, and the third follows it; the last has no end at all.
	if err := os.WriteFile(from, []byte(`{"kind":"Event","auditID":"a"}
{"kind":"Event","aud{"kind":"Event","auditID":"c"}
{"kind":"Event","auditID":"d"}
{"kind":"Ev`), 0o600); err != nil {
		t.Fatal(err)
	}
	to, err := validEvents(from, filepath.Join(dir, "valid.log"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(to)
	if want := "{\"kind\":\"Event\",\"auditID\":\"a\"}\n{\"kind\":\"Event\",\"auditID\":\"c\"}\n{\"kind\":\"Event\",\"auditID\":\"d\"}\n"; err != nil || string(got) != want {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestDelayer(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { io.WriteString(rw, "here") }))
	defer server.Close()
	d, err := startDelayer(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	get := func() (took time.Duration, err error) {
		begun := time.Now()
		res, err := client.Get("http://" + d.l.Addr().String())
		if err != nil {
			return 0, err
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if string(body) != "here" {
			t.Errorf("got %q", body)
		}
		return time.Since(begun), err
	}
	if _, err := get(); err != nil {
		t.Fatal(err)
	}
	const delay = 100 * time.Millisecond
	d.delay.Store(int64(delay))
	if took, err := get(); err != nil || took < 2*delay { // There, and back.
		t.Errorf("%v, %v", took, err)
	}
	d.close()
	if _, err := get(); err == nil {
		t.Error("it passes on what comes after its end")
	}
}

func TestAuditSink(t *testing.T) {
	s := &auditSink{status: http.StatusOK}
	server := httptest.NewServer(s)
	defer server.Close()
	send := func(ctx context.Context) int {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		res, err := server.Client().Do(req)
		if err != nil {
			return 0
		}
		res.Body.Close()
		return res.StatusCode
	}
	for _, status := range []int{http.StatusOK, http.StatusInternalServerError} {
		if s.answer(status); send(t.Context()) != status {
			t.Errorf("does not answer %d", status)
		}
	}
	s.answer(0)
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if got := send(short); got != 0 {
		t.Errorf("answers %d while it hangs", got)
	}
	done := make(chan int)
	go func() { done <- send(t.Context()) }()
	for s.taken.Load() < 4 {
		time.Sleep(time.Millisecond)
	}
	s.answer(http.StatusOK)
	if got := <-done; got != http.StatusOK {
		t.Errorf("answers %d to who has waited", got)
	}
}

func TestReport(t *testing.T) {
	for want, results := range map[string][]Result{
		"": {
			{ID: "a", Server: unmodified, WrongCount: 9, mustFail: true}, {ID: "a", Server: patched},
			{ID: "b", Server: unmodified, Skipped: "needs root", mustFail: true}, {ID: "b", Server: patched, Skipped: "needs root"},
			{ID: "c", Server: unmodified}, {ID: "c", Server: patched},
		},
		"b was tried on one of":                            {{ID: "a", Server: patched}, {ID: "b", Server: unmodified}, {ID: "b", Server: patched, Skipped: "needs 20000 descriptors"}},
		"c was tried on one of":                            {{ID: "c", Server: unmodified, Skipped: "needs iptables"}, {ID: "c", Server: patched}},
		"d could not be tried on the patched server: etcd": {{ID: "d", Server: unmodified}, {ID: "d", Server: patched, Failed: "etcd is gone"}},
		"e could not be tried on the unmodified":           {{ID: "e", Server: unmodified, Failed: "etcd is gone", mustFail: true}, {ID: "e", Server: patched}},
		"f: nothing was wrong with the unmodified":         {{ID: "f", Server: unmodified, mustFail: true}, {ID: "f", Server: patched}},
		"b: 2 things were wrong":                           {{ID: "a", Server: patched}, {ID: "b", Server: patched, WrongCount: 2, Wrong: []string{"x", "y"}}},
		"no fault could be":                                {{ID: "b", Server: unmodified}, {ID: "b", Server: patched, Skipped: "needs root"}},
	} {
		r := Report{Results: results}
		got := ""
		if err := r.Verdict(); err != nil {
			got = err.Error()
		}
		if (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		var out bytes.Buffer
		if err := r.WriteTable(&out); err != nil || strings.Count(out.String(), "\n") < 1+len(results) {
			t.Errorf("%v: %s", err, out.String())
		}
	}
}

// TestARunGoesOn: what cannot be tried does not keep the run from what comes after it.
func TestARunGoesOn(t *testing.T) {
	r, err := Run(t.Context(), Config{Unmodified: "/none", Patched: "/none", Etcd: "/none", Dir: t.TempDir(), ID: "webhook-"})
	if err != nil || len(r.Results) != 2*len(webhookFaults) {
		t.Fatalf("%d results, %v", len(r.Results), err)
	}
	for _, result := range r.Results {
		if !strings.Contains(result.Failed, "does not exist") || !strings.HasPrefix(result.verdict(), "could not be tried: ") {
			t.Errorf("%+v", result)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, Config{Dir: t.TempDir()}); !errors.Is(err, context.Canceled) {
		t.Errorf("one that was ended: %v", err)
	}
}

// TestWhoseFaultItIs: that a server does not take a connection is not for want of something on this machine.
func TestWhoseFaultItIs(t *testing.T) {
	for err, want := range map[error]bool{
		&net.OpError{Op: "dial", Err: os.NewSyscallError("socket", syscall.EMFILE)}:         true,
		&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.EADDRNOTAVAIL)}: true,
		&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}:  false,
		context.DeadlineExceeded: false,
		nil:                      false,
	} {
		if got := ours(err); got != want {
			t.Errorf("%v: %v", err, got)
		}
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	if conns, err := dialAll(t.Context(), addr, nil, 8, time.Second); len(conns) != 0 || ours(err) || !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("%d connections, %v", len(conns), err)
	}
}

// TestLimitFiles: what is taken is given back.
func TestLimitFiles(t *testing.T) {
	restore, err := limitFiles(os.Getpid(), 3) // Standard input, output and error.
	var needs errNeeds
	if errors.As(err, &needs) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	restore()
	if err == nil {
		l.Close()
		t.Error("a descriptor could be had")
	}
	if l, err = net.Listen("tcp4", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	l.Close()
}

// TestLimitMemory: the kernel knows of the limit, and of whom it is, and nothing of it is left.
func TestLimitMemory(t *testing.T) {
	c := exec.Command("sleep", "60")
	if err := c.Start(); err != nil {
		t.Skip(err)
	}
	end := sync.OnceFunc(func() {
		c.Process.Kill()
		c.Wait()
	})
	defer end()
	const most = 64 << 20
	remove, err := limitMemory(c.Process.Pid, most)
	var needs errNeeds
	if errors.As(err, &needs) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	var set []string
	for _, file := range []string{"memory.max", "memory.limit_in_bytes", "cgroup.procs"} {
		dirs, err := filepath.Glob(filepath.Join(cgroups, "*", fmt.Sprintf("faults-%d", c.Process.Pid)))
		if err != nil {
			t.Fatal(err)
		}
		for _, dir := range append(dirs, filepath.Join(cgroups, fmt.Sprintf("faults-%d", c.Process.Pid))) {
			if text, err := os.ReadFile(filepath.Join(dir, file)); err == nil {
				set = append(set, strings.TrimSpace(string(text)))
			}
		}
	}
	if want := []string{fmt.Sprint(most), fmt.Sprint(c.Process.Pid)}; !slices.Equal(set, want) {
		t.Errorf("got %q, want %q", set, want)
	}
	end()
	remove()
	if left, err := filepath.Glob(filepath.Join(cgroups, "*", fmt.Sprintf("faults-%d", c.Process.Pid))); err != nil || len(left) > 0 {
		t.Errorf("left: %q, %v", left, err)
	}
}
