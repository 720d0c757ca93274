package nodeimage

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"fork.internal/apiserver/hack/internal/engine"
)

// labelled begins the labels of node images that are made here.
const labelled = "internal.fork.apiserver."

// inputs is the label that says what an image was made of. network is one that only images have which are made of
// Debian here, and what is made of those: that of the pods is in them.
const (
	inputs  = labelled + "inputs"
	network = labelled + "network"
)

// ready waits until containerd answers.
const ready = `for i in $(seq 100); do ctr version >/dev/null 2>&1 && exit 0; sleep 0.1; done
echo "containerd does not answer" >&2; exit 1`

// criBase is what kind's base image has in /etc/containerd/cri-base.json: the pods' containers' base.
const criBase = `set -euo pipefail
ctr oci spec | jq '.hooks.createContainer += [{"path": "/kind/bin/mount-product-files.sh"}] | del(.process.rlimits)' >/etc/containerd/cri-base.json`

// step is one thing that is done in a container: a script, or the import of an archive.
type step struct {
	script  string
	archive string
}

// derive makes the image to of the image from, in a container with a containerd in it. The container is removed,
// whatever happens.
func derive(ctx context.Context, e *engine.Engine, from, to, key string, steps []step) (err error) {
	id, err := e.Docker(ctx, nil, "run", "-d", "--network=none", "--security-opt=seccomp=unconfined", "--entrypoint=sleep", from, "infinity")
	id = strings.TrimSpace(id)
	if id != "" {
		defer func() {
			// Also when ctx has ended.
			clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
			defer cancel()
			if _, removeErr := e.Docker(clean, nil, "rm", "-f", "-v", id); err == nil {
				err = removeErr
			}
		}()
	}
	if err != nil {
		return err
	}
	if _, err := e.Docker(ctx, nil, "exec", "-d", id, "bash", "-c", "exec containerd"); err != nil {
		return err
	}
	for _, s := range append([]step{{script: ready}}, steps...) {
		if err := s.run(ctx, e, id); err != nil {
			return err
		}
	}
	// containerd's database is whole when it has ended.
	if _, err := e.Docker(ctx, nil, "exec", id, "bash", "-c", `pkill -x containerd; while pgrep -x containerd >/dev/null; do sleep 0.1; done; rm -rf /run/containerd`); err != nil {
		return err
	}
	old, err := e.Docker(ctx, nil, "images", "--quiet", "--no-trunc", to)
	if err != nil {
		return err
	}
	made, err := e.Docker(ctx, nil, "commit", "--change", `ENTRYPOINT [ "/usr/local/bin/entrypoint", "/sbin/init" ]`, "--change", "LABEL "+inputs+"="+key, id, to)
	if old = strings.TrimSpace(old); err == nil && old != "" && old != strings.TrimSpace(made) {
		// Nothing but the name was left of it; a cluster that runs it keeps it.
		_, _ = e.Docker(ctx, nil, "rmi", old)
	}
	return err
}

func (s step) run(ctx context.Context, e *engine.Engine, id string) error {
	if s.archive == "" {
		_, err := e.Docker(ctx, nil, "exec", id, "bash", "-c", s.script)
		return err
	}
	f, err := os.Open(s.archive)
	if err != nil {
		return err
	}
	defer f.Close()
	return importArchive(ctx, e, id, bufio.NewReader(f))
}

func importArchive(ctx context.Context, e *engine.Engine, id string, archive io.Reader) error {
	_, err := e.Docker(ctx, archive, "exec", "-i", id, "ctr", "--namespace=k8s.io", "images", "import",
		"--label=io.cri-containerd.pinned=pinned", "--all-platforms", "--no-unpack", "--digests", "-")
	return err
}

// madeOf is the key that an image was made with, or "" if there is none.
func madeOf(ctx context.Context, e *engine.Engine, name string) (string, error) {
	out, err := e.Docker(ctx, nil, "images", "--quiet", "--filter", "reference="+name)
	if err != nil || strings.TrimSpace(out) == "" {
		return "", err
	}
	return label(ctx, e, name, inputs)
}

// label is one of an image that is there.
func label(ctx context.Context, e *engine.Engine, name, key string) (string, error) {
	out, err := e.Docker(ctx, nil, "image", "inspect", "--format", fmt.Sprintf("{{index .Config.Labels %q}}", key), name)
	return strings.TrimSpace(out), err
}
