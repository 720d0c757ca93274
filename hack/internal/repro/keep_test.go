package repro

import (
	"os"
	"path/filepath"
	"testing"

	"fork.internal/apiserver/hack/internal/checkout"
)

// TestKeptProgramStaysWhileItIsBuiltAnew as build.Repro does it: what is renamed to its place is another.
func TestKeptProgramStaysWhileItIsBuiltAnew(t *testing.T) {
	co := &checkout.Checkout{Root: t.TempDir()}
	bin := filepath.Join(co.Root, "repro")
	write := func(path, s string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(s), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(bin, "mine")
	first, err := keep(co)
	if err != nil {
		t.Fatal(err)
	}
	mine, err := first.add(bin, "repro")
	if err != nil {
		t.Fatal(err)
	}
	write(bin+".new", "another's")
	if err := os.Rename(bin+".new", bin); err != nil {
		t.Fatal(err)
	}
	second, err := keep(co)
	if err != nil {
		t.Fatal(err)
	}
	another, err := second.add(bin, "repro")
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{mine: "mine", another: "another's"} {
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("%s: got %q, %v, want %q", path, got, err, want)
		}
	}

	// The second is killed; the first goes on.
	second.lock.Close()
	third, err := keep(co)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(second.dir); !os.IsNotExist(err) {
		t.Errorf("what a killed run had is there: %v", err)
	}
	if _, err := os.Stat(mine); err != nil {
		t.Errorf("what another run needs was removed: %v", err)
	}
	first.remove()
	third.remove()
	if left, _ := filepath.Glob(filepath.Join(co.Output(), "repro", "*")); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
}
