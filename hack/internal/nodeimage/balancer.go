package nodeimage

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"fork.internal/apiserver/hack/internal/build"
	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/engine"
	"fork.internal/apiserver/hack/internal/image"
	"fork.internal/apiserver/hack/internal/upstream"
)

// balancerImage is the line of kind's source that names the image of what it puts before several control planes.
var balancerImage = regexp.MustCompile(`(?m)^const Image = "(.+)"$`)

// standsIn is the label of an image that is another than its name says.
const standsIn = labelled + "stands-in"

// LoadBalancer sees to it that the engine has what kind puts before several control planes. Where it has not, and
// cannot get it, hack/balancer stands in under that name; it is returned then, and is to be removed when the cluster is
// gone, by RemoveStandIns: whatever else asks this engine for it would get no envoy.
func LoadBalancer(ctx context.Context, co *checkout.Checkout, e *engine.Engine) (standIn string, err error) {
	name, err := balancerName(ctx, co)
	if err != nil {
		return "", err
	}
	out, err := e.Docker(ctx, nil, "images", "--quiet", "--filter", "reference="+strings.TrimPrefix(name, "docker.io/"))
	if err != nil {
		return "", err
	}
	if strings.TrimSpace(out) != "" {
		// One of a run that was killed may be of another checkout: it is made again.
		if own, err := label(ctx, e, name, standsIn); err != nil || own == "" {
			return "", err
		}
	} else {
		fmt.Fprintf(co.Err, "pulling %s\n", name)
		if _, err := e.Docker(ctx, nil, "pull", "--quiet", name); err == nil || ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
	}
	fmt.Fprintf(co.Err, "hack/balancer stands in for %s, which cannot be had, while the cluster is there\n", name)
	return name, makeStandIn(ctx, co, e, name)
}

// RemoveStandIns removes what LoadBalancer has left, of runs that were killed too, but not what a cluster has.
func RemoveStandIns(ctx context.Context, e *engine.Engine) error {
	out, err := e.Docker(ctx, nil, "images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", "label="+standsIn)
	if err != nil {
		return err
	}
	for _, name := range strings.Fields(out) {
		used, err := e.Docker(ctx, nil, "ps", "--all", "--quiet", "--filter", "ancestor="+name)
		if err != nil {
			return err
		}
		if used != "" {
			continue
		}
		if _, err := e.Docker(ctx, nil, "rmi", name); err != nil {
			return fmt.Errorf("the engine still has a %s that is none; next: %sdocker rmi %s\n%w", name, e.Shell(), name, err)
		}
	}
	return nil
}

// balancerName is the image of the load balancer of the kind that is used.
func balancerName(ctx context.Context, co *checkout.Checkout) (string, error) {
	kind, err := upstream.Download(ctx, co, "", kindModule, kindVersion)
	if err != nil {
		return "", err
	}
	source, err := os.ReadFile(filepath.Join(kind.Dir, "pkg", "cluster", "internal", "loadbalancer", "const.go"))
	if err != nil {
		return "", err
	}
	found := balancerImage.FindSubmatch(source)
	if found == nil {
		return "", fmt.Errorf("%s %s no longer says in the same way which load balancer it uses; next: see hack/internal/nodeimage/balancer.go", kindModule, kindVersion)
	}
	return string(found[1]), nil
}

// makeStandIn makes the image: a node's Debian, which the engine has already, with the balancer under envoy's name.
func makeStandIn(ctx context.Context, co *checkout.Checkout, e *engine.Engine, name string) error {
	program, err := build.OwnFor(ctx, co, "hack/balancer", e.Arch())
	if err != nil {
		return err
	}
	debian, err := nodeRoot.layer(ctx, co)
	if err != nil {
		return err
	}
	own, err := image.Layer([]image.File{{Name: "usr/local/bin/envoy", Mode: 0o755, From: program}}, true)
	if err != nil {
		return err
	}
	img, err := image.New(image.Config{Arch: e.Arch(), Labels: map[string]string{standsIn: "hack/balancer"}}, debian, own)
	if err != nil {
		return err
	}
	return load(ctx, e, program+".tar", name, img)
}
