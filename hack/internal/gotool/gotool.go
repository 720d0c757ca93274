// Package gotool runs the go command.
package gotool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/proc"
)

// Run runs `go args...` in dir and returns its standard output, with the toolchain that dir's go.mod wants where that is
// newer than the one in PATH. No go.work and no version control stamp has a say. When stderr is not nil it gets standard error while the command runs.
func Run(ctx context.Context, co *checkout.Checkout, dir string, stderr io.Writer, args ...string) (string, error) {
	return run(ctx, co, dir, "-mod=readonly", nil, stderr, args)
}

// Stream is Run whose standard output goes to stdout while the command runs.
func Stream(ctx context.Context, co *checkout.Checkout, dir string, stdout, stderr io.Writer, args ...string) error {
	_, err := run(ctx, co, dir, "-mod=readonly", stdout, stderr, args)
	return err
}

// RunMod is Run with leave to write dir's go.mod and go.sum, or to do without them.
func RunMod(ctx context.Context, co *checkout.Checkout, dir string, stderr io.Writer, args ...string) (string, error) {
	return run(ctx, co, dir, "-mod=mod", nil, stderr, args)
}

func run(ctx context.Context, co *checkout.Checkout, dir, mod string, stdout, stderr io.Writer, args []string) (string, error) {
	env := co.Environ()
	flags := ""
	for _, kv := range env {
		if v, ok := strings.CutPrefix(kv, "GOFLAGS="); ok {
			flags = v
		}
	}
	if newer, err := toolchain(ctx, co, dir, args); err != nil {
		return "", err
	} else if newer != "" {
		env = append(env, "GOTOOLCHAIN="+newer)
	}
	// The last of two contradicting flags wins.
	env = append(env, "GOWORK=off", strings.TrimSpace("GOFLAGS="+flags+" "+mod+" -buildvcs=false"))
	out, err := proc.Cmd{Args: append([]string{"go"}, args...), Dir: dir, Env: env, Stdout: stdout, Stderr: stderr}.Output(ctx)
	if errors.Is(err, exec.ErrNotFound) {
		return "", fmt.Errorf("the go command is not in PATH: install Go (go.mod says which version): %w", err)
	}
	return out, err
}

// Work is the go.work file that has a say in dir, or "": of the directory or of one above it, unless
// GOWORK says otherwise.
func Work(ctx context.Context, co *checkout.Checkout, dir string) (string, error) {
	out, err := proc.Cmd{Args: []string{"go", "env", "GOWORK"}, Dir: dir, Env: append(co.Environ(), "GOTOOLCHAIN=local")}.Output(ctx)
	if out = strings.TrimSpace(out); out == "off" {
		out = ""
	}
	return out, err
}
