package build

import (
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/mod/modfile"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/toy"
)

func output(t *testing.T, path string) string {
	t.Helper()
	out, err := exec.Command(path).Output()
	toy.Check(t, err)
	return strings.TrimSpace(string(out))
}

func TestKubeAPIServer(t *testing.T) {
	t.Parallel()
	co := toy.New(t)
	var said strings.Builder
	co.Err = &said
	ctx := context.Background()
	for variant, want := range map[Variant]string{Fork: "patched v0.1.0", Upstream: "pristine v0.1.0"} {
		path, err := KubeAPIServer(ctx, co, "", variant)
		toy.Check(t, err)
		if got := output(t, path); got != want || path != filepath.Join(co.Output(), "bin", "v0.1.0", string(variant), "kube-apiserver") {
			t.Errorf("%s: got %q from %s, want %q", variant, got, path, want)
		}
		said.Reset()
		if _, err := KubeAPIServer(ctx, co, "v0.1.0", variant); err != nil || said.Len() > 0 {
			t.Errorf("%s, again: %v, %q", variant, err, said.String())
		}
	}
	// A tree that somebody is at work in.
	toy.Write(t, filepath.Join(co.Tree("v0.1.0"), "pkg", "a", "a.go"), "package a\n\nconst A = \"edited\"\n")
	path, err := KubeAPIServer(ctx, co, "", Fork)
	toy.Check(t, err)
	if got := output(t, path); got != "edited v0.1.0" || !strings.Contains(said.String(), "building what is there") || !strings.Contains(said.String(), "pkg/a/a.go") {
		t.Errorf("got %q, said %q", got, said.String())
	}
	pure := *co
	pure.Pure = true
	if _, err := KubeAPIServer(ctx, &pure, "", Fork); err == nil || !strings.Contains(err.Error(), "pkg/a/a.go") || !strings.Contains(err.Error(), "make refresh") {
		t.Errorf("of nothing but pkg/ and patches/: got %v", err)
	}
	// What does not compile leaves the binary that was there.
	toy.Write(t, filepath.Join(co.Tree("v0.1.0"), "pkg", "a", "a.go"), "package a\n\nconst A = nothing\n")
	if _, err := KubeAPIServer(ctx, co, "", Fork); err == nil || !strings.Contains(err.Error(), "undefined: nothing") {
		t.Errorf("got %v", err)
	}
	if got := output(t, path); got != "edited v0.1.0" {
		t.Errorf("got %q", got)
	}
	if left, err := filepath.Glob(path + ".new*"); err != nil || len(left) > 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
}

func TestAnotherPackageOfTheRelease(t *testing.T) {
	t.Parallel()
	ctx, co := context.Background(), toy.New(t)
	for _, want := range []Wanted{
		{Program: "e2e.test", Package: toy.Consumer + "/test/e2e", Test: true, Variant: Upstream},
		{Program: "e2e.test", Package: toy.Consumer + "/test/e2e", Test: true, Variant: Upstream, Static: runtime.GOARCH},
	} {
		b, err := Kubernetes(ctx, co, "", want)
		toy.Check(t, err)
		if got := output(t, b.Path); got != "tests pristine" || filepath.Base(b.Path) != "e2e.test" {
			t.Errorf("got %q from %s", got, b.Path)
		}
	}
	if _, err := Kubernetes(ctx, co, "", Wanted{Program: "gone", Package: toy.Consumer + "/gone", Variant: Upstream}); err == nil || !strings.Contains(err.Error(), "cannot build gone for v1.1.0 (upstream)") {
		t.Errorf("got %v", err)
	}
}

func TestBench(t *testing.T) {
	t.Parallel()
	co := toy.New(t)
	ctx := context.Background()
	toy.Write(t, filepath.Join(co.Root, "go.mod"), "module "+checkout.Module+"\n\ngo 1.21\n\nrequire "+toy.Module+" v0.1.0\n")
	toy.Write(t, filepath.Join(co.Root, "test", "bench", "some", "some_test.go"),
		"package some\n\nimport (\n\t\"fmt\"\n\t\"testing\"\n\n\t\"toy.test/apiserver/pkg/a\"\n)\n\nfunc TestMain(*testing.M) { fmt.Println(a.A) }\n")
	toy.Write(t, filepath.Join(co.Root, "test", "bench", "none", "none.go"), "package none\n")
	for variant, want := range map[Variant]string{Fork: "patched", Upstream: "pristine"} {
		path, err := Bench(ctx, co, "", variant, "./test/bench/some")
		toy.Check(t, err)
		if got := output(t, path); got != want || path != filepath.Join(co.Output(), "bin", "v0.1.0", string(variant), "bench-some") {
			t.Errorf("%s: got %q from %s, want %q", variant, got, path, want)
		}
	}
	for pkg, want := range map[string]string{"./test/bench/none": "no file that ends in _test.go", "./test/bench/gone": "cannot build the benchmarks ./test/bench/gone for v0.1.0 (upstream)"} {
		if _, err := Bench(ctx, co, "", Upstream, pkg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", pkg, err)
		}
	}
}

