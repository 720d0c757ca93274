package nodeimage

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/image"
	"fork.internal/apiserver/hack/internal/proc"
)

// busyboxRoot is a shell and what goes with it, each in one file.
var busyboxRoot = root{name: "busybox", packages: []string{"busybox-static", "bash-static"}, args: []string{"--variant=extract"}}

// users of an image, as those that upstream's tests use have them.
const (
	passwd = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/home:/bin/false\n"
	groups = "root:x:0:\nnobody:x:65534:\n"
)

// Busybox makes an image of Debian's busybox, with all that it can be, and bash as its shell, for pods to be tried with.
func Busybox(ctx context.Context, co *checkout.Checkout, arch string) (v1.Image, error) {
	debian, err := busyboxRoot.make(ctx, co)
	if err != nil {
		return nil, err
	}
	program, err := fromTar(debian, "busybox")
	if err != nil {
		return nil, err
	}
	// Debian's busybox as a shell drops variables of which the name is none for a shell. Pods may have such, and upstream's
	// tests look for them.
	shell, err := fromTar(debian, "bash-static")
	if err != nil {
		return nil, err
	}
	applets, err := list(ctx, co, program)
	if err != nil {
		return nil, err
	}
	files := []image.File{
		{Name: "bin/busybox", Mode: 0o755, Data: program},
		{Name: "bin/sh", Mode: 0o755, Data: shell},
		{Name: "etc/passwd", Mode: 0o644, Data: []byte(passwd)},
		{Name: "etc/group", Mode: 0o644, Data: []byte(groups)},
		{Name: "root", Mode: os.ModeDir | 0o700},
		{Name: "home", Mode: os.ModeDir | 0o755},
		{Name: "tmp", Mode: os.ModeDir | os.ModeSticky | 0o777},
	}
	for _, name := range applets {
		if name != "busybox" && name != "sh" {
			files = append(files, image.File{Name: "bin/" + name, Link: "busybox"})
		}
	}
	layer, err := image.Layer(files, true)
	if err != nil {
		return nil, err
	}
	return image.New(image.Config{Arch: arch, Env: []string{"PATH=/bin"}, Cmd: []string{"sh"}}, layer)
}

// list is what busybox can be.
func list(ctx context.Context, co *checkout.Checkout, busybox []byte) ([]string, error) {
	dir, err := os.MkdirTemp("", "fork-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "busybox")
	if err := os.WriteFile(program, busybox, 0o755); err != nil {
		return nil, err
	}
	out, err := proc.Cmd{Args: []string{program, "--list"}, Env: co.Environ()}.Output(ctx)
	return strings.Fields(out), err
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
