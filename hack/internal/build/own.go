package build

import (
	"context"
	"path"
	"path/filepath"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/gotool"
)

// Own builds one of the checkout's own programs, such as hack/fork, linked with nothing, and returns its path. The
// go command knows best whether it is up to date.
func Own(ctx context.Context, co *checkout.Checkout, dir string) (string, error) {
	bin := filepath.Join(co.Output(), "bin", path.Base(dir))
	_, err := gotool.Run(ctx, co.With("CGO_ENABLED=0"), co.Root, nil, "build", "-o", bin, "./"+dir)
	return bin, err
}
