package suite

import (
	"fmt"
	"net/http"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// DeprecationWarning is what requests for the deprecated version of a kind made by MakeKind are answered with.
const DeprecationWarning = "this version goes; v1 stays"

// Object is an object of any kind.
type Object = map[string]any

// setUp makes a namespace, a user who has all rights there, and a priority level that is that user's alone.
func (s *Suite) setUp() (err error) {
	if s.Namespace, err = s.MakeNamespace("main"); err != nil {
		return err
	}
	s.User, s.Level = s.Name("user"), s.Name("level")
	if _, err := s.Client.RbacV1().RoleBindings(s.Namespace).Create(s.ctx, &rbacv1.RoleBinding{
		ObjectMeta: s.Meta("user"),
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: s.User}},
	}, metav1.CreateOptions{}); err != nil {
		return err
	}
	shares, none := int32(5), int32(0)
	if _, err := s.Client.FlowcontrolV1().PriorityLevelConfigurations().Create(s.ctx, &flowcontrolv1.PriorityLevelConfiguration{
		ObjectMeta: s.Meta(s.Level),
		Spec: flowcontrolv1.PriorityLevelConfigurationSpec{
			Type: flowcontrolv1.PriorityLevelEnablementLimited,
			Limited: &flowcontrolv1.LimitedPriorityLevelConfiguration{
				NominalConcurrencyShares: &shares, LendablePercent: &none,
				LimitResponse: flowcontrolv1.LimitResponse{
					Type:    flowcontrolv1.LimitResponseTypeQueue,
					Queuing: &flowcontrolv1.QueuingConfiguration{Queues: 8, HandSize: 8, QueueLengthLimit: 50},
				},
			},
		},
	}, metav1.CreateOptions{}); err != nil {
		return err
	}
	schema, err := s.Client.FlowcontrolV1().FlowSchemas().Create(s.ctx, &flowcontrolv1.FlowSchema{
		ObjectMeta: s.Meta(s.Level),
		Spec: flowcontrolv1.FlowSchemaSpec{
			PriorityLevelConfiguration: flowcontrolv1.PriorityLevelConfigurationReference{Name: s.Level},
			MatchingPrecedence:         100,
			Rules: []flowcontrolv1.PolicyRulesWithSubjects{{
				Subjects: []flowcontrolv1.Subject{{Kind: flowcontrolv1.SubjectKindUser, User: &flowcontrolv1.UserSubject{Name: s.User}}},
				ResourceRules: []flowcontrolv1.ResourcePolicyRule{{
					Verbs: []string{"*"}, APIGroups: []string{"*"}, Resources: []string{"*"}, Namespaces: []string{"*"}, ClusterScope: true,
				}},
			}},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	c, err := s.UserClient(HTTP1)
	if err != nil {
		return err
	}
	defer c.Close()
	return s.Settled(func() error {
		a, err := c.Do(s.ctx, Request{Path: "/api/v1/namespaces/" + s.Namespace + "/configmaps?limit=1"})
		switch {
		case err != nil:
			return err
		case a.Code != http.StatusOK:
			return fmt.Errorf("the user's rights: %s", a)
		case a.Header.Get("X-Kubernetes-Pf-Flowschema-Uid") != string(schema.UID):
			return fmt.Errorf("the user's requests are not those of the flow schema %s", schema.Name)
		}
		return nil
	})
}

// Kind is one that the run has defined.
type Kind struct {
	Group, Kind, Resource string
	Resources             schema.GroupVersionResource // of v1
}

// Path is where the objects of a kind are, in a version, v1 or v1beta1, which is deprecated.
func (k Kind) Path(version, namespace string) string {
	return "/apis/" + k.Group + "/" + version + "/namespaces/" + namespace + "/" + k.Resource
}

// New is an object of that kind in version v1.
func (k Kind) New(meta Object, spec Object) Object {
	return Object{"apiVersion": k.Group + "/v1", "kind": k.Kind, "metadata": meta, "spec": spec}
}

// MakeKind defines a kind, with a group to itself, and waits until it is served. Its objects have a spec with a text
// and a size, which is at most 1000.
func (s *Suite) MakeKind(what string) (Kind, error) {
	k := Kind{Group: what + "." + s.Suffix + ".e2e.fork.internal", Kind: "Widget", Resource: "widgets"}
	k.Resources = schema.GroupVersionResource{Group: k.Group, Version: "v1", Resource: k.Resource}
	version := func(name string, storage bool) Object {
		return Object{
			"name": name, "served": true, "storage": storage,
			"schema": Object{"openAPIV3Schema": Object{"type": "object", "properties": Object{"spec": Object{
				"type": "object",
				"properties": Object{
					"text": Object{"type": "string"},
					"size": Object{"type": "integer", "maximum": int64(1000)},
				},
			}}}},
		}
	}
	beta := version("v1beta1", false)
	beta["deprecated"], beta["deprecationWarning"] = true, DeprecationWarning
	definition := &unstructured.Unstructured{Object: Object{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
		"metadata": Object{"name": k.Resource + "." + k.Group, "labels": Object{Label: s.Suffix}},
		"spec": Object{
			"group": k.Group, "scope": "Namespaced",
			"names":    Object{"plural": k.Resource, "singular": "widget", "kind": k.Kind, "listKind": k.Kind + "List"},
			"versions": []any{version("v1", true), beta},
		},
	}}
	if _, err := s.Dynamic.Resource(schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}).
		Create(s.ctx, definition, metav1.CreateOptions{}); err != nil {
		return k, err
	}
	// It is served some time after it is said to be.
	return k, s.Settled(func() error {
		for _, version := range []string{"v1", "v1beta1"} {
			gvr := k.Resources
			gvr.Version = version
			if _, err := s.Dynamic.Resource(gvr).Namespace(s.Namespace).List(s.ctx, metav1.ListOptions{}); err != nil {
				return err
			}
		}
		return nil
	})
}
