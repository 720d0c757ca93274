package cluster

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"fork.internal/apiserver/test/cluster/fake"
)

func TestExtension(t *testing.T) {
	c, err := Start(t.Context(), fakeConfig(t, fake.Etcd, fake.API))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop(context.Background())
	// That it is gone once the cluster is, is for fakeConfig.
	address, err := c.StartExtension(t.Context(), "sample", fake.Binary(t, fake.API))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(address, "127.0.0.1:") {
		t.Errorf("it listens at %s", address)
	}
	if _, err := c.StartExtension(t.Context(), "dying", fake.Binary(t, fake.APIDies)); err == nil || !strings.Contains(err.Error(), "something is wrong") {
		t.Errorf("one that ends at once: %v", err)
	}
	if _, err := c.StartExtension(t.Context(), "missing", filepath.Join(t.TempDir(), "none")); err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("one that there is not: %v", err)
	}
	if err := c.Stop(context.Background()); err != nil {
		t.Error(err)
	}
	if _, err := c.StartExtension(t.Context(), "late", fake.Binary(t, fake.API)); err == nil || !strings.Contains(err.Error(), "has been stopped") {
		t.Errorf("in a cluster that has been stopped: %v", err)
	}
}
