package cluster

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"fork.internal/apiserver/test/cluster/fake"
)

func TestRun(t *testing.T) {
	conf := fakeConfig(t, fake.Etcd, fake.API)
	ctx, interrupt := context.WithCancel(t.Context())
	var out bytes.Buffer
	err := Run(ctx, conf, writerFunc(func(p []byte) {
		out.Write(p)
		if bytes.Contains(p, []byte("Ctrl-C")) {
			interrupt()
		}
	}))
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
	ctx, interrupt := context.WithCancel(t.Context())
	var out bytes.Buffer
	err := Run(ctx, conf, writerFunc(func(p []byte) {
		out.Write(p)
		if bytes.Contains(p, []byte("starting kube-apiserver")) {
			interrupt()
		}
	}))
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
