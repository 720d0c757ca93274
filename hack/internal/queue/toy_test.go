package queue

import (
	"context"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/mod/sumdb/dirhash"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/git"
	"fork.internal/apiserver/hack/internal/pins"
	"fork.internal/apiserver/hack/internal/proxytest"
)

// proxy is the directory that stands for the Go module proxy: every test has modules of its own in
// it, by the test's name.
var proxy string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "fork-test-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		proxy = filepath.Join(dir, "proxy")
		for k, v := range map[string]string{
			"GOPROXY": "file://" + filepath.ToSlash(proxy), "GOSUMDB": "off", "GONOSUMDB": "", "GOPRIVATE": "",
			"GOMODCACHE": filepath.Join(dir, "mod"), "GOFLAGS": "-modcacherw",
			// None of these may have a say.
			"GIT_DIR": filepath.Join(dir, "nowhere"), "GIT_AUTHOR_NAME": "nobody", "GIT_COMMITTER_DATE": "1999-01-01T00:00:00Z",
			"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "core.autocrlf", "GIT_CONFIG_VALUE_0": "true",
		} {
			os.Setenv(k, v)
		}
		return m.Run()
	}())
}

// base is the toy module's v0.1.0.
var base = map[string]string{
	"go.mod":           "module MODULE\n\ngo 1.21\n",
	"pkg/a/a.go":       "package a\n\n// A adds.\nfunc A(x int) int {\n\treturn x + 1\n}\n\n// B takes away.\nfunc B(x int) int {\n\treturn x - 1\n}\n\n// C doubles.\nfunc C(x int) int {\n\treturn x * 2\n}\n",
	"pkg/b/b.go":       "package b\n\nconst One = 1\n\nconst Two = 2\n\nconst Three = 3\n",
	"pkg/d/d.go":       "package d\n",
	"docs/dos.txt":     "one\r\ntwo\r\nthree\r\nfour\r\nfive\r\n",
	"docs/no-end.txt":  "first\nlast",
	".gitignore":       "*.txt\nbuild/\n",
	".gitattributes":   "*.txt text eol=lf ident\n",
	"build/kept.txt":   "$Id$\n",
	"docs/with sp.txt": "space\nspace\nspace\n",
}

// toy is a checkout with a module of its own. It belongs to one test.
type toy struct {
	*testing.T
	co     *checkout.Checkout
	module string
	errs   *buffer
}

