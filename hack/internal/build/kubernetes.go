package build

import (
	"context"
	"fmt"
	"path/filepath"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/pins"
)

// Wanted is which program of the consumer's release is built, and how.
type Wanted struct {
	// Program is a directory below the release's cmd/, such as kube-apiserver; or, with a Package, what the result is
	// called. Required.
	Program string
	// Package is the import path of something else of the release, or of what that depends on, at the version that it
	// does; empty means Program's.
	Package string
	// Test makes the program of the tests of that package, as go test -c does.
	Test bool
	// Variant is the k8s.io/apiserver that it is built with. Required.
	Variant Variant
	// Static is the architecture, as GOARCH, of a Linux program that needs no other file to run and has
	// the same bytes wherever it is built with the same Go; empty means one for this machine, as the go
	// command makes it by default.
	Static string
	// Race is whether it has the race detector. It is then beside the one without.
	Race bool
}

// Built is a program that has been built.
type Built struct {
	// Path is the file, absolute.
	Path string
	// Version is what it says of itself; Release is the release of the consumer that it is.
	Version, Release string
	// Tag is the pinned tag of its k8s.io/apiserver; Revision is the commit of the fork's tree, empty for Upstream.
	Tag, Revision string
}

// VersionMark is in the version of each program with the fork, and in none of upstream's.
const VersionMark = "+deadline."

// Kubernetes builds a program of the release that goes with tag (empty means the newest pinned one). It takes
// the checkout's lock, and treats a tree with work in it as KubeAPIServer says.
func Kubernetes(ctx context.Context, co *checkout.Checkout, tag string, want Wanted) (*Built, error) {
	ctx, unlock, p, err := pins.Lock(ctx, co)
	if err != nil {
		return nil, err
	}
	defer unlock()
	pin, err := p.Lookup(tag)
	if err != nil {
		return nil, err
	}
	if err := needConsumer(p, pin); err != nil {
		return nil, err
	}
	prog := program{
		title:    fmt.Sprintf("%s %s (%s)", want.Program, pin.Consumer, want.Variant),
		pkg:      p.Consumer + "/cmd/" + want.Program,
		dir:      filepath.Join(co.Output(), "build", pin.Tag, string(want.Variant)),
		bin:      filepath.Join(co.Output(), "bin", pin.Tag, string(want.Variant), want.Program),
		identity: "release",
	}
	if want.Package != "" {
		prog.title = fmt.Sprintf("%s for %s (%s)", want.Program, pin.Consumer, want.Variant)
		prog.pkg = want.Package
	}
	prog.test = want.Test
	built := &Built{Version: pin.Consumer, Release: pin.Consumer, Tag: pin.Tag}
	tree := ""
	if want.Variant == Fork {
		info, err := ForkTree(ctx, co, pin.Tag)
		if err != nil {
			return nil, err
		}
		built.Version = fmt.Sprintf("%s%s%d.%.12s", pin.Consumer, VersionMark, info.Patches, info.Head)
		built.Revision, prog.identity = info.Head, info.Head
		if info.Dirty {
			built.Version += "-dirty"
			prog.identity = ""
		}
		if tree, err = filepath.Rel(prog.dir, info.Path); err != nil {
			return nil, err
		}
	}
	if prog.gomod, err = gomod(ctx, co, p, pin, tree); err != nil {
		return nil, err
	}
	prog.ldflags = ldflags(built.Version)
	if want.Race {
		prog.title += " with the race detector"
		prog.bin += "-race"
		prog.args = append(prog.args, "-race")
	}
	if want.Static != "" {
		prog.static(want.Static)
	}
	built.Path, err = prog.make(ctx, co)
	return built, err
}
