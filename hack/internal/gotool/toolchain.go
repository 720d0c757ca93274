package gotool

import (
	"context"
	"errors"
	"fmt"
	"go/version"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"golang.org/x/mod/modfile"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/proc"
)

// running is the Go that the go command in PATH is: it has built this program.
var running = runtime.Version()

// had are the toolchains that are known to be there, by name.
var had sync.Map

// toolchain is what GOTOOLCHAIN has to be for a go command with these arguments in dir, or "": the Go that the
// go.mod wants which is in force there, where that is newer than the one in PATH, which may be told to be content with
// itself (GOTOOLCHAIN=local, as distributions and container images have it). Who has set GOTOOLCHAIN in the environment
// has the last word.
func toolchain(ctx context.Context, co *checkout.Checkout, dir string, args []string) (string, error) {
	file, wanted, err := wants(dir, args)
	if err != nil || wanted == "" || version.Compare(wanted, running) <= 0 || fixed(co) {
		return "", err
	}
	return wanted, get(ctx, co, co.Rel(file), wanted)
}

// fixed reports whether somebody has said which toolchain the go command is to use.
func fixed(co *checkout.Checkout) bool {
	return slices.ContainsFunc(co.Environ(), func(kv string) bool {
		return strings.HasPrefix(kv, "GOTOOLCHAIN=") && kv != "GOTOOLCHAIN="
	})
}

// With is co with a Go that is at least wanted, such as "1.27.0", which who wants: co itself where the one in PATH is
// that, or where GOTOOLCHAIN is set in the environment.
func With(ctx context.Context, co *checkout.Checkout, who, wanted string) (*checkout.Checkout, error) {
	name := toolchainOf(wanted)
	if version.Compare(name, running) <= 0 || fixed(co) {
		return co, nil
	}
	return co.With("GOTOOLCHAIN=" + name), get(ctx, co, who, name)
}

// get has a toolchain, which who wants, in the module cache.
func get(ctx context.Context, co *checkout.Checkout, who, wanted string) error {
	if _, ok := had.Load(wanted); ok {
		return nil
	}
	env := append(co.Environ(), "GOTOOLCHAIN="+wanted)
	if _, err := (proc.Cmd{Args: []string{"go", "version"}, Env: env}).Output(ctx); ctx.Err() != nil {
		return context.Cause(ctx)
	} else if err != nil {
		return fmt.Errorf("%s wants %s, the go command in PATH is %s, and the other is not to be had: %w\nnext: install it (go.dev/dl) and put it first in PATH, or have `go env GOPROXY` name a proxy that has golang.org/toolchain",
			who, wanted, running, err)
	}
	had.Store(wanted, nil)
	return nil
}

// wants is the Go that the go.mod in force wants, as toolchains are named, and that file; "" if there is none.
func wants(dir string, args []string) (file, wanted string, err error) {
	file = inForce(dir, args)
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return "", "", nil // The go command says so, if it needs one.
	} else if err != nil {
		return "", "", err
	}
	mod, err := modfile.ParseLax(file, data, nil)
	if err != nil || mod.Go == nil {
		return "", "", err
	}
	return file, toolchainOf(mod.Go.Version), nil
}

// toolchainOf is the first toolchain that is a version of Go, such as "1.27.0" or "1.27".
func toolchainOf(goVersion string) string {
	name := "go" + goVersion
	if name == version.Lang(name) && version.Compare(name, "go1.21") >= 0 {
		name += ".0" // A language's first release.
	}
	return name
}

// inForce is the go.mod that a go command with these arguments in dir reads: there need not be one.
func inForce(dir string, args []string) string {
	if i := slices.Index(args, "-modfile"); i >= 0 && i+1 < len(args) {
		if filepath.IsAbs(args[i+1]) {
			return args[i+1]
		}
		return filepath.Join(dir, args[i+1])
	}
	for {
		file := filepath.Join(dir, "go.mod")
		if _, err := os.Stat(file); err == nil || filepath.Dir(dir) == dir {
			return file
		}
		dir = filepath.Dir(dir)
	}
}
