package image

import (
	"archive/tar"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// WriteDocker writes an archive in the form of `docker save`, which docker load, kind and containerd take. What
// was in its place is replaced when all of it is written.
func WriteDocker(file, ref string, img v1.Image) error {
	return WriteDockerAll(file, map[string]v1.Image{ref: img})
}

// WriteDockerAll is WriteDocker for several images by their names. What is in more than one is written once.
func WriteDockerAll(file string, images map[string]v1.Image) error {
	tags := map[name.Tag]v1.Image{}
	for ref, img := range images {
		tag, err := name.NewTag(ref, name.StrictValidation)
		if err != nil {
			return err
		}
		tags[tag] = img
	}
	return replace(file, func(f *os.File) error { return tarball.MultiWrite(tags, f) })
}

// WriteOCI writes an archive of an OCI layout, whose index names the image as containerd and others look for it. What
// was in its place is replaced when all of it is written.
func WriteOCI(file, ref string, img v1.Image) (err error) {
	tag, err := name.NewTag(ref, name.StrictValidation)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(filepath.Dir(file), "oci-*.new")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	l, err := layout.Write(dir, empty.Index)
	if err != nil {
		return err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return err
	}
	if err := l.AppendImage(img, layout.WithPlatform(*config.Platform()), layout.WithAnnotations(map[string]string{
		"io.containerd.image.name":          ref,
		"org.opencontainers.image.ref.name": tag.TagStr(),
	})); err != nil {
		return err
	}
	return replace(file, func(f *os.File) error { return writeDir(f, dir) })
}

// writeDir writes the files below dir in the order of their names.
func writeDir(f *os.File, dir string) error {
	tw := tar.NewWriter(f)
	if err := filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil || file == dir {
			return err
		}
		name, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return writeFile(tw, File{Name: filepath.ToSlash(name), Mode: os.ModeDir | 0o755})
		}
		return writeFile(tw, File{Name: filepath.ToSlash(name), Mode: 0o644, From: file})
	}); err != nil {
		return err
	}
	return tw.Close()
}

func replace(file string, write func(*os.File) error) (err error) {
	f, err := os.Create(file + ".new")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if err := errors.Join(write(f), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), file)
}
