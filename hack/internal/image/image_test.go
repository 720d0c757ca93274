package image

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"golang.org/x/crypto/x509roots/fallback/bundle"

	"fork.internal/apiserver/hack/internal/build"
	"fork.internal/apiserver/hack/internal/toy"
)

func init() { runner = toy.Runner }

// entries are the files of a tar stream, by name.
func entries(t *testing.T, r io.Reader) map[string]string {
	t.Helper()
	got := map[string]string{}
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return got
		}
		toy.Check(t, err)
		data, err := io.ReadAll(tr)
		toy.Check(t, err)
		if !h.ModTime.IsZero() && h.ModTime.Unix() != 0 || h.Uid != 0 || h.Gid != 0 || h.Uname != "" {
			t.Errorf("%s tells of the machine: %+v", h.Name, h)
		}
		got[h.Name] = string(data)
	}
}

func TestKubeAPIServer(t *testing.T) {
	t.Parallel()
	ctx, co := context.Background(), toy.New(t)
	for _, arch := range Architectures {
		a, err := KubeAPIServer(ctx, co, "", arch, "", build.Fork)
		toy.Check(t, err)
		b, err := KubeAPIServer(ctx, toy.New(t), "v0.1.0", arch, "", build.Fork)
		toy.Check(t, err)
		if a.Digest != b.Digest || a.ID != b.ID {
			t.Errorf("two builds differ: %+v, %+v", a, b)
		}
		for _, files := range [][2]string{{a.Docker, b.Docker}, {a.OCI, b.OCI}} {
			one, err := os.ReadFile(files[0])
			toy.Check(t, err)
			two, err := os.ReadFile(files[1])
			toy.Check(t, err)
			if !bytes.Equal(one, two) {
				t.Errorf("%s differs from %s", files[0], files[1])
			}
		}
		if a.Name != "registry.k8s.io/kube-apiserver:v1.1.0" || a.Release != "v1.1.0" || !strings.HasPrefix(a.Version, "v1.1.0+deadline.1.") {
			t.Errorf("got %+v", a)
		}
		checkDocker(t, a)
		checkOCI(t, a)
		if left, err := filepath.Glob(filepath.Join(filepath.Dir(a.OCI), "*.new")); err != nil || len(left) > 0 {
			t.Errorf("left over: %v, %v", left, err)
		}
	}
	fork, err := KubeAPIServer(ctx, co, "", "amd64", "", build.Fork)
	toy.Check(t, err)
	upstream, err := KubeAPIServer(ctx, co, "", "amd64", "", build.Upstream)
	toy.Check(t, err)
	if upstream.Digest == fork.Digest || upstream.Docker == fork.Docker || upstream.Version != "v1.1.0" || upstream.Revision != "" {
		t.Errorf("got %+v", upstream)
	}
	if _, err := KubeAPIServer(ctx, co, "", "mips", "", build.Fork); err == nil || !strings.Contains(err.Error(), "next: ARCH=amd64 or ARCH=arm64") {
		t.Errorf("got %v", err)
	}

	named, err := KubeAPIServer(ctx, co, "", "amd64", "registry.example/kube-apiserver:mine", build.Fork)
	toy.Check(t, err)
	if named.Name != "registry.example/kube-apiserver:mine" || named.ID != fork.ID || named.Release != fork.Release {
		t.Errorf("got %+v, want a name of its own for %+v", named, fork)
	}
	checkDocker(t, named)
	checkOCI(t, named)
	for _, image := range []string{"kube-apiserver", "Upper/case:a", "a b:c", "a:b:c", "a@sha256:0"} {
		if _, err := KubeAPIServer(ctx, co, "", "amd64", image, build.Fork); err == nil || !strings.Contains(err.Error(), "next: a repository and a tag") {
			t.Errorf("%s: got %v", image, err)
		}
	}
}

