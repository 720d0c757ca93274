package build

import (
	"bytes"
	"context"
	"debug/elf"
	"os"
	"path/filepath"
	"testing"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/toy"
)

func static(t *testing.T, co *checkout.Checkout, arch string) *Built {
	t.Helper()
	b, err := Kubernetes(context.Background(), co, "", Wanted{Program: "kube-apiserver", Variant: Fork, Static: arch})
	toy.Check(t, err)
	return b
}

// TestStaticIsTheSameEverywhere builds in two checkouts with different directories, module caches and environments.
func TestStaticIsTheSameEverywhere(t *testing.T) {
	t.Parallel()
	here, there := toy.New(t), toy.New(t)
	there.Env = append(there.Env, "CGO_ENABLED=1", "GOAMD64=v3", "GOARCH=386", "GOFIPS140=latest", "GOFLAGS=-modcacherw -tags=theirs -gcflags=all=-N")
	a, b := static(t, here, "amd64"), static(t, there, "amd64")
	if want := filepath.Join(here.Output(), "bin", "v0.1.0", "fork", "static-amd64", "kube-apiserver"); a.Path != want {
		t.Errorf("got %s, want %s", a.Path, want)
	}
	if a.Version != b.Version || a.Revision != b.Revision || a.Release != "v1.1.0" || a.Tag != "v0.1.0" || a.Revision == "" {
		t.Errorf("got %+v and %+v", a, b)
	}
	one, err := os.ReadFile(a.Path)
	toy.Check(t, err)
	two, err := os.ReadFile(b.Path)
	toy.Check(t, err)
	if !bytes.Equal(one, two) {
		t.Error("two builds differ")
	}
}

func TestStaticForAnotherArchitecture(t *testing.T) {
	t.Parallel()
	co := toy.New(t)
	for arch, want := range map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64} {
		f, err := elf.Open(static(t, co, arch).Path)
		toy.Check(t, err)
		if f.Machine != want {
			t.Errorf("%s: got %s", arch, f.Machine)
		}
		if libs, err := f.ImportedLibraries(); err != nil || len(libs) > 0 || f.Section(".interp") != nil {
			t.Errorf("%s: not static: %v, %v", arch, libs, err)
		}
		toy.Check(t, f.Close())
	}
}
