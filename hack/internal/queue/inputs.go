package queue

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"fork.internal/apiserver/hack/internal/series"
)

// scratchPrefix begins the names of files that atomicWrite has not finished.
const scratchPrefix = ".fork-"

// inputs is what a tree is made from, beside the upstream tag: the files of pkg/ and the patches of
// one minor, as they were when they were read. It is not changed after that.
type inputs struct {
	root string // the directory that holds pkg/ and patches/
	// patchRoot is the directory that holds patches/ if that is another one.
	patchRoot string
	minor     string
	// sums maps slash-separated paths below root to the hex SHA-256 of the contents. The minor's list of patches is
	// among them.
	sums map[string]string
	// order is the paths of the patches in the order in which they apply.
	order []string
}

// readInputs reads pkg/ and the patches of minor below root, either of which may be missing.
func readInputs(root, minor string) (inputs, error) {
	in := inputs{root: root, minor: minor, sums: map[string]string{}}
	err := filepath.WalkDir(filepath.Join(root, "pkg"), func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), scratchPrefix) {
			return err
		}
		if !d.Type().IsRegular() {
			return fmt.Errorf("%s is not a regular file: pkg/ is copied verbatim and holds nothing else", name)
		}
		return in.add(name)
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return in, err
	}
	list, err := series.Read(root, minor)
	if err != nil {
		return in, err
	}
	for _, name := range list.Files() {
		if err := in.add(in.file(name)); err != nil {
			return in, err
		}
	}
	for _, e := range list.Entries {
		in.order = append(in.order, path.Join("patches", e.Path))
	}
	return in, nil
}

func (in inputs) add(name string) error {
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	rel, err := filepath.Rel(in.root, name)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(data)
	in.sums[filepath.ToSlash(rel)] = hex.EncodeToString(sum[:])
	return nil
}

// under lists the paths that begin with prefix, sorted.
func (in inputs) under(prefix string) []string {
	var names []string
	for name := range in.sums {
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// pkg lists the files of pkg/, sorted.
func (in inputs) pkg() []string { return in.under("pkg/") }

// patches lists the patches in the order in which they apply.
func (in inputs) patches() []string { return in.order }

func (in inputs) file(name string) string {
	root := in.root
	if in.patchRoot != "" && strings.HasPrefix(name, "patches/") {
		root = in.patchRoot
	}
	return filepath.Join(root, filepath.FromSlash(name))
}

// hash identifies the tree that these inputs make on the release with this checksum. Where a patch is and what its
// file is called has no say.
func (in inputs) hash(tag, sum string) string {
	h := sha256.New()
	fmt.Fprintf(h, "%d\n%s\n%s\n", format, tag, sum)
	for _, name := range in.pkg() {
		fmt.Fprintf(h, "%q %s\n", name, in.sums[name])
	}
	for _, name := range in.order {
		fmt.Fprintf(h, "%s\n", in.sums[name])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// atomicWrite replaces the file's contents in one step, making its directory if need be.
func atomicWrite(name string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), scratchPrefix+"*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

// removeScratch removes what an interrupted atomicWrite has left below pkg/ or patches/.
func removeScratch(root string) error {
	for _, top := range []string{"pkg", "patches"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasPrefix(d.Name(), scratchPrefix) {
				return err
			}
			return os.Remove(name)
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// removeFile removes a file and the directories that it leaves empty, up to root.
func removeFile(root, name string) error {
	if err := os.Remove(filepath.Join(root, filepath.FromSlash(name))); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for dir := path.Dir(name); dir != "pkg" && dir != "patches" && dir != "."; dir = path.Dir(dir) {
		if os.Remove(filepath.Join(root, filepath.FromSlash(dir))) != nil {
			break // not empty
		}
	}
	return nil
}