func checkDocker(t *testing.T, made *Image) {
	t.Helper()
	img, err := tarball.ImageFromPath(made.Docker, nil)
	toy.Check(t, err)
	toy.Check(t, validate.Image(img))
	config, err := img.ConfigFile()
	toy.Check(t, err)
	if config.Architecture != made.Arch || config.OS != "linux" || strings.Join(config.Config.Entrypoint, " ") != "/go-runner" {
		t.Errorf("got %+v", config)
	}
	labels := config.Config.Labels
	if labels["org.opencontainers.image.version"] != made.Version || labels["org.opencontainers.image.revision"] != made.Revision || made.Revision == "" {
		t.Errorf("got %v for %+v", labels, made)
	}
	if id, err := img.ConfigName(); err != nil || id.String() != made.ID {
		t.Errorf("got %s, %v, want %s", id, err, made.ID)
	}
	layers, err := img.Layers()
	toy.Check(t, err)
	files := map[string]string{}
	for _, layer := range layers {
		r, err := layer.Uncompressed()
		toy.Check(t, err)
		maps.Copy(files, entries(t, r))
		toy.Check(t, r.Close())
	}
	for _, program := range []string{"usr/local/bin/kube-apiserver", "go-runner"} {
		if !strings.HasPrefix(files[program], "\x7fELF") {
			t.Errorf("%s is no program", program)
		}
	}
	delete(files, "usr/local/bin/kube-apiserver")
	if got, want := slices.Sorted(maps.Keys(files)), []string{"etc/", "etc/group", "etc/passwd", "etc/ssl/", "etc/ssl/certs/",
		"etc/ssl/certs/ca-certificates.crt", "go-runner", "tmp/", "usr/", "usr/local/", "usr/local/bin/"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	manifest, err := tarball.LoadManifest(func() (io.ReadCloser, error) { return os.Open(made.Docker) })
	toy.Check(t, err)
	if len(manifest) != 1 || strings.Join(manifest[0].RepoTags, " ") != made.Name {
		t.Errorf("got %+v", manifest)
	}
}

// TestAuthorities: they are what crypto/x509 reads, and all that a file can say of.
func TestAuthorities(t *testing.T) {
	t.Parallel()
	want := 0
	for root := range bundle.Roots() {
		if root.Constraint == nil {
			want++
		}
	}
	got := 0
	for data := authorities(); ; got++ {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			break
		}
		if c, err := x509.ParseCertificate(block.Bytes); err != nil || !c.IsCA {
			t.Errorf("got %v, %v", c, err)
		}
	}
	if got != want || want < 100 {
		t.Errorf("got %d, want %d", got, want)
	}
}

// TestLowPorts: engines give the program the attribute, which the kernel reads.
func TestLowPorts(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "program")
	toy.Check(t, os.WriteFile(file, []byte("x"), 0o600))
	for _, low := range []bool{true, false} {
		img, err := Program{Name: "program", Path: file, Arch: "amd64", LowPorts: low, Fast: true}.Image()
		toy.Check(t, err)
		layers, err := img.Layers()
		toy.Check(t, err)
		r, err := layers[0].Uncompressed()
		toy.Check(t, err)
		for tr := tar.NewReader(r); ; {
			h, err := tr.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			toy.Check(t, err)
			value, has := h.PAXRecords["SCHILY.xattr.security.capability"]
			if has != (low && h.Name == "usr/local/bin/program") || has && value != netBindService {
				t.Errorf("%s has %q", h.Name, value)
			}
		}
		toy.Check(t, r.Close())
	}
}

func checkOCI(t *testing.T, made *Image) {
	t.Helper()
	f, err := os.Open(made.OCI)
	toy.Check(t, err)
	defer f.Close()
	files := entries(t, f)
	var index v1.IndexManifest
	toy.Check(t, json.Unmarshal([]byte(files["index.json"]), &index))
	if len(index.Manifests) != 1 || files["oci-layout"] == "" {
		t.Fatalf("got %s", files["index.json"])
	}
	d := index.Manifests[0]
	if d.Digest.String() != made.Digest || d.Annotations["io.containerd.image.name"] != made.Name || d.Platform.Architecture != made.Arch {
		t.Errorf("got %+v", d)
	}
	var manifest v1.Manifest
	toy.Check(t, json.Unmarshal([]byte(files["blobs/sha256/"+d.Digest.Hex]), &manifest))
	if manifest.Annotations["org.opencontainers.image.version"] != made.Version || manifest.Config.Digest.String() != made.ID {
		t.Errorf("got %+v", manifest)
	}
	if files["blobs/sha256/"+manifest.Layers[0].Digest.Hex] == "" {
		t.Error("the layer is not there")
	}
}

func TestModes(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "program")
	toy.Write(t, file, "x")
	img, err := Program{Name: "program", Path: file, Arch: "amd64", Setuid: true, Fast: true}.Image()
	toy.Check(t, err)
	layers, err := img.Layers()
	toy.Check(t, err)
	r, err := layers[0].Uncompressed()
	toy.Check(t, err)
	defer r.Close()
	modes := map[string]int64{}
	tr := tar.NewReader(r)
	for h, err := tr.Next(); !errors.Is(err, io.EOF); h, err = tr.Next() {
		toy.Check(t, err)
		modes[h.Name] = h.Mode
	}
	if modes["tmp/"] != 0o1777 || modes["usr/local/bin/program"] != 0o4755 || modes["usr/local/bin/"] != 0o755 {
		t.Errorf("got %v", modes)
	}
}

func TestWhatCannotBeWrittenLeavesWhatWasThere(t *testing.T) {
	file := filepath.Join(t.TempDir(), "it.tar")
	toy.Write(t, file, "was there")
	layer, err := Layer([]File{{Name: "a", Data: []byte("x")}, {Name: "b", Link: "a"}}, true)
	toy.Check(t, err)
	img, err := New(Config{Arch: "amd64"}, layer)
	toy.Check(t, err)
	for _, write := range []func(string, string, v1.Image) error{WriteDocker, WriteOCI} {
		if err := write(file, "no name", img); err == nil {
			t.Error("no error")
		}
	}
	if data, err := os.ReadFile(file); err != nil || string(data) != "was there" {
		t.Errorf("got %q, %v", data, err)
	}
	if _, err := Layer([]File{{Name: "a", From: filepath.Join(t.TempDir(), "gone")}}, false); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
