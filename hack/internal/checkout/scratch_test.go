package checkout

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// scratchEnv has the test program make a directory below the one that it names, say which, and wait.
const scratchEnv = "CHECKOUT_TEST_SCRATCH"

func TestMain(m *testing.M) {
	if parent := os.Getenv(scratchEnv); parent != "" {
		dir, _, err := Scratch(parent, "work-")
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "large"), nil, 0o600)
		}
		fmt.Println(dir, err)
		_, _ = os.Stdin.Read(make([]byte, 1))
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// TestScratch: what somebody was killed over is gone at the next time, what somebody is at work in stays.
func TestScratch(t *testing.T) {
	parent := filepath.Join(t.TempDir(), "mutants")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	other := exec.Command(self)
	other.Env, other.Stderr = append(os.Environ(), scratchEnv+"="+parent), os.Stderr
	in, inErr := other.StdinPipe()
	out, outErr := other.StdoutPipe()
	if inErr != nil || outErr != nil || other.Start() != nil {
		t.Fatal("the other was not started")
	}
	defer in.Close()
	line, _ := bufio.NewReader(out).ReadString('\n')
	theirs, said, _ := strings.Cut(strings.TrimSpace(line), " ")
	if said != "<nil>" {
		t.Fatalf("the other said %q", line)
	}
	for _, name := range []string{"work-older", "work-.lock"} {
		if err := os.MkdirAll(filepath.Join(parent, name, "below"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"kept.jsonl", "work-file"} {
		if err := os.WriteFile(filepath.Join(parent, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	left := func(want ...string) {
		t.Helper()
		entries, err := os.ReadDir(parent)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]bool{}
		for _, e := range entries {
			got[e.Name()] = true
		}
		for _, name := range want {
			if !got[filepath.Base(name)] {
				t.Errorf("%s is gone", name)
			}
			delete(got, filepath.Base(name))
		}
		for name := range got {
			t.Errorf("%s is left", name)
		}
	}
	mine, remove, err := Scratch(parent, "work-")
	if err != nil {
		t.Fatal(err)
	}
	left(theirs, mine, "kept.jsonl", "work-file")
	again, removeAgain, err := Scratch(parent, "work-")
	if err != nil {
		t.Fatal(err)
	}
	left(theirs, mine, again, "kept.jsonl", "work-file")
	remove()
	removeAgain()
	_ = other.Process.Kill()
	_ = other.Wait()
	left(theirs, "kept.jsonl", "work-file")
	mine, remove, err = Scratch(parent, "work-")
	if err != nil {
		t.Fatal(err)
	}
	left(mine, "kept.jsonl", "work-file")
	remove()
	left("kept.jsonl", "work-file")
}

// TestKeptProgramStaysWhileItIsBuiltAnew, as a build does it: what is renamed to its place is another.
func TestKeptProgramStaysWhileItIsBuiltAnew(t *testing.T) {
	parent := t.TempDir()
	bin := filepath.Join(parent, "repro")
	write := func(path, s string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(s), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	kept := func() string {
		t.Helper()
		dir, remove, err := Scratch(filepath.Join(parent, "runs"), "run-")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(remove)
		path, err := Keep(dir, bin, "program")
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	write(bin, "mine")
	mine := kept()
	write(bin+".new", "another's")
	if err := os.Rename(bin+".new", bin); err != nil {
		t.Fatal(err)
	}
	another := kept()
	for path, want := range map[string]string{mine: "mine", another: "another's"} {
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("%s: got %q, %v, want %q", path, got, err, want)
		}
	}
	if _, err := Keep(parent, filepath.Join(parent, "none"), "program"); err == nil || !strings.Contains(err.Error(), "next: ") {
		t.Errorf("of what is not there: %v", err)
	}
}
