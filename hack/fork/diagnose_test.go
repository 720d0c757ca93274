package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/diagnose"
)

// fixture is a file that a server has left.
func fixture(variant, name string) string {
	return filepath.Join("..", "internal", "diagnose", "testdata", variant, name+".gz")
}

func runDiagnose(t *testing.T, stdin io.Reader, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	cmd := newDiagnoseCommand(&checkout.Checkout{Out: &out, Err: t.Output()})
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetIn(stdin)
	cmd.SetArgs(args)
	err := cmd.Execute()
	return out.String(), err
}

func TestDiagnose(t *testing.T) {
	log, audit := fixture("upstream", "crash-pod.log"), fixture("upstream", "crash-pod.audit")
	out, err := runDiagnose(t, nil, audit, log)
	if err != nil {
		t.Error(err)
	}
	for _, want := range []string{"of a crash", "\nD1      THE PROCESS DIED: fatal error: concurrent map ", "by mallory", "next:  ", "version v1."} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	stdin, err := os.Open(log)
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	out, err = runDiagnose(t, stdin, "-", "-o", "json", "--exit-code")
	var r diagnose.Report
	if err == nil || !strings.Contains(err.Error(), "--exit-code: ") {
		t.Errorf("got %v", err)
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil || len(r.Findings) == 0 || r.Findings[0].Rows[0] != "D1" || r.Sources[0].Name != "standard input" {
		t.Errorf("%v: %s", err, out)
	}
	out, err = runDiagnose(t, nil, "--exit-code", fixture("fork", "crash-pod.log"))
	if err != nil || !strings.Contains(out, "none of the known rows shows") || !strings.Contains(out, ", the fork's") {
		t.Errorf("%v: %s", err, out)
	}
}

// TestDiagnoseReadsWhatItCan: one file of several that is none takes nothing from the others.
func TestDiagnoseReadsWhatItCan(t *testing.T) {
	other := filepath.Join(t.TempDir(), "other")
	if err := os.WriteFile(other, []byte("a\nb\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := runDiagnose(t, nil, other, other+".none", fixture("upstream", "crash-pod.log"))
	if !strings.Contains(out, "\nD1 ") {
		t.Errorf("got %s", out)
	}
	for _, want := range []string{other + ": none of its 2 lines is of", other + ".none: no such file"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if _, err := runDiagnose(t, nil, "--", ""); err == nil || !strings.Contains(err.Error(), "which file? make diagnose FILE=") {
		t.Errorf("got %v", err)
	}
	if out, err := runDiagnose(t, strings.NewReader(""), "-"); err == nil || out != "" {
		t.Errorf("got %q, %v", out, err)
	}
}
