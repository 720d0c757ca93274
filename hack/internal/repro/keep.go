package repro

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"fork.internal/apiserver/hack/internal/checkout"
)

// kept are the programs of one run: they stay as they are while another run builds its own by the same names.
type kept struct {
	dir  string
	lock *os.File
}

// keep makes the place for them, and removes those that nobody runs any more. It is called with the checkout's lock.
func keep(co *checkout.Checkout) (*kept, error) {
	all := filepath.Join(co.Output(), "repro")
	if err := os.MkdirAll(all, 0o755); err != nil {
		return nil, err
	}
	if err := sweep(all); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(all, "run-")
	if err != nil {
		return nil, err
	}
	// Each process has its own description of the file, and the kernel drops the lock of one that dies.
	lock, err := os.Create(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, err
	}
	k := &kept{dir, lock}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		k.remove()
		return nil, fmt.Errorf("cannot lock %s: %w; next: have the checkout on a file system of this machine", co.Rel(dir), err)
	}
	return k, nil
}

// add keeps a program, and returns its path. A build puts another file in its place, and does not write to this one.
func (k *kept) add(program, name string) (string, error) {
	path := filepath.Join(k.dir, name)
	if err := os.Link(program, path); err != nil {
		return "", fmt.Errorf("%w; next: have the checkout on a file system with hard links", err)
	}
	return path, nil
}

func (k *kept) remove() {
	os.RemoveAll(k.dir)
	k.lock.Close()
}

// sweep removes what runs have left behind that were killed.
func sweep(all string) error {
	dirs, err := filepath.Glob(filepath.Join(all, "run-*"))
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		lock, err := os.Open(filepath.Join(dir, "lock"))
		switch {
		case err == nil:
			running := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil
			lock.Close()
			if running {
				continue
			}
		case !os.IsNotExist(err):
			return err
		}
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	return nil
}
