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
	if os.Getenv("GOTOOLCHAIN") != "" {
		return "", nil
	}
	file, wanted, err := wants(dir, args)
	if err != nil || wanted == "" || version.Compare(wanted, running) <= 0 {
		return "", err
	}
	if _, ok := had.Load(wanted); ok {
		return wanted, nil
	}
	env := append(co.Environ(), "GOTOOLCHAIN="+wanted)
	if _, err := (proc.Cmd{Args: []string{"go", "version"}, Env: env}).Output(ctx); ctx.Err() != nil {
		return "", context.Cause(ctx)
	} else if err != nil {
		return "", fmt.Errorf("%s wants %s, the go command in PATH is %s, and the other is not to be had: %w\nnext: install it (go.dev/dl) and put it first in PATH, or have `go env GOPROXY` name a proxy that has golang.org/toolchain",
			co.Rel(file), wanted, running, err)
	}
	had.Store(wanted, nil)
	return wanted, nil
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
	wanted = "go" + mod.Go.Version
	if wanted == version.Lang(wanted) && version.Compare(wanted, "go1.21") >= 0 {
		wanted += ".0" // The first release of a language.
	}
	return file, wanted, nil
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
