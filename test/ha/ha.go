// Package ha is about a control plane of several: three kube-apiservers on an etcd of three members, behind a TCP
// balancer that follows /readyz. Demo has unmodified ones die one by one, of the load that kills an unmodified one (defect
// D1), and puts the same on patched ones. Roll replaces each in turn by the other build, and back, and looks for
// what clients and etcd are left with. Both put ordinary clients and watches on them, and know what these ought to
// have seen from etcd's own history.
package ha

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"time"

	"fork.internal/apiserver/test/cluster"
)

const (
	servers = 3
	members = 3

	// workers and watches are the ordinary clients. One more worker uses HTTP/1.1.
	workers = 5
	watches = 30

	// settleTimeout bounds a wait for what takes a moment: a watch that catches up, a client that gets through again.
	settleTimeout = time.Minute

	// namespace and user are those of the ordinary clients. The user may do all with config maps there.
	namespace = "ha"
	user      = "worker"

	configMaps = "/api/v1/namespaces/" + namespace + "/configmaps"

	// keys is where etcd has the config maps.
	keys = "/registry/configmaps/" + namespace + "/"
)

// start starts the servers, of one binary, with what the ordinary clients need, and returns the clients' token. The caller
// ends the cluster.
func start(ctx context.Context, conf cluster.Config) (_ *cluster.Cluster, token string, err error) {
	token = rand.Text()
	tokens := map[string]string{token: user}
	maps.Copy(tokens, conf.Tokens)
	conf.Servers, conf.EtcdMembers, conf.Tokens = servers, members, tokens
	// What watches ought to have seen is looked up at the end.
	conf.ExtraArgs = append(conf.ExtraArgs, "--etcd-compaction-interval=0")
	cl, err := cluster.Start(ctx, conf)
	if err != nil {
		return nil, "", err
	}
	if err := setUp(ctx, cl); err != nil {
		end(cl, conf.Progress)
		return nil, "", fmt.Errorf("preparing namespace %s: %w", namespace, err)
	}
	return cl, token, nil
}

// setUp makes the namespace and the user's rights.
func setUp(ctx context.Context, cl *cluster.Cluster) error {
	type object = map[string]any
	const (
		group = "rbac.authorization.k8s.io"
		rbac  = "/apis/" + group + "/v1/namespaces/" + namespace
	)
	for _, o := range []struct {
		path string
		obj  object
	}{
		{"/api/v1/namespaces", object{"apiVersion": "v1", "kind": "Namespace", "metadata": object{"name": namespace}}},
		{rbac + "/roles", object{
			"apiVersion": group + "/v1", "kind": "Role", "metadata": object{"name": user},
			"rules": []object{{"apiGroups": []string{""}, "resources": []string{"configmaps"}, "verbs": []string{"*"}}},
		}},
		{rbac + "/rolebindings", object{
			"apiVersion": group + "/v1", "kind": "RoleBinding", "metadata": object{"name": user},
			"roleRef":  object{"apiGroup": group, "kind": "Role", "name": user},
			"subjects": []object{{"apiGroup": group, "kind": "User", "name": user}},
		}},
	} {
		if err := cl.Create(ctx, o.path, o.obj); err != nil {
			return err
		}
	}
	return nil
}

var errEnd = errors.New("the end of the run")

// end kills the cluster's processes: how gracefully servers end is looked at where they are replaced.
func end(cl *cluster.Cluster, progress io.Writer) {
	killed, kill := context.WithCancelCause(context.Background())
	kill(errEnd)
	if err := cl.Stop(killed); err != nil && !errors.Is(err, errEnd) {
		fmt.Fprintln(progress, err)
	}
}

// evidence is err, or that a member of etcd has ended, which all else may follow from: what is seen without it is no
// evidence.
func evidence(cl *cluster.Cluster, err error) error {
	if lost := cl.EtcdError(); lost != nil {
		return lost
	}
	return err
}

// pause returns when d has passed, or ctx has ended: then with its error.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
