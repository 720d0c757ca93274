package faults

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

func TestAddresses(t *testing.T) {
	for pid, want := range map[int][2]string{
		1:             {"198.18.0.5", "198.18.0.6"},
		64:            {"198.18.1.1", "198.18.1.2"},
		1<<14 + 63:    {"198.19.0.253", "198.19.0.254"},
		1<<15 - 1:     {"198.19.255.253", "198.19.255.254"},
		1<<15 + 1<<22: {"198.18.0.1", "198.18.0.2"},
	} {
		if here, there := addresses(pid); here != want[0] || there != want[1] {
			t.Errorf("%d: %s, %s", pid, here, there)
		}
	}
}

// TestSweep: what a run has left behind that was killed goes, and what a living one has stays.
func TestSweep(t *testing.T) {
	gone := exec.Command("true")
	if err := gone.Run(); err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	disk := filepath.Join(dir, "with a blank", "disk")
	other := filepath.Join(t.TempDir(), "disk")
	for _, d := range []string{disk, other} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			t.Fatal(err)
		}
		unmount, err := mountTiny(d, 1<<20)
		var needs errNeeds
		if errors.As(err, &needs) {
			t.Skip(err)
		}
		if err != nil {
			t.Fatal(err)
		}
		defer unmount()
		if err := os.WriteFile(filepath.Join(d, "on it"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	net := func(pid int) string { return ourName + strconv.Itoa(pid) }
	for _, pid := range []int{gone.Process.Pid, os.Getpid()} {
		if err := ip("netns", "add", net(pid)); err != nil {
			t.Skip(err)
		}
		defer ip("netns", "delete", net(pid))
	}
	sweep(dir)
	for path, want := range map[string]bool{
		filepath.Join(disk, "on it"):                       false,
		filepath.Join(other, "on it"):                      true,
		filepath.Join("/run/netns", net(gone.Process.Pid)): false,
		filepath.Join("/run/netns", net(os.Getpid())):      true,
	} {
		if _, err := os.Stat(path); (err == nil) != want {
			t.Errorf("%s: %v", path, err)
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Errorf("what is left in the way: %v", err)
	}
}
