package cluster

import (
	"context"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"k8s.io/client-go/rest"
)

// TestReal needs real binaries: KUBE_APISERVER and ETCD name them.
func TestReal(t *testing.T) {
	conf := Config{
		KubeAPIServer: os.Getenv("KUBE_APISERVER"), Etcd: os.Getenv("ETCD"),
		Dir:    t.TempDir(),
		Tokens: map[string]string{"secret": "mallory"},
	}
	if conf.KubeAPIServer == "" || conf.Etcd == "" {
		t.Skip("KUBE_APISERVER and ETCD do not name the binaries to test with")
	}
	c, err := Start(t.Context(), conf)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop(context.Background())

	// That the account exists is what admits the pod.
	pod := map[string]any{
		"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": "web"},
		"spec": map[string]any{"containers": []any{map[string]any{"name": "c", "image": "example/none"}}},
	}
	const pods = "/api/v1/namespaces/default/pods"
	for range 2 {
		if err := c.Create(t.Context(), pods, pod); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Create(t.Context(), "/api/v1/namespaces/missing/pods", pod); err == nil {
		t.Error("a pod was created in a namespace that does not exist")
	}

	client, err := rest.HTTPClientFor(c.TokenRESTConfig("secret"))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Get(c.URL() + pods)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	if resp.StatusCode != http.StatusForbidden || !strings.Contains(string(body), `\"mallory\"`) {
		t.Errorf("mallory without a role: %d %s", resp.StatusCode, body)
	}

	events, err := os.ReadFile(c.AuditLog())
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(events), `"username":"mallory"`) {
		t.Error("the audit log does not have mallory's request")
	}
	if err := c.Stop(context.Background()); err != nil {
		t.Error(err)
	}
}
