package image

import (
	"context"
	"debug/buildinfo"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"fork.internal/apiserver/hack/internal/build"
	"fork.internal/apiserver/hack/internal/checkout"
)

// Architectures are those that an image can be made for.
var Architectures = []string{"amd64", "arm64"}

// labelled begins the labels that are the fork's own.
const labelled = "internal.fork.apiserver."

// Image is an image of kube-apiserver in two archives.
type Image struct {
	// Name is what the image is called in both. By default it is the name of the released one in kubeadm's list.
	Name string `json:"name"`
	Arch string `json:"arch"`
	// Version is what kube-apiserver says of itself, Release the release that it takes the place of.
	Version string `json:"version"`
	Release string `json:"release"`
	// Revision is the commit of the tree that it was built from; empty for an unmodified one.
	Revision string `json:"revision,omitempty"`
	// Digest is that of the image's manifest, ID that of its configuration, which engines show.
	Digest string `json:"digest"`
	ID     string `json:"id"`
	// Docker and OCI are the archives, absolute.
	Docker string `json:"docker"`
	OCI    string `json:"oci"`
}

// CheckArch says which architectures there are if arch is none of them.
func CheckArch(arch string) error {
	if slices.Contains(Architectures, arch) {
		return nil
	}
	return fmt.Errorf("no image is made for the architecture %q; next: ARCH=%s", arch, strings.Join(Architectures, " or ARCH="))
}

// CheckName says what is wrong with the name for an image. A name is needed with its tag: engines take another than is
// meant for one without.
func CheckName(image string) error {
	if _, err := name.NewTag(image, name.StrictValidation); err != nil {
		return fmt.Errorf("no image can be called %q; next: a repository and a tag, such as NAME=registry.example/kube-apiserver:v1.37.2-deadline.18: %w", image, err)
	}
	return nil
}

// KubeAPIServer builds kube-apiserver, as build.Kubernetes does, and makes its image for arch, below _output/image, with
// all that the released one has, and by a Go that is no older unless GOTOOLCHAIN says which. It is called image, or as the
// released one if that is empty.
func KubeAPIServer(ctx context.Context, co *checkout.Checkout, tag, arch, image string, variant build.Variant) (*Image, error) {
	if err := CheckArch(arch); err != nil {
		return nil, err
	}
	if image != "" {
		if err := CheckName(image); err != nil {
			return nil, err
		}
	}
	ctx, unlock, err := co.Lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if co, err = build.WithReleasesGo(ctx, co, tag); err != nil {
		return nil, err
	}
	built, err := build.Kubernetes(ctx, co, tag, build.Wanted{Program: "kube-apiserver", Variant: variant, Static: arch})
	if err != nil {
		return nil, err
	}
	info, err := buildinfo.ReadFile(built.Path)
	if err != nil {
		return nil, err
	}
	labels := map[string]string{
		"org.opencontainers.image.title":       "kube-apiserver",
		"org.opencontainers.image.version":     built.Version,
		"org.opencontainers.image.licenses":    "Apache-2.0",
		"org.opencontainers.image.description": fmt.Sprintf("kube-apiserver %s with k8s.io/apiserver %s, %s", built.Release, built.Tag, variant),
		labelled + "variant":                   string(variant),
		labelled + "kubernetes":                built.Release,
		labelled + "tag":                       built.Tag,
		labelled + "go":                        info.GoVersion,
	}
	if built.Revision != "" {
		labels["org.opencontainers.image.revision"] = built.Revision
	}
	base, err := released(ctx, co, tag, arch, variant)
	if err != nil {
		return nil, err
	}
	img, err := Program{
		Name: "kube-apiserver", Path: built.Path, Arch: arch, Labels: labels,
		LowPorts: true, Entrypoint: []string{"/" + entrypoint}, Below: []v1.Layer{base},
	}.Image()
	if err != nil {
		return nil, err
	}
	if image == "" {
		image = Name("kube-apiserver", built.Release)
	}
	made := &Image{Name: image, Arch: arch, Version: built.Version, Release: built.Release, Revision: built.Revision}
	dir := filepath.Join(co.Output(), "image", built.Tag)
	if variant != build.Fork {
		dir = filepath.Join(dir, string(variant))
	}
	return made, made.write(dir, img)
}

// Name is how kubeadm's list names a program of a release.
func Name(program, release string) string { return "registry.k8s.io/" + program + ":" + release }

func (i *Image) write(dir string, img v1.Image) error {
	digest, err := img.Digest()
	if err != nil {
		return err
	}
	id, err := img.ConfigName()
	if err != nil {
		return err
	}
	i.Digest, i.ID = digest.String(), id.String()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	base := filepath.Join(dir, fmt.Sprintf("kube-apiserver-%s-%s", i.Release, i.Arch))
	i.Docker, i.OCI = base+".docker.tar", base+".oci.tar"
	if err := WriteDocker(i.Docker, i.Name, img); err != nil {
		return err
	}
	return WriteOCI(i.OCI, i.Name, img)
}
