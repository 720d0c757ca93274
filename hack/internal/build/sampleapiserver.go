package build

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"golang.org/x/mod/modfile"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/pins"
)

// sampleModule is the extension API server that is released with k8s.io/apiserver; its root is the main package.
const sampleModule = "k8s.io/sample-apiserver"

// SampleAPIServer builds the extension API server that upstream releases under tag (empty means the newest
// pinned one) and returns its path. For Fork it is built as `make replace` has one built: with the tree in place
// of the module, and as that is when somebody is at work in it. static is what Wanted has under that name. It takes the
// checkout's lock.
func SampleAPIServer(ctx context.Context, co *checkout.Checkout, tag string, variant Variant, static string) (path string, err error) {
	ctx, unlock, p, err := pins.Lock(ctx, co)
	if err != nil {
		return "", err
	}
	defer unlock()
	pin, err := p.Lookup(tag)
	if err != nil {
		return "", err
	}
	theirs, err := releasedMod(ctx, co, sampleModule, pin.Tag)
	if err != nil {
		return "", err
	}
	prog := program{
		title:    fmt.Sprintf("sample-apiserver %s (%s)", pin.Tag, variant),
		pkg:      sampleModule,
		dir:      filepath.Join(co.Output(), "build", "sample-"+pin.Tag, string(variant)),
		bin:      filepath.Join(co.Output(), "bin", pin.Tag, string(variant), "sample-apiserver"),
		identity: "release",
	}
	mod := &modfile.File{}
	err = errors.Join(mod.AddModuleStmt("fork.internal/build"), mod.AddRequire(sampleModule, pin.Tag))
	// The language version and the GODEBUG settings of a program are those of the main module.
	if theirs.Go != nil {
		err = errors.Join(err, mod.AddGoStmt(theirs.Go.Version))
	}
	for _, g := range theirs.Godebug {
		err = errors.Join(err, mod.AddGodebug(g.Key, g.Value))
	}
	if err != nil {
		return "", err
	}
	if variant == Fork {
		info, err := ForkTree(ctx, co, pin.Tag)
		if err != nil {
			return "", err
		}
		if prog.identity = info.Head; info.Dirty {
			prog.identity = ""
		}
		tree, err := filepath.Rel(prog.dir, info.Path)
		if err != nil {
			return "", err
		}
		if err := mod.AddReplace(p.Module, "", filepath.ToSlash(tree), ""); err != nil {
			return "", err
		}
	}
	if prog.gomod, err = mod.Format(); err != nil {
		return "", err
	}
	if static != "" {
		prog.static(static)
	}
	return prog.make(ctx, co)
}
