package goproxy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/mod/module"
	"golang.org/x/mod/sumdb/dirhash"
	"golang.org/x/mod/zip"
)

// tree is what goes into a module: a tree's files, and the notice. It belongs to one goroutine.
type tree struct {
	files []zip.File // sorted; the notice comes last
	gomod []byte
}

// contents lists the files of the tree in dir; git's own are none of them.
func contents(dir string) (*tree, error) {
	t := &tree{}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if d.Name() == ".git" {
				return fs.SkipDir
			}
			return nil
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		t.files = append(t.files, onDisk{path: filepath.ToSlash(rel), name: name})
		return nil
	})
	if err != nil {
		return nil, err
	}
	t.gomod, err = os.ReadFile(filepath.Join(dir, "go.mod"))
	return t, err
}

// add adds a file that is in no tree, or replaces it.
func (t *tree) add(path string, data []byte) {
	t.files = slices.DeleteFunc(t.files, func(f zip.File) bool { _, ok := f.(inMemory); return ok && f.Path() == path })
	t.files = append(t.files, inMemory{path: path, data: data})
}

// sums are the h1: checksums of the module that the files make, and of its go.mod.
func (t *tree) sums(path, version string) (sum, gomod string, err error) {
	prefix := path + "@" + version + "/"
	names, open := make([]string, len(t.files)), map[string]zip.File{}
	for i, f := range t.files {
		names[i] = prefix + f.Path()
		open[names[i]] = f
	}
	if sum, err = dirhash.Hash1(names, func(name string) (io.ReadCloser, error) { return open[name].Open() }); err != nil {
		return "", "", err
	}
	gomod, err = dirhash.Hash1([]string{"go.mod"}, func(string) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(t.gomod)), nil
	})
	return sum, gomod, err
}

// zip writes m's zip to name, in one step, unless it is there.
func (t *tree) zip(m *Module, name string) error {
	if sum, err := hashZip(name); err == nil && sum == m.Sum {
		return nil
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".fork-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	err = zip.Create(f, module.Version{Path: m.Path, Version: m.Version}, t.files)
	if err := errors.Join(err, f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	// zip.Create leaves out what has no place in a module; then the sum is another.
	if sum, err := hashZip(f.Name()); err != nil || sum != m.Sum {
		return errors.Join(err, fmt.Errorf("%s@%s: the zip hashes to %s, its files to %s: the tree holds files that a module cannot", m.Path, m.Version, sum, m.Sum))
	}
	return os.Rename(f.Name(), name)
}

func hashZip(name string) (string, error) { return dirhash.HashZip(name, dirhash.Hash1) }

// onDisk is a file of a tree.
type onDisk struct{ path, name string }

// Path is the file's place in the module.
func (f onDisk) Path() string { return f.path }

// Lstat describes the file; a symbolic link is not followed.
func (f onDisk) Lstat() (os.FileInfo, error) { return os.Lstat(f.name) }

// Open opens the file.
func (f onDisk) Open() (io.ReadCloser, error) { return os.Open(f.name) }

// inMemory is a file that is in no tree. It is its own os.FileInfo.
type inMemory struct {
	path string
	data []byte
}

// Path is the file's place in the module.
func (f inMemory) Path() string { return f.path }

// Lstat describes the file.
func (f inMemory) Lstat() (os.FileInfo, error) { return f, nil }

// Open opens the file.
func (f inMemory) Open() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(f.data)), nil }

// Name and what follows make it an fs.FileInfo of its own.
func (f inMemory) Name() string       { return filepath.Base(f.path) }
func (f inMemory) Size() int64        { return int64(len(f.data)) }
func (f inMemory) Mode() fs.FileMode  { return 0o644 }
func (f inMemory) ModTime() time.Time { return time.Time{} }
func (f inMemory) IsDir() bool        { return false }
func (f inMemory) Sys() any           { return nil }
