package sidebyside

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"fork.internal/apiserver/test/cluster"
)

const (
	// largeNamespace holds what makes a LIST of several megabytes.
	largeNamespace = "side-large"
	largeObjects   = 40
	largeSize      = 100_000
)

// namespace is where the steps of one protocol put what they make.
func namespace(p protocol) string { return "side-" + p.short() }

type object = map[string]any

// nodeName is a node whose kubelet is the backend.
const nodeName = "side-node"

// setUp makes, as administrator, what all groups take for granted: namespaces, users' rights, many large objects, and what
// leads to the backend.
func (s *server) setUp(ctx context.Context) error {
	const (
		core  = "/api/v1/namespaces"
		rbac  = "/apis/rbac.authorization.k8s.io/v1"
		group = "rbac.authorization.k8s.io"
		flow  = "/apis/flowcontrol.apiserver.k8s.io/v1"
	)
	type made struct {
		path string
		obj  any
	}
	user := func(u user) []object {
		return []object{{"apiGroup": group, "kind": "User", "name": u.name()}}
	}
	all := []made{
		{core, namespaced(largeNamespace)},
		{rbac + "/clusterrolebindings", object{
			"apiVersion": group + "/v1", "kind": "ClusterRoleBinding", "metadata": object{"name": "side"},
			"roleRef":  object{"apiGroup": group, "kind": "ClusterRole", "name": "cluster-admin"},
			"subjects": append(user(ordinary), user(throttled)...),
		}},
		// No seats, and no queue to wait in.
		{flow + "/prioritylevelconfigurations", object{
			"apiVersion": "flowcontrol.apiserver.k8s.io/v1", "kind": "PriorityLevelConfiguration", "metadata": object{"name": "side-none"},
			"spec": object{"type": "Limited", "limited": object{
				"nominalConcurrencyShares": 0, "lendablePercent": 0, "borrowingLimitPercent": 0, "limitResponse": object{"type": "Reject"},
			}},
		}},
		{flow + "/flowschemas", object{
			"apiVersion": "flowcontrol.apiserver.k8s.io/v1", "kind": "FlowSchema", "metadata": object{"name": "side-none"},
			"spec": object{
				"priorityLevelConfiguration": object{"name": "side-none"}, "matchingPrecedence": 10,
				"rules": []object{{
					"subjects":      []object{{"kind": "User", "user": object{"name": throttled.name()}}},
					"resourceRules": []object{{"verbs": []string{"*"}, "apiGroups": []string{"*"}, "resources": []string{"*"}, "namespaces": []string{"*"}, "clusterScope": true}},
				}},
			},
		}},
	}
	all = append(all,
		made{"/api/v1/nodes", object{
			"apiVersion": "v1", "kind": "Node", "metadata": object{"name": nodeName},
			"status": object{
				"addresses":       []object{{"type": "InternalIP", "address": "127.0.0.1"}},
				"daemonEndpoints": object{"kubeletEndpoint": object{"Port": s.backend.port()}},
			},
		}},
		made{core + "/" + largeNamespace + "/services", object{
			"apiVersion": "v1", "kind": "Service", "metadata": object{"name": "backend"},
			"spec": object{"type": "ExternalName", "externalName": "localhost"},
		}},
	)
	for _, api := range []struct{ group, service string }{{thingsGroup, "backend"}, {"nowhere.example", "nowhere"}} {
		all = append(all, made{"/apis/apiregistration.k8s.io/v1/apiservices", object{
			"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": object{"name": "v1." + api.group},
			"spec": object{
				"group": api.group, "version": "v1", "groupPriorityMinimum": 100, "versionPriority": 1, "insecureSkipTLSVerify": true,
				"service": object{"namespace": largeNamespace, "name": api.service, "port": s.backend.port()},
			},
		}})
	}
	for _, p := range []protocol{http1, http2} {
		ns := namespace(p)
		all = append(all,
			made{core, namespaced(ns)},
			made{core + "/" + ns + "/serviceaccounts", cluster.ServiceAccount("default")},
			made{rbac + "/namespaces/" + ns + "/roles", object{
				"apiVersion": group + "/v1", "kind": "Role", "metadata": object{"name": "reader"},
				"rules": []object{{"apiGroups": []string{""}, "resources": []string{"configmaps"}, "verbs": []string{"get", "list"}}},
			}},
			made{rbac + "/namespaces/" + ns + "/rolebindings", object{
				"apiVersion": group + "/v1", "kind": "RoleBinding", "metadata": object{"name": "reader"},
				"roleRef": object{"apiGroup": group, "kind": "Role", "name": "reader"}, "subjects": user(reader),
			}},
		)
	}
	text := strings.Repeat("large-enough-xyz", largeSize/16)
	for i := range largeObjects {
		all = append(all, made{core + "/" + largeNamespace + "/configmaps", object{
			"apiVersion": "v1", "kind": "ConfigMap", "metadata": object{"name": fmt.Sprintf("large-%02d", i)},
			"data": object{"text": text},
		}})
	}
	for _, m := range all {
		if err := s.cluster.Create(ctx, m.path, m.obj); err != nil {
			return err
		}
	}
	return s.awaitThings(ctx)
}

// awaitThings waits until the aggregated API is a part of what the server says it has.
func (s *server) awaitThings(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, awaitTimeout, fmt.Errorf("not within %v", awaitTimeout))
	defer cancel()
	ticker := time.NewTicker(awaitInterval)
	defer ticker.Stop()
	for {
		data, err := s.get(ctx, "/apis", aggregatedV2)
		if err == nil && strings.Contains(string(data), `"name":"`+thingsGroup+`"`) && strings.Contains(string(data), `"Thing"`) {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("the aggregated API is not discovered: %w", context.Cause(ctx)), err)
		case <-ticker.C:
		}
	}
}

func namespaced(name string) object {
	return object{"apiVersion": "v1", "kind": "Namespace", "metadata": object{"name": name}}
}
