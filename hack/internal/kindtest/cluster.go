package kindtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"fork.internal/apiserver/hack/internal/engine"
	"fork.internal/apiserver/hack/internal/image"
	"fork.internal/apiserver/hack/internal/nodeimage"
)

// Cluster is a kind cluster that is there, with all of its nodes ready.
type Cluster struct {
	run   *run
	tries *smoke
}

// Kubeconfig is the path of the administrator's.
func (c *Cluster) Kubeconfig() string { return c.run.kind.kubeconfig() }

// Server is the version that its kube-apiserver tells.
func (c *Cluster) Server() string { return c.run.report.Server }

// Arch is the architecture of its nodes, as GOARCH.
func (c *Cluster) Arch() string { return c.run.kind.e.Arch() }

// Part does one part of what is done with the cluster, and takes its time for the report.
func (c *Cluster) Part(name string, do func() error) error { return c.run.part(name, do) }

// Load gives the nodes images, by their names.
func (c *Cluster) Load(ctx context.Context, images map[string]v1.Image) error {
	archive := filepath.Join(c.run.kind.dir, "images.tar")
	defer os.Remove(archive)
	if err := image.WriteDockerAll(archive, images); err != nil {
		return err
	}
	return c.run.kind.load(ctx, archive)
}

// cluster makes the cluster, has it used, and removes it.
func (r *run) cluster(ctx context.Context, e *engine.Engine, use func(context.Context, *Cluster) error) (err error) {
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
	return use(ctx, &Cluster{run: r, tries: s})
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
	config, err := config(e, r.report.Node, r.o, dir)
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
