package replace

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/goproxy"
	"fork.internal/apiserver/hack/internal/gotool"
	"fork.internal/apiserver/hack/internal/proc"
	"fork.internal/apiserver/hack/internal/toy"
	"fork.internal/apiserver/hack/internal/upstream"
)

var ctx = context.Background()

// sample makes a copy of the toy's sample, as its author would have it.
func sample(t *testing.T, co *checkout.Checkout) string {
	t.Helper()
	rel, err := upstream.Fetch(ctx, co, toy.Sample, "v0.1.0")
	toy.Check(t, err)
	dir := filepath.Join(t.TempDir(), "a sample")
	toy.Check(t, rel.Unpack(dir))
	return dir
}

// snapshot is every file below dir, with its mode.
func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	toy.Check(t, filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		toy.Check(t, err)
		data, err := os.ReadFile(name)
		files[name] = info.Mode().String() + "\n" + string(data)
		return err
	}))
	return files
}

func same(t *testing.T, dir string, before map[string]string) {
	t.Helper()
	after := snapshot(t, dir)
	for name := range after {
		if _, ok := before[name]; !ok {
			t.Errorf("%s is new", name)
		}
	}
	for name, content := range before {
		if after[name] != content {
			t.Errorf("%s was %q and is %q", name, content, after[name])
		}
	}
}

// doing runs Do or Undo and returns what was shown.
func doing(t *testing.T, do func(context.Context, *checkout.Checkout, Options, func(*Result)) error, co *checkout.Checkout, o Options) *Result {
	t.Helper()
	var got *Result
	toy.Check(t, do(ctx, co, o, func(r *Result) { got = r }))
	return got
}

// buildAndRun builds the module in dir as its owner would, and returns what its program prints.
func buildAndRun(t *testing.T, co *checkout.Checkout, dir string) string {
	t.Helper()
	out, err := gotool.Run(ctx, co, dir, nil, "run", ".")
	toy.Check(t, err)
	return strings.TrimSpace(out)
}

// withModules is co with the modules that it makes in front of its proxy.
func withModules(t *testing.T, co *checkout.Checkout) *checkout.Checkout {
	t.Helper()
	proxy, err := gotool.Run(ctx, co, co.Root, nil, "env", "GOPROXY")
	toy.Check(t, err)
	with := *co
	with.Env = append(append([]string{}, co.Env...), "GOPROXY=file://"+filepath.ToSlash(goproxy.Dir(co))+","+strings.TrimSpace(proxy))
	return &with
}

