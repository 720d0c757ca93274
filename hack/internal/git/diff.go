package git

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"

	"fork.internal/apiserver/hack/internal/checkout"
)

// Diff is the difference between two sets of files, by their slash-separated names, as a patch for
// -p1; empty when there is none.
func Diff(ctx context.Context, co *checkout.Checkout, before, after map[string]string) (string, error) {
	dir, err := os.MkdirTemp("", "fork-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	for side, files := range map[string]map[string]string{"a": before, "b": after} {
		if err := os.Mkdir(filepath.Join(dir, side), 0o755); err != nil {
			return "", err
		}
		for name, text := range files {
			name = filepath.Join(dir, side, filepath.FromSlash(name))
			if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o644)); err != nil {
				return "", err
			}
		}
	}
	out, err := At(co, dir).Raw(ctx, "diff", "--no-index", "--no-prefix", "--no-color", "--no-ext-diff", "a", "b")
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 1 { // they differ
		err = nil
	}
	return out, err
}
