package build

import (
	"context"
	"errors"
	"fmt"
	"go/version"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/gotool"
	"fork.internal/apiserver/hack/internal/pins"
)

// Repro builds test/repro, with or without the race detector, against tag's unmodified module or
// against the tree that the fork makes of it, and returns the program's path. It takes the
// checkout's lock.
func Repro(ctx context.Context, co *checkout.Checkout, tag string, variant Variant, race bool) (path string, err error) {
	name, title := "repro", "the reproductions"
	if race {
		name, title = name+"-race", title+" with the race detector"
	}
	return testProgram(ctx, co, tag, variant, title, name, "build", "-v", fmt.Sprintf("-race=%t", race), "./test/repro")
}

// Same is Repro for test/same.
func Same(ctx context.Context, co *checkout.Checkout, tag string, variant Variant, race bool) (path string, err error) {
	name, title := "same", "the scenarios"
	if race {
		name, title = name+"-race", title+" with the race detector"
	}
	return testProgram(ctx, co, tag, variant, title, name, "build", "-v", fmt.Sprintf("-race=%t", race), "./test/same")
}

// Bench is Repro for the benchmarks of pkg, such as ./test/bench/filter: the program takes the flags of a
// test binary.
func Bench(ctx context.Context, co *checkout.Checkout, tag string, variant Variant, pkg string) (program string, err error) {
	name := "bench-" + path.Base(pkg)
	return testProgram(ctx, co, tag, variant, "the benchmarks "+pkg, name, "test", "-c", pkg)
}

// TestMod writes a go.mod for the go command's -modfile, with which it builds the checkout's own packages against one of
// the two of the newest pinned tag, with -mod=mod, and returns its path. It takes the checkout's lock.
func TestMod(ctx context.Context, co *checkout.Checkout, variant Variant) (path string, err error) {
	ctx, unlock, err := co.Lock(ctx)
	if err != nil {
		return "", err
	}
	defer unlock()
	p, pin, err := pins.Find(co.Pins(), "")
	if err != nil {
		return "", err
	}
	return modFile(ctx, co, p, pin, variant)
}

// testProgram builds one of the checkout's own packages against one of the two, with `go args...`, the last of
// which is the package.
func testProgram(ctx context.Context, co *checkout.Checkout, tag string, variant Variant, title, name string, args ...string) (string, error) {
	ctx, unlock, err := co.Lock(ctx)
	if err != nil {
		return "", err
	}
	defer unlock()
	p, pin, err := pins.Find(co.Pins(), tag)
	if err != nil {
		return "", err
	}
	mod, err := modFile(ctx, co, p, pin, variant)
	if err != nil {
		return "", err
	}
	bin := filepath.Join(co.Output(), "bin", pin.Tag, string(variant), name)
	if err := os.MkdirAll(filepath.Dir(bin), 0o755); err != nil {
		return "", err
	}
	title += fmt.Sprintf(" for %s (%s)", pin.Tag, variant)
	tmp := bin + ".new"
	defer os.Remove(tmp)
	last := len(args) - 1
	args = append(args[:last:last], "-modfile", mod, "-tags", before(p, pin.Tag), "-o", tmp, args[last])
	log, stop := Watch(co.Err, title)
	_, err = gotool.RunMod(ctx, co, co.Root, log, args...)
	stop()
	if err != nil {
		return "", program{title: title}.failure(ctx, err, log.Kept())
	}
	if err := os.Rename(tmp, bin); errors.Is(err, os.ErrNotExist) { // `go test -c` is content with that.
		return "", fmt.Errorf("cannot build %s: %s has no file that ends in _test.go", title, args[len(args)-1])
	} else if err != nil {
		return "", err
	}
	return bin, nil
}

// before are the build tags that files of test/ have which are for some minors only: before_v0.33 is set for tags of
// v0.32 and older ones.
func before(p *pins.Pins, tag string) string {
	var tags []string
	for _, minor := range p.Minors {
		if pins.Newer(minor.Minor, pins.MinorOf(tag)) {
			tags = append(tags, "before_"+minor.Minor)
		}
	}
	return strings.Join(tags, ",")
}

// modFile writes a go.mod for the checkout's own packages, for go's -modfile, in which apiserver, what is
// released with it and what it requires are pin's or, for Fork, apiserver is its tree.
func modFile(ctx context.Context, co *checkout.Checkout, p *pins.Pins, pin pins.Tag, variant Variant) (path string, err error) {
	data, err := os.ReadFile(filepath.Join(co.Root, "go.mod"))
	if err != nil {
		return "", err
	}
	mod, err := modfile.Parse("go.mod", data, nil)
	if err != nil {
		return "", err
	}
	released := ""
	for _, r := range mod.Require {
		if r.Mod.Path == p.Module {
			released = r.Mod.Version
		}
	}
	if released == "" {
		return "", fmt.Errorf("go.mod does not require %s: `go get %s@%s` puts that right", p.Module, p.Module, pin.Tag)
	}
	if pin.Tag != released {
		theirs, err := releasedMod(ctx, co, p.Module, pin.Tag)
		if err != nil {
			return "", err
		}
		if err := requireAsReleased(mod, p.Module, released, pin.Tag, theirs); err != nil {
			return "", err
		}
	}
	if variant == Fork {
		info, err := ForkTree(ctx, co, pin.Tag)
		if err != nil {
			return "", err
		}
		if err := mod.AddReplace(p.Module, "", "./"+filepath.ToSlash(co.Rel(info.Path)), ""); err != nil {
			return "", err
		}
	}
	mod.Cleanup()
	out, err := mod.Format()
	if err != nil {
		return "", err
	}
	path = filepath.Join(co.Output(), "build", pin.Tag, string(variant), "test.mod")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	sums, err := os.ReadFile(filepath.Join(co.Root, "go.sum"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	if err := os.WriteFile(strings.TrimSuffix(path, ".mod")+".sum", sums, 0o644); err != nil {
		return "", err
	}
	return path, os.WriteFile(path, out, 0o644)
}

// requireAsReleased changes mod's requirements from those of module's release from to those of its release to,
// whose go.mod is theirs: what it was tested with is what it runs with, and not what a newer one needs. That is so of a
// newer Go, too.
func requireAsReleased(mod *modfile.File, module, from, to string, theirs *modfile.File) error {
	versions := map[string]string{}
	for _, r := range theirs.Require {
		versions[r.Mod.Path] = r.Mod.Version
	}
	var err error
	if theirs.Go != nil && version.Compare("go"+theirs.Go.Version, "go"+mod.Go.Version) > 0 {
		err = mod.AddGoStmt(theirs.Go.Version)
	}
	for _, r := range slices.Clone(mod.Require) {
		path := r.Mod.Path
		release, ok := versions[path]
		switch {
		case r.Indirect:
			err = errors.Join(err, mod.DropRequire(path)) // The go command finds these anew.
		case strings.HasPrefix(path, "k8s.io/") && r.Mod.Version == from && !ok && path != module:
			// Only other programs than those that go with the release use it: that it was there then is not known.
			err = errors.Join(err, mod.DropRequire(path))
		case strings.HasPrefix(path, "k8s.io/") && r.Mod.Version == from:
			err = errors.Join(err, mod.AddRequire(path, to))
		case ok:
			err = errors.Join(err, mod.AddRequire(path, release))
		}
	}
	return err
}
