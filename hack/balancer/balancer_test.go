package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// What kind v0.33.0 writes.
const (
	listener = `
resources:
- "@type": type.googleapis.com/envoy.config.listener.v3.Listener
  name: listener_apiserver
  address:
    socket_address:
      address: "0.0.0.0"
      port_value: %d
  filter_chains: []
`
	cluster = `
resources:
- "@type": type.googleapis.com/envoy.config.cluster.v3.Cluster
  name: kube_apiservers
  load_assignment:
    cluster_name: kube_apiservers
    endpoints:
    - lb_endpoints:
      - endpoint:
          address:
            socket_address:
              address: %s
              port_value: %s
      - endpoint:
          address:
            socket_address:
              address: %s
              port_value: %s
`
)

func write(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "x.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestConfig(t *testing.T) {
	if port, err := readListener(write(t, fmt.Sprintf(listener, 6443))); err != nil || port != 6443 {
		t.Errorf("got %d, %v", port, err)
	}
	for _, none := range []string{write(t, "resources: []"), filepath.Join(t.TempDir(), "missing")} {
		if port, err := readListener(none); err != nil || port != 0 {
			t.Errorf("got %d, %v", port, err)
		}
	}
	got, err := readBackends(write(t, fmt.Sprintf(cluster, "a", "6443", "::1", "6444")))
	if want := []string{"a:6443", "[::1]:6444"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v", got, err)
	}
	for text, want := range map[string]string{"resources: []": "no endpoints", "resources: [": "yaml"} {
		if _, err := readBackends(write(t, text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestConnectionsGoToThoseThatAreHealthy(t *testing.T) {
	var sick atomic.Bool
	sick.Store(true)
	var addresses []string
	for i := range 2 {
		server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if i == 1 && sick.Load() && r.URL.Path == "/healthz" {
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
			fmt.Fprint(w, i)
		}))
		defer server.Close()
		host, port, _ := net.SplitHostPort(server.Listener.Addr().String())
		addresses = append(addresses, host, port)
	}
	port := freePort(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	defer func() { cancel(); <-ended }()
	go func() {
		ended <- run(ctx, write(t, fmt.Sprintf(listener, port)), write(t, fmt.Sprintf(cluster, addresses[0], addresses[1], addresses[2], addresses[3])))
	}()
	url := "https://127.0.0.1:" + strconv.Itoa(port)
	until(t, "only the healthy one answers", func() bool { return slices.Equal(ask(url, 8), []string{"0"}) })
	sick.Store(false)
	until(t, "both answer", func() bool { return slices.Equal(ask(url, 8), []string{"0", "1"}) })
}

// ask is what n connections are answered, each once and sorted.
func ask(url string, n int) []string {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	var all []string
	for range n {
		answer, err := client.Get(url)
		if err != nil {
			return nil
		}
		data, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		all = append(all, string(data))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if is() {
			return
		}
	}
	t.Fatalf("not so after 20 s: %s", what)
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
