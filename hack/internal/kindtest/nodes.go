package kindtest

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"time"

	"fork.internal/apiserver/hack/internal/nodeimage"
)

// networkFile is where the network of a node is on this machine, if it is not the one in the image.
func networkFile(dir string, node int) string {
	return filepath.Join(dir, fmt.Sprintf("network-%d.conflist", node))
}

// nodeName is what kind calls a control plane; the first is 0.
func (k *kind) nodeName(node int) string {
	if node == 0 {
		return k.name + "-control-plane"
	}
	return fmt.Sprintf("%s-control-plane%d", k.name, node+1)
}

// untaint lets pods onto control planes that are several, as kind does with one: there is no other node.
func (k *kind) untaint(ctx context.Context) error {
	_, err := k.e.Docker(ctx, nil, "exec", k.nodeName(0), "kubectl", "--kubeconfig=/etc/kubernetes/admin.conf",
		"taint", "nodes", "--all", "node-role.kubernetes.io/control-plane-")
	return err
}

// address is that of a node, in the engine's network.
func (k *kind) address(ctx context.Context, node int) (string, error) {
	out, err := k.e.Docker(ctx, nil, "inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}", k.nodeName(node))
	if err != nil {
		return "", err
	}
	address, _, _ := strings.Cut(strings.TrimSpace(out), " ")
	if address == "" {
		return "", fmt.Errorf("%s has no address", k.nodeName(node))
	}
	return address, nil
}

// server is the URL of a node's kube-apiserver, without the engine's proxy, or empty where that cannot be reached, as with an
// engine in a virtual machine.
func (k *kind) server(ctx context.Context, node int) (string, error) {
	address, err := k.address(ctx, node)
	if err != nil {
		return "", err
	}
	const port = "6443"
	at := net.JoinHostPort(address, port)
	conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp", at)
	if err != nil {
		return "", nil
	}
	return "https://" + at, conn.Close()
}

// route gives each of n nodes that are made here the way to the pods of the others, which kind's own network has an
// agent for.
func (k *kind) route(ctx context.Context, n int) error {
	addresses := make([]string, n)
	for i := range n {
		var err error
		if addresses[i], err = k.address(ctx, i); err != nil {
			return err
		}
	}
	for from := range n {
		for to := range n {
			if from == to {
				continue
			}
			if _, err := k.e.Docker(ctx, nil, "exec", k.nodeName(from), "ip", "route", "replace", nodeimage.PodSubnet(to), "via", addresses[to]); err != nil {
				return err
			}
		}
	}
	return nil
}
