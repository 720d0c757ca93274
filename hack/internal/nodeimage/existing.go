package nodeimage

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/engine"
	"fork.internal/apiserver/hack/internal/image"
)

// Existing is a node image that the engine has, or gets from a registry, such as a released kindest/node.
func Existing(ctx context.Context, co *checkout.Checkout, e *engine.Engine, name string) (*Node, error) {
	if _, err := e.Docker(ctx, nil, "image", "inspect", name); err != nil {
		fmt.Fprintf(co.Err, "pulling %s\n", name)
		if _, err := e.Docker(ctx, nil, "pull", "--quiet", name); err != nil {
			return nil, fmt.Errorf("the engine has no image %s, and cannot get it; next: docker pull %s, or leave KIND_NODE_IMAGE= out and have one made\n%w", name, name, err)
		}
	}
	release, err := e.Docker(ctx, nil, "run", "--rm", "--network=none", "--entrypoint=cat", name, "/kind/version")
	if err != nil {
		return nil, fmt.Errorf("%s is no image of a kind node; next: KIND_NODE_IMAGE=kindest/node:vX.Y.Z\n%w", name, err)
	}
	own, err := label(ctx, e, name, network)
	return &Node{Name: name, Release: strings.TrimSpace(release), Own: own != ""}, err
}

// WithKubeAPIServer makes the node image of node in which img is the kube-apiserver, unless the engine has it.
func WithKubeAPIServer(ctx context.Context, co *checkout.Checkout, e *engine.Engine, node *Node, img *image.Image) (*Node, error) {
	if img.Release != node.Release {
		return nil, fmt.Errorf("%s is a node of Kubernetes %s, and the kube-apiserver is %s; next: TAG= without a value, which takes the node's", node.Name, node.Release, img.Release)
	}
	id, err := e.Docker(ctx, nil, "image", "inspect", "--format", "{{.Id}}", node.Name)
	if err != nil {
		return nil, err
	}
	n := &Node{Name: repository + ":" + node.Release + "-fork", Release: node.Release, Own: node.Own}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s", strings.TrimSpace(id), img.Digest))
	key := hex.EncodeToString(sum[:])
	if old, err := madeOf(ctx, e, n.Name); err != nil || old == key {
		return n, err
	}
	n.New = true
	fmt.Fprintf(co.Err, "putting %s into a copy of %s\n", img.Version, node.Name)
	return n, derive(ctx, e, node.Name, n.Name, key, []step{{archive: img.Docker}})
}
