package kindtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/engine"
	"fork.internal/apiserver/hack/internal/nodeimage"
	"fork.internal/apiserver/hack/internal/proc"
)

// cleanTime is how long it may take to remove a cluster after an interrupt.
const cleanTime = 2 * time.Minute

// kind is the kind program, for one cluster.
type kind struct {
	co   *checkout.Checkout
	e    *engine.Engine
	path string
	name string // of the cluster
	dir  string // what the cluster has on this machine
	// standIn is an image that is to go with the cluster; empty if there is none.
	standIn string
	// madeNetwork says that there was no network of kind's before.
	madeNetwork bool
}

// run runs kind; what it says of its progress is passed on.
func (k *kind) run(ctx context.Context, stdin io.Reader, args ...string) (string, error) {
	var said bytes.Buffer
	out, err := proc.Cmd{Args: append([]string{k.path}, args...), Env: k.e.Environ(), Stdin: stdin, Stderr: io.MultiWriter(k.co.Err, &said)}.Output(ctx)
	var failed *proc.Error
	if errors.As(err, &failed) {
		short := &proc.Error{Args: append([]string{"kind"}, args...), Stderr: lastLine(said.String()), Err: failed.Err}
		return out, k.e.Explain(short, said.String())
	}
	return out, err
}

// lastLine is what a program said last: its error, if it calls one so, as kind does before the output of what it ran.
func lastLine(said string) string {
	lines := strings.Split(strings.TrimSpace(said), "\n")
	for _, line := range slices.Backward(lines) {
		if strings.HasPrefix(line, "ERROR: ") {
			return line[:min(len(line), 400)]
		}
	}
	return lines[len(lines)-1]
}

// free fails if there is a cluster of that name, whole or not.
func (k *kind) free(ctx context.Context) error {
	out, err := k.run(ctx, nil, "get", "clusters", "--quiet")
	if err != nil {
		return err
	}
	if !slices.Contains(strings.Fields(out), k.name) {
		return nil
	}
	return fmt.Errorf("there is a kind cluster %s already, of a run that goes on, was killed or had KEEP=1, or of another checkout; next: %s", k.name, k.deleteCommand())
}

// deleteCommand is what a person types to remove the cluster.
func (k *kind) deleteCommand() string {
	command := fmt.Sprintf("%s%s delete cluster --name %s", k.e.Shell(), k.co.Rel(k.path), k.name)
	if k.standIn != "" {
		command += fmt.Sprintf(" && %sdocker rmi %s", k.e.Shell(), k.standIn)
	}
	return command
}

// network is what kind calls the network of all of its clusters, which it leaves behind.
const network = "kind"

// noNetwork says that there is no such network.
func (k *kind) noNetwork(ctx context.Context) (bool, error) {
	out, err := k.e.Docker(ctx, nil, "network", "ls", "--quiet", "--filter", "name=^"+network+"$")
	return strings.TrimSpace(out) == "", err
}

// create makes the cluster, and leaves what it has made of it if it fails.
func (k *kind) create(ctx context.Context, image string, config []byte) error {
	_, err := k.run(ctx, bytes.NewReader(config), "create", "cluster", "--name", k.name, "--image", image, "--config", "-",
		"--kubeconfig", k.kubeconfig(), "--retain")
	return err
}

// load gives the nodes an image.
func (k *kind) load(ctx context.Context, archive string) error {
	_, err := k.run(ctx, nil, "load", "image-archive", "--name", k.name, archive)
	return err
}

// export keeps what the nodes and their pods have logged, and returns where.
func (k *kind) export(ctx context.Context) (string, error) {
	logs := filepath.Join(k.dir, "logs")
	_, err := k.run(ctx, nil, "export", "logs", "--name", k.name, logs)
	return logs, err
}

// remove removes the cluster and what it has made on this machine but logs, also when ctx has ended, and whether or
// not there is all of it.
func (k *kind) remove(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanTime)
	defer cancel()
	if _, err := k.run(ctx, nil, "delete", "cluster", "--name", k.name, "--kubeconfig", k.kubeconfig()); err != nil {
		return k.stillThere(err)
	}
	if k.standIn != "" {
		if err := nodeimage.RemoveStandIns(ctx, k.e); err != nil {
			return err
		}
	}
	if k.madeNetwork {
		// It stays if another cluster has come since.
		_, _ = k.e.Docker(ctx, nil, "network", "rm", network)
	}
	return os.RemoveAll(k.kubeconfig())
}

// stillThere is why the cluster could not be removed, and how it is.
func (k *kind) stillThere(why error) error {
	if gone := new(engine.NoAnswer); errors.As(why, &gone) {
		return fmt.Errorf("%w; then, to remove what there is of the cluster: %s", why, k.deleteCommand())
	}
	return fmt.Errorf("the cluster %s is still there: %w; next: %s", k.name, why, k.deleteCommand())
}

func (k *kind) kubeconfig() string { return filepath.Join(k.dir, "kubeconfig") }
