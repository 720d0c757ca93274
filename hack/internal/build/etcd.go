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

// etcdModule is etcd's server; its root is the main package.
const etcdModule = "go.etcd.io/etcd/server/v3"

// etcdGo is the language version of the generated go.mod; etcd's own is at most this.
const etcdGo = "1.26.0"

// Etcd builds the pinned etcd and returns its path. It takes the checkout's lock.
func Etcd(ctx context.Context, co *checkout.Checkout) (path string, err error) {
	ctx, unlock, err := co.Lock(ctx)
	if err != nil {
		return "", err
	}
	defer unlock()
	p, err := pins.Load(co.Pins())
	if err != nil {
		return "", err
	}
	if p.Etcd == "" {
		return "", errors.New(`patches/pins.json names no "etcd"`)
	}
	mod := &modfile.File{}
	if err := errors.Join(mod.AddModuleStmt("fork.internal/build"), mod.AddGoStmt(etcdGo), mod.AddRequire(etcdModule, p.Etcd)); err != nil {
		return "", err
	}
	data, err := mod.Format()
	if err != nil {
		return "", err
	}
	name := "etcd-" + p.Etcd
	return program{
		title:    fmt.Sprintf("etcd %s", p.Etcd),
		pkg:      etcdModule,
		dir:      filepath.Join(co.Output(), "build", name),
		gomod:    data,
		bin:      filepath.Join(co.Output(), "bin", name, "etcd"),
		identity: "release",
	}.make(ctx, co)
}
