// Package checkout knows where things are in a checkout of the fork, and lets one run at a time
// change them.
package checkout

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/mod/modfile"
)

// Module is the path of the fork's own module.
const Module = "fork.internal/apiserver"

// Checkout is one checkout. Its fields are set before its first use and only read after that; its
// methods may be called by any goroutine.
type Checkout struct {
	// Root is the directory of go.mod, absolute.
	Root string
	// Out gets results, Err gets progress and warnings. Required.
	Out, Err io.Writer
	// Env is added to the environment of every child process.
	Env []string
	// Pure has nothing be built from a tree that holds what pkg/ and patches/ do not say.
	Pure bool
}

// Find returns the checkout that dir is in: the nearest directory, upwards, whose go.mod is the
// fork's.
func Find(dir string) (*Checkout, error) {
	start, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		data, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && modfile.ModulePath(data) == Module {
			return &Checkout{Root: dir, Out: os.Stdout, Err: os.Stderr}, nil
		}
		if dir == filepath.Dir(dir) {
			return nil, fmt.Errorf("%s is not in a checkout of %s: run this where its go.mod is, or below", start, Module)
		}
	}
}

// Pkg is the directory of the fork's own files.
func (c *Checkout) Pkg() string { return filepath.Join(c.Root, "pkg") }

// Pins is the file of the pins.
func (c *Checkout) Pins() string { return filepath.Join(c.Root, "patches", "pins.json") }

// Output is the directory of everything that can be made again; git ignores it.
func (c *Checkout) Output() string { return filepath.Join(c.Root, "_output") }

// Trees is the directory of the trees.
func (c *Checkout) Trees() string { return filepath.Join(c.Output(), "tree") }

// Tree is the directory of tag's tree.
func (c *Checkout) Tree(tag string) string { return filepath.Join(c.Trees(), tag) }

// Rel is path as seen from Root, which is how messages name it.
func (c *Checkout) Rel(path string) string {
	if rel, err := filepath.Rel(c.Root, path); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return path
}

// With is the same checkout, with env added to the environment of every child process.
func (c *Checkout) With(env ...string) *Checkout {
	with := *c
	with.Env = append(c.Env[:len(c.Env):len(c.Env)], env...)
	return &with
}

// Environ is the environment of a child process.
func (c *Checkout) Environ() []string { return append(os.Environ(), c.Env...) }
