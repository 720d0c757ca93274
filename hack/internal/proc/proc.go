// Package proc runs child processes that end when their context does, children of theirs included, and, on Linux, when this
// process does.
package proc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// grace is how long a cancelled child may take to clean up (git removes its lock files, the go
// command its work directory) before it is killed.
const grace = 10 * time.Second

// Cmd is one run of a program. It is a value: nothing is shared between two runs.
type Cmd struct {
	// Args is the program and its arguments.
	Args []string
	// Dir is the working directory; empty means the caller's.
	Dir string
	// Env is the whole environment; nil means the caller's.
	Env []string
	// Stdin is what the program reads; nil means nothing.
	Stdin io.Reader
	// Stdout, when set, gets standard output while the program runs, in place of Output's result.
	Stdout io.Writer
	// Stderr, when set, gets standard error while the program runs, in place of Error.Stderr.
	Stderr io.Writer
}

// Error is a program that could not be started or did not succeed.
type Error struct {
	Args   []string
	Stderr string
	Err    error
}

// Error gives what the program said, and how it was called.
func (e *Error) Error() string {
	call := strings.Join(e.Args, " ")
	if len(call) > 200 {
		call = call[:200] + " ..."
	}
	if said := strings.TrimSpace(e.Stderr); said != "" {
		return fmt.Sprintf("%s: %v\n%s", call, e.Err, said)
	}
	return fmt.Sprintf("%s: %v", call, e.Err)
}

// Unwrap gives the cause, so that a missing program is an exec.ErrNotFound.
func (e *Error) Unwrap() error { return e.Err }

// Output runs the program and returns its standard output. The error is the context's when the
// context ended first, and an *Error otherwise; the output so far is returned with either.
func (c Cmd) Output(ctx context.Context) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, c.Args[0], c.Args[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdin = c.Dir, c.Env, c.Stdin
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if c.Stdout != nil {
		cmd.Stdout = c.Stdout
	}
	if c.Stderr != nil {
		cmd.Stderr = c.Stderr
	}
	// A group of its own: a Ctrl-C at the terminal comes through the context, once and in order,
	// and what the child started goes with it.
	cmd.SysProcAttr = childAttr()
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	cmd.WaitDelay = grace
	// To the kernel the parent is this thread, which another goroutine might end while the child runs.
	runtime.LockOSThread()
	err := cmd.Run()
	runtime.UnlockOSThread()
	if err != nil && ctx.Err() != nil {
		if cmd.Process != nil {
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		}
		return stdout.String(), context.Cause(ctx)
	}
	if err != nil {
		return stdout.String(), &Error{Args: c.Args, Stderr: stderr.String(), Err: err}
	}
	return stdout.String(), nil
}

// Stderr is what the failed program behind err wrote to standard error, or "".
func Stderr(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Stderr
	}
	return ""
}

// LastLines is the end of what a program has said, of so many lines at most.
func LastLines(said string, most int) string {
	lines := strings.Split(strings.TrimSpace(said), "\n")
	return strings.Join(lines[max(0, len(lines)-most):], "\n")
}
