package cluster

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"fork.internal/apiserver/test/cluster/fake"
)

func fakeConfig(t *testing.T, etcd, api string) Config {
	t.Helper()
	conf := Config{
		Etcd:          fake.Binary(t, etcd),
		KubeAPIServer: fake.Binary(t, api),
		Dir:           filepath.Join(t.TempDir(), "state"),
		StartTimeout:  30 * time.Second,
	}
	t.Cleanup(func() {
		if left := running(t, conf.Dir); len(left) > 0 {
			t.Errorf("left running: %v", left)
		}
	})
	return conf
}

// running lists the processes whose arguments name the directory, which all of ours do. Only where there is
// a /proc.
func running(t *testing.T, dir string) (found []string) {
	t.Helper()
	cmdlines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range cmdlines {
		data, err := os.ReadFile(path)
		if err == nil && bytes.Contains(data, []byte(dir)) {
			found = append(found, filepath.Base(filepath.Dir(path)))
		}
	}
	return found
}

func alive(pid int) bool { return syscall.Kill(pid, 0) == nil }

func TestStartStop(t *testing.T) {
	conf := fakeConfig(t, fake.Etcd, fake.API)
	conf.Tokens = map[string]string{"secret": "mallory"}
	var progress bytes.Buffer
	conf.Progress = &progress
	ctx := t.Context()
	c, err := Start(ctx, conf)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop(context.Background())

	etcd, api := c.Pids()
	for _, pid := range []int{etcd, api} {
		if !alive(pid) {
			t.Errorf("pid %d is not alive", pid)
		}
		// A Ctrl-C goes to our group.
		if pgid, err := syscall.Getpgid(pid); err != nil || pgid != pid {
			t.Errorf("pid %d is in process group %d (%v), want one of its own", pid, pgid, err)
		}
	}
	if ready := c.ReadyAfter(); ready <= 0 || ready > conf.StartTimeout {
		t.Errorf("ReadyAfter = %v, want more than nothing and at most %v", ready, conf.StartTimeout)
	}
	if err := c.ExitError(); err != nil {
		t.Errorf("ExitError of a running server = %v", err)
	}
	if v, err := c.Version(ctx); err != nil || v != "v0.0.0-"+fake.API {
		t.Errorf("Version = %q, %v", v, err)
	}
	if got := c.TokenRESTConfig("secret"); got.BearerToken != "secret" || got.CertData != nil {
		t.Errorf("TokenRESTConfig carries the wrong identity: %v", got)
	}

	fromFile, err := clientcmd.BuildConfigFromFlags("", c.Kubeconfig())
	if err != nil {
		t.Fatal(err)
	}
	client, err := rest.HTTPClientFor(fromFile)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Get(fromFile.Host + "/readyz")
	if err != nil {
		t.Fatalf("with the kubeconfig: %v", err)
	}
	resp.Body.Close()

	err = filepath.WalkDir(conf.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: mode %v lets others in", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}

	if err := c.Stop(context.Background()); err != nil {
		t.Error(err)
	}
	if err := c.Stop(context.Background()); err != nil {
		t.Errorf("second Stop: %v", err)
	}
	if alive(etcd) || alive(api) {
		t.Error("a process is alive after Stop")
	}
	<-c.Exited()
	<-c.EtcdExited()
	if !strings.Contains(progress.String(), "ready after") {
		t.Errorf("progress: %q", progress.String())
	}
}

func TestStartErrors(t *testing.T) {
	taken, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	takenPort := taken.Addr().(*net.TCPAddr).Port

	for _, test := range []struct {
		name      string
		etcd, api string
		change    func(*Config)
		want      []string
	}{
		{name: "no etcd binary", change: func(c *Config) { c.Etcd = "/nowhere/etcd" },
			want: []string{"etcd binary /nowhere/etcd does not exist"}},
		{name: "no path", change: func(c *Config) { c.KubeAPIServer = "" },
			want: []string{"no path of a kube-apiserver binary"}},
		{name: "directory for binary", change: func(c *Config) { c.KubeAPIServer = os.TempDir() },
			want: []string{"is a directory"}},
		{name: "not executable", change: func(c *Config) {
			c.KubeAPIServer = filepath.Join(filepath.Dir(c.Etcd), "plain")
			os.WriteFile(c.KubeAPIServer, nil, 0o600)
		}, want: []string{"is not executable", "chmod +x"}},
		{name: "not a program", change: func(c *Config) {
			c.KubeAPIServer = filepath.Join(filepath.Dir(c.Etcd), "text")
			os.WriteFile(c.KubeAPIServer, []byte("\x00"), 0o700)
		}, want: []string{"kube-apiserver: ", "exec format error"}},
		{name: "no directory", change: func(c *Config) { c.Dir = "" }, want: []string{"Config.Dir is empty"}},
		{name: "port taken", change: func(c *Config) { c.Port = takenPort },
			want: []string{"port " + strconv.Itoa(takenPort) + " on 127.0.0.1 is taken", "PORT="}},
		{name: "token without user", change: func(c *Config) { c.Tokens = map[string]string{"x": ""} },
			want: []string{"neither may be empty"}},
		{name: "etcd dies", etcd: fake.EtcdDies,
			want: []string{"etcd (pid ", "exit status 3", "something is wrong with fake-etcd-dies"}},
		{name: "etcd has no leader", etcd: fake.EtcdNoLeader, change: func(c *Config) { c.EtcdMembers, c.StartTimeout = 3, 2*time.Second },
			want: []string{"etcd has no quorum", "RAFT NO LEADER", "next: "}},
		{name: "no member of etcd starts", etcd: fake.EtcdDies, change: func(c *Config) { c.EtcdMembers = 3 },
			want: []string{"of 3 members run", "something is wrong with fake-etcd-dies", "next: "}},
		{name: "the balancer's port taken", change: func(c *Config) { c.Servers, c.Port = 2, takenPort },
			want: []string{"port " + strconv.Itoa(takenPort) + " on 127.0.0.1 is taken"}},
		{name: "one of several dies", api: fake.APIDies, change: func(c *Config) { c.Servers = 2 },
			want: []string{"kube-apiserver-1 (pid ", "exit status 3"}},
		{name: "kube-apiserver dies", api: fake.APIDies,
			want: []string{"kube-apiserver (pid ", "exit status 3", "something is wrong with fake-api-dies", "kube-apiserver.log"}},
		{name: "disk full", api: fake.APIDiskFull, want: []string{"the disk that holds ", "is full", "free space"}},
		{name: "never ready", api: fake.APINeverReady, change: func(c *Config) { c.StartTimeout = 2 * time.Second },
			want: []string{"not ready within 2s", "poststarthook/fake failed", "kube-apiserver.log"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			etcd, api := fake.Etcd, fake.API
			if test.etcd != "" {
				etcd = test.etcd
			}
			if test.api != "" {
				api = test.api
			}
			conf := fakeConfig(t, etcd, api)
			if test.change != nil {
				test.change(&conf)
			}
			c, err := Start(t.Context(), conf)
			if err == nil {
				c.Stop(context.Background())
				t.Fatal("no error")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error lacks %q:\n%v", want, err)
				}
			}
		})
	}
}

