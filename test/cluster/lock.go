package cluster

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// dirLock keeps a second run out of a directory. The kernel drops it with the process that holds it,
// however that ends, so there is no stale lock to clear away.
type dirLock struct{ file *os.File }

// Lock keeps other runs out of a directory that is there, of which clusters may use subdirectories, until release is called.
func Lock(dir string) (release func(), err error) {
	l, err := lockDir(dir)
	return l.release, err
}

func lockDir(dir string) (*dirLock, error) {
	path := filepath.Join(dir, lockFile)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, explainDisk(dir, err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		f.Close()
		holder, _ := os.ReadFile(path)
		return nil, fmt.Errorf("another run (pid %s) uses %s: stop it, or choose another directory",
			strings.TrimSpace(string(holder)), dir)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	// The pid is there for that message only.
	f.Truncate(0)
	f.WriteAt(fmt.Appendln(nil, os.Getpid()), 0)
	return &dirLock{f}, nil
}

func (l *dirLock) release() {
	if l != nil {
		l.file.Close()
	}
}
