package main

import (
	"errors"
	"os/exec"
	"strings"
	"testing"
)

// TestFollowRefuses has the scheduled job say what it does not know, before it has made anything.
func TestFollowRefuses(t *testing.T) {
	cmd := exec.Command("../follow", "--nonsense")
	out, err := cmd.CombinedOutput()
	if failed := new(exec.ExitError); !errors.As(err, &failed) || failed.ExitCode() != 2 || !strings.Contains(string(out), "unknown argument --nonsense; next: hack/follow") {
		t.Errorf("got %v: %s", err, out)
	}
}
