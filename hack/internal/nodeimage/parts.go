package nodeimage

import (
	"context"
	"fmt"
	"path"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"fork.internal/apiserver/hack/internal/build"
	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/image"
	"fork.internal/apiserver/hack/internal/proc"
)

// What a node has beside Kubernetes. Any containerd 2 does for all pinned minors; kind's files are those of the
// kind that makes the cluster.
const (
	kindModule  = "sigs.k8s.io/kind"
	kindVersion = "v0.33.0"

	containerdModule  = "github.com/containerd/containerd/v2"
	containerdVersion = "v2.4.2"

	criToolsModule  = "sigs.k8s.io/cri-tools"
	criToolsVersion = "v1.37.0"

	cniModule  = "github.com/containernetworking/plugins"
	cniVersion = "v1.10.0"

	corednsModule = "github.com/coredns/coredns"
)

// Kind builds kind and returns its path.
func Kind(ctx context.Context, co *checkout.Checkout) (string, error) {
	return build.Release(ctx, co, build.Module{Path: kindModule, Version: kindVersion, Name: "kind"})
}

// installed are the programs of a node, and the directories that they are in.
func installed(ctx context.Context, co *checkout.Checkout, tag, arch string) ([]image.File, error) {
	var files []image.File
	add := func(dir, path string, err error) error {
		files = append(files, image.File{Name: dir + "/" + filepath.Base(path), Mode: 0o755, From: path})
		return err
	}
	for _, name := range []string{"kubelet", "kubeadm", "kubectl"} {
		b, err := build.Kubernetes(ctx, co, tag, build.Wanted{Program: name, Variant: build.Upstream, Static: arch})
		if err != nil {
			return nil, err
		}
		files = append(files, image.File{Name: "usr/bin/" + name, Mode: 0o755, From: b.Path})
	}
	for _, m := range []struct {
		dir string
		build.Module
	}{
		{"usr/local/bin", build.Module{Path: containerdModule, Version: containerdVersion, Package: "cmd/containerd"}},
		{"usr/local/bin", build.Module{Path: containerdModule, Version: containerdVersion, Package: "cmd/containerd-shim-runc-v2"}},
		{"usr/local/bin", build.Module{Path: containerdModule, Version: containerdVersion, Package: "cmd/ctr"}},
		{"usr/local/bin", build.Module{Path: criToolsModule, Version: criToolsVersion, Package: "cmd/crictl"}},
		{"opt/cni/bin", build.Module{Path: cniModule, Version: cniVersion, Package: "plugins/ipam/host-local"}},
		{"opt/cni/bin", build.Module{Path: cniModule, Version: cniVersion, Package: "plugins/main/loopback"}},
		{"opt/cni/bin", build.Module{Path: cniModule, Version: cniVersion, Package: "plugins/main/ptp"}},
		{"opt/cni/bin", build.Module{Path: cniModule, Version: cniVersion, Package: "plugins/meta/portmap"}},
	} {
		m.Static = arch
		if m.Path == containerdModule {
			m.Tags = "no_btrfs,no_zfs,no_aufs,no_devmapper"
		}
		built, err := build.Release(ctx, co, m.Module)
		if err := add(m.dir, built, err); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// named is an image and its name.
type named struct {
	name string
	img  v1.Image
}

// images are those of kubeadm's list, for a release.
func images(ctx context.Context, co *checkout.Checkout, tag, release, arch, kubeadm string) ([]named, error) {
	out, err := proc.Cmd{Args: []string{kubeadm, "config", "images", "list", "--kubernetes-version", release}, Env: co.Environ()}.Output(ctx)
	if err != nil {
		return nil, err
	}
	var all []named
	for _, name := range strings.Fields(out) {
		repository, version, _ := strings.Cut(name, ":")
		img, err := imageOf(ctx, co, tag, path.Base(repository), version, arch)
		if err != nil {
			return nil, fmt.Errorf("the image %s: %w", name, err)
		}
		all = append(all, named{name, img})
	}
	return all, nil
}

func imageOf(ctx context.Context, co *checkout.Checkout, tag, program, version, arch string) (v1.Image, error) {
	var file string
	var err error
	switch program {
	case "pause":
		file, err = build.OwnFor(ctx, co, "hack/pause", arch)
	case "etcd":
		file, err = build.StaticEtcd(ctx, co, arch)
	case "coredns":
		file, err = build.Release(ctx, co, build.Module{Path: corednsModule, Version: version, Name: program, Static: arch})
	default:
		var b *build.Built
		if b, err = build.Kubernetes(ctx, co, tag, build.Wanted{Program: program, Variant: build.Upstream, Static: arch}); b != nil {
			file = b.Path
		}
	}
	if err != nil {
		return nil, err
	}
	p := image.Program{Name: program, Path: file, Arch: arch, Fast: true}
	if program == "kube-proxy" {
		if p.Below, err = nft(ctx, co); err != nil {
			return nil, err
		}
	}
	return p.Image()
}

// nft is the program by which kube-proxy does its work.
func nft(ctx context.Context, co *checkout.Checkout) ([]v1.Layer, error) {
	layer, err := proxyRoot.layer(ctx, co)
	return []v1.Layer{layer}, err
}
