package proc

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"
)

// parentEnv has the test program run a child, which says a line and stays.
const parentEnv = "PROC_TEST_PARENT"

func TestMain(m *testing.M) {
	if os.Getenv(parentEnv) != "" {
		_, _ = Cmd{Args: []string{"sh", "-c", "echo begun; exec sleep 1000"}, Stdout: os.Stdout}.Output(context.Background())
		os.Exit(1) // It is killed before.
	}
	os.Exit(m.Run())
}

// TestParentKilled: who is killed cannot end its children; the kernel does it.
func TestParentKilled(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	parent := exec.Command(self)
	parent.Env, parent.Stdout = append(os.Environ(), parentEnv+"=1"), w
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	said := bufio.NewReader(r)
	if line, err := said.ReadString('\n'); line != "begun\n" {
		t.Errorf("got %q, %v", line, err)
	}
	_ = parent.Process.Kill()
	_ = parent.Wait()
	// The pipe ends with the last who has it.
	if err := r.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, said); err != nil {
		t.Errorf("the child outlived its parent: %v", err)
	}
}
