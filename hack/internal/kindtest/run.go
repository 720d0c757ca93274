// Package kindtest tries a kube-apiserver of this checkout as the control plane of a kind cluster.
package kindtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"fork.internal/apiserver/hack/internal/build"
	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/engine"
	"fork.internal/apiserver/hack/internal/image"
	"fork.internal/apiserver/hack/internal/nodeimage"
	"fork.internal/apiserver/hack/internal/pins"
)

// The files of a cluster on this machine, in its directory.
const (
	policyFile = "audit-policy.yaml"
	auditFile  = "audit.log"
)

// auditDir is where the audit log of a node is, on this machine.
func auditDir(dir string, node int) string { return filepath.Join(dir, fmt.Sprintf("audit-%d", node)) }

// Options say what is tried.
type Options struct {
	// Tag is the pinned tag; empty means the node image's, or the newest.
	Tag string
	// NodeImage is a node image to use; empty means one that is made here.
	NodeImage string
	// Name is the cluster's. Required.
	Name string
	// Nodes is the number of control plane nodes, at least 1.
	Nodes int
	// Keep leaves the cluster there, whatever becomes of the tests.
	Keep bool
	// Tests are the names of the end-to-end tests to run; none means all.
	Tests []string
	// Unmodified leaves the node image's own kube-apiserver in place.
	Unmodified bool
}

// Part is one part of a run.
type Part struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
}

// Report is what a run did.
type Report struct {
	Cluster string `json:"cluster"`
	// Server is the version that the cluster's kube-apiserver tells.
	Server string `json:"server"`
	// Node is the node image.
	Node *nodeimage.Node `json:"node"`
	// Image is the kube-apiserver's; nil if it is the node image's own.
	Image *image.Image `json:"image,omitempty"`
	Parts []Part       `json:"parts"`
	// Kubeconfig is set if the cluster was kept, and Delete is the command that removes it then.
	Kubeconfig string `json:"kubeconfig,omitempty"`
	Delete     string `json:"delete,omitempty"`
	// Logs is where the logs of a cluster are that failed.
	Logs string `json:"logs,omitempty"`
}

// run is one run.
type run struct {
	co     *checkout.Checkout
	o      Options
	report *Report
	kind   *kind
}

// part does one part, and takes its time.
func (r *run) part(name string, do func() error) error {
	start := time.Now()
	fmt.Fprintf(r.co.Err, "== %s\n", name)
	err := do()
	r.report.Parts = append(r.report.Parts, Part{name, time.Since(start).Seconds()})
	return err
}

// mostNodes is how many control planes are of use: etcd advises against more than seven members.
const mostNodes = 7

