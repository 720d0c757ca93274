package cluster

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"fork.internal/apiserver/test/cluster/fake"
)

// several is a cluster of three of each.
func several(t *testing.T, api string) *Cluster {
	t.Helper()
	conf := fakeConfig(t, fake.Etcd, api)
	conf.Servers, conf.EtcdMembers = 3, 3
	c, err := Start(t.Context(), conf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Stop(context.Background()) })
	return c
}

func TestSeveral(t *testing.T) {
	c := several(t, fake.API)
	pids := running(t, c.conf.Dir)
	if len(pids) != 6 {
		t.Errorf("running: %v, want three of each", pids)
	}
	var names, urls []string
	for _, s := range c.Servers() {
		names = append(names, s.Name())
		urls = append(urls, s.URL())
		if err := s.Ready(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if want := []string{"kube-apiserver-1", "kube-apiserver-2", "kube-apiserver-3"}; !slices.Equal(names, want) {
		t.Errorf("names %v, want %v", names, want)
	}
	if slices.Contains(urls, c.URL()) || "https://"+c.Balancer().Addr() != c.URL() {
		t.Errorf("clients use %s; the servers are at %v", c.URL(), urls)
	}
	if err := c.Ready(t.Context()); err != nil {
		t.Errorf("through the balancer: %v", err)
	}
	if err := c.EtcdError(); err != nil {
		t.Error(err)
	}
	if err := c.Stop(context.Background()); err != nil {
		t.Error(err)
	}
	if left := running(t, c.conf.Dir); len(left) > 0 {
		t.Errorf("left running after Stop: %v", left)
	}
}

// TestReplace: a server is stopped, and killed, and started again from another binary, at the same place.
func TestReplace(t *testing.T) {
	c := several(t, fake.API)
	s := c.Servers()[1]
	first := s.Log()
	if err := s.Start(t.Context(), c.conf.KubeAPIServer); err == nil || !strings.Contains(err.Error(), "is running: stop it") {
		t.Errorf("Start of a running server = %v", err)
	}
	for _, end := range []func() error{
		func() error { return s.Stop(t.Context()) },
		func() error { s.Kill(); return nil },
	} {
		exited := s.Exited()
		if err := end(); err != nil {
			t.Error(err)
		}
		select {
		case <-exited:
		default:
			t.Fatal("it is not gone")
		}
		if s.ExitError() == nil {
			t.Error("no ExitError of a server that is gone")
		}
		// The others serve on.
		if err := c.Ready(t.Context()); err != nil {
			t.Error(err)
		}
		if err := s.Start(t.Context(), fake.Binary(t, fake.APICrashVersion)); err != nil {
			t.Fatal(err)
		}
		await(t, c, 1, true)
	}
	if s.Log() == first || filepath.Base(s.Log()) != "kube-apiserver-2.3.log" {
		t.Errorf("the third process logs to %s", s.Log())
	}
	if _, err := s.Version(t.Context()); err == nil {
		t.Error("the new binary is not what runs: it would have crashed")
	}
	<-s.Exited()
	if crash := s.Crash(); crash.Line != fake.CrashLine {
		t.Errorf("crash: %+v", crash)
	}
	await(t, c, 1, false)
}

func await(t *testing.T, c *Cluster, i int, ready bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := c.Balancer().Await(ctx, i, ready); err != nil {
		t.Fatal(err)
	}
}

func TestReplaceErrors(t *testing.T) {
	c := several(t, fake.API)
	s := c.Servers()[0]
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context(), fake.Binary(t, fake.APIDies)); err == nil || !strings.Contains(err.Error(), "something is wrong with") {
		t.Errorf("a binary that does not start: %v", err)
	}
	if err := s.Start(t.Context(), "/nowhere/kube-apiserver"); err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("no binary: %v", err)
	}
	l, err := listen(s.port)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context(), c.conf.KubeAPIServer); err == nil || !strings.Contains(err.Error(), "is taken") {
		t.Errorf("its port taken: %v", err)
	}
	l.Close()
	c.conf.StartTimeout = time.Second
	if err := s.Start(t.Context(), fake.Binary(t, fake.APINeverReady)); err == nil || !strings.Contains(err.Error(), "not ready within 1s") {
		t.Errorf("never ready: %v", err)
	}
	if pids := running(t, c.conf.Dir); len(pids) != 5 {
		t.Errorf("running: %v, want two servers and three members", pids)
	}
	c.Stop(context.Background())
	if err := s.Start(t.Context(), c.conf.KubeAPIServer); err == nil || !strings.Contains(err.Error(), "has been stopped") {
		t.Errorf("after the cluster's Stop: %v", err)
	}
}

func TestEtcdError(t *testing.T) {
	c := several(t, fake.API)
	for i, want := range []string{"lost a member", "no quorum"} {
		c.members()[i].cmd.Process.Kill()
		<-c.members()[i].exited
		if err := c.EtcdError(); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "next: ") {
			t.Errorf("%d members killed: %v", i+1, err)
		}
	}
}

// TestRealEtcd needs real binaries: KUBE_APISERVER and ETCD name them.
func TestRealEtcd(t *testing.T) {
	conf := Config{
		KubeAPIServer: os.Getenv("KUBE_APISERVER"), Etcd: os.Getenv("ETCD"), Dir: t.TempDir(), Servers: 2, EtcdMembers: 3,
	}
	if conf.KubeAPIServer == "" || conf.Etcd == "" {
		t.Skip("KUBE_APISERVER and ETCD do not name the binaries to test with")
	}
	c, err := Start(t.Context(), conf)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop(context.Background())
	const maps, prefix = "/api/v1/namespaces/default/configmaps", "/registry/configmaps/default/"
	for _, name := range []string{"a", "b", "last"} {
		if err := c.Create(t.Context(), maps, map[string]any{
			"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": name},
		}); err != nil {
			t.Fatal(err)
		}
	}
	history, err := c.History(t.Context(), prefix, prefix+"last", 1)
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for i, change := range history {
		keys = append(keys, strings.TrimPrefix(change.Key, prefix))
		if change.Deleted || change.ModRevision != change.CreateRevision || i > 0 && change.ModRevision <= history[i-1].ModRevision {
			t.Errorf("%+v", change)
		}
	}
	if want := []string{"a", "b", "last"}; !slices.Equal(keys, want) {
		t.Errorf("history of %v, want %v", keys, want)
	}
	dump, err := c.Dump(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	i, found := slices.BinarySearchFunc(dump, prefix+"b", func(kv KeyValue, key string) int { return strings.Compare(kv.Key, key) })
	if !found || len(dump[i].Value) == 0 {
		t.Errorf("the dump of %d keys has no %sb", len(dump), prefix)
	}
	if err := c.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.History(t.Context(), prefix, prefix+"last", 1); err == nil || !strings.Contains(err.Error(), "compacted") {
		t.Errorf("a history that is gone: %v", err)
	}
	if err := c.Stop(context.Background()); err != nil {
		t.Error(err)
	}
}
