package cluster

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fork.internal/apiserver/test/cluster/fake"
)

// runUntil runs a cluster until it says that.
func runUntil(t *testing.T, conf Config, says string) (out bytes.Buffer, err error) {
	ctx, interrupt := context.WithCancel(t.Context())
	err = Run(ctx, conf, writerFunc(func(p []byte) {
		out.Write(p)
		if bytes.Contains(p, []byte(says)) {
			interrupt()
		}
	}))
	return out, err
}

func TestRun(t *testing.T) {
	conf := fakeConfig(t, fake.Etcd, fake.API)
	out, err := runUntil(t, conf, "Ctrl-C")
	if err != nil {
		t.Error(err)
	}
	if n := strings.Count(out.String(), "\nexport KUBECONFIG="+conf.Dir+"/kubeconfig\n"); n != 1 {
		t.Errorf("%d export lines, want 1", n)
	}
	for _, want := range []string{"ready after", "kubectl get --raw /readyz", conf.Dir + "/audit.log", "nothing is left running"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("output lacks %q:\n%s", want, out.String())
		}
	}
}

func TestRunInterruptedEarly(t *testing.T) {
	conf := fakeConfig(t, fake.Etcd, fake.APINeverReady)
	out, err := runUntil(t, conf, "starting kube-apiserver")
	if err != nil || !strings.Contains(out.String(), "nothing is left running") {
		t.Errorf("Run = %v, said:\n%s", err, out.String())
	}
}

func TestRunReportsDeath(t *testing.T) {
	var out bytes.Buffer
	err := Run(t.Context(), fakeConfig(t, fake.Etcd, fake.APICrashVersion), &out)
	for _, want := range []string{"kube-apiserver (pid", "exit status 2", fake.CrashLine, "AddWarning (warning.go:110)"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error lacks %q: %v", want, err)
		}
	}
	if !strings.Contains(out.String(), "nothing is left running") {
		t.Errorf("said:\n%s", out.String())
	}
}

// TestRunKeepsData has etcd's data outlive a run that is told to keep it, and no other.
func TestRunKeepsData(t *testing.T) {
	conf := fakeConfig(t, fake.Etcd, fake.API)
	mark := filepath.Join(conf.Dir, "etcd-data", "mark")
	if err := errors.Join(os.MkdirAll(filepath.Dir(mark), 0o700), os.WriteFile(mark, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, keep := range []bool{true, false} {
		conf.KeepData = keep
		out, err := runUntil(t, conf, "Ctrl-C")
		_, gone := os.Stat(mark)
		if err != nil || keep != (gone == nil) || keep != strings.Contains(out.String(), "What etcd holds stays in "+conf.Dir) {
			t.Errorf("KeepData=%v: got %v, %v:\n%s", keep, err, gone, out.String())
		}
		if fsync := !slices.Contains((&Cluster{conf: conf, ports: ports{etcd: make([]memberPorts, 1)}}).etcdArgs(0), "--unsafe-no-fsync"); fsync != keep {
			t.Errorf("KeepData=%v: etcd syncs: %v", keep, fsync)
		}
		if want := "curl --cacert " + conf.Dir + "/pki/ca.crt"; !strings.Contains(out.String(), want) {
			t.Errorf("output lacks %q:\n%s", want, out.String())
		}
	}
	conf.KeepData, conf.EtcdMembers = true, 3
	if err := Run(t.Context(), conf, io.Discard); err == nil || !strings.Contains(err.Error(), "keep that of one") {
		t.Errorf("three members: got %v", err)
	}
}
