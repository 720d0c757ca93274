package nodeimage

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fork.internal/apiserver/hack/internal/image"
)

// A node image is made again when something in it is another, and only then.
func TestKeyIsOfAllThatIsInIt(t *testing.T) {
	program := filepath.Join(t.TempDir(), "program")
	write := func(text string) {
		if err := os.WriteFile(program, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write("one")
	img, err := image.Program{Name: "program", Path: program, Arch: "amd64"}.Image()
	if err != nil {
		t.Fatal(err)
	}
	sample := func() *recipe {
		return &recipe{debian: "/a/node-1.tar", images: []named{{"registry/a:v1", img}}, files: []image.File{
			{Name: "a", Mode: 0o755, From: program}, {Name: "b", Mode: 0o644, Data: []byte("b")}, {Name: "c", Link: "/b"},
		}}
	}
	seen := map[string]string{}
	try := func(name string, r *recipe, same string) {
		t.Helper()
		key, err := r.key()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if seen[key] != same {
			t.Errorf("%s has the key of %q, want of %q", name, seen[key], same)
		}
		seen[key] = name
	}
	try("the first", sample(), "")
	try("the same", sample(), "the first")
	r := sample()
	r.debian = "/b/node-1.tar"
	try("the same in another place", r, "the same")
	r.debian = "/a/node-2.tar"
	try("another Debian", r, "")
	r = sample()
	r.images[0].name = "registry/a:v2"
	try("another name of an image", r, "")
	for i := range sample().files {
		r = sample()
		r.files[i].Name += "x"
		try("another name of file "+sample().files[i].Name, r, "")
	}
	r = sample()
	r.files[0].Mode = 0o644
	try("another mode", r, "")
	r = sample()
	r.files[1].Data = []byte("c")
	try("other data", r, "")
	r = sample()
	r.files[2].Link = "/a"
	try("another link", r, "")
	write("two")
	try("another program", sample(), "")
	if err := os.Remove(program); err != nil {
		t.Fatal(err)
	}
	if _, err := sample().key(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without the program: %v", err)
	}
}

func TestDebianIsMadeAgainForOtherPackages(t *testing.T) {
	a, b := nodeRoot, nodeRoot
	b.packages = append(slices.Clone(b.packages), "vim")
	if a.key() != nodeRoot.key() || a.key() == b.key() {
		t.Errorf("keys %s and %s", a.key(), b.key())
	}
	if b.hook += "\n"; b.key() == a.key() {
		t.Error("another hook has the same key")
	}
}

func TestKindFilesHaveTheirPermissions(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"etc/containerd/config.toml", "usr/local/bin/entrypoint", "kind/bin/mount-product-files.sh"} {
		name = filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	files, err := kindFiles(dir)
	if err != nil || len(files) != 3 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, f := range files {
		if want := strings.Contains(f.Name, "bin/"); (f.Mode == 0o755) != want {
			t.Errorf("%s has %o", f.Name, f.Mode)
		}
	}
}

func TestShellQuote(t *testing.T) {
	const word = `it's "$HOME" \ here`
	out, err := exec.Command("sh", "-c", "printf %s "+shellQuote(word)).Output()
	if err != nil || string(out) != word {
		t.Errorf("got %q, %v", out, err)
	}
}

func TestSandboxImage(t *testing.T) {
	const config = "a = 1\n  sandbox_image = \"registry.k8s.io/pause:3.10\"\nb = 2\n"
	if got := sandboxImage.FindString(config); got != `sandbox_image = "registry.k8s.io/pause:3.10"` {
		t.Errorf("found %q", got)
	}
}

func TestFromTar(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a.tar")
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, f := range []struct {
		name string
		kind byte
		text string
	}{{"./usr/share/busybox/", tar.TypeDir, ""}, {"./usr/bin/busybox", tar.TypeReg, "the program"}} {
		if err := w.WriteHeader(&tar.Header{Name: f.name, Typeflag: f.kind, Size: int64(len(f.text)), Mode: 0o755}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(f.text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), os.WriteFile(name, buf.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
	if got, err := fromTar(name, "busybox"); err != nil || string(got) != "the program" {
		t.Errorf("got %q, %v", got, err)
	}
	if got, err := fromTar(name, "sh"); err == nil || !strings.Contains(err.Error(), "next: remove it") {
		t.Errorf("got %q, %v", got, err)
	}
}

// Two nodes whose pods have the same addresses have no network between them.
func TestEachNodeHasItsOwnPods(t *testing.T) {
	seen := map[string]int{}
	for i := range 3 {
		var network struct {
			Plugins []struct {
				IPAM struct{ Ranges [][]struct{ Subnet string } }
			}
		}
		if err := json.Unmarshal(Network(i), &network); err != nil {
			t.Fatal(err)
		}
		subnet := network.Plugins[0].IPAM.Ranges[0][0].Subnet
		if other, is := seen[subnet]; is || subnet != PodSubnet(i) {
			t.Errorf("nodes %d and %d have %s, want %s", other, i, subnet, PodSubnet(i))
		}
		seen[subnet] = i
	}
}
