package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestUpstreamsTestsAreOfSomething runs hack/test-upstream.sh on a toy, with a tool that says one thing or another: an empty
// list is no pass.
func TestUpstreamsTestsAreOfSomething(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"tree/go.mod":                   "module k8s.io/apiserver\n\ngo 1.25\n",
		"tree/doc.go":                   "package apiserver\n",
		"tree/pkg/features/features.go": "package features\n",
		"tree/pkg/plain/plain.go":       "package plain\n",
		"tree/pkg/plain/plain_test.go":  "package plain\n\nimport \"testing\"\n\nfunc TestA(t *testing.T) {}\n",
		"tree/pkg/gated/gated.go":       "package gated\n\nimport _ \"k8s.io/apiserver/pkg/features\"\n",
		"tree/pkg/gated/gated_test.go":  "package gated\n\nimport \"testing\"\n\nfunc TestA(t *testing.T) {}\n",
		"overlay.json":                  `{"Replace": {}}`,
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	tree, overlay := filepath.Join(dir, "tree"), filepath.Join(dir, "overlay.json")
	for name, tt := range map[string]struct{ tree, touched, off, want string }{
		"two packages":           {tree, "./pkg/plain ./pkg/gated", overlay, ""},
		"none that is touched":   {tree, "", overlay, "there is no package that the fork touches"},
		"none that knows a gate": {tree, "./pkg/plain", overlay, "there is no package that knows of gates"},
		"no tree":                {"", "./pkg/plain", overlay, "there is no tree"},
		"no overlay":             {tree, "./pkg/gated", "", "there is no overlay"},
	} {
		t.Run(name, func(t *testing.T) {
			tool := filepath.Join(t.TempDir(), "fork")
			script := fmt.Sprintf("#!/bin/sh\ncase $1 in\ntree) printf '{\\n \"path\": \"%%s\"\\n}\\n' '%s' ;;\ntouched) echo '%s' ;;\ngate-off) echo '%s' ;;\nesac\n", tt.tree, tt.touched, tt.off)
			if err := os.WriteFile(tool, []byte(script), 0o755); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command("../test-upstream.sh")
			cmd.Env = append(os.Environ(), "FORK="+tool)
			out, err := cmd.CombinedOutput()
			if (err == nil) != (tt.want == "") || !strings.Contains(string(out), tt.want) {
				t.Errorf("got %v, want %q:\n%s", err, tt.want, out)
			}
			if tt.want == "" && (strings.Count(string(out), "k8s.io/apiserver/pkg/gated") != 2 || strings.Count(string(out), "k8s.io/apiserver/pkg/plain") != 1) {
				t.Errorf("gated is to be tested twice, and plain once:\n%s", out)
			}
		})
	}
}
