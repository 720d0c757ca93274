package nodeimage

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/image"
)

// busyboxRoot is a shell and what goes with it, in one file.
var busyboxRoot = root{name: "busybox", packages: []string{"busybox-static"}, args: []string{"--variant=extract"}}

// applets are the programs that busybox is here.
var applets = []string{"sh", "cat", "echo", "httpd", "seq", "sleep", "true", "wget"}

// Busybox makes an image of Debian's busybox, for pods to be tried with.
func Busybox(ctx context.Context, co *checkout.Checkout, arch string) (v1.Image, error) {
	debian, err := busyboxRoot.make(ctx, co)
	if err != nil {
		return nil, err
	}
	program, err := fromTar(debian, "busybox")
	if err != nil {
		return nil, err
	}
	files := []image.File{{Name: "bin/busybox", Mode: 0o755, Data: program}, {Name: "tmp", Mode: os.ModeDir | os.ModeSticky | 0o777}}
	for _, name := range applets {
		files = append(files, image.File{Name: "bin/" + name, Link: "busybox"})
	}
	layer, err := image.Layer(files, true)
	if err != nil {
		return nil, err
	}
	return image.New(image.Config{Arch: arch, Env: []string{"PATH=/bin"}, Entrypoint: []string{"/bin/sh"}}, layer)
}

// fromTar is the content of the regular file of that base name in a tar.
func fromTar(archive, base string) ([]byte, error) {
	f, err := os.Open(archive)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for r := tar.NewReader(f); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%s has no %s; next: remove it, and try again", archive, base)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w; next: remove it, and try again", archive, err)
		}
		if header.Typeflag == tar.TypeReg && path.Base(header.Name) == base {
			return io.ReadAll(r)
		}
	}
}
