package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
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
	} {
		err := tt.options.Check()
		if (err == nil) != (tt.want == "") || err != nil && (!strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "; next: ")) {
			t.Errorf("%+v: got %v", tt.options, err)
		}
	}
}
