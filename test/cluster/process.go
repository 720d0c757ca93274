package cluster

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// process is one child, from a successful start on.
//
// It is in a process group of its own, so that a Ctrl-C at the terminal reaches only us, who stop the
// children in order. On Linux it is killed by the kernel when we die without having stopped it; that is
// tied to the thread that forked it, not to the process, so one goroutine starts it and waits for it on a
// thread that it keeps until then.
//
// A nil *process stands for one that was never started and counts as stopped.
type process struct {
	name string
	pid  int
	log  string

	cmd *exec.Cmd

	exited  chan struct{} // closed by the goroutine that waits
	waitErr error         // written before exited is closed, read only after
}

func startProcess(name, path, log string, args, env []string) (*process, error) {
	out, err := createLog(log)
	if err != nil {
		return nil, explainDisk(filepath.Dir(log), err)
	}
	defer out.Close()

	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Env = append(childEnv(os.Environ()), env...)
	cmd.SysProcAttr = childAttr()

	p := &process{name: name, log: log, cmd: cmd, exited: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		// Not unlocked: the thread ends with this goroutine, which is after the child has.
		runtime.LockOSThread()
		err := cmd.Start()
		if err == nil {
			p.pid = cmd.Process.Pid
		}
		started <- err
		if err != nil {
			return
		}
		p.waitErr = cmd.Wait()
		close(p.exited)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return p, nil
}

func createLog(path string) (*os.File, error) {
	if err := writeFile(path, nil); err != nil {
		return nil, err
	}
	// Appending, so that what the child and the Go runtime of the child write does not overwrite each
	// other.
	return os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0o600)
}

// childEnv drops what would change the meaning of the flags: etcd takes a flag from any ETCD_ variable, and
// GOTRACEBACK could silence the crash that a test is after.
func childEnv(env []string) []string {
	var kept []string
	for _, kv := range env {
		if !strings.HasPrefix(kv, "ETCD_") && !strings.HasPrefix(kv, "GOTRACEBACK=") {
			kept = append(kept, kv)
		}
	}
	return kept
}

// stop ends the process and returns when it is gone: SIGTERM, then SIGKILL after grace or when ctx ends.
func (p *process) stop(ctx context.Context, grace time.Duration) error {
	if p == nil || p.gone() {
		return nil
	}
	// An error from Signal means that the process has ended meanwhile.
	p.cmd.Process.Signal(syscall.SIGTERM)
	timer := time.NewTimer(grace)
	defer timer.Stop()
	var err error
	select {
	case <-p.exited:
		return nil
	case <-timer.C:
		err = fmt.Errorf("%s (pid %d) had not ended %v after SIGTERM and was killed; its log: %s", p.name, p.pid, grace, p.log)
	case <-ctx.Done():
		err = fmt.Errorf("%s (pid %d) was killed: %w", p.name, p.pid, context.Cause(ctx))
	}
	p.cmd.Process.Kill()
	<-p.exited
	return err
}

func (p *process) gone() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// exitCode is -1 while the process runs, and when a signal has ended it.
func (p *process) exitCode() int {
	if !p.gone() {
		return -1
	}
	return p.cmd.ProcessState.ExitCode()
}

// exitError is nil while the process runs.
func (p *process) exitError() error {
	if !p.gone() {
		return nil
	}
	how := "exit status 0"
	if p.waitErr != nil {
		how = p.waitErr.Error()
	}
	msg := fmt.Sprintf("%s (pid %d) ended: %s", p.name, p.pid, how)
	if endContains(p.log, syscall.ENOSPC.Error()) {
		msg += "; " + diskFull(filepath.Dir(p.log), syscall.ENOSPC)
	}
	if endContains(p.log, syscall.EADDRINUSE.Error()) {
		msg += "; another program has taken its port meanwhile; next: start again, with other ports"
	}
	if crash := findCrash(p.log); crash.Line != "" {
		return fmt.Errorf("%s: %s\n\t%s\nits log: %s", msg, crash.Line, strings.Join(crash.Frames, "\n\t"), p.log)
	}
	return fmt.Errorf("%s; the end of its log (%s):\n%s", msg, p.log, logTail(p.log, tailLines))
}
