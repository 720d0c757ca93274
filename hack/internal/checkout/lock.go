package checkout

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

type lockKey struct{ root string }

// Lock makes the caller the only one to change this checkout until it calls unlock, and returns a
// context that says so: a Lock with that context is granted at once. When another run holds the
// lock, it says who on Err and waits for as long as ctx lives. The kernel drops the lock of a
// process that dies.
func (c *Checkout) Lock(ctx context.Context) (held context.Context, unlock func(), err error) {
	key := lockKey{c.Root}
	if ctx.Value(key) != nil {
		return ctx, func() {}, nil
	}
	if err := os.MkdirAll(c.Output(), 0o755); err != nil {
		return nil, nil, err
	}
	f, err := os.OpenFile(filepath.Join(c.Output(), "lock"), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, nil, err
	}
	if err := c.wait(ctx, f); err != nil {
		f.Close()
		return nil, nil, err
	}
	// The pid is for the message above only; the lock is the kernel's.
	if err := f.Truncate(0); err == nil {
		_, _ = f.WriteAt(fmt.Appendf(nil, "%d\n", os.Getpid()), 0)
	}
	return context.WithValue(ctx, key, true), func() { f.Close() }, nil
}

func (c *Checkout) wait(ctx context.Context, f *os.File) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for told := false; ; {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return nil
		}
		if err != syscall.EWOULDBLOCK && err != syscall.EINTR {
			return fmt.Errorf("cannot lock %s: %w", c.Rel(f.Name()), err)
		}
		if !told {
			pid, _ := io.ReadAll(io.NewSectionReader(f, 0, 32))
			fmt.Fprintf(c.Err, "another run (pid %s) is at work in this checkout; waiting for it\n", strings.TrimSpace(string(pid)))
			told = true
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}
