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

// Agnhost is what most of upstream's end-to-end tests run in pods.
type Agnhost struct {
	// Program is agnhost, Images the directory that upstream has the sources of its test images in, Arch a GOARCH.
	Program, Images, Arch string
}

// Image makes the image of agnhost, but for what its fake registry serves.
func (a Agnhost) Image(ctx context.Context, co *checkout.Checkout) (v1.Image, error) {
	return a.image(ctx, co, "pause")
}

// Website makes one of those that are agnhost with a page of that name, such as nautilus, to be served.
func (a Agnhost) Website(ctx context.Context, co *checkout.Checkout, name string) (v1.Image, error) {
	html := filepath.Join(a.Images, name, "html")
	return a.image(ctx, co, "test-webserver",
		image.File{Name: name + ".jpg", Mode: 0o644, From: filepath.Join(html, name+".jpg")},
		image.File{Name: "data.json", Mode: 0o644, From: filepath.Join(html, "data.json")})
}

func (a Agnhost) image(ctx context.Context, co *checkout.Checkout, command string, files ...image.File) (v1.Image, error) {
	debian, err := agnhostRoot.layer(ctx, co)
	if err != nil {
		return nil, err
	}
	porter := filepath.Join(a.Images, "agnhost", "porter")
	own, err := image.Layer(append([]image.File{
		{Name: "agnhost", Mode: 0o755, From: a.Program},
		{Name: "agnhost-2", Link: "agnhost"},
		{Name: "localhost.crt", Mode: 0o644, From: filepath.Join(porter, "localhost.crt")},
		{Name: "localhost.key", Mode: 0o644, From: filepath.Join(porter, "localhost.key")},
		{Name: "uploads", Mode: os.ModeDir | 0o755},
	}, files...), true)
	if err != nil {
		return nil, err
	}
	return image.New(image.Config{Arch: a.Arch, Env: []string{image.SearchPath}, Entrypoint: []string{"/agnhost"}, Cmd: []string{command}}, debian, own)
}
