package foreign

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/mod/modfile"

	"fork.internal/apiserver/hack/internal/build"
	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/gotool"
	"fork.internal/apiserver/hack/internal/pins"
	"fork.internal/apiserver/hack/internal/suite"
	"fork.internal/apiserver/hack/internal/upstream"
)

// integration is where the consumer's integration tests are.
const integration = "test/integration"

// Integration makes the steps of a suite that run the consumer's integration tests, one for each package below
// test/integration and each setting of the fork's gate.
type Integration struct {
	Pins *pins.Pins
	Pin  pins.Tag
	// Summary gets what the steps' results do not say, a line a thing.
	Summary func(string)
}

// Steps are those of the packages, each a path below test/integration.
func (i Integration) Steps(packages []string) []suite.Step {
	var steps []suite.Step
	for _, pkg := range packages {
		for _, gate := range []string{"on", "off"} {
			steps = append(steps, suite.Step{
				Name: "integration-" + strings.ReplaceAll(pkg, "/", "-") + "-gate-" + gate,
				Run: func(ctx context.Context, co *checkout.Checkout, _ string) error {
					return i.run(ctx, co, pkg, gate == "off")
				},
			})
		}
	}
	return steps
}

func (i Integration) run(ctx context.Context, co *checkout.Checkout, pkg string, off bool) error {
	ctx, unlock, err := co.Lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	rel, err := upstream.Fetch(ctx, co, i.Pins.Consumer, i.Pin.Consumer)
	if err != nil {
		return err
	}
	tree, err := build.ForkTree(ctx, co, i.Pin.Tag)
	if err != nil {
		return err
	}
	return within(ctx, co, func(co *checkout.Checkout, dir string) error {
		fork := variant{co: co, name: "with the fork", dir: filepath.Join(dir, "fork")}
		plain := variant{co: co, name: "unmodified", dir: filepath.Join(dir, "unmodified")}
		if off {
			overlay, err := GateOff(tree.Path, dir)
			if err != nil {
				return err
			}
			fork.name, fork.flags = "with the fork, its gate off", []string{"-overlay=" + overlay}
		}
		for _, v := range []struct {
			variant
			tree string
		}{{fork, tree.Path}, {plain, ""}} {
			if err := rel.Unpack(v.dir); err != nil {
				return err
			}
			if err := i.gomod(filepath.Join(v.dir, "go.mod"), v.tree); err != nil {
				return err
			}
			// The release's go.sum lacks the staging modules, which were directories to it.
			if _, err := gotool.RunMod(ctx, co, v.dir, co.Out, "list", "-deps", "-test", "./"+path.Join(integration, pkg)); err != nil {
				return err
			}
		}
		if err := fork.uses(ctx, i.Pins.Module); err != nil {
			return err
		}
		return compare(ctx, fork, plain, []string{"./" + path.Join(integration, pkg)}, i.Summary)
	})
}

// gomod has the consumer's own go.mod take the staging modules from their releases and, when tree is not empty, the
// pinned module from there.
func (i Integration) gomod(name, tree string) error {
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	f, err := modfile.Parse(name, data, nil)
	if err != nil {
		return err
	}
	for _, r := range f.Replace {
		if !strings.HasPrefix(r.New.Path, "./staging/") {
			continue
		}
		at, version := r.Old.Path, i.Pin.Tag
		if at == i.Pins.Module && tree != "" {
			at, version = filepath.ToSlash(tree), ""
		}
		err = errors.Join(err, f.AddReplace(r.Old.Path, r.Old.Version, at, version))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	f.Cleanup()
	if data, err = f.Format(); err != nil {
		return err
	}
	return os.WriteFile(name, data, 0o644)
}
