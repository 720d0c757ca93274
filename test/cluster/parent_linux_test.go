package cluster

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"fork.internal/apiserver/test/cluster/fake"
)

// TestParentKilled: a process that is killed has no chance to stop its children; the kernel does it.
func TestParentKilled(t *testing.T) {
	conf := fakeConfig(t, fake.Etcd, fake.APIStubborn)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), parentEnv+"="+conf.Dir, "PARENT_ETCD="+conf.Etcd, "PARENT_API="+conf.KubeAPIServer)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, readErr := bufio.NewReader(out).ReadString('\n')
	cmd.Process.Kill()
	cmd.Wait()
	var etcd, api int
	if _, err := fmt.Sscan(line, &etcd, &api); err != nil {
		t.Fatalf("the parent said %q (%v): %v", line, readErr, err)
	}

	// The children are init's now, so there is nothing to wait on.
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !gone(etcd) || !gone(api) {
		select {
		case <-deadline:
			t.Fatalf("etcd %d or kube-apiserver %d outlived its parent", etcd, api)
		case <-tick.C:
		}
	}
}

// gone also holds for a zombie that init has not collected: it has no arguments any more.
func gone(pid int) bool {
	args, err := os.ReadFile(filepath.Join("/proc", fmt.Sprint(pid), "cmdline"))
	return err != nil || len(args) == 0
}
