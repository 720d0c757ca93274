// Package consumer builds a released program with the fork as one of its users would: with the
// go.mod that `make replace` leaves, from an empty module cache.
package consumer

import (
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"fork.internal/apiserver/hack/internal/build"
	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/gotool"
	"fork.internal/apiserver/hack/internal/pins"
	"fork.internal/apiserver/hack/internal/replace"
	"fork.internal/apiserver/hack/internal/upstream"
)

// Sample is the extension API server that upstream releases under the same tags as k8s.io/apiserver.
const Sample = "k8s.io/sample-apiserver"

// Built is one build.
type Built struct {
	// Form is what go.mod refers to: "tree" or "module".
	Form string `json:"form"`
	// Uses is what the program says that it was built with in place of the pinned module.
	Uses    string  `json:"uses"`
	Seconds float64 `json:"seconds"`
}

// source is a program's module before anybody has edited it.
type source struct {
	title string
	// write makes it in a directory, which is empty or missing.
	write func(dir string) error
	// pkg is the program's package.
	pkg string
	// sums is whether the module has a complete go.sum.
	sums bool
}

// Try builds a program at tag (empty means the newest pinned one) once with the tree and once with the
// module, hands each result to report, and fails unless the program says that it has the fork and the
// edit of go.mod can be taken back to the byte. The program is the main package of module or, where that
// is the pins' consumer, the real kube-apiserver in a module of one's own. What the go command downloads
// goes to a module cache of its own, which is removed; it asks the caller's before the caller's proxy.
// It takes the checkout's lock.
func Try(ctx context.Context, co *checkout.Checkout, module, tag string, report func(Built)) error {
	ctx, unlock, p, err := pins.Lock(ctx, co)
	if err != nil {
		return err
	}
	defer unlock()
	pin, err := p.Lookup(tag)
	if err != nil {
		return err
	}
	var src source
	if module == p.Consumer {
		src, err = ownModule(ctx, co, p, pin)
	} else {
		src, err = released(ctx, co, module, pin.Tag)
	}
	if err != nil {
		return err
	}
	if err := os.MkdirAll(co.Output(), 0o755); err != nil {
		return err
	}
	for _, form := range []string{"tree", "module"} {
		built, err := try(ctx, co, p, src, form)
		if err != nil {
			return fmt.Errorf("%s with the %s: %w", src.title, form, err)
		}
		report(built)
	}
	return nil
}

// released is a module as upstream has released it.
func released(ctx context.Context, co *checkout.Checkout, module, tag string) (source, error) {
	rel, err := upstream.Fetch(ctx, co, module, tag)
	if err != nil {
		return source{}, err
	}
	return source{title: module + " " + tag, write: rel.Unpack, pkg: ".", sums: true}, nil
}

// ownModule is a module of one's own that requires what kube-apiserver is built from. In upstream's the
// staging modules are directories.
func ownModule(ctx context.Context, co *checkout.Checkout, p *pins.Pins, pin pins.Tag) (source, error) {
	gomod, err := build.ConsumerMod(ctx, co, p, pin)
	if err != nil {
		return source{}, err
	}
	write := func(dir string) error {
		return errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "go.mod"), gomod, 0o644))
	}
	return source{title: "kube-apiserver " + pin.Consumer, write: write, pkg: p.Consumer + "/cmd/kube-apiserver"}, nil
}

func try(ctx context.Context, co *checkout.Checkout, p *pins.Pins, src source, form string) (built Built, err error) {
	built.Form = form
	dir, remove, err := checkout.Scratch(co.Output(), "consumer-")
	if err != nil {
		return built, err
	}
	defer remove()
	source := filepath.Join(dir, "source")
	if err := src.write(source); err != nil {
		return built, err
	}
	before, err := contents(source)
	if err != nil {
		return built, err
	}
	user, err := emptyCache(ctx, co, filepath.Join(dir, "mod"))
	if err != nil {
		return built, err
	}
	o := replace.Options{Dir: source, Module: form == "module"}
	var result *replace.Result
	if err := replace.Do(ctx, co, o, func(r *replace.Result) { result = r }); err != nil {
		return built, err
	}
	if m := result.Module; m != nil {
		user.Env = append(user.Env, "GOPROXY="+m.URL+","+user.proxy)
	}
	start, program := time.Now(), filepath.Join(dir, "program")
	title := fmt.Sprintf("%s with the %s", src.title, form)
	fmt.Fprintf(co.Err, "building %s, from an empty module cache\n", title)
	log, stop := build.Watch(co.Err, title)
	if !src.sums {
		if _, err := gotool.RunMod(ctx, &user.Checkout, source, log, "list", "-deps", src.pkg); err != nil {
			stop()
			return built, fmt.Errorf("%w\n%s", err, log.Kept())
		}
	}
	_, err = gotool.Run(ctx, &user.Checkout, source, log, "build", "-v", "-trimpath", "-o", program, src.pkg)
	stop()
	if err != nil {
		return built, fmt.Errorf("%w\n%s", err, log.Kept())
	}
	built.Seconds = time.Since(start).Round(time.Millisecond).Seconds()
	if built.Uses, err = uses(program, p.Module); err != nil {
		return built, err
	}
	if m := result.Module; m != nil && built.Uses != m.Path+"@"+m.Version+" "+m.Sum {
		return built, fmt.Errorf("it was built with %q, not with %s %s", built.Uses, m.Version, m.Sum)
	}
	if err := replace.Undo(ctx, co, o, func(*replace.Result) {}); err != nil {
		return built, err
	}
	if !src.sums { // It was the go command that wrote it.
		if err := os.Remove(filepath.Join(source, "go.sum")); err != nil {
			return built, err
		}
	}
	after, err := contents(source)
	if err == nil && !slices.Equal(before, after) {
		err = errors.New("make replace UNDO=1 does not leave go.mod and go.sum as they were")
	}
	return built, err
}

// cached is a checkout whose go commands use a module cache of their own.
type cached struct {
	checkout.Checkout
	proxy string // what GOPROXY is
}

func emptyCache(ctx context.Context, co *checkout.Checkout, dir string) (*cached, error) {
	out, err := gotool.Run(ctx, co, co.Root, nil, "env", "GOMODCACHE", "GOPROXY")
	if err != nil {
		return nil, err
	}
	old, proxy, _ := strings.Cut(strings.TrimSpace(out), "\n")
	c := &cached{Checkout: *co, proxy: "file://" + filepath.ToSlash(filepath.Join(old, "cache", "download")) + "," + proxy}
	// Writable, so that it can be removed.
	c.Env = append(slices.Clone(co.Env), "GOMODCACHE="+dir, "GOPROXY="+c.proxy, "GOFLAGS=-modcacherw")
	return c, nil
}

// uses is what a program has in place of module.
func uses(program, module string) (string, error) {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return "", err
	}
	for _, d := range info.Deps {
		if d.Path == module && d.Replace != nil {
			if d.Replace.Sum == "" {
				return d.Replace.Path, nil
			}
			return d.Replace.Path + "@" + d.Replace.Version + " " + d.Replace.Sum, nil
		}
	}
	return "", fmt.Errorf("the program was built with %s as it is", module)
}

// contents is every file below dir, each with its name.
func contents(dir string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		files = append(files, name+"\n"+string(data))
		return err
	})
	return files, err
}
