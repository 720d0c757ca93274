package proc

import "syscall"

// childAttr has a child be told to end when we are killed and can tell it nothing; by SIGTERM, as it may have something to
// clean up, on somebody's cluster too.
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