func TestStartCancelled(t *testing.T) {
	conf := fakeConfig(t, fake.Etcd, fake.APINeverReady)
	ctx, cancel := context.WithCancel(t.Context())
	conf.Progress = writerFunc(func(p []byte) {
		if bytes.Contains(p, []byte("starting kube-apiserver")) {
			cancel()
		}
	})
	_, err := Start(ctx, conf)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Start = %v, want context.Canceled", err)
	}
}

func TestOneRunPerDir(t *testing.T) {
	conf := fakeConfig(t, fake.Etcd, fake.API)
	c, err := Start(t.Context(), conf)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop(context.Background())

	_, err = Start(t.Context(), conf)
	want := "another run (pid " + strconv.Itoa(os.Getpid()) + ") uses " + conf.Dir
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("second Start = %v, want %q", err, want)
	}
	if err := c.Ready(t.Context()); err != nil {
		t.Errorf("the first run suffered: %v", err)
	}
	c.Stop(context.Background())

	// The same directory serves again, with nothing in it of the first run.
	stale := filepath.Join(conf.Dir, "audit.log")
	if err := os.WriteFile(stale, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := Start(t.Context(), conf)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Stop(context.Background())
	if _, err := os.Stat(stale); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an earlier run's audit log is still there: %v", err)
	}
}

func TestStopKills(t *testing.T) {
	conf := fakeConfig(t, fake.Etcd, fake.APIStubborn)
	conf.StopTimeout = 100 * time.Millisecond
	c, err := Start(t.Context(), conf)
	if err != nil {
		t.Fatal(err)
	}
	_, api := c.Pids()
	err = c.Stop(context.Background())
	if err == nil || !strings.Contains(err.Error(), "100ms after SIGTERM and was killed") {
		t.Errorf("Stop = %v", err)
	}
	if alive(api) {
		t.Error("alive after Stop")
	}
}

// TestStopSaysHowItEnded: a server that crashes while it drains, or has crashed before, is no server that was stopped.
func TestStopSaysHowItEnded(t *testing.T) {
	for _, api := range []string{fake.APICrashEnd, fake.APICrashVersion} {
		c, err := Start(t.Context(), fakeConfig(t, fake.Etcd, api))
		if err != nil {
			t.Fatal(err)
		}
		if api == fake.APICrashVersion {
			c.Version(t.Context())
			<-c.Exited()
		}
		for _, stop := range []func(context.Context) error{c.Servers()[0].Stop, c.Stop} {
			if err := stop(context.Background()); err == nil || !strings.Contains(err.Error(), "exit status 2: "+fake.CrashLine) {
				t.Errorf("%s: Stop = %v", api, err)
			}
		}
	}
	c, err := Start(t.Context(), fakeConfig(t, fake.Etcd, fake.API))
	if err != nil {
		t.Fatal(err)
	}
	c.Servers()[0].Kill()
	if err := c.Stop(context.Background()); err != nil {
		t.Errorf("of one that was killed: %v", err)
	}
}

func TestStopConcurrently(t *testing.T) {
	c, err := Start(t.Context(), fakeConfig(t, fake.Etcd, fake.API))
	if err != nil {
		t.Fatal(err)
	}
	etcd, api := c.Pids()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := c.Stop(context.Background()); err != nil {
				t.Error(err)
			}
			if alive(etcd) || alive(api) {
				t.Error("alive after Stop")
			}
		})
	}
	wg.Wait()
}

type writerFunc func([]byte)

func (f writerFunc) Write(p []byte) (int, error) { f(p); return len(p), nil }
