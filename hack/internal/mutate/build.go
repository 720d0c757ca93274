package mutate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/gotool"
)

// Subject is Go code of one module, and the tests that are tried on its mutants.
type Subject struct {
	// Name is what the code is called in messages.
	Name string
	// Dir is the module's directory, or one below it, absolute. Files are named from there, with slashes.
	Dir string
	// Packages are the directories, named from Dir, of the packages that have mutants.
	Packages []string
	// Tests are the directories of those whose tests are run. Some may have none.
	Tests []string
	// Theirs says that there are tests of other people's among them, of which some do not pass by themselves. These are
	// left out, and the report has them; otherwise such a test is an error.
	Theirs bool
	// Lines says on which lines of a file mutants may begin. Nil means on all.
	Lines func(file string, line int) bool
	// Explanations is the file that says why mutants may survive, absolute: each one's ID on a line, and below it the
	// reason, indented. Several IDs may share a reason; lines that begin with # are comments. It need not be there.
	Explanations string
}

// Package is the Subject of the package in dir with its own tests, whose testdata/mutants.txt explains.
func Package(name, dir string) Subject {
	return Subject{Name: name, Dir: dir, Packages: []string{"."}, Tests: []string{"."}, Explanations: filepath.Join(dir, "testdata", "mutants.txt")}
}

// subject is a Subject with its mutants, of which the one at i has the number i+1.
type subject struct {
	Subject
	mutants []Mutant
	skipped map[string]Skipped // by file
	files   map[string][]byte  // those with mutants in them, and each package's switch, by name
	tested  []string           // the directories of those that have tests
	// key identifies all that goes into the test binaries but the tests; hashes are those of the tests' files.
	key    string
	hashes map[string]string
}

// load reads the packages as they are built here, and makes their mutants.
func load(ctx context.Context, co *checkout.Checkout, what Subject) (*subject, error) {
	s := &subject{Subject: what, skipped: map[string]Skipped{}, files: map[string][]byte{}, hashes: map[string]string{}}
	mutated, err := s.list(ctx, co, s.Packages)
	if err != nil {
		return nil, err
	}
	for _, p := range mutated {
		for _, name := range p.GoFiles {
			if err := s.mutate(path.Join(p.dir, name)); err != nil {
				return nil, err
			}
		}
	}
	if len(s.mutants) == 0 {
		return nil, fmt.Errorf("%s has no condition and no statement to make a mutant of, so nothing would be tried; next: see which packages and lines hack/fork takes", s.Name)
	}
	for _, p := range mutated {
		name := path.Join(p.dir, switchFile)
		if s.files[name] != nil || slices.Contains(p.GoFiles, switchFile) {
			return nil, fmt.Errorf("there is a file %s: that name is wanted for the mutants; next: rename it", co.Rel(filepath.Join(s.Dir, name)))
		}
		s.files[name] = switchSource(p.Name, len(s.mutants))
	}
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(s.files)) {
		fmt.Fprintf(h, "%s %d\n%s", name, len(s.files[name]), s.files[name])
	}
	if err := s.hashOthers(ctx, co, h); err != nil {
		return nil, err
	}
	s.key = hex.EncodeToString(h.Sum(nil))[:16]
	tests, err := s.list(ctx, co, s.Tests, "-test") // Without it nothing is said of what tests embed.
	if err != nil {
		return nil, err
	}
	for _, p := range tests {
		if p.ForTest != "" {
			continue
		}
		if files := append(p.TestGoFiles, p.XTestGoFiles...); len(files) > 0 {
			s.tested = append(s.tested, p.dir)
			if err := s.hashTests(p.dir, slices.Concat(files, p.TestEmbedFiles, p.XTestEmbedFiles)); err != nil {
				return nil, err
			}
		}
	}
	if s.tested == nil {
		return nil, fmt.Errorf("%s has no tests, and nothing would be killed; next: see which packages hack/fork takes", s.Name)
	}
	return s, nil
}

// pkg is what go list says of a package.
type pkg struct {
	dir                                string // named from the subject's
	Dir, Name, ImportPath              string
	ForTest                            string // of one that is compiled anew for a package's tests, or is these
	GoFiles, TestGoFiles, XTestGoFiles []string

	EmbedFiles, TestEmbedFiles, XTestEmbedFiles []string

	Module *struct {
		Main          bool
		Path, Version string
	}
}

// isTests is whether it is a package's tests, or that package with the tests in it.
func (p pkg) isTests() bool {
	name, _, _ := strings.Cut(p.ImportPath, " ")
	return p.ForTest != "" && strings.TrimSuffix(name, "_test") == p.ForTest
}

