package checkout

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Scratch makes a directory to work in, below parent, whose name begins with prefix, and removes those of that kind whose
// makers have been killed. The kernel drops a maker's hold on its own when it dies, as with Lock.
func Scratch(parent, prefix string) (dir string, remove func(), err error) {
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return "", nil, err
	}
	// For as long as parent is held nobody makes one: what is there and not held is nobody's.
	all, err := os.Open(parent)
	if err != nil {
		return "", nil, err
	}
	defer all.Close()
	if err := hold(all, syscall.LOCK_EX); err != nil {
		return "", nil, err
	}
	entries, err := os.ReadDir(parent)
	if err != nil {
		return "", nil, err
	}
	for _, e := range entries {
		if e.IsDir() && strings.HasPrefix(e.Name(), prefix) {
			if err := sweep(filepath.Join(parent, e.Name())); err != nil {
				return "", nil, err
			}
		}
	}
	dir, err = os.MkdirTemp(parent, prefix)
	if err != nil {
		return "", nil, err
	}
	own, err := os.Open(dir)
	if err == nil {
		err = hold(own, syscall.LOCK_EX|syscall.LOCK_NB)
	}
	if err != nil {
		return "", nil, errors.Join(err, os.Remove(dir))
	}
	return dir, func() {
		os.RemoveAll(dir)
		own.Close()
	}, nil
}

// Keep gives dir, of Scratch, the program as it is now, by that name, and returns its path there: a build puts another file in
// the program's place, and does not write to this one.
func Keep(dir, program, name string) (path string, err error) {
	path = filepath.Join(dir, name)
	if err := os.Link(program, path); err != nil {
		return "", fmt.Errorf("%w; next: have the checkout on a file system with hard links", err)
	}
	return path, nil
}

// sweep removes a directory, unless somebody holds it.
func sweep(dir string) error {
	f, err := os.Open(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil // Its maker has removed it just now.
	}
	if err != nil {
		return err
	}
	defer f.Close()
	switch err := hold(f, syscall.LOCK_EX|syscall.LOCK_NB); err {
	case nil:
		return os.RemoveAll(dir)
	case syscall.EWOULDBLOCK:
		return nil
	default:
		return err
	}
}

func hold(f *os.File, how int) error {
	for {
		if err := syscall.Flock(int(f.Fd()), how); err != syscall.EINTR {
			return err
		}
	}
}
