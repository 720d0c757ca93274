// Package kindtest tries a kube-apiserver of this checkout as the control plane of a kind cluster.
package kindtest

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"time"

	"fork.internal/apiserver/hack/internal/build"
	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/e2e"
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
	// Streams is for how long streams are used that last; 0 leaves that out.
	Streams time.Duration
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
	// tag is the pinned tag that goes with the node image; empty means the newest, or that none does.
	tag string
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

// requestTimeout is kube-apiserver's, where nothing else is said.
const requestTimeout = time.Minute

// clusterName is what kind takes for a name.
var clusterName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]*$`)

func (o Options) check() error {
	if o.Nodes < 1 || o.Nodes > mostNodes {
		return fmt.Errorf("a cluster of %d control plane nodes; next: NODES=1 to NODES=%d", o.Nodes, mostNodes)
	}
	if !clusterName.MatchString(o.Name) {
		return fmt.Errorf("%q is no name for a cluster; next: NAME= with small letters, digits, dots and hyphens", o.Name)
	}
	return e2e.CheckStreams(o.Streams, requestTimeout)
}

// Run makes a cluster, tries it, and removes it. The report is of what was done also if there is an error.
func Run(ctx context.Context, co *checkout.Checkout, o Options) (*Report, error) {
	return With(ctx, co, o, func(ctx context.Context, c *Cluster) error {
		if err := c.smoke(ctx); err != nil {
			return err
		}
		return c.suite(ctx)
	})
}

// With makes a cluster, has use do something with it, and removes it. The report is of what was done also if there is an
// error, after one of use's too.
func With(ctx context.Context, co *checkout.Checkout, o Options, use func(ctx context.Context, c *Cluster) error) (report *Report, err error) {
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
			return fmt.Errorf("%w, or NAME= with another", err)
		}
		return nodeimage.RemoveStandIns(ctx, e)
	}); err != nil {
		return r.report, err
	}
	if err := r.images(ctx, e); err != nil {
		return r.report, err
	}
	return r.report, r.cluster(ctx, e, use)
}

// Free fails, as With does, where there is no engine to use, or it has a cluster of one of these names.
func Free(ctx context.Context, co *checkout.Checkout, names ...string) error {
	e, err := engine.Connect(ctx, co)
	if err != nil {
		return err
	}
	path, err := nodeimage.Kind(ctx, co)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := (&kind{co: co, e: e, path: path, name: name}).free(ctx); err != nil {
			return err
		}
	}
	return nil
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
	r.report.Node, r.tag = node, tag
	if !r.o.Unmodified {
		if err := r.part("kube-apiserver image", func() (err error) {
			r.report.Image, err = image.KubeAPIServer(ctx, r.co, tag, e.Arch(), "", build.Fork)
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
