package cluster

import (
	"context"
	"fmt"
	"sync"
	"syscall"
)

// PauseEtcd stops the process of etcd's first member, which then neither answers nor ends, until resume is called or Stop
// is. resume may be called more than once.
func (c *Cluster) PauseEtcd() (resume func(), err error) {
	return c.members()[0].pause()
}

// pause stops a process until resume is called.
func (p *process) pause() (resume func(), err error) {
	if err := p.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		return nil, fmt.Errorf("pausing %s: %w", p.name, err)
	}
	return sync.OnceFunc(func() { p.cmd.Process.Signal(syscall.SIGCONT) }), nil
}

// KillEtcd kills etcd's first member, and returns when it is gone. restart starts it again, on the same data and ports, and
// returns when it listens; until then EtcdExited is that of the one which was killed.
func (c *Cluster) KillEtcd(ctx context.Context) (restart func(context.Context) error, err error) {
	old := c.members()[0]
	if err := old.cmd.Process.Kill(); err != nil {
		return nil, fmt.Errorf("killing etcd: %w", err)
	}
	select {
	case <-old.exited:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	return func(ctx context.Context) error {
		etcd, err := c.startMember(0)
		if err != nil {
			return err
		}
		return c.waitUntil(ctx, etcd, listening(c.ports.etcd[0].client))
	}, nil
}
