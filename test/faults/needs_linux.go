package faults

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// What a run makes on the machine has the ID of a process in its name: the run's, or, of a control group, the server's.
const (
	ourName  = "faults-" // network namespaces and control groups
	ourLink  = "flt"     // network interfaces, whose names have to be short
	ourMount = "faults"  // what is mounted, which is below the run's directory
)

// sweep removes what runs have left behind that were killed: what no living process owns and, below a directory that is locked,
// what is mounted there. Errors are left to whoever needs what is in the way.
func sweep(dir string) {
	for _, pattern := range []string{"/run/netns", cgroups, filepath.Join(cgroups, "*")} {
		paths, _ := filepath.Glob(filepath.Join(pattern, ourName+"*"))
		for _, path := range paths {
			pid, err := strconv.Atoi(strings.TrimPrefix(filepath.Base(path), ourName))
			if err != nil || !errors.Is(unix.Kill(pid, 0), unix.ESRCH) {
				continue
			}
			if pattern == "/run/netns" {
				(&farAway{name: filepath.Base(path), here: fmt.Sprint(ourLink, pid)}).close()
			} else {
				os.Remove(path)
			}
		}
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return
	}
	for line := range strings.Lines(string(mounts)) {
		fields := strings.Fields(line)
		if len(fields) < 3 || fields[0] != ourMount || fields[2] != "tmpfs" {
			continue
		}
		if path := unescape(fields[1]); strings.HasPrefix(path, dir+string(filepath.Separator)) {
			unix.Unmount(path, unix.MNT_DETACH)
		}
	}
}

// unescape is a path as it is, of which the kernel has written blanks and the like as octal numbers.
func unescape(path string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(path)
}

// limitFiles sets how many descriptors a process may have, until restore is called.
func limitFiles(pid int, n uint64) (restore func(), err error) {
	var old unix.Rlimit
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &old); err != nil {
		return nil, fmt.Errorf("the limit of open files of process %d: %w", pid, err)
	}
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: n, Max: old.Max}, nil); err != nil {
		return nil, fmt.Errorf("the limit of open files of process %d: %w", pid, err)
	}
	return func() { unix.Prlimit(pid, unix.RLIMIT_NOFILE, &old, nil) }, nil
}

// cgroups is where the kernel's control groups are mounted: of version 2, or a directory for each controller of version 1.
const cgroups = "/sys/fs/cgroup"

// limitMemory lets a process have so many bytes beyond those that it has, and none of them swapped out. If it takes more, the
// kernel kills it. The limit stays until the process ends; remove is for after that.
func limitMemory(pid int, bytes int64) (remove func(), err error) {
	if os.Geteuid() != 0 {
		return nil, errNeeds("root, to make a control group")
	}
	type setting struct {
		file  string
		value int64
	}
	dir, limit, swap := filepath.Join(cgroups, "memory"), setting{"memory.limit_in_bytes", bytes}, setting{"memory.memsw.limit_in_bytes", bytes}
	if _, err := os.Stat(filepath.Join(cgroups, "cgroup.controllers")); err == nil {
		dir, limit, swap = cgroups, setting{"memory.max", bytes}, setting{"memory.swap.max", 0}
	}
	dir = filepath.Join(dir, fmt.Sprint(ourName, pid))
	os.Remove(dir) // Of a process that had the ID before.
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, errNeeds(fmt.Sprintf("a control group for memory: %v", err))
	}
	remove = func() { os.Remove(dir) }
	for _, s := range []setting{limit, swap, {"cgroup.procs", int64(pid)}} {
		file, err := os.OpenFile(filepath.Join(dir, s.file), os.O_WRONLY, 0) // Those that are not there are not to be made.
		if err == nil {
			_, err = fmt.Fprint(file, s.value)
			err = errors.Join(err, file.Close())
		} else if s == swap && errors.Is(err, os.ErrNotExist) {
			continue // The kernel does not account for it.
		}
		if err != nil {
			remove()
			return nil, errNeeds(fmt.Sprintf("a control group that limits memory: %v", err))
		}
	}
	return remove, nil
}

