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
	if code := c.servers[0].current().exitCode(); code != -1 {
		t.Errorf("exit code %d while it runs", code)
	}
	if err := c.Stop(context.Background()); err != nil {
		t.Error(err)
	}
	if code := c.servers[0].current().exitCode(); code != 0 {
		t.Errorf("exit code %d after its end", code)
	}
}

// TestWhatIsPassedOn: what a test that injects failures gives to the processes.
func TestWhatIsPassedOn(t *testing.T) {
	conf := fakeConfig(t, fake.Etcd, fake.API)
	conf.EtcdArgs, conf.Env = []string{"--quota-backend-bytes=1"}, []string{"GOMEMLIMIT=1GiB"}
	var asked []string
	conf.EtcdVia = func(addr string) (string, error) {
		asked = append(asked, addr)
		return "127.0.0.1:1", nil
	}
	c, err := Start(t.Context(), conf)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop(context.Background())
	etcd, api := c.Pids()
	if api != c.Servers()[0].Pid() {
		t.Errorf("the server is %d, and says %d", api, c.Servers()[0].Pid())
	}
	if len(asked) != 1 || "https://"+asked[0] != c.etcdURL {
		t.Errorf("asked for the way to %v, and etcd is at %s", asked, c.etcdURL)
	}
	for _, want := range []struct {
		pid        int
		file, text string
	}{{etcd, "cmdline", conf.EtcdArgs[0]}, {api, "cmdline", "--etcd-servers=https://127.0.0.1:1"}, {api, "environ", conf.Env[0]}} {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", want.pid, want.file))
		if err == nil && !strings.Contains(string(data), want.text) { // There is such a file on Linux.
			t.Errorf("%s of %d has no %s", want.file, want.pid, want.text)
		}
	}
	conf.Dir, conf.EtcdVia = t.TempDir(), func(string) (string, error) { return "", context.DeadlineExceeded }
	if _, err := Start(t.Context(), conf); err == nil || !strings.Contains(err.Error(), "between kube-apiserver and etcd") {
		t.Errorf("without a way to etcd: %v", err)
	}
}
