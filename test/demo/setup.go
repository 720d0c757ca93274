package demo

import (
	"context"

	"fork.internal/apiserver/test/cluster"
)

// The two users of the load. Each may do one thing in one namespace, which is all that it takes.
const (
	namespace = "demo"
	podUser   = "mallory" // creates pods
	patchUser = "malvin"  // patches config maps
)

// SetUp makes, as administrator, the namespace, what pods need in it, and the users' rights.
func SetUp(ctx context.Context, cl *cluster.Cluster) error {
	const (
		core = "/api/v1/namespaces"
		rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/" + namespace
	)
	type object = map[string]any
	meta := func(name string) object { return object{"name": name} }

	for _, o := range []struct {
		path string
		obj  any
	}{
		{core, object{"apiVersion": "v1", "kind": "Namespace", "metadata": meta(namespace)}},
		{core + "/" + namespace + "/serviceaccounts", cluster.ServiceAccount("default")},
		{core + "/" + namespace + "/configmaps", object{
			"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta(configMap),
		}},
		{rbac + "/roles", role("pod-creator", "create", "pods")},
		{rbac + "/roles", role("configmap-patcher", "patch", "configmaps")},
		{rbac + "/rolebindings", binding("pod-creator", podUser)},
		{rbac + "/rolebindings", binding("configmap-patcher", patchUser)},
	} {
		if err := cl.Create(ctx, o.path, o.obj); err != nil {
			return err
		}
	}
	return nil
}

func role(name, verb, resource string) any {
	return map[string]any{
		"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
		"metadata": map[string]any{"name": name},
		"rules": []map[string]any{{
			"apiGroups": []string{""}, "resources": []string{resource}, "verbs": []string{verb},
		}},
	}
}

func binding(role, user string) any {
	const group = "rbac.authorization.k8s.io"
	return map[string]any{
		"apiVersion": group + "/v1", "kind": "RoleBinding",
		"metadata": map[string]any{"name": role},
		"roleRef":  map[string]any{"apiGroup": group, "kind": "Role", "name": role},
		"subjects": []map[string]any{{"apiGroup": group, "kind": "User", "name": user}},
	}
}
