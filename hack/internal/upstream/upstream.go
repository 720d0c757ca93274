// Package upstream gets a release of the upstream module from the Go module proxy.
package upstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/mod/module"
	"golang.org/x/mod/sumdb/dirhash"
	"golang.org/x/mod/zip"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/gotool"
	"fork.internal/apiserver/hack/internal/proc"
)

// Release is one release in the module cache. It is not changed after Fetch has returned it.
type Release struct {
	Module, Tag string
	// Sum is the h1: checksum, computed from the zip itself.
	Sum string
	// GoModSum is the h1: checksum of its go.mod.
	GoModSum string
	zip      string
}

// Fetch downloads a release, unless the module cache has it. The go command checks it against the
// Go checksum database where that is in use. The error says that nothing was changed, because
// nothing was.
func Fetch(ctx context.Context, co *checkout.Checkout, mod, tag string) (*Release, error) {
	// An empty directory: no go.mod has a say in which module this is.
	empty, err := os.MkdirTemp("", "fork-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(empty)
	out, err := gotool.RunMod(ctx, co, empty, nil, "mod", "download", "-json", mod+"@"+tag)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	var answer struct{ Zip, GoModSum, Error string }
	if jsonErr := json.Unmarshal([]byte(out), &answer); jsonErr != nil && err == nil {
		err = jsonErr
	}
	if answer.Error != "" {
		err = errors.New(answer.Error)
	}
	if err != nil {
		var failed *proc.Error
		if errors.As(err, &failed) && failed.Stderr != "" {
			err = errors.New(failed.Stderr)
		}
		return nil, fmt.Errorf("cannot download %s@%s: %w\nnothing was changed; the network and `go env GOPROXY` are the first things to look at", mod, tag, err)
	}
	sum, err := dirhash.HashZip(answer.Zip, dirhash.Hash1)
	if err != nil {
		return nil, fmt.Errorf("%s@%s: %w", mod, tag, err)
	}
	return &Release{Module: mod, Tag: tag, Sum: sum, GoModSum: answer.GoModSum, zip: answer.Zip}, nil
}

// Check compares the release with the pinned checksum.
func (r *Release) Check(pinned string) error {
	if r.Sum == pinned {
		return nil
	}
	return fmt.Errorf("%s@%s is not what patches/pins.json pins; nothing was written\n"+
		"  pinned:     %s\n  downloaded: %s (%s)\n"+
		"If the pin is right, the copy on this machine is not: go clean -modcache, and check `go env GOPROXY GONOSUMDB`",
		r.Module, r.Tag, pinned, r.Sum, r.zip)
}

// Unpack writes the release's files to dir, which must be empty or missing, writable for their owner.
func (r *Release) Unpack(dir string) error {
	if err := zip.Unzip(dir, module.Version{Path: r.Module, Version: r.Tag}, r.zip); err != nil {
		return err
	}
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return os.Chmod(path, 0o644)
	})
}
