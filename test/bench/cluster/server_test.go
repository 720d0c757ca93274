package cluster

import (
	"encoding/json"
	"io"
	"path/filepath"
	"strings"
	"testing"
)

func TestVariantOf(t *testing.T) {
	const (
		others = "# TYPE kubernetes_feature_enabled gauge\n" + `kubernetes_feature_enabled{name="WatchList",stage="BETA"} 1` + "\n"
		ours   = `kubernetes_feature_enabled{name="PerHandlerReadWriteTimeout",stage="BETA"} `
	)
	for metrics, want := range map[string]string{
		others:                 "upstream",
		others + ours + "1\n":  "fork",
		others + ours + "0\n":  "PerHandlerReadWriteTimeout is off",
		"go_goroutines 1000\n": "is this a kube-apiserver?",
	} {
		got, err := variantOf(metrics)
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) {
			t.Errorf("variantOf = %q, %v, want %q, of\n%s", got, err, want, metrics)
		}
	}
}

func TestStartWithoutBinary(t *testing.T) {
	conf := config{kubeAPIServer: filepath.Join(t.TempDir(), "missing"), variant: "fork", dir: t.TempDir()}
	_, err := start(t.Context(), conf, io.Discard)
	if err == nil || !strings.Contains(err.Error(), conf.kubeAPIServer) || !strings.Contains(err.Error(), envFork) {
		t.Errorf("start = %v", err)
	}
}

// TestWrites: an object that is stored again as it is costs less than one that has changed.
func TestWrites(t *testing.T) {
	for _, v := range verbs() {
		for _, next := range []func(int) request{v.before, v.request, v.after} {
			if next == nil {
				continue
			}
			r, again := next(0), next(0)
			if len(r.body) == 0 {
				continue
			}
			if string(r.body) == string(again.body) {
				t.Errorf("%s sends the same body twice: %s", v.name, r.body)
			}
			if !json.Valid(r.body) {
				t.Errorf("%s: not JSON: %s", v.name, r.body)
			}
		}
	}
	if size := len(configMap(0)); size < payload || size > payload+200 {
		t.Errorf("a ConfigMap has %d bytes, want some %d", size, payload)
	}
}
