package cluster

import (
	"context"
	"fmt"
	"io"
)

// Run starts a cluster, says on out how to use it, waits until ctx is done or one of the two processes ends
// by itself, and stops what is left. It is nil when it was ctx that ended it; a process that ended by
// itself is an error that carries its fatal error or the end of its log. It replaces Config.Progress with
// out.
func Run(ctx context.Context, conf Config, out io.Writer) error {
	conf.Progress = out
	c, err := Start(ctx, conf)
	if err != nil {
		if ctx.Err() != nil {
			fmt.Fprintln(out, "interrupted before it was ready; nothing is left running")
			return nil
		}
		return err
	}
	c.usage(ctx, out)

	select {
	case <-ctx.Done():
		fmt.Fprintln(out, "\nstopping kube-apiserver, then etcd")
	case <-c.Exited():
		err = fmt.Errorf("stopped, because a process ended by itself: %w", c.ExitError())
	case <-c.EtcdExited():
		err = fmt.Errorf("stopped, because a process ended by itself: %w", c.EtcdError())
	}
	// ctx is done by now, or about to be: the children still get their time.
	stopErr := c.Stop(context.WithoutCancel(ctx))
	fmt.Fprintln(out, "stopped; nothing is left running")
	if err == nil { // Otherwise it says the same, or what comes of it.
		err = stopErr
	}
	return err
}

func (c *Cluster) usage(ctx context.Context, out io.Writer) {
	version, err := c.Version(ctx)
	if err != nil {
		version = "of unknown version"
	}
	next := "The next run starts with an empty etcd."
	if c.conf.KeepData {
		next = "What etcd holds stays in " + c.conf.Dir + ", for the next run there."
	}
	fmt.Fprintf(out, `
kube-apiserver %s is ready. In another terminal:

export KUBECONFIG=%s

  kubectl get --raw /readyz
  kubectl get --raw /version
  kubectl create namespace demo
  kubectl -n demo create configmap greeting --from-literal=text=hello
  kubectl run web --image=example/web --dry-run=server     # or without --dry-run; nothing will schedule it

A namespace needs a service account before it takes pods: kubectl -n demo create serviceaccount default

Without kubectl:

  curl --cacert %s --cert %s --key %s %s/readyz

audit log:          %s
kube-apiserver log: %s
etcd log:           %s

Ctrl-C stops both. %s
`, version, shellQuote(c.Kubeconfig()), shellQuote(c.path(pkiDir, caCert)), shellQuote(c.path(pkiDir, adminCert)), shellQuote(c.path(pkiDir, adminKey)),
		c.url, c.AuditLog(), c.Log(), c.members()[0].log, next)
}
