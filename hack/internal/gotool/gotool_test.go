package gotool

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fork.internal/apiserver/hack/internal/checkout"
)

func TestWants(t *testing.T) {
	root := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("go.mod", "module m\n\ngo 1.90.3\n")
	write("a/b/file", "")
	write("lang/go.mod", "module m\n\ngo 1.91\n")
	write("old/go.mod", "module m\n\ngo 1.17\n")
	write("silent/go.mod", "module m\n")
	write("other.mod", "module m\n\ngo 1.92.0\n")
	for _, c := range []struct {
		dir    string
		args   []string
		wanted string
	}{
		{".", nil, "go1.90.3"},
		{"a/b", nil, "go1.90.3"},
		{"lang", nil, "go1.91.0"},
		{"old", nil, "go1.17"},
		{"silent", nil, ""},
		{".", []string{"build", "-modfile", filepath.Join(root, "other.mod"), "."}, "go1.92.0"},
		{"a", []string{"build", "-modfile", "../other.mod", "."}, "go1.92.0"},
		{".", []string{"build", "-modfile", "absent.mod"}, ""},
	} {
		if _, wanted, err := wants(filepath.Join(root, c.dir), c.args); err != nil || wanted != c.wanted {
			t.Errorf("%s, %q: got %q, %v; want %q", c.dir, c.args, wanted, err, c.wanted)
		}
	}
	if file, wanted, err := wants(t.TempDir(), nil); file != "" || wanted != "" || err != nil {
		t.Errorf("without a go.mod: got %q, %q, %v", file, wanted, err)
	}
}

// TestToolchainNotHad asks for a Go that nobody has, and nobody for it.
func TestToolchainNotHad(t *testing.T) {
	t.Setenv("GOTOOLCHAIN", "")
	t.Setenv("GOPROXY", "off")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module m\n\ngo 1.999.1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	co := &checkout.Checkout{Root: dir}
	_, err := Run(context.Background(), co, dir, nil, "env", "GOVERSION")
	for _, want := range []string{"go.mod wants go1.999.1", running, "not to be had", "next: install it"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not have %q: %v", want, err)
		}
	}
	if _, err := With(context.Background(), co, "somebody", "1.999.1"); err == nil || !strings.Contains(err.Error(), "somebody wants go1.999.1") {
		t.Errorf("With: %v", err)
	}
	if same, err := With(context.Background(), co, "somebody", "1.21.0"); same != co || err != nil {
		t.Errorf("With an old one: %v, %v", same, err)
	}
	t.Setenv("GOTOOLCHAIN", "local")
	if same, err := With(context.Background(), co, "somebody", "1.999.1"); same != co || err != nil {
		t.Errorf("With, GOTOOLCHAIN=local: %v, %v", same, err)
	}
	if newer, err := toolchain(context.Background(), co, dir, nil); newer != "" || err != nil {
		t.Errorf("GOTOOLCHAIN=local: got %q, %v", newer, err)
	}
}
