package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"fork.internal/apiserver/test/cluster/balancer"
)

// attemptTimeout bounds one request of ours, so that a server which accepts and says nothing does not
// stop the polling.
const attemptTimeout = 10 * time.Second

// answerLimit, in bytes, is above what a server has of metrics.
const answerLimit = 64 << 20

// Ready is nil when the API server says that it is ready. The error is what it says instead.
func (c *Cluster) Ready(ctx context.Context) error {
	_, err := c.do(ctx, c.url, http.MethodGet, "/readyz", nil)
	return err
}

// Version is the gitVersion that the API server reports.
func (c *Cluster) Version(ctx context.Context) (string, error) { return c.version(ctx, c.url) }

func (c *Cluster) version(ctx context.Context, url string) (string, error) {
	body, err := c.do(ctx, url, http.MethodGet, "/version", nil)
	if err != nil {
		return "", err
	}
	var info struct {
		GitVersion string `json:"gitVersion"`
	}
	if err := json.Unmarshal(body, &info); err != nil {
		return "", fmt.Errorf("GET /version: %w", err)
	}
	return info.GitVersion, nil
}

// Create posts an object as administrator to a path such as /api/v1/namespaces/default/pods. It is no error
// that the object exists.
func (c *Cluster) Create(ctx context.Context, path string, obj any) error {
	body, err := json.Marshal(obj)
	if err != nil {
		return fmt.Errorf("POST %s: %w", path, err)
	}
	_, err = c.do(ctx, c.url, http.MethodPost, path, body)
	if status, ok := err.(*statusError); ok && status.code == http.StatusConflict {
		return nil
	}
	return err
}

// createDefaultServiceAccount does what the controller-manager does in a whole cluster: without the account
// no pod is admitted. It fails until the server has made the namespace.
func (c *Cluster) createDefaultServiceAccount(ctx context.Context) error {
	return c.Create(ctx, "/api/v1/namespaces/default/serviceaccounts", ServiceAccount("default"))
}

// ServiceAccount is a service account to pass to Create.
func ServiceAccount(name string) any {
	return map[string]any{
		"apiVersion": "v1", "kind": "ServiceAccount",
		"metadata": map[string]any{"name": name},
	}
}

type statusError struct {
	request string
	code    int
	body    string
}

func (e *statusError) Error() string {
	return fmt.Sprintf("%s: HTTP status %d: %s", e.request, e.code, e.body)
}

// do sends one request as administrator to one of our URLs and returns the body of a 2xx answer; any other is a *statusError.
func (c *Cluster) do(ctx context.Context, url, method, path string, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, answerLimit))
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	if resp.StatusCode/100 != 2 {
		return nil, &statusError{method + " " + path, resp.StatusCode, strings.TrimSpace(string(data))}
	}
	return data, nil
}

// listening is a check for waitUntil: somebody accepts connections on the port.
func listening(port int) func(context.Context) error {
	return func(ctx context.Context) error {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp4", loopback(port))
		if err != nil {
			return err
		}
		return conn.Close()
	}
}

// waitUntil repeats check until it is nil. It gives up when the process ends, with the end of its log, or
// when ctx does, with what check said last.
func (c *Cluster) waitUntil(ctx context.Context, p *process, check func(context.Context) error) error {
	ticker := time.NewTicker(c.conf.PollInterval)
	defer ticker.Stop()
	var last error
	for {
		err := check(ctx)
		if err == nil {
			return nil
		}
		if last == nil || ctx.Err() == nil {
			last = err
		}
		select {
		case <-p.exited:
			return p.exitError()
		case <-ctx.Done():
			return fmt.Errorf("%s (log: %s): %w; it last said: %w", p.name, p.log, context.Cause(ctx), last)
		case <-ticker.C:
		}
	}
}

// startBalancer puts the balancer before several servers, and returns when it knows them all to be ready.
func (c *Cluster) startBalancer(ctx context.Context, port int) error {
	if len(c.servers) == 1 {
		return nil
	}
	var backends []balancer.Backend
	for _, s := range c.servers {
		backends = append(backends, balancer.Backend{Addr: loopback(s.port), Ready: s.Ready})
	}
	l, err := listen(port)
	if err != nil {
		return fmt.Errorf("balancer: %w", err)
	}
	c.balancer = balancer.Start(l, backends, balancer.Options{})
	ctx, cancel := c.boundStart(ctx)
	defer cancel()
	for i, s := range c.servers {
		if err := c.balancer.Await(ctx, i, true); err != nil {
			return fmt.Errorf("%s, behind the balancer: %w", s.name, err)
		}
	}
	return nil
}
