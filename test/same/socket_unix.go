//go:build unix

package main

import (
	"errors"
	"syscall"
)

// segment is how large the parts are in which a narrow connection carries its
// bytes. Those of the loopback are larger than its windows, and would wait for
// timers of the kernel's.
const segment = 1400

// narrow makes a client's socket take in about so many bytes and no more, in
// either direction.
func narrow(window int) func(network, address string, c syscall.RawConn) error {
	return func(_, _ string, c syscall.RawConn) (err error) {
		control := c.Control(func(fd uintptr) {
			err = errors.Join(
				syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, segment),
				syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, window),
				syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_SNDBUF, window),
			)
		})
		return errors.Join(control, err)
	}
}
