// Package proxytest makes releases of modules in a directory that stands for the Go module proxy.
package proxytest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

// Publish adds a release with the given files, go.mod among them, to the directory proxy, and returns
// the path of its zip. What goes wrong ends the test.
func Publish(t testing.TB, proxy, path, version string, files map[string]string) (zipFile string) {
	t.Helper()
	src, dir := t.TempDir(), filepath.Join(proxy, path, "@v")
	for name, content := range files {
		write(t, filepath.Join(src, filepath.FromSlash(name)), content)
	}
	write(t, filepath.Join(dir, version+".mod"), files["go.mod"])
	write(t, filepath.Join(dir, version+".info"), fmt.Sprintf(`{"Version":%q,"Time":"2020-01-01T00:00:00Z"}`, version))
	list, err := os.OpenFile(filepath.Join(dir, "list"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintln(list, version); errors.Join(err, list.Close()) != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(dir, version+".zip"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(zip.CreateFromDir(f, module.Version{Path: path, Version: version}, src), f.Close()); err != nil {
		t.Fatal(err)
	}
	return f.Name()
}

func write(t testing.TB, name, content string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(content), 0o644)); err != nil {
		t.Fatal(err)
	}
}
