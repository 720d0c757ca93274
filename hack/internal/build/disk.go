package build

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/gotool"
)

// needGiB is what a cold build takes at its peak: build cache, modules, the linker's files and the
// result.
const needGiB = 4

// enoughDisk fails when one of the places that a build writes to is nearly full.
func enoughDisk(ctx context.Context, co *checkout.Checkout) error {
	out, err := gotool.Run(ctx, co, co.Root, nil, "env", "GOCACHE", "GOMODCACHE", "GOTMPDIR")
	if err != nil {
		return err
	}
	for _, dir := range append(strings.Split(out, "\n"), co.Output(), os.TempDir()) {
		if dir == "" {
			continue
		}
		free, at, err := freeBytes(dir)
		if err == nil && free < needGiB<<30 {
			return fmt.Errorf("too little disk space at %s: a build needs %d GiB, and %.1f GiB are free", at, needGiB, float64(free)/(1<<30))
		}
	}
	return nil
}

// freeBytes is what an unprivileged user can still write at dir or, when that does not exist, at
// the nearest directory above it.
func freeBytes(dir string) (free uint64, at string, err error) {
	for at = dir; ; at = filepath.Dir(at) {
		var fs syscall.Statfs_t
		if err = syscall.Statfs(at, &fs); err == nil {
			return fs.Bavail * uint64(fs.Bsize), at, nil
		}
		if at == filepath.Dir(at) {
			return 0, at, err
		}
	}
}
