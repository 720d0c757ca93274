package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestOptionsThatContradictEachOther(t *testing.T) {
	dir := t.TempDir()
	kubeconfig := filepath.Join(dir, "kubeconfig")
	if err := os.WriteFile(kubeconfig, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		options Options
		want    string // in the error; empty for none
	}{
		{Options{}, ""},
		{Options{Tag: "v0.1.0", Unmodified: true}, ""},
		{Options{Kubeconfig: kubeconfig}, ""},
		{Options{Kubeconfig: kubeconfig, Tag: "v0.1.0"}, "TAG= and UNMODIFIED="},
		{Options{Kubeconfig: kubeconfig, Unmodified: true}, "TAG= and UNMODIFIED="},
		{Options{Kubeconfig: filepath.Join(dir, "none")}, "no such file"},
		{Options{Kubeconfig: dir}, "is a directory"},
		{Options{Streams: 10 * time.Minute}, ""},
		{Options{Streams: time.Second}, "STREAMS=1m30s or more"},
		{Options{Kubeconfig: kubeconfig, Streams: 10 * time.Minute}, ""},
		{Options{Kubeconfig: kubeconfig, Streams: -time.Minute}, "STREAMS=-1m0s is no time"},
	} {
		err := tt.options.Check()
		if (err == nil) != (tt.want == "") || err != nil && (!strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "; next: ")) {
			t.Errorf("%+v: got %v", tt.options, err)
		}
	}
}
