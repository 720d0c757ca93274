package cluster

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// StartExtension starts an extension API server that takes the flags of k8s.io/sample-apiserver, on loopback and with
// its objects in the cluster's etcd, waits until it says that it is ready, and returns its host and port. It leaves
// requests to kube-apiserver to authenticate and authorize, and has its certificate. name is that of its
// log. Nothing registers it with kube-apiserver. It runs until Stop, and not in a cluster that has been stopped.
func (c *Cluster) StartExtension(ctx context.Context, name, binary string) (address string, err error) {
	if err := checkBinary(name, binary); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.conf.StartTimeout, fmt.Errorf("not ready within %v", c.conf.StartTimeout))
	defer cancel()
	port, err := freePort()
	if err != nil {
		return "", err
	}
	kubeconfig := c.Kubeconfig()
	c.progressf("starting %s (log: %s)", name, c.path(name+".log"))
	p, err := c.startExtension(name, binary, []string{
		"--bind-address=127.0.0.1",
		fmt.Sprintf("--secure-port=%d", port),
		"--tls-cert-file=" + c.path(pkiDir, servingCert),
		"--tls-private-key-file=" + c.path(pkiDir, servingKey),
		"--etcd-servers=" + c.etcdURL,
		"--etcd-cafile=" + c.path(pkiDir, caCert),
		"--etcd-certfile=" + c.path(pkiDir, etcdClientCert),
		"--etcd-keyfile=" + c.path(pkiDir, etcdClientKey),
		"--kubeconfig=" + kubeconfig,
		"--authentication-kubeconfig=" + kubeconfig,
		"--authorization-kubeconfig=" + kubeconfig,
		"-v=2",
	})
	if err != nil {
		return "", err
	}
	address = loopback(port)
	return address, c.waitUntil(ctx, p, saysReady(address))
}

func (c *Cluster) startExtension(name, binary string, args []string) (*process, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		return nil, errors.New("the cluster has been stopped")
	}
	p, err := startProcess(name, binary, c.path(name+".log"), args, nil)
	if err == nil {
		c.extensions = append(c.extensions, p)
	}
	return p, err
}

func (c *Cluster) stopExtensions(ctx context.Context) (err error) {
	c.mu.Lock()
	c.stopped = true
	extensions := c.extensions
	c.mu.Unlock()
	for _, p := range extensions {
		err = errors.Join(err, p.stop(ctx, c.conf.StopTimeout))
	}
	return err
}

// saysReady is a check for waitUntil. Whoever answers there is believed: what is asked is no secret, and the answer is
// worth nothing.
func saysReady(address string) func(context.Context) error {
	client := &http.Client{
		Timeout:   attemptTimeout,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true, TLSHandshakeTimeout: time.Second},
	}
	return func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+address+"/readyz", nil)
		if err != nil {
			return err
		}
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("GET /readyz: HTTP status %d", resp.StatusCode)
		}
		return nil
	}
}

// freePort finds a port and gives it back for a process to take.
func freePort() (int, error) {
	l, err := net.Listen("tcp4", loopback(0))
	if err != nil {
		return 0, fmt.Errorf("a port on 127.0.0.1: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
