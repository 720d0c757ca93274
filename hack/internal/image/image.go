// Package image makes container images of programs, and writes them as archives. No
// engine and no registry has a part in it, and the same programs make the same digest everywhere.
package image

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"time"

	"github.com/google/go-containerregistry/pkg/compression"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// File is a file, a link or a directory of an image. All belong to root, and none has a time.
type File struct {
	// Name is the path in the image, without a leading slash. Required.
	Name string
	// Mode is the permissions, with os.ModeDir for a directory, os.ModeSticky and os.ModeSetuid.
	Mode os.FileMode
	// From is the file on this machine that has the content; empty means that Data is the content.
	From string
	Data []byte
	// Link makes this a symbolic link to what it says; From and Data are not used then.
	Link string
	// LowPorts has the program listen on ports below 1024, whoever runs it (capabilities(7), CAP_NET_BIND_SERVICE).
	LowPorts bool
}

// netBindService is the value of security.capability for that: revision 2, with the effective bit; then the permitted
// and the inheritable capabilities, of which it is the tenth permitted one (capget(2), struct vfs_cap_data).
const netBindService = "\x01\x00\x00\x02" + "\x00\x04\x00\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x00"

// Config is what an image is beside its layers.
type Config struct {
	// Arch is the architecture, as GOARCH. Required.
	Arch string
	// Entrypoint, Cmd, Env and StopSignal are what containers are started with unless they say otherwise.
	Entrypoint, Cmd []string
	Env             []string
	StopSignal      string
	// Labels are put into the image's configuration and, as annotations, into its manifest.
	Labels map[string]string
}

// New makes an image of layers, the lowest first.
func New(c Config, layers ...v1.Layer) (v1.Image, error) {
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	img, err := mutate.AppendLayers(img, layers...)
	if err != nil {
		return nil, err
	}
	file, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	file = file.DeepCopy()
	file.OS, file.Architecture = "linux", c.Arch
	file.Created = v1.Time{Time: time.Unix(0, 0).UTC()}
	file.History = nil
	file.Config = v1.Config{Entrypoint: c.Entrypoint, Cmd: c.Cmd, Env: c.Env, StopSignal: c.StopSignal, Labels: c.Labels}
	if img, err = mutate.ConfigFile(img, file); err != nil || len(c.Labels) == 0 {
		return img, err
	}
	annotated, ok := mutate.Annotations(img, c.Labels).(v1.Image)
	if !ok {
		return nil, errors.New("an image with annotations is no image")
	}
	return annotated, nil
}

// Layer makes a layer of files, in their order; directories above them need not be named. With fast it is
// stored as it is, for images that do not leave this machine.
func Layer(files []File, fast bool) (v1.Layer, error) {
	return LayerOf(func() (io.ReadCloser, error) {
		r, w := io.Pipe()
		go func() { w.CloseWithError(writeFiles(w, files)) }()
		return r, nil
	}, fast)
}

// LayerOf makes a layer of a tar stream, which is opened more than once.
func LayerOf(open func() (io.ReadCloser, error), fast bool) (v1.Layer, error) {
	options := []tarball.LayerOption{tarball.WithMediaType(types.OCILayer), tarball.WithCompressedCaching}
	if fast {
		options = []tarball.LayerOption{tarball.WithMediaType(types.OCIUncompressedLayer), tarball.WithCompression(compression.None)}
	}
	return tarball.LayerFromOpener(open, options...)
}

func writeFiles(w io.Writer, files []File) error {
	tw := tar.NewWriter(w)
	made := map[string]bool{".": true, "/": true}
	for _, f := range files {
		if err := makeAbove(tw, path.Dir(f.Name), made); err != nil {
			return err
		}
		if err := writeFile(tw, f); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
		made[f.Name] = f.Mode.IsDir()
	}
	return tw.Close()
}

// makeAbove makes a directory and those above it, once.
func makeAbove(tw *tar.Writer, dir string, made map[string]bool) error {
	if made[dir] {
		return nil
	}
	made[dir] = true
	if err := makeAbove(tw, path.Dir(dir), made); err != nil {
		return err
	}
	return writeFile(tw, File{Name: dir, Mode: os.ModeDir | 0o755})
}

func writeFile(tw *tar.Writer, f File) error {
	h := &tar.Header{Typeflag: tar.TypeReg, Name: f.Name, Mode: int64(f.Mode.Perm()), Size: int64(len(f.Data)), Format: tar.FormatPAX}
	if f.Mode&os.ModeSticky != 0 {
		h.Mode |= 0o1000
	}
	if f.Mode&os.ModeSetuid != 0 {
		h.Mode |= 0o4000
	}
	if f.LowPorts {
		h.PAXRecords = map[string]string{"SCHILY.xattr.security.capability": netBindService}
	}
	switch {
	case f.Mode.IsDir():
		h.Typeflag, h.Name, h.Size = tar.TypeDir, f.Name+"/", 0
	case f.Link != "":
		h.Typeflag, h.Linkname, h.Mode, h.Size = tar.TypeSymlink, f.Link, 0o777, 0
	case f.From != "":
		return copyFile(tw, h, f.From)
	}
	if err := tw.WriteHeader(h); err != nil || h.Size == 0 {
		return err
	}
	_, err := tw.Write(f.Data)
	return err
}

func copyFile(tw *tar.Writer, h *tar.Header, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	h.Size = info.Size()
	if err := tw.WriteHeader(h); err != nil {
		return err
	}
	_, err = io.Copy(tw, in)
	return err
}
