//go:build unix && !linux

package proc

import "syscall"

// childAttr: without Linux, a child outlives us when we are killed rather than interrupted.
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
