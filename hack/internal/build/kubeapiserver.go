package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/semver"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/pins"
	"fork.internal/apiserver/hack/internal/queue"
	"fork.internal/apiserver/hack/internal/upstream"
)

// Variant is which k8s.io/apiserver a kube-apiserver is built with.
type Variant string

const (
	// Fork is the tree that pkg/ and patches/ make.
	Fork Variant = "fork"
	// Upstream is the release as it is.
	Upstream Variant = "upstream"
)

// KubeAPIServer builds the real kube-apiserver of the release that goes with tag (empty means the
// newest pinned one) and returns its path. For Fork, a tree with edits or commits of its own is
// built as it is, and said to be so on the checkout's Err and in the version. It takes the
// checkout's lock.
func KubeAPIServer(ctx context.Context, co *checkout.Checkout, tag string, variant Variant) (path string, err error) {
	b, err := Kubernetes(ctx, co, tag, Wanted{Program: "kube-apiserver", Variant: variant})
	if err != nil {
		return "", err
	}
	return b.Path, nil
}

// needConsumer names the tags that a kube-apiserver can be built for, if the pin's is none of them.
func needConsumer(p *pins.Pins, pin pins.Tag) error {
	switch {
	case p.Consumer == "":
		return errors.New("patches/pins.json names no consumer: there is no kube-apiserver to build")
	case pin.Consumer != "":
		return nil
	}
	next := "make pins ADD=" + pin.Tag + " looks for it again"
	if other := p.NearestConsumed(pin.Tag); other != "" {
		next += ", and TAG=" + other + " has one"
	}
	return fmt.Errorf("%s is pinned without its %s, which could not be had when it was pinned; next: %s", pin.Tag, p.Consumer, next)
}

// ForkTree is the tree to build from: the one that pkg/ and patches/ make or, when somebody is at
// work in it, what is there, unless the checkout is to be Pure.
func ForkTree(ctx context.Context, co *checkout.Checkout, tag string) (*queue.TreeInfo, error) {
	info, err := queue.Tree(ctx, co, tag)
	var busy *queue.InTheWayError
	if co.Pure || !errors.As(err, &busy) || busy.Operation != "" {
		return info, err
	}
	work, describeErr := queue.Describe(ctx, co, tag)
	if describeErr != nil {
		return nil, err
	}
	fmt.Fprintf(co.Err, "building what is there: %s\n", busy.What)
	return work, nil
}

// gomod is a go.mod that gets the consumer's dependencies as its release has them, with the staging
// modules at tag and, when tree is not empty, the pinned module from there.
func gomod(ctx context.Context, co *checkout.Checkout, p *pins.Pins, pin pins.Tag, tree string) ([]byte, error) {
	theirs, err := releasedMod(ctx, co, p.Consumer, pin.Consumer)
	if err != nil {
		return nil, err
	}
	ours := &modfile.File{}
	if err := ours.AddModuleStmt("fork.internal/build"); err != nil {
		return nil, err
	}
	// What the release was built with: the language version and the GODEBUG settings of a program
	// are those of the main module.
	if theirs.Go != nil {
		if err := ours.AddGoStmt(theirs.Go.Version); err != nil {
			return nil, err
		}
	}
	for _, g := range theirs.Godebug {
		if err := ours.AddGodebug(g.Key, g.Value); err != nil {
			return nil, err
		}
	}
	if err := ours.AddRequire(p.Consumer, pin.Consumer); err != nil {
		return nil, err
	}
	for _, r := range theirs.Replace {
		path, version := r.New.Path, r.New.Version
		switch {
		case r.Old.Path == p.Module && tree != "":
			path, version = filepath.ToSlash(tree), ""
		case strings.HasPrefix(r.New.Path, "./staging/"):
			path, version = r.Old.Path, pin.Tag
		}
		if err := ours.AddReplace(r.Old.Path, r.Old.Version, path, version); err != nil {
			return nil, err
		}
	}
	ours.Cleanup()
	return ours.Format()
}

// ConsumerMod is a go.mod that gets the consumer's dependencies as its release has them, and requires the
// pinned module, for somebody to replace.
func ConsumerMod(ctx context.Context, co *checkout.Checkout, p *pins.Pins, pin pins.Tag) ([]byte, error) {
	if err := needConsumer(p, pin); err != nil {
		return nil, err
	}
	data, err := gomod(ctx, co, p, pin, "")
	if err != nil {
		return nil, err
	}
	f, err := modfile.Parse("go.mod", data, nil)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(f.DropReplace(p.Module, ""), f.AddRequire(p.Module, pin.Tag)); err != nil {
		return nil, err
	}
	f.Cleanup()
	return f.Format()
}

// releasedMod is the go.mod of a module's release.
func releasedMod(ctx context.Context, co *checkout.Checkout, module, version string) (*modfile.File, error) {
	cached, err := upstream.Look(ctx, co, module, version)
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(cached.GoMod)
	if err != nil {
		return nil, err
	}
	return modfile.Parse(module+"/go.mod", data, nil)
}

// ldflags makes `kube-apiserver --version`, /version and the startup log say version.
func ldflags(version string) string {
	var flags []string
	major, minor, _ := strings.Cut(strings.TrimPrefix(semver.MajorMinor(version), "v"), ".")
	for _, pkg := range []string{"k8s.io/component-base/version", "k8s.io/client-go/pkg/version"} {
		for _, kv := range [][2]string{{"gitVersion", version}, {"gitMajor", major}, {"gitMinor", minor}} {
			flags = append(flags, fmt.Sprintf("-X %s.%s=%s", pkg, kv[0], kv[1]))
		}
	}
	return strings.Join(flags, " ")
}
