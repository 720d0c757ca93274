package conformance

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"fork.internal/apiserver/hack/internal/build"
	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/image"
	"fork.internal/apiserver/hack/internal/nodeimage"
	"fork.internal/apiserver/hack/internal/proc"
)

// registries are those of which images are made here: what the tests' own registry has, and what Kubernetes releases.
// What some tests want of others is not to be had by anybody, and they check that.
var registries = []string{"registry.k8s.io/e2e-test-images", "registry.k8s.io"}

// makeImages makes those of the tests' images that can be made here, by their names.
func (p *programs) makeImages(ctx context.Context, co *checkout.Checkout, dir, arch string) (map[string]v1.Image, error) {
	out, err := proc.Cmd{Args: []string{p.tests, "--list-images"}, Dir: dir, Env: environ(co, dir)}.Output(ctx)
	if err != nil {
		return nil, fmt.Errorf("the tests cannot say which images they want: %w", err)
	}
	agnhost := nodeimage.Agnhost{Program: p.agnhost, Images: p.images, Arch: arch}
	makers := map[string]func() (v1.Image, error){
		"agnhost":  func() (v1.Image, error) { return agnhost.Image(ctx, co) },
		"kitten":   func() (v1.Image, error) { return agnhost.Website(ctx, co, "kitten") },
		"nautilus": func() (v1.Image, error) { return agnhost.Website(ctx, co, "nautilus") },
		"busybox":  func() (v1.Image, error) { return nodeimage.Busybox(ctx, co, arch) },
		"nonewprivs": func() (v1.Image, error) {
			return image.Program{Name: "nnp", Path: p.nonewprivs, Arch: arch, Setuid: true, Fast: true}.Image()
		},
		"sample-apiserver": func() (v1.Image, error) {
			file, err := build.SampleAPIServer(ctx, co, p.tag, build.Upstream, arch)
			return program("sample-apiserver", file, arch, err)
		},
		"etcd": func() (v1.Image, error) {
			file, err := build.StaticEtcd(ctx, co, arch)
			return program("etcd", file, arch, err)
		},
		"pause": func() (v1.Image, error) {
			file, err := build.OwnFor(ctx, co, "hack/pause", arch)
			return program("pause", file, arch, err)
		},
	}
	made := map[string]v1.Image{}
	all := map[string]v1.Image{}
	for _, name := range strings.Fields(out) {
		repository, _, _ := strings.Cut(name, ":")
		registry, base := path.Dir(repository), path.Base(repository)
		maker := makers[base]
		if maker == nil || !slices.Contains(registries, registry) {
			continue
		}
		if made[base] == nil {
			if made[base], err = maker(); err != nil {
				return nil, fmt.Errorf("the image %s: %w", name, err)
			}
		}
		all[name] = made[base]
	}
	if len(made) == 0 {
		return nil, fmt.Errorf("the tests name no image that is known; next: see %s --list-images", co.Rel(p.tests))
	}
	return all, nil
}

func program(name, file, arch string, err error) (v1.Image, error) {
	if err != nil {
		return nil, err
	}
	return image.Program{Name: name, Path: file, Arch: arch, Fast: true}.Image()
}