// clusterName is what kind takes for a name.
var clusterName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]*$`)

func (o Options) check() error {
	if o.Nodes < 1 || o.Nodes > mostNodes {
		return fmt.Errorf("a cluster of %d control plane nodes; next: NODES=1 to NODES=%d", o.Nodes, mostNodes)
	}
	if !clusterName.MatchString(o.Name) {
		return fmt.Errorf("%q is no name for a cluster; next: NAME= with small letters, digits, dots and hyphens", o.Name)
	}
	return nil
}

// Run makes a cluster, tries it, and removes it. The report is of what was done also if there is an error.
func Run(ctx context.Context, co *checkout.Checkout, o Options) (report *Report, err error) {
	r := &run{co: co, o: o, report: &Report{Cluster: o.Name}}
	if err := o.check(); err != nil {
		return r.report, err
	}
	e, err := engine.Connect(ctx, co)
	if err != nil {
		return r.report, err
	}
	r.kind = &kind{co: co, e: e, name: o.Name, dir: filepath.Join(co.Output(), "kind", o.Name)}
	if err := r.part("kind", func() error {
		if r.kind.path, err = nodeimage.Kind(ctx, co); err != nil {
			return err
		}
		if err := r.kind.free(ctx); err != nil {
			return err
		}
		return nodeimage.RemoveStandIns(ctx, e)
	}); err != nil {
		return r.report, err
	}
	if err := r.images(ctx, e); err != nil {
		return r.report, err
	}
	return r.report, r.cluster(ctx, e)
}

// images makes all images, the node's with the kube-apiserver in it.
func (r *run) images(ctx context.Context, e *engine.Engine) error {
	node, tag := r.report.Node, r.o.Tag
	if err := r.part("node image", func() (err error) {
		if r.o.NodeImage == "" {
			node, err = nodeimage.Make(ctx, r.co, e, tag)
			return err
		}
		if node, err = nodeimage.Existing(ctx, r.co, e, r.o.NodeImage); err != nil || r.o.Unmodified {
			return err
		}
		tag, err = tagOf(r.co, tag, node.Release)
		return err
	}); err != nil {
		return err
	}
	r.report.Node = node
	if !r.o.Unmodified {
		if err := r.part("kube-apiserver image", func() (err error) {
			r.report.Image, err = image.KubeAPIServer(ctx, r.co, tag, e.Arch(), build.Fork)
			return err
		}); err != nil {
			return err
		}
		if err := r.part("node image with it", func() (err error) {
			r.report.Node, err = nodeimage.WithKubeAPIServer(ctx, r.co, e, node, r.report.Image)
			return err
		}); err != nil {
			return err
		}
	}
	// What an engine may not do shows here, and not after minutes in a node that does not start.
	_, err := e.Docker(ctx, nil, "run", "--rm", "--privileged", "--network=none", "--entrypoint=true", r.report.Node.Name)
	return err
}

// tagOf is the pinned tag that goes with a node's release; it is an error if want, unless empty, is another.
func tagOf(co *checkout.Checkout, want, release string) (string, error) {
	p, err := pins.Load(co.Pins())
	if err != nil {
		return "", err
	}
	if want != "" {
		pin, err := p.Lookup(want)
		if err == nil && pin.Consumer != release {
			err = fmt.Errorf("the node image is of Kubernetes %s, and %s goes with %s; next: leave TAG= out, which takes the node's", release, want, pin.Consumer)
		}
		return want, err
	}
	for _, m := range p.Minors {
		for _, t := range m.Tags {
			if t.Consumer == release {
				return t.Tag, nil
			}
		}
	}
	return "", fmt.Errorf("the node image is of Kubernetes %s, and no pinned tag goes with that; next: make pins, which lists them", release)
}

// cluster makes the cluster, tries it, and removes it.
func (r *run) cluster(ctx context.Context, e *engine.Engine) (err error) {
	k := r.kind
	config, err := r.files(e)
	if err != nil {
		return err
	}
	if k.madeNetwork, err = k.noNetwork(ctx); err != nil {
		return err
	}
	defer func() { err = r.end(ctx, err) }()
	if r.o.Nodes > 1 {
		if err := r.part("load balancer", func() (err error) {
			k.standIn, err = nodeimage.LoadBalancer(ctx, r.co, e)
			return err
		}); err != nil {
			return err
		}
	}
	if err := r.part("create cluster", func() error { return k.create(ctx, r.report.Node.Name, config) }); err != nil {
		return err
	}
	if r.report.Node.Own {
		if err := k.route(ctx, r.o.Nodes); err != nil {
			return err
		}
	}
	if r.o.Nodes > 1 {
		if err := k.untaint(ctx); err != nil {
			return err
		}
	}
	s, err := newSmoke(k, r.report.Image != nil)
	if err != nil {
		return err
	}
	if err := r.part("nodes ready", func() error { return s.ready(ctx, r.o.Nodes) }); err != nil {
		return err
	}
	if r.report.Server, err = s.version(r.report.Image); err != nil {
		return err
	}
	fmt.Fprintf(r.co.Err, "the server is %s\n", r.report.Server)
	if err := r.part("probe image", func() error { return loadProbe(ctx, r.co, k) }); err != nil {
		return err
	}
	if err := r.part("cluster DNS and probe ready", func() error { return s.setup(ctx) }); err != nil {
		return err
	}
	for _, t := range smokes {
		if err := r.part(t.name, func() error {
			ctx, cancel := context.WithTimeoutCause(ctx, tryTime, fmt.Errorf("not done after %s", tryTime))
			defer cancel()
			return t.do(ctx, s)
		}); err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
	}
	return r.suite(ctx)
}

// files writes what a node mounts, and returns the cluster's configuration.
func (r *run) files(e *engine.Engine) ([]byte, error) {
	dir := r.kind.dir
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	for i := range r.o.Nodes {
		if err := os.MkdirAll(auditDir(dir, i), 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(networkFile(dir, i), nodeimage.Network(i), 0o644); err != nil {
			return nil, err
		}
	}
	if err := os.WriteFile(filepath.Join(dir, policyFile), auditPolicy, 0o644); err != nil {
		return nil, err
	}
	config, err := config(e, r.report.Node, r.o.Nodes, dir)
	if err != nil {
		return nil, err
	}
	return config, os.WriteFile(filepath.Join(dir, "kind.yaml"), config, 0o644)
}

// end keeps the logs of what failed, and removes the cluster unless it is to be kept.
func (r *run) end(ctx context.Context, err error) error {
	k := r.kind
	if gone := new(engine.NoAnswer); errors.As(err, &gone) {
		return k.stillThere(err)
	}
	if err != nil && ctx.Err() == nil {
		var logErr error
		if r.report.Logs, logErr = k.export(ctx); logErr != nil {
			err = fmt.Errorf("%w\nnot all of its logs could be had: %w", err, logErr)
		}
		err = fmt.Errorf("%w\nthe logs are in %s", err, r.co.Rel(r.report.Logs))
	}
	if r.o.Keep {
		r.report.Kubeconfig, r.report.Delete = k.kubeconfig(), k.deleteCommand()
		return err
	}
	return errors.Join(err, r.part("delete cluster", func() error { return k.remove(ctx) }))
}