func TestDoAndUndo(t *testing.T) {
	t.Parallel()
	for name, module := range map[string]bool{"directory": false, "module": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			co := toy.New(t)
			user := withModules(t, co)
			dir := sample(t, co)
			before := snapshot(t, dir)
			if got := buildAndRun(t, user, dir); got != "pristine" {
				t.Errorf("got %s", got)
			}
			o := Options{Dir: dir, Module: module, DryRun: true}
			planned := doing(t, Do, co, o)
			same(t, dir, before)
			if _, err := os.Stat(goproxy.Ledger(co)); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("a dry run gave a version away: %v", err)
			}
			o.DryRun = false
			if done := doing(t, Do, co, o); done.Diff != planned.Diff || !strings.Contains(done.Diff, "\n+replace toy.test/apiserver => ") {
				t.Errorf("got %s, planned %s", done.Diff, planned.Diff)
			}
			if got := buildAndRun(t, user, dir); got != "patched" {
				t.Errorf("got %s", got)
			}
			after := snapshot(t, dir)
			if again := doing(t, Do, co, o); again.Diff != "" {
				t.Errorf("done twice: %s", again.Diff)
			}
			same(t, dir, after)
			// The other form does not take its place.
			o.Module = !module
			if err := Do(ctx, co, o, nil); err == nil || !strings.Contains(err.Error(), "UNDO=1, then this again") {
				t.Errorf("got %v", err)
			}
			doing(t, Undo, co, Options{Dir: dir, DryRun: true})
			same(t, dir, after)
			doing(t, Undo, co, Options{Dir: dir})
			same(t, dir, before)
			if got := buildAndRun(t, user, dir); got != "pristine" {
				t.Errorf("got %s", got)
			}
			if err := Undo(ctx, co, Options{Dir: dir}, nil); err == nil || !strings.Contains(err.Error(), "there is nothing to undo") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestNoGoSumIsLeftWhereThereWasNone(t *testing.T) {
	t.Parallel()
	co := toy.New(t)
	dir := sample(t, co)
	toy.Check(t, os.Remove(filepath.Join(dir, "go.sum")))
	before := snapshot(t, dir)
	doing(t, Do, co, Options{Dir: dir, Module: true})
	if data, err := os.ReadFile(filepath.Join(dir, "go.sum")); err != nil || !strings.Contains(string(data), "-deadline.1 h1:") {
		t.Errorf("got %s, %v", data, err)
	}
	// A run that is cut off has written that much, and is repeated.
	toy.Write(t, filepath.Join(dir, "go.mod"), strings.TrimPrefix(before[filepath.Join(dir, "go.mod")], "-rw-r--r--\n"))
	doing(t, Do, co, Options{Dir: dir, Module: true})
	doing(t, Undo, co, Options{Dir: dir})
	same(t, dir, before)
}

// TestAVendorDirectoryOfTheForks is what the refusal of a vendor directory leads to.
func TestAVendorDirectoryOfTheForks(t *testing.T) {
	t.Parallel()
	co := toy.New(t)
	dir := sample(t, co)
	vendor := func() {
		t.Helper()
		_, err := gotool.RunMod(ctx, co, dir, nil, "mod", "vendor")
		toy.Check(t, err)
	}
	runs := func(want string) {
		t.Helper()
		vendored := *co
		vendored.Env = append(slices.Clip(co.Env), "GOFLAGS=-mod=vendor")
		out, err := proc.Cmd{Args: []string{"go", "run", "."}, Dir: dir, Env: vendored.Environ()}.Output(ctx)
		if err != nil || strings.TrimSpace(out) != want {
			t.Errorf("got %s, %v; want %s", out, err, want)
		}
	}
	before := snapshot(t, dir)
	doing(t, Do, co, Options{Dir: dir})
	vendor()
	runs("patched")
	for _, do := range []func(context.Context, *checkout.Checkout, Options, func(*Result)) error{Do, Undo} {
		if r := doing(t, do, co, Options{Dir: dir}); !strings.Contains(r.Warning, "go mod vendor in ") {
			t.Errorf("warned: %q", r.Warning)
		}
	}
	vendor()
	runs("pristine")
	toy.Check(t, os.RemoveAll(filepath.Join(dir, "vendor")))
	same(t, dir, before)
}

func TestUndoAfterTidy(t *testing.T) {
	t.Parallel()
	for name, module := range map[string]bool{"directory": false, "module": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			co := toy.New(t)
			user := withModules(t, co)
			dir := sample(t, co)
			before := snapshot(t, dir)
			doing(t, Do, co, Options{Dir: dir, Module: module})
			_, err := gotool.RunMod(ctx, user, dir, nil, "mod", "tidy")
			toy.Check(t, err)
			if r := doing(t, Undo, co, Options{Dir: dir}); r.Warning != "" {
				t.Errorf("warned: %s", r.Warning)
			}
			same(t, dir, before)
		})
	}
}

func TestUndoWarnsOfSumsThatItCannotRestore(t *testing.T) {
	t.Parallel()
	co := toy.New(t)
	dir := sample(t, co)
	doing(t, Do, co, Options{Dir: dir})
	toy.Write(t, filepath.Join(dir, "go.sum"), "toy.test/base v0.1.0/go.mod h1:x=\n")
	co.Env = append(co.Env, "GOPROXY=off", "GOMODCACHE="+t.TempDir())
	if r := doing(t, Undo, co, Options{Dir: dir}); !strings.Contains(r.Warning, "go mod tidy") {
		t.Errorf("warned: %q", r.Warning)
	}
}

func TestEveryByteOfAGoModStays(t *testing.T) {
	t.Parallel()
	co := toy.New(t)
	const require = "module x.test/x\n\nrequire toy.test/apiserver v0.1.0\n"
	for name, gomod := range map[string]string{
		"not formatted": "module   x.test/x\nrequire(\n toy.test/apiserver v0.1.0 // why\n)\n\n\n",
		"CRLF":          strings.ReplaceAll(require, "\n", "\r\n"),
		"one replace":   require + "replace a.test/a => ../a\n",
		"a block":       require + "replace (\n\ta.test/a => ../a\n)\n",
		"indirect":      "module x.test/x\n\nrequire toy.test/apiserver v0.1.0 // indirect\n",
	} {
		dir := t.TempDir()
		toy.Write(t, filepath.Join(dir, "go.mod"), gomod)
		toy.Check(t, os.Chmod(filepath.Join(dir, "go.mod"), 0o600))
		before := snapshot(t, dir)
		doing(t, Do, co, Options{Dir: dir})
		doing(t, Undo, co, Options{Dir: dir})
		t.Run(name, func(t *testing.T) { same(t, dir, before) })
	}
	// A symbolic link stays one.
	dir, real := t.TempDir(), filepath.Join(t.TempDir(), "go.mod")
	toy.Write(t, real, strings.TrimSuffix(require, "\n"))
	toy.Check(t, os.Symlink(real, filepath.Join(dir, "go.mod")))
	doing(t, Do, co, Options{Dir: dir})
	if info, err := os.Lstat(filepath.Join(dir, "go.mod")); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("got %v, %v", info, err)
	}
	doing(t, Undo, co, Options{Dir: dir})
	if data, err := os.ReadFile(real); err != nil || string(data) != require {
		t.Errorf("got %q, %v", data, err)
	}
}