func TestAnOlderReleaseHasItsOwnRequirements(t *testing.T) {
	parse := func(requires string) *modfile.File {
		f, err := modfile.Parse("go.mod", []byte("module m.test\n\ngo 1.21\n\n"+requires), nil)
		toy.Check(t, err)
		return f
	}
	ours := parse("require (\n\ta.test v1.9.0\n\tb.test v1.5.0\n\tk8s.io/apiserver v0.37.2\n\tk8s.io/client-go v0.37.2\n\tk8s.io/klog/v2 v2.140.0\n\tk8s.io/since v0.37.2\n)\n\n" +
		"require (\n\tc.test v1.0.0 // indirect\n\tk8s.io/new v0.37.2 // indirect\n)\n")
	theirs := parse("require (\n\ta.test v1.2.0\n\tc.test v0.9.0\n\tk8s.io/client-go v0.34.1\n\tk8s.io/klog/v2 v2.130.1\n)\n")
	toy.Check(t, requireAsReleased(ours, "k8s.io/apiserver", "v0.37.2", "v0.34.1", theirs))
	ours.Cleanup()
	got, err := ours.Format()
	toy.Check(t, err)
	want := "module m.test\n\ngo 1.21\n\nrequire (\n\ta.test v1.2.0\n\tb.test v1.5.0\n\tk8s.io/apiserver v0.34.1\n\tk8s.io/client-go v0.34.1\n\tk8s.io/klog/v2 v2.130.1\n)\n"
	if strings.TrimSpace(string(got)) != strings.TrimSpace(want) {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func TestKubeAPIServerErrors(t *testing.T) {
	t.Parallel()
	co := toy.New(t)
	ctx := context.Background()
	if _, err := KubeAPIServer(ctx, co, "v0.9.9", Upstream); err == nil || !strings.Contains(err.Error(), "unknown tag v0.9.9") {
		t.Errorf("got %v", err)
	}
	if _, err := Etcd(ctx, co); err == nil || !strings.Contains(err.Error(), `no "etcd"`) {
		t.Errorf("got %v", err)
	}
	co.Env = append(co.Env, "GOPROXY=off")
	if _, err := KubeAPIServer(ctx, co, "", Upstream); err == nil || !strings.Contains(err.Error(), toy.Consumer+"@v1.1.0") {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := KubeAPIServer(ctx, co, "", Upstream); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestVersionFlags(t *testing.T) {
	got := ldflags("v1.37.2+deadline.3.0123456789ab-dirty")
	for _, want := range []string{
		"-X k8s.io/component-base/version.gitVersion=v1.37.2+deadline.3.0123456789ab-dirty",
		"-X k8s.io/component-base/version.gitMajor=1", "-X k8s.io/component-base/version.gitMinor=37",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q lacks %q", got, want)
		}
	}
}

func TestProgressCountsPackagesAndKeepsTheRest(t *testing.T) {
	p := &Progress{}
	for _, s := range []string{"go: downloading x.test/y v1.0.0\ninternal/x\nx.te", "st/y/v2\n", "# x.test/y\ny.go:1:2: undefined: z\nend"} {
		if n, err := p.Write([]byte(s)); n != len(s) || err != nil {
			t.Errorf("got %d, %v", n, err)
		}
	}
	if got, want := p.String(), "1 modules downloaded, 2 packages compiled"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := p.Kept(), "# x.test/y\ny.go:1:2: undefined: z\nend"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestFullDisk(t *testing.T) {
	free, at, err := freeBytes(filepath.Join(t.TempDir(), "not", "there"))
	if err != nil || free == 0 || strings.Contains(at, "there") {
		t.Errorf("got %d at %s, %v", free, at, err)
	}
	err = program{title: "it"}.failure(context.Background(), errors.New("exit status 1"), "link: write: no space left on device\n")
	if !strings.Contains(err.Error(), "the disk is full") || !strings.Contains(err.Error(), "GiB") {
		t.Errorf("got %v", err)
	}
}