// list has what go list says of the packages in these directories.
func (s *subject) list(ctx context.Context, co *checkout.Checkout, dirs []string, flags ...string) ([]pkg, error) {
	args := slices.Concat([]string{"list", "-json=Dir,Name,ImportPath,ForTest,GoFiles,TestGoFiles,XTestGoFiles,EmbedFiles,TestEmbedFiles,XTestEmbedFiles,Module"}, flags, patterns(dirs))
	out, err := gotool.Run(ctx, co, s.Dir, nil, args...)
	if err != nil {
		return nil, err
	}
	var pkgs []pkg
	for dec := json.NewDecoder(strings.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return pkgs, nil
		} else if err != nil {
			return nil, err
		}
		rel, err := filepath.Rel(s.Dir, p.Dir)
		if err != nil {
			return nil, err
		}
		p.dir = filepath.ToSlash(rel)
		pkgs = append(pkgs, p)
	}
}

// patterns are directories as the go command takes them.
func patterns(dirs []string) []string {
	args := make([]string, len(dirs))
	for i, dir := range dirs {
		args[i] = "./" + dir
	}
	return args
}

// generated is the line of a file that a program has written (go help generate).
var generated = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)

// mutate makes the mutants of a file, if it has any.
func (s *subject) mutate(name string) error {
	content, err := os.ReadFile(filepath.Join(s.Dir, name))
	if err != nil {
		return err
	}
	if generated.Match(content) {
		return nil
	}
	mutants, skipped, err := Find(name, content, func(line int) bool { return s.Lines == nil || s.Lines(name, line) })
	if err != nil {
		return err
	}
	s.skipped[name] = skipped
	if len(mutants) == 0 {
		return nil
	}
	s.files[name] = instrument(content, mutants, len(s.mutants)+1)
	s.mutants = append(s.mutants, mutants...)
	return nil
}

// hashOthers hashes what the packages and their tests are built with: their module's other packages, with what is embedded in
// these, the versions of all modules, and Go's.
func (s *subject) hashOthers(ctx context.Context, co *checkout.Checkout, w io.Writer) error {
	pkgs, err := s.list(ctx, co, append(slices.Clone(s.Packages), s.Tests...), "-deps", "-test")
	if err != nil {
		return err
	}
	fmt.Fprintln(w, runtime.Version(), runtime.GOARCH)
	seen := map[string]bool{}
	for _, p := range pkgs {
		switch {
		case p.Module == nil || p.isTests():
			continue
		case !p.Module.Main:
			if module := p.Module.Path + " " + p.Module.Version; !seen[module] {
				seen[module] = true
				fmt.Fprintln(w, module)
			}
			continue
		}
		for _, name := range append(p.GoFiles, p.EmbedFiles...) {
			name = path.Join(p.dir, name)
			if seen[name] {
				continue // It is compiled for several tests.
			}
			seen[name] = true
			content, err := os.ReadFile(filepath.Join(s.Dir, name))
			if errors.Is(err, fs.ErrNotExist) {
				continue // The test's main, which the go command makes.
			} else if err != nil {
				return err
			}
			fmt.Fprintf(w, "%s %d\n%s", name, len(content), content)
		}
	}
	return nil
}

// hashTests hashes the tests' files in a directory, and their data, but for the explanations.
func (s *subject) hashTests(dir string, names []string) error {
	in := filepath.Join(s.Dir, dir)
	err := filepath.WalkDir(filepath.Join(in, "testdata"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && path != s.Explanations {
			rel, _ := filepath.Rel(in, path)
			names = append(names, rel)
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, name := range names {
		content, err := os.ReadFile(filepath.Join(in, name))
		if err != nil {
			return err
		}
		sum := sha256.Sum256(content)
		s.hashes[path.Join(dir, filepath.ToSlash(name))] = hex.EncodeToString(sum[:])[:16]
	}
	return nil
}

// build makes the test binaries, all mutants in each, in work, where nothing else is.
func (s *subject) build(ctx context.Context, co *checkout.Checkout, work string) ([]binary, error) {
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	for name, content := range s.files {
		copied := filepath.Join(work, fmt.Sprintf("%d-%s", len(overlay.Replace), path.Base(name)))
		if err := os.WriteFile(copied, content, 0o644); err != nil {
			return nil, err
		}
		overlay.Replace[filepath.Join(s.Dir, name)] = copied
	}
	data, err := json.Marshal(overlay)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(work, "overlay.json")
	if err := os.WriteFile(file, data, 0o644); err != nil {
		return nil, err
	}
	var binaries []binary
	for i, dir := range s.tested {
		fmt.Fprintf(co.Err, "building the tests of %s with %d mutants in them\n", co.Rel(filepath.Join(s.Dir, dir)), len(s.mutants))
		b := binary{path: filepath.Join(work, fmt.Sprintf("%d.test", i)), dir: filepath.Join(s.Dir, dir)}
		if dir != "." {
			b.prefix = dir + " "
		}
		if _, err := gotool.Run(ctx, co, s.Dir, nil, "test", "-c", "-overlay", file, "-o", b.path, "./"+dir); err != nil {
			return nil, fmt.Errorf("%s does not build with its mutants in it: %w\nnext: go test -c in %s; if that is well, hack/internal/mutate makes a mutant that is no Go",
				s.Name, err, co.Rel(b.dir))
		}
		binaries = append(binaries, b)
	}
	return binaries, nil
}
