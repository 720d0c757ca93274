package cluster

import (
	"errors"
	"fmt"
	"net"
	"syscall"
)

// ports are what one run listens on.
type ports struct {
	client int   // where clients connect: that of the one server, or the balancer's
	api    []int // of each kube-apiserver
	etcd   []memberPorts
}

type memberPorts struct{ client, peer int }

// takePorts finds a port for each listener and gives them back for the processes to take. All are held
// until the last is found, so that no two are the same. Between then and the process's own bind another
// program can be faster; that process's log then says so.
func takePorts(client, servers, members int) (p ports, err error) {
	p.api, p.etcd = make([]int, servers), make([]memberPorts, members)
	into := []*int{&p.client}
	for i := range p.api {
		if servers > 1 {
			into = append(into, &p.api[i])
		}
	}
	for i := range p.etcd {
		into = append(into, &p.etcd[i].client, &p.etcd[i].peer)
	}
	for i, port := range into {
		var want int
		if i == 0 {
			want = client
		}
		l, err := listen(want)
		if err != nil {
			return ports{}, err
		}
		defer l.Close()
		*port = l.Addr().(*net.TCPAddr).Port
	}
	if servers == 1 {
		p.api[0] = p.client
	}
	return p, nil
}

// listen takes a port; 0 takes a free one.
func listen(port int) (net.Listener, error) {
	l, err := net.Listen("tcp4", loopback(port))
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("port %d on 127.0.0.1 is taken: stop the program that listens there, or "+
			"choose another port (PORT=%d make run; PORT=0 takes a free one)", port, otherPort(port))
	}
	if err != nil {
		return nil, fmt.Errorf("port %d on 127.0.0.1: %w", port, err)
	}
	return l, nil
}

// otherPort is an example for the error's text only.
func otherPort(taken int) int {
	if taken < 1024 || taken > 60000 {
		return 16443
	}
	return taken + 1000
}
