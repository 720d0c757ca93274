// Package replace has somebody's module built with the fork: it edits their go.mod, and takes the
// edit back. Before anything of theirs is written, everything that can be wrong has been looked at.
package replace

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"

	"fork.internal/apiserver/hack/internal/build"
	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/goproxy"
	"fork.internal/apiserver/hack/internal/gosum"
	"fork.internal/apiserver/hack/internal/pins"
)

// Options are what to do.
type Options struct {
	// Dir is the directory of the module's go.mod. Required.
	Dir string
	// Tag is the upstream tag; empty means the version that go.mod requires, and no other will do.
	Tag string
	// Module replaces with the version that `make module` gives, in place of the tree's directory.
	Module bool
	// DryRun shows the change, and leaves Dir and the ledger of modules as they are.
	DryRun bool
}

// Result is what was done.
type Result struct {
	// GoMod is the file.
	GoMod string
	// Diff is the change as a patch to the module's directory; empty when there was nothing to do.
	Diff string
	// Module is the module that go.mod refers to; nil for a directory.
	Module *goproxy.Module
	// Warning is what is left for the user to do, or empty.
	Warning string
}

// comment stands above the line that Do adds, and tells Undo that it may be taken back.
const comment = "// Added by `make replace` of the fork of k8s.io/apiserver; with UNDO=1 it takes this back."

// sumsToo is the end of comment when there was no go.sum before.
const sumsToo = " There was no go.sum."

// Do makes the module in o.Dir use the fork, unless it does so already. It makes the tree or the
// module first if need be. show gets the result before anything of the user's is written. The error
// says that nothing of theirs was, because nothing was.
func Do(ctx context.Context, co *checkout.Checkout, o Options, show func(*Result)) error {
	ctx, unlock, p, u, err := begin(ctx, co, o)
	if err != nil {
		return err
	}
	defer unlock()
	tag, err := u.check(ctx, co, p, o)
	if err != nil {
		return unchanged(err)
	}
	result := &Result{GoMod: u.gomod.name}
	target, err := u.target(ctx, co, tag, o, result)
	if err != nil {
		return unchanged(err)
	}
	edit := u.edit()
	switch {
	case u.replaced == nil:
		said := comment
		if o.Module && !u.hasSums() {
			said += sumsToo
		}
		edit.gomod = appendBlock(u.gomod.text, said, p.Module, target)
	case u.replaced.New != target:
		return unchanged(u.replacedError())
	}
	if result.Module != nil {
		edit.gosum = gosum.Add(u.gosum.text, result.Module.Sums())
	}
	if err := edit.check(target); err != nil {
		return unchanged(err)
	}
	if u.vendors() {
		result.Warning = u.staleVendor()
	}
	return edit.apply(ctx, co, o.DryRun, result, show)
}

// Undo takes back what Do has done to o.Dir's go.mod and go.sum, which are then as they were if
// nobody has changed them since. Of o, Tag and Module have no say. show is as for Do.
func Undo(ctx context.Context, co *checkout.Checkout, o Options, show func(*Result)) error {
	ctx, unlock, p, u, err := begin(ctx, co, o)
	if err != nil {
		return err
	}
	defer unlock()
	if err := u.writable(); err != nil {
		return unchanged(err)
	}
	edit := u.edit()
	if edit.gomod, err = u.removeBlock(); err != nil {
		return unchanged(err)
	}
	result := &Result{GoMod: u.gomod.name}
	edit.gosum = gosum.Drop(u.gosum.text, p.Module, goproxy.IsVersion)
	edit.gosum, result.Warning = u.restoreSums(ctx, co, p, edit.gosum)
	if err := edit.check(module.Version{}); err != nil {
		return unchanged(err)
	}
	if result.Warning == "" && u.vendors() {
		result.Warning = u.staleVendor()
	}
	return edit.apply(ctx, co, o.DryRun, result, show)
}

// begin takes the lock, and reads the pins and the user's files.
func begin(ctx context.Context, co *checkout.Checkout, o Options) (context.Context, func(), *pins.Pins, *user, error) {
	ctx, unlock, p, err := pins.Lock(ctx, co)
	if err != nil {
		return nil, nil, nil, nil, err
	}
	u, err := load(o.Dir, p.Module)
	if err != nil {
		unlock()
		return nil, nil, nil, nil, err
	}
	return ctx, unlock, p, u, nil
}

