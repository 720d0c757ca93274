// Package goproxy makes Go modules of trees, in a directory that the go command takes as a GOPROXY.
package goproxy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/git"
	"fork.internal/apiserver/hack/internal/gosum"
	"fork.internal/apiserver/hack/internal/pins"
	"fork.internal/apiserver/hack/internal/queue"
)

// Module is a module that Make has made.
type Module struct {
	Path    string `json:"path"`
	Tag     string `json:"tag"`
	Version string `json:"version"`
	// Sum and GoModSum are what go.sum says of it.
	Sum      string `json:"sum"`
	GoModSum string `json:"goModSum"`
	// Proxy is the directory, absolute, that holds it; URL the same for GOPROXY.
	Proxy string `json:"proxy"`
	URL   string `json:"url"`
	// Zip is the module's file, absolute.
	Zip string `json:"zip"`
	// New says that the ledger did not have it.
	New bool `json:"new"`
}

// Sums are the module's lines of go.sum.
func (m *Module) Sums() gosum.Sums {
	return gosum.Sums{Path: m.Path, Version: m.Version, Zip: m.Sum, GoMod: m.GoModSum}
}

// Dir is the directory of a checkout's modules.
func Dir(co *checkout.Checkout) string { return filepath.Join(co.Output(), "module") }

// Ledger is the file, in the form of go.sum, of every version that has been given to a module. A
// version that it lists is never given to other bytes.
func Ledger(co *checkout.Checkout) string {
	return filepath.Join(filepath.Dir(co.Pins()), "modules.sum")
}

// infix stands between the tag and the number in a version.
const infix = "-deadline."

// IsVersion reports whether version is one that this package gives.
func IsVersion(version string) bool { return strings.Contains(version, infix) }

// Make makes the module of tag, or of the newest pinned tag, from pkg/ and patches/, and enters it
// in the ledger. Its version is the newest that the ledger has for the tag if that is of the same
// bytes, and the next otherwise. A tree that holds anything else is a *queue.InTheWayError. It takes
// the checkout's lock. Cut off at any point, it has only to be repeated.
func Make(ctx context.Context, co *checkout.Checkout, tag string) (*Module, error) {
	return run(ctx, co, tag, true)
}

// Plan says what Make would make, and writes nothing but the tree.
func Plan(ctx context.Context, co *checkout.Checkout, tag string) (*Module, error) {
	return run(ctx, co, tag, false)
}

func run(ctx context.Context, co *checkout.Checkout, tag string, write bool) (*Module, error) {
	ctx, unlock, p, err := pins.Lock(ctx, co)
	if err != nil {
		return nil, err
	}
	defer unlock()
	tree, changes, err := queue.TreeChanges(ctx, co, tag)
	if err != nil {
		return nil, err
	}
	ledger, err := os.ReadFile(Ledger(co))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	m := &Module{Path: p.Module, Tag: tree.Tag, Proxy: Dir(co), URL: "file://" + filepath.ToSlash(Dir(co))}
	files, err := contents(tree.Path)
	if err != nil {
		return nil, err
	}
	for n := newest(string(ledger), m.Path, m.Tag); ; n++ {
		m.Version = fmt.Sprintf("%s%s%d", m.Tag, infix, n)
		files.notice(m, changes)
		if m.Sum, m.GoModSum, err = files.sums(m.Path, m.Version); err != nil {
			return nil, err
		}
		known := gosum.Find(string(ledger), m.Path, m.Version)
		m.New = known.Zip == ""
		if known.Zip == m.Sum {
			break
		}
		// A number that the ledger has lost may still be in use where its module went.
		taken, err := m.taken()
		if err != nil {
			return nil, err
		}
		if m.New && !taken {
			break
		}
	}
	base, err := m.base()
	if err != nil {
		return nil, err
	}
	m.Zip = base + ".zip"
	if !write {
		return m, nil
	}
	// The ledger comes first: a version that is out is on record.
	if m.New {
		if err := replaceFile(Ledger(co), []byte(gosum.Add(string(ledger), m.Sums()))); err != nil {
			return nil, err
		}
	}
	return m, m.write(files)
}

// newest is the largest number that the ledger has for tag, or 1.
func newest(ledger, path, tag string) int {
	most := 1
	for _, v := range gosum.Versions(ledger, path) {
		var n int
		if rest, ok := strings.CutPrefix(v, tag+infix); ok {
			if _, err := fmt.Sscan(rest, &n); err == nil {
				most = max(most, n)
			}
		}
	}
	return most
}

// base is the path of the module's files without their extensions.
func (m *Module) base() (string, error) {
	path, err := module.EscapePath(m.Path)
	if err != nil {
		return "", err
	}
	version, err := module.EscapeVersion(m.Version)
	return filepath.Join(m.Proxy, filepath.FromSlash(path), "@v", version), err
}

// taken reports whether the directory holds other bytes as this version.
func (m *Module) taken() (bool, error) {
	base, err := m.base()
	if err != nil {
		return false, err
	}
	sum, err := hashZip(base + ".zip")
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("%w; it can be made again: remove it and repeat", err)
	}
	return sum != m.Sum, nil
}

// write writes the module's files, and then the list of what is there.
func (m *Module) write(files *tree) error {
	base, err := m.base()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(base), 0o755); err != nil {
		return err
	}
	info, err := json.Marshal(struct{ Version, Time string }{m.Version, git.Date})
	if err != nil {
		return err
	}
	if err := files.zip(m, base+".zip"); err != nil {
		return err
	}
	if err := replaceFile(base+".mod", files.gomod); err != nil {
		return err
	}
	if err := replaceFile(base+".info", append(info, '\n')); err != nil {
		return err
	}
	infos, err := fs.Glob(os.DirFS(filepath.Dir(base)), "*.info")
	if err != nil {
		return err
	}
	var versions []string
	for _, name := range infos {
		version, err := module.UnescapeVersion(strings.TrimSuffix(name, ".info"))
		if err != nil {
			return fmt.Errorf("%s is none of this tool's files: %w; remove it and repeat", name, err)
		}
		versions = append(versions, version)
	}
	semver.Sort(versions)
	return replaceFile(filepath.Join(filepath.Dir(base), "list"), []byte(strings.Join(versions, "\n")+"\n"))
}

// replaceFile writes a file in one step; it does not touch one that is so already.
func replaceFile(name string, data []byte) error {
	if old, err := os.ReadFile(name); err == nil && string(old) == string(data) {
		return nil
	}
	tmp := filepath.Join(filepath.Dir(name), ".fork-"+filepath.Base(name))
	defer os.Remove(tmp)
	if err := os.WriteFile(tmp, data, 0o644); err != nil {
		return err
	}
	return os.Rename(tmp, name)
}
