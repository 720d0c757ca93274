// Package nodeimage makes images of kind nodes: one from the Go module proxy and Debian, for those who have no
// image registry, and of any one another that has a kube-apiserver of this checkout.
package nodeimage

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"fork.internal/apiserver/hack/internal/build"
	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/engine"
	"fork.internal/apiserver/hack/internal/image"
)

// repository is what images that are made here are called.
const repository = "fork.internal/kind-node"

// Node is a node image that the engine has.
type Node struct {
	// Name is what the engine knows it by.
	Name string `json:"name"`
	// Release is the Kubernetes release that kubeadm in it makes a cluster of.
	Release string `json:"release"`
	// Own says that it was made here: it has a network and no default CNI, and its kube-proxy knows nftables only.
	Own bool `json:"own"`
	// New says that it was made now, and not there already.
	New bool `json:"new"`
}

// recipe is all that a node image is made of.
type recipe struct {
	debian string       // a tar
	files  []image.File // on top of it
	images []named      // in its containerd
}

// Make makes the node image of the release that goes with tag (empty means the newest pinned one), with the
// unmodified kube-apiserver, unless the engine has it. It takes the checkout's lock while it builds.
func Make(ctx context.Context, co *checkout.Checkout, e *engine.Engine, tag string) (*Node, error) {
	if runtime.GOOS != "linux" || runtime.GOARCH != e.Arch() {
		return nil, fmt.Errorf("a node image for %s is made on linux/%s, and this is %s/%s; next: KIND_NODE_IMAGE= with one that you have",
			e.Arch(), e.Arch(), runtime.GOOS, runtime.GOARCH)
	}
	r, release, err := gather(ctx, co, tag, e.Arch())
	if err != nil {
		return nil, err
	}
	n := &Node{Name: repository + ":" + release, Release: release, Own: true}
	key, err := r.key()
	if err != nil {
		return nil, err
	}
	if old, err := madeOf(ctx, e, n.Name); err != nil || old == key {
		return n, err
	}
	n.New = true
	start := time.Now()
	fmt.Fprintf(co.Err, "making the node image %s\n", n.Name)
	if err := r.make(ctx, co, e, n.Name, key); err != nil {
		return nil, err
	}
	fmt.Fprintf(co.Err, "made the node image %s in %s\n", n.Name, time.Since(start).Round(time.Second))
	return n, nil
}

// gather builds and fetches all of a recipe.
func gather(ctx context.Context, co *checkout.Checkout, tag, arch string) (*recipe, string, error) {
	kubeadm, err := build.Kubernetes(ctx, co, tag, build.Wanted{Program: "kubeadm", Variant: build.Upstream, Static: arch})
	if err != nil {
		return nil, "", err
	}
	r := &recipe{}
	if r.images, err = images(ctx, co, kubeadm.Tag, kubeadm.Release, arch, kubeadm.Path); err != nil {
		return nil, "", err
	}
	pause := ""
	for _, i := range r.images {
		if strings.Contains(i.name, "/pause:") {
			pause = i.name
		}
	}
	if pause == "" {
		return nil, "", errors.New("kubeadm's list of images has no pause")
	}
	programs, err := installed(ctx, co, kubeadm.Tag, arch)
	if err != nil {
		return nil, "", err
	}
	configuration, err := configured(ctx, co, kubeadm.Release, pause)
	if err != nil {
		return nil, "", err
	}
	r.files = append(programs, configuration...)
	r.debian, err = nodeRoot.make(ctx, co)
	return r, kubeadm.Release, err
}

// key is the same for the same recipe.
func (r *recipe) key() (string, error) {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %s\n", criBase, ready, filepath.Base(r.debian))
	for _, i := range r.images {
		id, err := i.img.ConfigName()
		if err != nil {
			return "", err
		}
		fmt.Fprintln(h, i.name, id)
	}
	for _, f := range r.files {
		fmt.Fprintf(h, "%q %o %q\n", f.Name, f.Mode, f.Link)
		if err := addContent(h, f); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func addContent(h hash.Hash, f image.File) error {
	if f.From == "" {
		fmt.Fprintf(h, "%q\n", f.Data)
		return nil
	}
	in, err := os.Open(f.From)
	if err != nil {
		return err
	}
	defer in.Close()
	_, err = io.Copy(h, in)
	return err
}

// make has the engine make the image.
func (r *recipe) make(ctx context.Context, co *checkout.Checkout, e *engine.Engine, name, key string) error {
	dir, remove, err := checkout.Scratch(filepath.Join(co.Output(), "node"), "archives-")
	if err != nil {
		return err
	}
	defer remove()
	base, err := r.base(e.Arch())
	if err != nil {
		return err
	}
	baseName := repository + "-base:" + key[:12]
	if err := load(ctx, e, filepath.Join(dir, "base.tar"), baseName, base); err != nil {
		return err
	}
	defer func() {
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		// The layers stay, as they are the node image's; only the name goes.
		_, _ = e.Docker(clean, nil, "rmi", baseName)
	}()
	steps := []step{{script: criBase}}
	for i, img := range r.images {
		archive := filepath.Join(dir, fmt.Sprintf("%d.tar", i))
		if err := image.WriteDocker(archive, img.name, img.img); err != nil {
			return err
		}
		steps = append(steps, step{archive: archive})
	}
	return derive(ctx, e, baseName, name, key, steps)
}

// base is the node without the images in it.
func (r *recipe) base(arch string) (v1.Image, error) {
	debian, err := layerOf(r.debian)
	if err != nil {
		return nil, err
	}
	files, err := image.Layer(r.files, true)
	if err != nil {
		return nil, err
	}
	return image.New(image.Config{
		Arch: arch, Env: []string{"container=docker"}, StopSignal: "SIGRTMIN+3",
		Entrypoint: []string{"/usr/local/bin/entrypoint", "/sbin/init"},
		Labels:     map[string]string{network: "ptp"},
	}, debian, files)
}

// load gives an image to the engine, through a file that is removed.
func load(ctx context.Context, e *engine.Engine, file, name string, img v1.Image) error {
	if err := image.WriteDocker(file, name, img); err != nil {
		return err
	}
	defer os.Remove(file)
	_, err := e.Docker(ctx, nil, "load", "--quiet", "--input", file)
	return err
}
