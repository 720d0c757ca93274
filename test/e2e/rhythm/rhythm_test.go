package rhythm

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestTalks(t *testing.T) {
	r := For(time.Minute)
	for after, want := range map[time.Duration]bool{
		0: true, r.Talk - 1: true, r.Talk: false, r.Talk + time.Minute: false, r.Talk + r.Silence - 1: false, r.Talk + r.Silence: true,
	} {
		if got := r.Talks(after); got != want {
			t.Errorf("after %v: %v", after, got)
		}
	}
	if last := r.Least() - 1; !r.Talks(last) || r.Talks(last-r.Talk) {
		t.Errorf("%v do not end with the second talk", r.Least())
	}
}

// TestPrograms has a shell run them, with a file of the test's own to stop at.
func TestPrograms(t *testing.T) {
	stop := filepath.Join(t.TempDir(), "stop")
	run := func(program string) *bytes.Buffer {
		t.Helper()
		var out bytes.Buffer
		cmd := exec.Command("sh", "-c", strings.ReplaceAll(program, Stop, stop))
		cmd.Stdout = &out
		if err := cmd.Start(); err != nil {
			t.Skipf("a shell: %v", err)
		}
		time.AfterFunc(1500*time.Millisecond, func() { os.WriteFile(stop, nil, 0o600) })
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v", err)
		}
		if err := os.Remove(stop); err != nil {
			t.Errorf("it ended before it was to: %v", err)
		}
		return &out
	}
	expect := func(out *bytes.Buffer, n int, line func(int) []byte) {
		t.Helper()
		for i := range n {
			if got := out.Next(len(line(i))); !bytes.Equal(got, line(i)) {
				t.Fatalf("line %d is %q", i, got)
			}
		}
		if out.String() != Last {
			t.Errorf("%d lines are followed by %q", n, out)
		}
	}
	expect(run(Rhythm{Talk: time.Second, Silence: time.Hour}.Program()), PerSecond, Line)
	expect(run(Loud(50)), 50, LoudLine)
}
