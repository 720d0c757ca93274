// Package build makes the programs that the fork is tried with: a real kube-apiserver, with the
// fork and without it, and an etcd.
package build

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/gotool"
)

// program is one thing to build.
type program struct {
	title   string // for people
	pkg     string // import path of the main package
	dir     string // where its go.mod is generated
	gomod   []byte // what the go command makes go.mod and go.sum from
	ldflags string
	args    []string // further arguments of go build
	test    bool     // of the package's tests
	env     []string // added to the go command's environment
	bin     string   // where the result goes
	// identity is whatever else the result depends on; empty means that it is not known, and that
	// the go command has to be asked.
	identity string
}

// make builds the program unless it is there already, and returns its path. A build that fails
// or is interrupted leaves the binary that was there.
func (p program) make(ctx context.Context, co *checkout.Checkout) (string, error) {
	co = co.With(p.env...)
	version, err := gotool.Run(ctx, co, co.Root, nil, "env", "GOVERSION", "GOOS", "GOARCH", "CGO_ENABLED", "GOFLAGS", "GOEXPERIMENT",
		"GOAMD64", "GOARM64", "GOFIPS140", "CC", "CGO_CFLAGS", "CGO_LDFLAGS")
	if err != nil {
		return "", err
	}
	stamp := p.stamp(version)
	if old, err := os.ReadFile(p.bin + ".stamp"); err == nil && p.identity != "" && string(old) == stamp {
		if _, err := os.Stat(p.bin); err == nil {
			return p.bin, nil
		}
	}
	if err := enoughDisk(ctx, co); err != nil {
		return "", err
	}
	for _, dir := range []string{p.dir, filepath.Dir(p.bin)} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return "", err
		}
	}
	if err := os.WriteFile(filepath.Join(p.dir, "go.mod"), p.gomod, 0o644); err != nil {
		return "", err
	}
	tmp := p.bin + ".new"
	defer os.Remove(tmp)
	start := time.Now()
	fmt.Fprintf(co.Err, "building %s\n", p.title)
	log, stop := Watch(co.Err, p.title)
	args := []string{"build"}
	if p.test {
		args = []string{"test", "-c"}
	}
	args = append(append(args, "-v", "-o", tmp, "-ldflags", p.ldflags), p.args...)
	_, err = gotool.RunMod(ctx, co, p.dir, log, append(args, p.pkg)...)
	stop()
	if err != nil {
		return "", p.failure(ctx, err, log.Kept())
	}
	if err := os.Remove(p.bin + ".stamp"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	if err := os.Rename(tmp, p.bin); err != nil {
		return "", err
	}
	fmt.Fprintf(co.Err, "built %s in %s: %s\n", p.title, time.Since(start).Round(time.Second), co.Rel(p.bin))
	return p.bin, os.WriteFile(p.bin+".stamp", []byte(stamp), 0o644)
}

func (p program) stamp(version string) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%q\n%q\n%q\n%q\n", p.pkg, p.gomod, p.ldflags, p.identity, version)
	if len(p.args)+len(p.env) > 0 {
		fmt.Fprintf(h, "%q\n%q\n", p.args, p.env)
	}
	return hex.EncodeToString(h.Sum(nil)) + "\n"
}

func (p program) failure(ctx context.Context, err error, said string) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	switch {
	case strings.Contains(said, "no space left on device"):
		err = fmt.Errorf("the disk is full: %w; free at least %d GiB (go clean -cache frees what can be made again)", err, needGiB)
	case strings.Contains(said, "dial tcp") || strings.Contains(said, "module lookup disabled"):
		err = fmt.Errorf("%w; the network and `go env GOPROXY` are the first things to look at", err)
	}
	return fmt.Errorf("cannot build %s: %w\n%s", p.title, err, bytes.TrimSpace([]byte(said)))
}
