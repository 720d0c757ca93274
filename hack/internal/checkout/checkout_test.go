package checkout

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFind(t *testing.T) {
	root := t.TempDir()
	below := filepath.Join(root, "a", "b")
	if err := os.MkdirAll(below, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Find(below); err == nil || !strings.Contains(err.Error(), "not in a checkout of "+Module) {
		t.Errorf("got %v", err)
	}
	for dir, module := range map[string]string{root: Module, filepath.Join(root, "a"): "another.test/module"} {
		if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module "+module+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	co, err := Find(below)
	if err != nil || co.Root != root {
		t.Fatalf("got %+v, %v", co, err)
	}
	if got := co.Rel(co.Tree("v0.1.0")); got != "_output/tree/v0.1.0" {
		t.Errorf("got %s", got)
	}
	if got := co.Rel("/elsewhere"); got != "/elsewhere" {
		t.Errorf("got %s", got)
	}
}

func TestLockIsHeldOnceAndNests(t *testing.T) {
	var said bytes.Buffer
	co := &Checkout{Root: t.TempDir(), Out: &said, Err: &said}
	held, unlock, err := co.Lock(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if again, inner, err := co.Lock(held); err != nil || again != held {
		t.Errorf("the holder is refused: %v", err)
	} else {
		inner()
	}
	waiting, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := co.Lock(waiting); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
	if !strings.Contains(said.String(), "another run (pid ") {
		t.Errorf("said %q", said.String())
	}
	unlock()
	_, unlock, err = co.Lock(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	unlock()
}