// staleVendor is what is left to do where a vendor directory is built.
func (u *user) staleVendor() string {
	return fmt.Sprintf("%s is what is built, as it was copied last; next: go mod vendor in %s", u.vendor(), u.dir)
}

func unchanged(err error) error { return fmt.Errorf("%w\nnothing of yours was changed", err) }

// hasSums reports whether the module has a go.sum of its own: one with no other lines than Do's is what a run
// that was cut off has left.
func (u *user) hasSums() bool {
	return u.gosum.exists && (u.gosum.text == "" || gosum.Drop(u.gosum.text, u.module, goproxy.IsVersion) != "")
}

// target is what go.mod shall say after the arrow. It makes what that needs.
func (u *user) target(ctx context.Context, co *checkout.Checkout, tag string, o Options, result *Result) (module.Version, error) {
	if !o.Module {
		info, err := build.ForkTree(ctx, co, tag)
		if err != nil {
			return module.Version{}, err
		}
		return module.Version{Path: filepath.ToSlash(info.Path)}, nil
	}
	makeModule := goproxy.Make
	if o.DryRun {
		makeModule = goproxy.Plan
	}
	m, err := makeModule(ctx, co, tag)
	if err != nil {
		return module.Version{}, err
	}
	result.Module = m
	return module.Version{Path: m.Path, Version: m.Version}, nil
}

// file is one of the user's files as it was read.
type file struct {
	name   string // symbolic links resolved
	text   string
	mode   os.FileMode
	exists bool
}

func readFile(name string) (file, error) {
	f := file{name: name, mode: 0o644}
	if real, err := filepath.EvalSymlinks(name); err == nil {
		f.name = real
	}
	data, err := os.ReadFile(f.name)
	if errors.Is(err, os.ErrNotExist) {
		return f, nil
	}
	if err != nil {
		return f, err
	}
	info, err := os.Stat(f.name)
	if err != nil {
		return f, err
	}
	f.text, f.mode, f.exists = string(data), info.Mode().Perm(), true
	return f, nil
}

// user is somebody's module. It is not changed after load has returned it.
type user struct {
	dir          string // as the user gave it
	module       string // the module to be replaced
	gomod, gosum file
	parsed       *modfile.File
	// required is the version that go.mod requires of module, or "".
	required string
	// replaced is what go.mod says already, or nil.
	replaced *modfile.Replace
}

func load(dir, replaceable string) (*user, error) {
	u := &user{dir: dir, module: replaceable}
	if dir == "" {
		return nil, errors.New("which module? next: make replace DIR=path, with the directory of its go.mod")
	}
	info, err := os.Stat(dir)
	if err != nil || !info.IsDir() {
		return nil, fmt.Errorf("DIR=%s is not a directory that can be read: it is the one with the go.mod of your module; next: make replace DIR=path", dir)
	}
	if u.gomod, err = readFile(filepath.Join(dir, "go.mod")); err != nil {
		return nil, err
	}
	if !u.gomod.exists {
		return nil, fmt.Errorf("DIR=%s is not a module: there is no go.mod in it; next: give the directory that has it (`go env GOMOD` in %[1]s says which)", dir)
	}
	if u.gosum, err = readFile(filepath.Join(dir, "go.sum")); err != nil {
		return nil, err
	}
	if u.parsed, err = modfile.Parse(u.gomod.name, []byte(u.gomod.text), nil); err != nil {
		return nil, fmt.Errorf("the go command cannot read this go.mod either; next: correct it, `go mod edit -fmt` in %s tells when it is good\n%w", dir, err)
	}
	if u.parsed.Module != nil && u.parsed.Module.Mod.Path == checkout.Module {
		return nil, fmt.Errorf("DIR=%s is this checkout itself; next: make replace DIR=path, with the directory of your own module", dir)
	}
	for _, r := range u.parsed.Require {
		if r.Mod.Path == replaceable {
			u.required = r.Mod.Version
		}
	}
	for _, r := range u.parsed.Replace {
		if r.Old.Path == replaceable {
			u.replaced = r
		}
	}
	return u, nil
}
