// Package upstream gets a release of the upstream module from the Go module proxy.
package upstream

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/module"
	"golang.org/x/mod/sumdb/dirhash"
	"golang.org/x/mod/zip"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/gotool"
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

// Fetch downloads a release, unless the module cache has it. The errors are Download's.
func Fetch(ctx context.Context, co *checkout.Checkout, mod, tag string) (*Release, error) {
	answer, err := Download(ctx, co, "", mod, tag)
	if err != nil {
		return nil, err
	}
	sum, err := dirhash.HashZip(answer.Zip, dirhash.Hash1)
	if err != nil {
		return nil, fmt.Errorf("%s@%s: %w", mod, tag, err)
	}
	return &Release{Module: mod, Tag: tag, Sum: sum, GoModSum: answer.GoModSum, zip: answer.Zip}, nil
}

// FetchNew is Fetch for a release whose checksum is to be pinned, for which the Go checksum database has to vouch, whatever
// is excepted from it on this machine. Where that is switched off, a warning says so on the checkout's Err.
func FetchNew(ctx context.Context, co *checkout.Checkout, mod, tag string) (*Release, error) {
	co = co.With("GONOSUMDB=none", "GOPRIVATE=")
	rel, err := Fetch(ctx, co, mod, tag)
	if err != nil {
		return nil, err
	}
	db, err := gotool.Run(ctx, co, co.Root, nil, "env", "GOSUMDB")
	if err == nil && strings.TrimSpace(db) == "off" {
		fmt.Fprintf(co.Err, "warning: GOSUMDB is off here, and so nobody vouches for the checksum of %s@%s:\n  %s\n  next: before you commit it, make verify TAG=%[2]s where it is not\n", mod, tag, rel.Sum)
	}
	return rel, err
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
