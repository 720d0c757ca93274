package nodeimage

import (
	"context"
	_ "embed"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/image"
)

//go:embed agnhost.sh
var agnhostUsers string

// agnhostRoot is what the image of agnhost has beside agnhost; upstream's has Alpine's packages of these.
var agnhostRoot = root{
	name:     "agnhost",
	packages: []string{"bash", "bind9-dnsutils", "curl", "iperf", "iproute2", "iputils-ping", "netcat-openbsd", "procps", "socat", "util-linux"},
	args:     []string{"--variant=essential"},
	hook:     agnhostUsers,
}

// Agnhost makes the image that most of upstream's end-to-end tests use, of its program and the directory that upstream
// has it in, but for what its fake registry serves.
func Agnhost(ctx context.Context, co *checkout.Checkout, program, source, arch string) (v1.Image, error) {
	debian, err := agnhostRoot.layer(ctx, co)
	if err != nil {
		return nil, err
	}
	own, err := image.Layer([]image.File{
		{Name: "agnhost", Mode: 0o755, From: program},
		{Name: "agnhost-2", Link: "agnhost"},
		{Name: "localhost.crt", Mode: 0o644, From: filepath.Join(source, "porter", "localhost.crt")},
		{Name: "localhost.key", Mode: 0o644, From: filepath.Join(source, "porter", "localhost.key")},
		{Name: "uploads", Mode: os.ModeDir | 0o755},
	}, true)
	if err != nil {
		return nil, err
	}
	return image.New(image.Config{Arch: arch, Env: []string{image.SearchPath}, Entrypoint: []string{"/agnhost"}, Cmd: []string{"pause"}}, debian, own)
}
