package cluster

import (
	"errors"
	"fmt"
	"net"
	"syscall"
)

type ports struct{ api, etcd, etcdPeer int }

// takePorts finds a port for each listener and gives them back for the processes to take. All are held
// until the last is found, so that no two are the same. Between then and the process's own bind another
// program can be faster; that process's log then says so.
func takePorts(api int) (p ports, err error) {
	for _, want := range []struct {
		port int
		into *int
	}{{api, &p.api}, {0, &p.etcd}, {0, &p.etcdPeer}} {
		l, err := net.Listen("tcp4", loopback(want.port))
		if errors.Is(err, syscall.EADDRINUSE) {
			return ports{}, fmt.Errorf("port %d on 127.0.0.1 is taken: stop the program that listens there, or "+
				"choose another port (PORT=%d make run; PORT=0 takes a free one)", want.port, otherPort(want.port))
		}
		if err != nil {
			return ports{}, fmt.Errorf("port %d on 127.0.0.1: %w", want.port, err)
		}
		defer l.Close()
		*want.into = l.Addr().(*net.TCPAddr).Port
	}
	return p, nil
}

// otherPort is an example for the error's text only.
func otherPort(taken int) int {
	if taken < 1024 || taken > 60000 {
		return 16443
	}
	return taken + 1000
}
