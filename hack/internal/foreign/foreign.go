// Package foreign runs other people's Go tests with the fork. What fails there is run again without it, in the
// same step: only a difference is a failure, and nobody types in what is known to fail.
package foreign

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"fork.internal/apiserver/hack/internal/build"
	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/gotool"
	"fork.internal/apiserver/hack/internal/replace"
	"fork.internal/apiserver/hack/internal/suite"
	"fork.internal/apiserver/hack/internal/upstream"
)

// Module is somebody's module, whose tests are run.
type Module struct {
	// Path and Version are what the module proxy has it under.
	Path, Version string
	// Requires is the upstream tag that its go.mod asks for, which is pinned.
	Requires string
}

// Short is the last part of the path.
func (m Module) Short() string { return path.Base(m.Path) }

// Name is a word for the module and its version.
func (m Module) Name() string { return m.Short() + "-" + m.Version }

// variant is somebody's source in a directory, built with the fork or as it was released.
type variant struct {
	co    *checkout.Checkout
	name  string
	dir   string
	flags []string // of go test
}

// test is go test, with the race detector, of packages below the variant.
func (v variant) test(ctx context.Context, args ...string) (results, error) {
	args = slices.Concat([]string{"test", "-json", "-race", "-vet=off", "-timeout=30m"}, v.flags, args)
	fmt.Fprintf(v.co.Out, "\n%s: go %s\n", v.name, strings.Join(args, " "))
	return runTests(ctx, v.co, v.dir, args)
}

// uses fails unless the module of which the fork is comes from a directory.
func (v variant) uses(ctx context.Context, module string) error {
	at, err := gotool.Run(ctx, v.co, v.dir, nil, "list", "-m", "-f", "{{with .Replace}}{{if not .Version}}{{.Path}}{{end}}{{end}}", module)
	if err == nil && strings.TrimSpace(at) == "" {
		err = fmt.Errorf("%s is built with %s as it is: nothing would be tested; next: see above what make replace has changed in its go.mod", v.co.Rel(v.dir), module)
	}
	return err
}

// Step is a suite's step that runs all tests of the module. Those of them that talk to an etcd have one of their own,
// on loopback. summary gets what the step's result does not say, a line a thing.
func (m Module) Step(module string, summary func(string)) suite.Step {
	return suite.Step{Name: m.Name(), Run: func(ctx context.Context, co *checkout.Checkout, _ string) error {
		ctx, unlock, err := co.Lock(ctx)
		if err != nil {
			return err
		}
		defer unlock()
		rel, err := upstream.Fetch(ctx, co, m.Path, m.Version)
		if err != nil {
			return err
		}
		return within(ctx, co, func(co *checkout.Checkout, dir string) error {
			fork := variant{co: co, name: "with the fork", dir: filepath.Join(dir, "fork")}
			plain := variant{co: co, name: "unmodified", dir: filepath.Join(dir, "unmodified")}
			for _, v := range []variant{fork, plain} {
				if err := rel.Unpack(v.dir); err != nil {
					return err
				}
			}
			if err := replace.Do(ctx, co, replace.Options{Dir: fork.dir}, func(r *replace.Result) { io.WriteString(co.Out, r.Diff) }); err != nil {
				return err
			}
			if err := fork.uses(ctx, module); err != nil {
				return err
			}
			return compare(ctx, fork, plain, []string{"./..."}, summary)
		})
	}}
}

// within calls f with a directory, which is removed after it, and a checkout whose children have an etcd.
func within(ctx context.Context, co *checkout.Checkout, f func(co *checkout.Checkout, dir string) error) error {
	etcd, err := build.Etcd(ctx, co)
	if err != nil {
		return err
	}
	// One place for all steps: what the go command has built at one it takes for another's at the next. The caller has
	// the checkout's lock.
	dir := filepath.Join(co.Output(), "foreign")
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o755)); err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	env, stop, err := startEtcd(ctx, etcd, filepath.Join(dir, "etcd"), co.Out)
	if err != nil {
		return err
	}
	defer stop()
	own := *co
	own.Env = slices.Concat(co.Env, env)
	return f(&own, dir)
}
