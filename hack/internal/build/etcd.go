package build

import (
	"context"
	"errors"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/pins"
)

// etcdModule is etcd's server; its root is the main package.
const etcdModule = "go.etcd.io/etcd/server/v3"

// Etcd builds the pinned etcd and returns its path. It takes the checkout's lock.
func Etcd(ctx context.Context, co *checkout.Checkout) (path string, err error) {
	return etcd(ctx, co, "")
}

// StaticEtcd is Etcd for an image, for arch.
func StaticEtcd(ctx context.Context, co *checkout.Checkout, arch string) (path string, err error) {
	return etcd(ctx, co, arch)
}

func etcd(ctx context.Context, co *checkout.Checkout, static string) (string, error) {
	ctx, unlock, p, err := pins.Lock(ctx, co)
	if err != nil {
		return "", err
	}
	defer unlock()
	if p.Etcd == "" {
		return "", errors.New(`patches/pins.json names no "etcd"`)
	}
	return Release(ctx, co, Module{Path: etcdModule, Version: p.Etcd, Name: "etcd", Static: static})
}
