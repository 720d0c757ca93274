// Package git runs git in an environment that is the same on every machine: nobody's
// configuration, identity, clock or language has a say in what comes out.
package git

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/proc"
)

// The identity and the date of every commit that the tool makes.
const (
	Name  = "apiserver fork"
	Email = "fork@apiserver.invalid"
	Date  = "2000-01-01T00:00:00Z"
)

// Repo is one repository with its work tree. It is a value and has no state of its own.
type Repo struct {
	Dir string
	co  *checkout.Checkout
	env []string
}

// At is the repository in dir, which need not exist yet.
func At(co *checkout.Checkout, dir string) Repo { return Repo{Dir: dir, co: co} }

// With is the repository with these added to git's environment, over what this package says.
func (r Repo) With(env ...string) Repo {
	r.env = append(slices.Clip(r.env), env...)
	return r
}

// Run runs `git args...` in the repository and returns its standard output without the final
// newline.
func (r Repo) Run(ctx context.Context, args ...string) (string, error) {
	out, err := r.run(ctx, "", args)
	return strings.TrimSuffix(out, "\n"), err
}

// Raw is Run with the standard output as it came.
func (r Repo) Raw(ctx context.Context, args ...string) (string, error) {
	return r.run(ctx, "", args)
}

// Feed is Run with something to read on standard input.
func (r Repo) Feed(ctx context.Context, stdin string, args ...string) (string, error) {
	out, err := r.run(ctx, stdin, args)
	return strings.TrimSuffix(out, "\n"), err
}

// Lines is Run, cut at delim ("\n", or "\x00" for a command with -z).
func (r Repo) Lines(ctx context.Context, delim string, args ...string) ([]string, error) {
	out, err := r.run(ctx, "", args)
	if out = strings.TrimSuffix(out, delim); err != nil || out == "" {
		return nil, err
	}
	return strings.Split(out, delim), nil
}

func (r Repo) run(ctx context.Context, stdin string, args []string) (string, error) {
	cmd := proc.Cmd{Args: append([]string{"git"}, args...), Dir: r.Dir, Env: append(environ(r.co), r.env...)}
	if stdin != "" {
		cmd.Stdin = strings.NewReader(stdin)
	}
	out, err := cmd.Output(ctx)
	if errors.Is(err, exec.ErrNotFound) {
		return "", fmt.Errorf("git is not in PATH: install git 2.32 or newer: %w", err)
	}
	return out, err
}

func environ(co *checkout.Checkout) []string {
	var env []string
	for _, kv := range co.Environ() {
		if !strings.HasPrefix(kv, "GIT_") {
			env = append(env, kv)
		}
	}
	return append(env,
		"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_ATTR_NOSYSTEM=1",
		// The checkout and its trees may belong to another user, as in a container: who runs the tool runs what is in
		// them anyway.
		"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*",
		"GIT_TERMINAL_PROMPT=0", "GIT_EDITOR=:", "GIT_SEQUENCE_EDITOR=:", "GIT_PAGER=cat",
		"GIT_AUTHOR_NAME="+Name, "GIT_AUTHOR_EMAIL="+Email, "GIT_AUTHOR_DATE="+Date,
		"GIT_COMMITTER_NAME="+Name, "GIT_COMMITTER_EMAIL="+Email, "GIT_COMMITTER_DATE="+Date,
		"LC_ALL=C", "LANGUAGE=", "TZ=UTC",
	)
}
