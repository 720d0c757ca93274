// Package toy makes, for tests, a checkout of the fork of a small module, with a directory that stands
// for the Go module proxy. Nothing of it needs the network.
package toy

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/mod/module"
	"golang.org/x/mod/sumdb/dirhash"
	"golang.org/x/mod/zip"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/pins"
)

// The modules of the toy.
const (
	// Module stands for k8s.io/apiserver.
	Module = "toy.test/apiserver"
	// Consumer stands for k8s.io/kubernetes.
	Consumer = "toy.test/kubernetes"
	// Runner stands for what starts its programs in an image.
	Runner = Consumer + "/runner"
	// Sample stands for k8s.io/sample-apiserver: its program prints what a.A of Module is.
	Sample = "toy.test/sample-apiserver"
)

const consumerMain = `package main

import (
	"fmt"

	"toy.test/apiserver/pkg/a"
	"toy.test/base/version"
)

func main() { fmt.Println(a.A, version.V) }
`

const sampleMain = `package main

import (
	"fmt"

	"toy.test/apiserver/pkg/a"
)

func main() { fmt.Println(a.A) }
`

// Check ends the test with an error.
func Check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Write writes a file, and makes its directory if need be.
func Write(t *testing.T, name, content string) {
	t.Helper()
	Check(t, os.MkdirAll(filepath.Dir(name), 0o755))
	Check(t, os.WriteFile(name, []byte(content), 0o644))
}

// Publish makes a release in the proxy, a directory, and returns its checksum.
func Publish(t *testing.T, proxy, path, version string, files map[string]string) string {
	t.Helper()
	src, dir := t.TempDir(), filepath.Join(proxy, path, "@v")
	for name, content := range files {
		Write(t, filepath.Join(src, name), content)
	}
	Write(t, filepath.Join(dir, version+".mod"), files["go.mod"])
	Write(t, filepath.Join(dir, version+".info"), fmt.Sprintf(`{"Version":%q,"Time":"2020-01-01T00:00:00Z"}`, version))
	f, err := os.Create(filepath.Join(dir, version+".zip"))
	Check(t, err)
	Check(t, zip.CreateFromDir(f, module.Version{Path: path, Version: version}, src))
	Check(t, f.Close())
	sum, err := dirhash.HashZip(f.Name(), dirhash.Hash1)
	Check(t, err)
	return sum
}

// consumerTest says with which the tests are built.
const consumerTest = "package e2e\n\nimport (\n\t\"fmt\"\n\t\"testing\"\n\n\t\"toy.test/apiserver/pkg/a\"\n)\n\nfunc TestMain(*testing.M) { fmt.Println(\"tests\", a.A) }\n"

// New makes a checkout with one pin and one patch, which makes a.A "patched".
func New(t *testing.T) *checkout.Checkout {
	t.Helper()
	proxy := t.TempDir()
	co := &checkout.Checkout{Root: t.TempDir(), Out: io.Discard, Err: io.Discard, Env: []string{
		"GOPROXY=file://" + filepath.ToSlash(proxy), "GOSUMDB=off", "GOMODCACHE=" + t.TempDir(), "GOFLAGS=-modcacherw",
		"GOWORK=", // Which a test may be run with, and looks for.
	}}
	sum := Publish(t, proxy, Module, "v0.1.0", map[string]string{
		"LICENSE": "Anyone may.\n", "go.mod": "module " + Module + "\n\ngo 1.21\n", "pkg/a/a.go": "package a\n\nconst A = \"pristine\"\n"})
	Publish(t, proxy, "toy.test/base", "v0.1.0", map[string]string{
		"go.mod": "module toy.test/base\n\ngo 1.21\n", "version/v.go": "package version\n\nconst V = \"v0.1.0\"\n"})
	Publish(t, proxy, Consumer, "v1.1.0", map[string]string{
		"go.mod": "module " + Consumer + "\n\ngo 1.21\n\nrequire (\n\ttoy.test/apiserver v0.0.0\n\ttoy.test/base v0.0.0\n)\n\n" +
			"replace (\n\ttoy.test/apiserver => ./staging/src/toy.test/apiserver\n\ttoy.test/base => ./staging/src/toy.test/base\n)\n",
		"cmd/kube-apiserver/main.go": consumerMain, "test/e2e/e2e_test.go": consumerTest, "runner/main.go": "package main\n\nfunc main() {}\n", ".go-version": "1.21.0\n"})
	Publish(t, proxy, Sample, "v0.1.0", map[string]string{
		"go.mod": "module " + Sample + "\n\ngo 1.21\n\nrequire " + Module + " v0.1.0\n", "go.sum": sums(t, proxy, "v0.1.0", sum), "main.go": sampleMain})
	Write(t, filepath.Join(co.Root, "go.mod"), "module "+checkout.Module+"\n\ngo 1.21\n")
	Write(t, filepath.Join(co.Root, "patches", "v0.1", "0001-x.patch"), `From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001
From: apiserver fork <fork@apiserver.invalid>
Date: Sat, 1 Jan 2000 00:00:00 +0000
Subject: [PATCH] Say that it is patched

diff --git a/pkg/a/a.go b/pkg/a/a.go
--- a/pkg/a/a.go
+++ b/pkg/a/a.go
@@ -2,2 +2,2 @@ package a
 
-const A = "pristine"
+const A = "patched"
`)
	p := &pins.Pins{Module: Module, Consumer: Consumer}
	p.Add(pins.Tag{Tag: "v0.1.0", Sum: sum, Consumer: "v1.1.0"})
	Check(t, p.Save(co.Pins()))
	return co
}

// sums are the lines of go.sum for a version of Module in the proxy.
func sums(t *testing.T, proxy, version, sum string) string {
	t.Helper()
	gomod, err := dirhash.Hash1([]string{"go.mod"}, func(string) (io.ReadCloser, error) {
		return os.Open(filepath.Join(proxy, Module, "@v", version+".mod"))
	})
	Check(t, err)
	return fmt.Sprintf("%[1]s %[2]s %[3]s\n%[1]s %[2]s/go.mod %[4]s\n", Module, version, sum, gomod)
}
