package image

import (
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// SearchPath is the variable of an environment that says where a command is looked for that is given without its
// directory, as kubeadm's manifests do.
const SearchPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Program is a program that is to be all of an image, but for an empty /tmp.
type Program struct {
	// Name is what it is called in /usr/local/bin, Path the file on this machine, Arch its GOARCH. Required.
	Name, Path, Arch string
	Labels           map[string]string
	// Setuid has it run as root, whoever runs it.
	Setuid bool
	// LowPorts is File's.
	LowPorts bool
	// Entrypoint is what starts a container that does not say what it runs; by default the program.
	Entrypoint []string
	// Below are layers that it needs, the lowest first.
	Below []v1.Layer
	// Fast is Layer's.
	Fast bool
}

// Image makes the image.
func (p Program) Image() (v1.Image, error) {
	mode := os.FileMode(0o755)
	if p.Setuid {
		mode |= os.ModeSetuid
	}
	layer, err := Layer([]File{
		{Name: "tmp", Mode: os.ModeDir | os.ModeSticky | 0o777},
		{Name: "usr/local/bin/" + p.Name, Mode: mode, From: p.Path, LowPorts: p.LowPorts},
	}, p.Fast)
	if err != nil {
		return nil, err
	}
	entrypoint := p.Entrypoint
	if len(entrypoint) == 0 {
		entrypoint = []string{"/usr/local/bin/" + p.Name}
	}
	config := Config{Arch: p.Arch, Entrypoint: entrypoint, Env: []string{SearchPath}, Labels: p.Labels}
	return New(config, append(p.Below[:len(p.Below):len(p.Below)], layer)...)
}
