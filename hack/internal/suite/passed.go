package suite

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/dirhash"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/pins"
	"fork.internal/apiserver/hack/internal/series"
)

// plainGo has the go command do what it does where nobody has set anything.
var plainGo = []string{"GOFLAGS=", "GODEBUG=", "GOEXPERIMENT="}

// inputs identifies everything in the checkout that a step for tag can depend on, and the Go version.
// Of other minors' patches and pins, that a minor is carried is a part of it: some of what shows a defect is for those
// before or after one.
func inputs(co *checkout.Checkout, p *pins.Pins, tag pins.Tag) (string, error) {
	var files []string
	for _, top := range []string{"go.mod", "go.sum", "hack", "pkg", "test"} {
		err := filepath.WalkDir(filepath.Join(co.Root, top), func(name string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() && !strings.HasPrefix(d.Name(), ".") {
				files = append(files, filepath.ToSlash(co.Rel(name)))
			}
			return err
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	patches, err := series.Read(co.Root, pins.MinorOf(tag.Tag))
	if err != nil {
		return "", err
	}
	files = append(files, patches.Files()...)
	sum, err := dirhash.Hash1(files, func(name string) (io.ReadCloser, error) { return os.Open(filepath.Join(co.Root, name)) })
	if err != nil {
		return "", err
	}
	var minors []string
	for _, m := range p.Minors {
		minors = append(minors, m.Minor)
	}
	slices.Sort(minors)
	h := sha256.New()
	fmt.Fprintf(h, "%q\n", minors)
	fmt.Fprintf(h, "%q\n", []string{sum, p.Module, p.Consumer, p.Etcd, tag.Tag, tag.Sum, tag.Consumer, runtime.Version(), runtime.GOOS, runtime.GOARCH})
	return hex.EncodeToString(h.Sum(nil)), nil
}

// record is what is kept of a step that has passed.
type record struct {
	Inputs  string  `json:"inputs"`
	Seconds float64 `json:"seconds"`
}

// recordPath is where the last pass of a tag's step is.
func recordPath(co *checkout.Checkout, r Result) string {
	return filepath.Join(co.Output(), "passed", r.Tag, r.Step+".json")
}

// passedBefore looks up a pass. One that cannot be read is none.
func passedBefore(co *checkout.Checkout, r Result, key string) (seconds float64, ok bool) {
	data, err := os.ReadFile(recordPath(co, r))
	var old record
	if err != nil || json.Unmarshal(data, &old) != nil {
		return 0, false
	}
	return old.Seconds, old.Inputs == key
}

func remember(co *checkout.Checkout, r Result, key string) error {
	data, err := json.Marshal(record{Inputs: key, Seconds: r.Seconds})
	if err != nil {
		return err
	}
	path := recordPath(co, r)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o644)
}

// forget drops the pass of a step that fails now.
func forget(co *checkout.Checkout, r Result) error {
	if err := os.Remove(recordPath(co, r)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