// mountTiny mounts an empty file system of so many bytes until unmount is called.
func mountTiny(dir string, bytes int) (unmount func(), err error) {
	if os.Geteuid() != 0 {
		return nil, errNeeds("root, to mount a file system that can be full")
	}
	if err := unix.Mount(ourMount, dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=0700", bytes)); errors.Is(err, unix.EPERM) {
		return nil, errNeeds("the right to mount a file system that can be full: CAP_SYS_ADMIN")
	} else if err != nil {
		return nil, fmt.Errorf("mounting a file system on %s: %w", dir, err)
	}
	return func() { unix.Unmount(dir, unix.MNT_DETACH) }, nil
}

// farAway is a network namespace, of which one pair of interfaces leads here.
type farAway struct {
	name string
	here string // our interface
	host string // our address, as it is seen from there
}

// newFarAway makes one. Its addresses are of a network for tests (RFC 2544), and, as its names are, of this process.
func newFarAway() (*farAway, error) {
	if os.Geteuid() != 0 {
		return nil, errNeeds("root, to make a network namespace")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		return nil, errNeeds("ip (of iproute2), to make a network namespace")
	}
	here, elsewhere := addresses(os.Getpid())
	f := &farAway{name: fmt.Sprint(ourName, os.Getpid()), here: fmt.Sprint(ourLink, os.Getpid()), host: here}
	const there = "eth0"
	for _, args := range [][]string{
		{"netns", "add", f.name},
		{"link", "add", f.here, "type", "veth", "peer", "name", there, "netns", f.name},
		{"addr", "add", f.host + "/30", "dev", f.here},
		{"link", "set", f.here, "up"},
		{"-n", f.name, "addr", "add", elsewhere + "/30", "dev", there},
		{"-n", f.name, "link", "set", there, "up"},
	} {
		if err := ip(args...); err != nil {
			f.close()
			return nil, err
		}
	}
	if err := f.iptables("-L"); err != nil {
		f.close()
		return nil, errNeeds("iptables, to drop packets in a network namespace: " + err.Error())
	}
	return f, nil
}

// addresses are the two hosts of a network of four addresses in 198.18.0.0/15, of which processes with IDs that are near each
// other have different ones.
func addresses(pid int) (here, there string) {
	const networks = 1 << 15
	n := 4 * (pid % networks)
	address := func(host int) string { return fmt.Sprintf("198.%d.%d.%d", 18+n>>16, n>>8&0xff, n&0xff+host) }
	return address(1), address(2)
}

func ip(args ...string) error {
	out, err := exec.Command("ip", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

// dial connects from there.
func (f *farAway) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	type result struct {
		conn net.Conn
		err  error
	}
	done := make(chan result, 1)
	go func() {
		// Not unlocked: the thread is in the namespace, and ends with this goroutine. The dialer has a numeric address of one
		// family, and connects on it.
		runtime.LockOSThread()
		conn, err := f.dialHere(ctx, network, addr)
		done <- result{conn, err}
	}()
	r := <-done
	return r.conn, r.err
}

func (f *farAway) dialHere(ctx context.Context, network, addr string) (net.Conn, error) {
	ns, err := os.Open("/run/netns/" + f.name)
	if err != nil {
		return nil, err
	}
	defer ns.Close()
	if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
		return nil, fmt.Errorf("entering the network namespace %s: %w", f.name, err)
	}
	return (&net.Dialer{}).DialContext(ctx, network, addr)
}

// cut has everything be dropped that comes there or leaves it, and nobody be told.
func (f *farAway) cut() error {
	for _, chain := range []string{"INPUT", "OUTPUT"} {
		if err := f.iptables("-A", chain, "-j", "DROP"); err != nil {
			return fmt.Errorf("dropping packets in a network namespace: %w", err)
		}
	}
	return nil
}

// iptables runs it there. Whoever else is at work with it is waited for.
func (f *farAway) iptables(args ...string) error {
	return ip(append([]string{"netns", "exec", f.name, "iptables", "-w", "20"}, args...)...)
}

// close removes it.
func (f *farAway) close() {
	ip("netns", "delete", f.name)
	// The interface goes with its peer, unless something still holds that.
	ip("link", "delete", f.here)
}
