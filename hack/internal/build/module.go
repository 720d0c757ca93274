package build

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"golang.org/x/mod/modfile"

	"fork.internal/apiserver/hack/internal/checkout"
)

// toolGo is the language version of the generated go.mod of a program of somebody else's; its own is at most this.
const toolGo = "1.26.0"

// Module is a program that is built as its own release has it. The Go checksum database vouches for it.
type Module struct {
	// Path and Version are those of the module. Required.
	Path, Version string
	// Package is the directory of the main package in it; empty means the module's root.
	Package string
	// Name is the program's; empty means the last element of Package.
	Name string
	// Tags are build tags, separated by commas.
	Tags string
	// Static is what Wanted has under that name.
	Static string
}

// Release builds a program and returns its path. It takes the checkout's lock.
func Release(ctx context.Context, co *checkout.Checkout, m Module) (path string, err error) {
	ctx, unlock, err := co.Lock(ctx)
	if err != nil {
		return "", err
	}
	defer unlock()
	mod := &modfile.File{}
	if err := errors.Join(mod.AddModuleStmt("fork.internal/build"), mod.AddGoStmt(toolGo), mod.AddRequire(m.Path, m.Version)); err != nil {
		return "", err
	}
	data, err := mod.Format()
	if err != nil {
		return "", err
	}
	if m.Name == "" {
		m.Name = filepath.Base(m.Package)
	}
	dir := m.Name + "-" + m.Version
	p := program{
		title:    m.Name + " " + m.Version,
		pkg:      strings.TrimSuffix(m.Path+"/"+m.Package, "/"),
		dir:      filepath.Join(co.Output(), "build", dir),
		gomod:    data,
		bin:      filepath.Join(co.Output(), "bin", dir, m.Name),
		identity: "release",
	}
	if m.Tags != "" {
		p.args = append(p.args, "-tags", m.Tags)
	}
	if m.Static != "" {
		p.static(m.Static)
	}
	if path, err = p.make(ctx, co); err != nil {
		return "", fmt.Errorf("%s: %w", m.Path, err)
	}
	return path, nil
}
