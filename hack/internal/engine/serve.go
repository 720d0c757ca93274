package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"fork.internal/apiserver/hack/internal/build"
	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/proc"
)

const (
	// narrowRuntime is the name of the runtime of hack/narrowrunc.
	narrowRuntime = "narrowrunc"
	// capSysResource is the number of the capability.
	capSysResource = 24
	// longestDir leaves room for the names of the sockets that an engine makes below its directory.
	longestDir = 70
	// startTime is how long an engine may take until it answers.
	startTime = time.Minute
	// endTime is how long its containers may take to end with it.
	endTime = 30 * time.Second
)

// Serve runs a docker engine that has everything below _output/engine, and listens there, until ctx ends. It calls
// ready when the engine answers.
func Serve(ctx context.Context, co *checkout.Checkout, ready func(host string)) error {
	if err := canServe(co); err != nil {
		return err
	}
	if old, err := Connect(ctx, co); err == nil && old.host != "" {
		return fmt.Errorf("an engine runs in this checkout already, at %s; next: use it, or end the other make engine", co.Rel(socket(co)))
	}
	args := []string{"dockerd", "--host", "unix://" + socket(co), "--pidfile", filepath.Join(dir(co), "docker.pid"),
		"--data-root", filepath.Join(dir(co), "data"), "--exec-root", filepath.Join(dir(co), "run"), "--shutdown-timeout", "5"}
	narrow, err := lacks(capSysResource)
	if err != nil {
		return err
	}
	if narrow {
		runtime, err := build.Own(ctx, co, "hack/narrowrunc")
		if err != nil {
			return err
		}
		args = append(args, "--add-runtime", narrowRuntime+"="+runtime, "--default-runtime", narrowRuntime)
		fmt.Fprintln(co.Err, "this machine lacks CAP_SYS_RESOURCE: containers are started without it, through hack/narrowrunc")
	}
	if err := os.MkdirAll(dir(co), 0o711); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(dir(co), "dockerd.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	fmt.Fprintf(co.Err, "starting dockerd; its log is %s\n", co.Rel(log.Name()))
	return serve(ctx, co, args, log, ready)
}

func serve(ctx context.Context, co *checkout.Checkout, args []string, log *os.File, ready func(string)) error {
	// dockerd outlives ctx for as long as it takes to end its containers, which are no children of its.
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	ended := make(chan error, 1)
	go func() {
		_, err := proc.Cmd{Args: args, Env: co.Environ(), Stdout: log, Stderr: log}.Output(running)
		ended <- err
	}()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	deadline := time.NewTimer(startTime)
	defer deadline.Stop()
	e := &Engine{co: co, host: "unix://" + socket(co)}
	for answers := false; ; {
		select {
		case err := <-ended:
			return fmt.Errorf("dockerd has ended: %w; %s", err, lastLines(log.Name()))
		case <-ctx.Done():
			err := e.endContainers(running)
			stop()
			<-ended
			if err != nil {
				return fmt.Errorf("containers may still run: %w; next: make engine, which has them again, and docker rm -f", err)
			}
			return context.Cause(ctx)
		case <-deadline.C:
			if !answers {
				stop()
				<-ended
				return fmt.Errorf("dockerd does not answer after %s; %s", startTime, lastLines(log.Name()))
			}
		case <-tick.C:
			if answers {
				continue
			}
			if _, err := e.Docker(ctx, nil, "version"); err == nil {
				answers = true
				ready(e.host)
			}
		}
	}
}

// endContainers ends those that run. What dockerd would do itself at its end it cannot, as its containerd, which has
// the containers, is told to end with it.
func (e *Engine) endContainers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, endTime)
	defer cancel()
	if !listens(socket(e.co)) {
		return nil
	}
	out, err := e.Docker(ctx, nil, "ps", "--quiet")
	if ids := strings.Fields(out); err == nil && len(ids) > 0 {
		fmt.Fprintf(e.co.Err, "ending %d containers\n", len(ids))
		_, err = e.Docker(ctx, nil, append([]string{"kill"}, ids...)...)
	}
	return err
}

// canServe says what a machine lacks for an engine.
func canServe(co *checkout.Checkout) error {
	if len(dir(co)) > longestDir {
		return fmt.Errorf("the name of %s is too long for the sockets of an engine; next: use a checkout whose own is at most %d characters long",
			dir(co), longestDir-len("/_output/engine"))
	}
	if os.Geteuid() != 0 {
		return errors.New("an engine is root's; next: sudo make engine")
	}
	for _, program := range []string{"dockerd", "docker", "runc"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("%s is not in PATH; next: apt-get install docker.io, which has it", program)
		}
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	if !hasCgroups(string(mounts)) {
		return errors.New("no control groups are mounted, which containers need; next: mount -t cgroup2 none /sys/fs/cgroup")
	}
	return nil
}

// hasCgroups looks in /proc/self/mountinfo for the second version, or for the first one's controllers.
func hasCgroups(mounts string) bool {
	controllers := map[string]bool{}
	for line := range strings.Lines(mounts) {
		_, fs, _ := strings.Cut(line, " - ")
		at := strings.Fields(line)
		switch {
		case strings.HasPrefix(fs, "cgroup2 ") && len(at) > 4 && at[4] == "/sys/fs/cgroup":
			return true
		case strings.HasPrefix(fs, "cgroup "):
			for option := range strings.FieldsFuncSeq(fs, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' }) {
				controllers[option] = true
			}
		}
	}
	return controllers["memory"] && controllers["devices"] && controllers["cpu"]
}

// lacks says that no process started from here can have a capability.
func lacks(capability uintptr) (bool, error) {
	has, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, capability, 0, 0, 0)
	return has == 0, err
}

// lastLines is the end of a log.
func lastLines(file string) string {
	data, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	return "its log ends:\n" + proc.LastLines(string(data), 5)
}
