package build

import (
	"context"
	"path"
	"path/filepath"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/gotool"
)

// Own builds one of the checkout's own programs, such as hack/pause, linked with nothing, for this machine, and
// returns its path. The go command knows best whether it is up to date.
func Own(ctx context.Context, co *checkout.Checkout, dir string) (string, error) {
	return own(ctx, co, dir, path.Base(dir), "CGO_ENABLED=0")
}

// OwnFor is Own for Linux on arch.
func OwnFor(ctx context.Context, co *checkout.Checkout, dir, arch string) (string, error) {
	return own(ctx, co, dir, path.Base(dir)+"-"+arch, "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
}

func own(ctx context.Context, co *checkout.Checkout, dir, name string, env ...string) (string, error) {
	bin := filepath.Join(co.Output(), "bin", name)
	_, err := gotool.Run(ctx, co.With(env...), co.Root, nil, "build", "-trimpath", "-o", bin, "./"+dir)
	return bin, err
}
