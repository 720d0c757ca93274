package nodeimage

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/image"
	"fork.internal/apiserver/hack/internal/upstream"
)

// conflist is the network of the only node, or of the first.
//
//go:embed conflist.json
var conflist []byte

// NetworkFile is where a node that is made here has its pods' network.
const NetworkFile = "/etc/cni/net.d/10-ptp.conflist"

// PodSubnet is that of the pods of one of several nodes that are made here, at most 256; the first is 0.
func PodSubnet(node int) string { return fmt.Sprintf("10.244.%d.0/24", node) }

// Network is the content of NetworkFile of one of several nodes, each of which also needs a route to the others' pods.
func Network(node int) []byte {
	return bytes.ReplaceAll(conflist, []byte(PodSubnet(0)), []byte(PodSubnet(node)))
}

// storage is what kind creates in a new cluster; it must be an object. Nothing provides volumes for it.
const storage = `apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata:
  name: standard
provisioner: kubernetes.io/no-provisioner
`

// sandboxImage is the line of containerd's configuration that names the pause image.
var sandboxImage = regexp.MustCompile(`sandbox_image = ".*"`)

// configured are the files that make a Debian with programs a node: kind's own, with what is said in here in them.
func configured(ctx context.Context, co *checkout.Checkout, release, pause string) ([]image.File, error) {
	kind, err := upstream.Download(ctx, co, "", kindModule, kindVersion)
	if err != nil {
		return nil, err
	}
	files, err := kindFiles(filepath.Join(kind.Dir, "images", "base", "files"))
	if err != nil {
		return nil, err
	}
	found := false
	for i, f := range files {
		if f.Name == "etc/containerd/config.toml" {
			data, err := os.ReadFile(f.From)
			if err != nil {
				return nil, err
			}
			found = sandboxImage.Match(data)
			files[i].From, files[i].Data = "", sandboxImage.ReplaceAll(data, fmt.Appendf(nil, "sandbox_image = %q", pause))
		}
	}
	if !found {
		return nil, fmt.Errorf("%s %s has no containerd configuration that names a sandbox_image", kindModule, kindVersion)
	}
	const units = "etc/systemd/system/"
	for _, unit := range []string{"kubelet.service", "containerd.service", "undo-mount-hacks.service"} {
		files = append(files, image.File{Name: units + "multi-user.target.wants/" + unit, Link: "/" + units + unit})
	}
	return append(files,
		image.File{Name: units + "systemd-binfmt.service", Link: "/dev/null"},
		image.File{Name: "kind/version", Mode: 0o644, Data: []byte(release)},
		image.File{Name: "kind/manifests/default-cni.yaml", Mode: 0o644, Data: []byte("# The network is in /etc/cni/net.d.\n")},
		image.File{Name: "kind/manifests/default-storage.yaml", Mode: 0o644, Data: []byte(storage)},
		image.File{Name: strings.TrimPrefix(NetworkFile, "/"), Mode: 0o644, Data: conflist},
		image.File{Name: "etc/kubernetes/manifests", Mode: os.ModeDir | 0o755},
	), nil
}

// kindFiles are the files below dir, with the permissions that kind gives them.
func kindFiles(dir string) ([]image.File, error) {
	var files []image.File
	err := filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}
		f := image.File{Name: filepath.ToSlash(name), Mode: 0o644, From: file}
		if strings.Contains(f.Name, "bin/") {
			f.Mode = 0o755
		}
		files = append(files, f)
		return nil
	})
	return files, err
}
