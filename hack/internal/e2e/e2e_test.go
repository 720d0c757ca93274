package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fork.internal/apiserver/test/e2e/report"
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

func TestVerdict(t *testing.T) {
	passed, skipped, failed := report.Test{Name: "a", Result: report.Passed}, report.Test{Name: "b", Result: report.Skipped}, report.Test{Name: "c", Result: report.Failed}
	for _, tt := range []struct {
		tests []report.Test
		err   error
		want  string // in the error; empty for none
	}{
		{[]report.Test{passed, skipped}, nil, ""},
		{[]report.Test{passed, failed}, errors.New("exit status 1"), "failed: c; next: "},
		{[]report.Test{passed}, errors.New("exit status 66"), "the tests: exit status 66"},
		{[]report.Test{skipped, skipped}, nil, "of 2 tests none has passed"},
		{nil, nil, "of 0 tests none has passed"},
	} {
		err := judge(&report.Report{Tests: tt.tests}, tt.err)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v, %v: got %v", tt.tests, tt.err, err)
		}
	}
}
