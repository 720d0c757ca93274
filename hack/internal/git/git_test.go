package git

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fork.internal/apiserver/hack/internal/checkout"
)

func TestNobodysSettingsHaveASay(t *testing.T) {
	home := t.TempDir()
	config := "[user]\n\tname = nobody\n[core]\n\tautocrlf = true\n\thooksPath = " + home + "\n[commit]\n\tgpgsign = true\n"
	for name, content := range map[string]string{".gitconfig": config, "pre-commit": "#!/bin/sh\nexit 1\n"} {
		if err := os.WriteFile(filepath.Join(home, name), []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	co := &checkout.Checkout{Root: t.TempDir(), Out: io.Discard, Err: io.Discard, Env: []string{
		"HOME=" + home, "GIT_DIR=/nowhere", "GIT_AUTHOR_NAME=nobody", "GIT_COMMITTER_DATE=1999-01-01T00:00:00Z", "TZ=Asia/Tokyo",
	}}
	repo := At(co, t.TempDir())
	ctx := context.Background()
	if err := repo.Init(ctx); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(repo.Dir, "dos.txt"), []byte("a\r\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	// The ID is the same on every machine, for ever: nothing but what is written here goes into it.
	const want = "296ee752a9a2bfc6a49d69209166e013ffd94223"
	if got, err := repo.CommitAll(ctx, "A file\n"); err != nil || got != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
	if got, err := repo.Raw(ctx, "cat-file", "blob", "HEAD:dos.txt"); err != nil || got != "a\r\n" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestIsAncestor(t *testing.T) {
	co := &checkout.Checkout{Root: t.TempDir(), Out: io.Discard, Err: io.Discard}
	repo := At(co, t.TempDir())
	ctx := context.Background()
	if err := repo.Init(ctx); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, message := range []string{"one\n", "two\n"} {
		id, err := repo.CommitAll(ctx, message)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	for _, test := range []struct {
		a, b string
		want bool
	}{{ids[0], ids[1], true}, {ids[1], ids[0], false}, {ids[0], ids[0], true}} {
		if got, err := repo.IsAncestor(ctx, test.a, test.b); err != nil || got != test.want {
			t.Errorf("got %v, %v, want %v", got, err, test.want)
		}
	}
}

func TestMissingGit(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	co := &checkout.Checkout{Root: t.TempDir(), Out: io.Discard, Err: io.Discard}
	if _, err := At(co, co.Root).Run(context.Background(), "status"); err == nil || !strings.Contains(err.Error(), "git is not in PATH: install git") {
		t.Errorf("got %v", err)
	}
}
