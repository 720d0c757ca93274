package cluster

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"fork.internal/apiserver/test/cluster/fake"
)

func TestPauseAndKillEtcd(t *testing.T) {
	c, err := Start(t.Context(), fakeConfig(t, fake.Etcd, fake.API))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop(context.Background())
	state := func() string { // Linux's, or "" elsewhere.
		pid, _ := c.Pids()
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return ""
		}
		_, after, _ := strings.Cut(string(data), ") ")
		return after[:1]
	}
	resume, err := c.PauseEtcd()
	if err != nil {
		t.Fatal(err)
	}
	for s := state(); s != "" && s != "T"; s = state() { // The signal takes its time.
	}
	resume()
	resume()
	for s := state(); s == "T"; s = state() {
	}

	first, _ := c.Pids()
	exited := c.EtcdExited()
	restart, err := c.KillEtcd(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if <-exited; alive(first) {
		t.Error("it is still there")
	}
	if err := restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if second, _ := c.Pids(); second == first || !alive(second) {
		t.Errorf("process %d after %d", second, first)
	}
	if err := listening(c.ports.etcd[0].client)(t.Context()); err != nil {
		t.Errorf("it does not listen where it did: %v", err)
	}
	if code := c.ExitCode(); code != -1 {
		t.Errorf("exit code %d while it runs", code)
	}
	if err := c.Stop(context.Background()); err != nil {
		t.Error(err)
	}
	// The fake leaves SIGTERM to its default.
	if code := c.ExitCode(); code != -1 {
		t.Errorf("exit code %d after the signal", code)
	}
}