// buffer is a bytes.Buffer for several goroutines.
type buffer struct {
	mu sync.Mutex
	b  strings.Builder
	// wrote, when not nil, is closed at the first write.
	wrote chan struct{}
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.wrote != nil && b.b.Len() == 0 {
		close(b.wrote)
	}
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// newToy makes a checkout with v0.1.0 pinned and no patch.
func newToy(t *testing.T) *toy {
	t.Helper()
	t.Parallel()
	toy := &toy{T: t, module: "toy.test/" + strings.ToLower(strings.ReplaceAll(t.Name(), "/", "-"))}
	toy.co = toy.checkout()
	toy.publish("v0.1.0", nil)
	toy.pin("v0.1.0")
	return toy
}

// checkout makes another checkout of the same module, with no pins.
func (t *toy) checkout() *checkout.Checkout {
	t.Helper()
	t.errs = &buffer{}
	co := &checkout.Checkout{Root: filepath.Join(t.TempDir(), "checkout"), Out: io.Discard, Err: t.errs}
	t.writeIn(co, "go.mod", "module "+checkout.Module+"\n\ngo 1.21\n")
	t.check((&pins.Pins{Module: t.module}).Save(t.mkdir(co.Pins())))
	return co
}

func (t *toy) mkdir(file string) string {
	t.Helper()
	t.check(os.MkdirAll(filepath.Dir(file), 0o755))
	return file
}

func (t *toy) check(err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// publish makes a release of the toy module: base with changes; an empty content removes a file.
func (t *toy) publish(tag string, changes map[string]string) {
	t.Helper()
	files := maps.Clone(base)
	maps.Copy(files, changes)
	for name, content := range files {
		if files[name] = strings.ReplaceAll(content, "MODULE", t.module); content == "" {
			delete(files, name)
		}
	}
	proxytest.Publish(t, proxy, t.module, tag, files)
}

func (t *toy) sum(tag string) string {
	t.Helper()
	sum, err := dirhash.HashZip(filepath.Join(proxy, t.module, "@v", tag+".zip"), dirhash.Hash1)
	t.check(err)
	return sum
}

func (t *toy) pin(tag string) {
	t.Helper()
	p, err := pins.Load(t.co.Pins())
	t.check(err)
	p.Add(pins.Tag{Tag: tag, Sum: t.sum(tag)})
	t.check(p.Save(t.co.Pins()))
}

func (t *toy) writeIn(co *checkout.Checkout, name, content string) {
	t.Helper()
	t.check(os.WriteFile(t.mkdir(filepath.Join(co.Root, filepath.FromSlash(name))), []byte(content), 0o644))
}

// write writes a file of the checkout.
func (t *toy) write(name, content string) { t.Helper(); t.writeIn(t.co, name, content) }

func (t *toy) remove(name string) {
	t.Helper()
	t.check(os.Remove(filepath.Join(t.co.Root, filepath.FromSlash(name))))
}

// writeTree writes a file of tag's tree.
func (t *toy) writeTree(tag, name, content string) {
	t.Helper()
	t.writeIn(t.co, "_output/tree/"+tag+"/"+name, content)
}

// sub replaces text in a file of tag's tree.
func (t *toy) sub(tag, name, old, new string) {
	t.Helper()
	path := filepath.Join(t.co.Tree(tag), filepath.FromSlash(name))
	data, err := os.ReadFile(path)
	t.check(err)
	if !strings.Contains(string(data), old) {
		t.Fatalf("%s does not contain %q", name, old)
	}
	t.check(os.WriteFile(path, []byte(strings.Replace(string(data), old, new, 1)), 0o644))
}

// git runs git in tag's tree.
func (t *toy) git(tag string, args ...string) string {
	t.Helper()
	out, err := git.At(t.co, t.co.Tree(tag)).Run(context.Background(), args...)
	t.check(err)
	return out
}

// header makes a valid commit message.
func header(subject string) string {
	return subject + "\n\nDescription: something was wrong\n .\n and now is not\nOrigin: written for this test\nBug: none\nForwarded: no\nLast-Update: 2026-01-31\n"
}

// commit commits everything in tag's tree as a patch, with further fields.
func (t *toy) commit(tag, subject string, fields ...string) {
	t.Helper()
	t.git(tag, "add", "-A", "-f")
	t.git(tag, "commit", "-q", "-m", header(subject)+strings.Join(fields, "\n"))
}

func (t *toy) tree(tag string) *TreeInfo {
	t.Helper()
	info, err := Tree(context.Background(), t.co, tag)
	t.check(err)
	return info
}

func (t *toy) refresh(tag string) *RefreshInfo {
	t.Helper()
	info, err := Refresh(context.Background(), t.co, tag)
	t.check(err)
	return info
}

// firstQueue is what pkg/ and patches/ hold after the first toy.queue: the same for every module.
var firstQueue struct {
	sync.Mutex
	files map[string]string
}

// queue makes a queue of two patches and a new file, by way of a tree and a refresh, and its tree.
func (t *toy) queue() {
	t.Helper()
	firstQueue.Lock()
	defer firstQueue.Unlock()
	if firstQueue.files != nil {
		for name, content := range firstQueue.files {
			t.write(name, content)
		}
		t.tree("v0.1.0")
		return
	}
	t.tree("v0.1.0")
	t.writeTree("v0.1.0", "pkg/n/n.go", "package n\n\n// N is new.\nconst N = 1\n")
	t.sub("v0.1.0", "pkg/a/a.go", "x + 1", "x + 10")
	t.commit("v0.1.0", "Add ten and not one")
	t.sub("v0.1.0", "pkg/b/b.go", "Three = 3", "Three = 33")
	t.commit("v0.1.0", "Make three a larger number")
	t.refresh("v0.1.0")
	files := t.snapshot()
	maps.DeleteFunc(files, func(name, _ string) bool { return name == "patches/pins.json" || strings.HasSuffix(name, "/") })
	firstQueue.files = files
}

// snapshot is every file of pkg/ and patches/ with its contents.
func (t *toy) snapshot() map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, top := range []string{"pkg", "patches"} {
		err := filepath.WalkDir(filepath.Join(t.co.Root, top), func(path string, d os.DirEntry, err error) error {
			if os.IsNotExist(err) {
				return nil
			}
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(t.co.Root, path)
			t.check(err)
			if d.IsDir() {
				files[filepath.ToSlash(rel)+"/"] = ""
				return nil
			}
			data, err := os.ReadFile(path)
			files[filepath.ToSlash(rel)] = string(data)
			return err
		})
		t.check(err)
	}
	return files
}

// same fails the test when the checkout is not as it was.
func (t *toy) same(before map[string]string) {
	t.Helper()
	after := t.snapshot()
	for name := range before {
		if after[name] != before[name] {
			t.Errorf("%s changed:\n%s\nbefore:\n%s", name, after[name], before[name])
		}
	}
	for name := range after {
		if _, ok := before[name]; !ok {
			t.Errorf("%s is new", name)
		}
	}
}

// fails wants err to contain every one of parts.
func (t *toy) fails(err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error; want one with %q", parts)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error lacks %q:\n%v", part, err)
		}
	}
}

// noLeftovers wants nothing but trees below _output/tree.
func (t *toy) noLeftovers() {
	t.Helper()
	entries, err := os.ReadDir(t.co.Trees())
	t.check(err)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			t.Errorf("left over: %s", e.Name())
		}
	}
}
