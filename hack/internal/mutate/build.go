package mutate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/gotool"
)

// subject is a package with its mutants, of which the one at i has the number i+1.
type subject struct {
	dir     string
	name    string // the package's
	mutants []Mutant
	skipped map[string]Skipped // by file
	files   map[string][]byte  // those with mutants in them, by name
	// key identifies all that goes into the test binary but the tests; tests are the hashes of their files.
	key   string
	tests map[string]string
}

// load reads the package in dir as it is built here, and makes its mutants.
func load(ctx context.Context, co *checkout.Checkout, dir string) (*subject, error) {
	out, err := gotool.Run(ctx, co, dir, nil, "list", "-json=Name,GoFiles,TestGoFiles,XTestGoFiles", ".")
	if err != nil {
		return nil, err
	}
	var pkg struct {
		Name                               string
		GoFiles, TestGoFiles, XTestGoFiles []string
	}
	if err := json.Unmarshal([]byte(out), &pkg); err != nil {
		return nil, err
	}
	s := &subject{dir: dir, name: pkg.Name, skipped: map[string]Skipped{}, files: map[string][]byte{}, tests: map[string]string{}}
	h := sha256.New()
	for _, name := range pkg.GoFiles {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		mutants, skipped, err := Find(name, content)
		if err != nil {
			return nil, err
		}
		s.files[name] = instrument(content, mutants, len(s.mutants)+1)
		s.mutants = append(s.mutants, mutants...)
		s.skipped[name] = skipped
		fmt.Fprintf(h, "%s %d\n%s", name, len(s.files[name]), s.files[name])
	}
	if s.files[switchFile] != nil {
		return nil, fmt.Errorf("%s has a file %s: that name is wanted for the mutants; next: rename it", co.Rel(dir), switchFile)
	}
	s.files[switchFile] = switchSource(s.name, len(s.mutants))
	if err := s.hashOthers(ctx, co, h.Write); err != nil {
		return nil, err
	}
	s.key = hex.EncodeToString(h.Sum(nil))[:16]
	return s, s.hashTests(append(pkg.TestGoFiles, pkg.XTestGoFiles...))
}

// hashOthers hashes what the package is built with: its module's other packages, the versions of all modules, and Go's.
func (s *subject) hashOthers(ctx context.Context, co *checkout.Checkout, write func([]byte) (int, error)) error {
	out, err := gotool.Run(ctx, co, s.dir, nil, "list", "-deps", "-test", "-f",
		`{{with .Module}}{{if .Main}}{{if not $.ForTest}}{{$dir := $.Dir}}{{range $.GoFiles}}{{$dir}}/{{.}}{{"\n"}}{{end}}{{end}}{{else}}{{.Path}} {{.Version}}{{"\n"}}{{end}}{{end}}`, ".")
	if err != nil {
		return err
	}
	_, _ = write([]byte(runtime.Version() + " " + runtime.GOARCH + "\n"))
	for line := range strings.Lines(out) {
		name := strings.TrimSuffix(line, "\n")
		if !filepath.IsAbs(name) {
			_, _ = write([]byte(line))
			continue
		}
		content, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue // The test's main, which the go command makes.
		} else if err != nil {
			return err
		}
		_, _ = write(content)
	}
	return nil
}

// hashTests hashes the tests' files and their data, but for the explanations.
func (s *subject) hashTests(names []string) error {
	err := filepath.WalkDir(filepath.Join(s.dir, "testdata"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && path != filepath.Join(s.dir, Explanations) {
			rel, _ := filepath.Rel(s.dir, path)
			names = append(names, rel)
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, name := range names {
		content, err := os.ReadFile(filepath.Join(s.dir, name))
		if err != nil {
			return err
		}
		sum := sha256.Sum256(content)
		s.tests[filepath.ToSlash(name)] = hex.EncodeToString(sum[:])[:16]
	}
	return nil
}

// build makes the test binary with all mutants, in work, where nothing else is.
func (s *subject) build(ctx context.Context, co *checkout.Checkout, work string) (binary string, err error) {
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	for name, content := range s.files {
		copied := filepath.Join(work, name)
		if err := os.WriteFile(copied, content, 0o644); err != nil {
			return "", err
		}
		overlay.Replace[filepath.Join(s.dir, name)] = copied
	}
	data, err := json.Marshal(overlay)
	if err != nil {
		return "", err
	}
	file := filepath.Join(work, "overlay.json")
	if err := os.WriteFile(file, data, 0o644); err != nil {
		return "", err
	}
	binary = filepath.Join(work, "mutants.test")
	if _, err := gotool.Run(ctx, co, s.dir, nil, "test", "-c", "-overlay", file, "-o", binary, "."); err != nil {
		return "", fmt.Errorf("%s does not build with its mutants in it: %w\nnext: go test -c there; if that is well, hack/internal/mutate makes a mutant that is no Go",
			co.Rel(s.dir), err)
	}
	if _, err := os.Stat(binary); err != nil {
		return "", fmt.Errorf("%s has no tests", co.Rel(s.dir))
	}
	return binary, nil
}
