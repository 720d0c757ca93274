package suite

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

const (
	// closeTimeout is what removing everything may take, and hurriedTimeout what it may take after an interrupt.
	closeTimeout   = 90 * time.Second
	hurriedTimeout = 7 * time.Second

	// orphaned is how long a namespace is given until somebody takes care of its end.
	orphaned = 3 * time.Second
)

// made are the kinds of which there may be objects of a run outside its namespaces, in the order in which they go: first
// what has a say in other requests.
var made = []schema.GroupVersionResource{
	{Group: "admissionregistration.k8s.io", Version: "v1", Resource: "validatingwebhookconfigurations"},
	{Group: "admissionregistration.k8s.io", Version: "v1", Resource: "mutatingwebhookconfigurations"},
	{Group: "apiregistration.k8s.io", Version: "v1", Resource: "apiservices"},
	{Group: "flowcontrol.apiserver.k8s.io", Version: "v1", Resource: "flowschemas"},
	{Group: "flowcontrol.apiserver.k8s.io", Version: "v1", Resource: "prioritylevelconfigurations"},
	{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"},
	{Version: "v1", Resource: "nodes"},
}

// within are the kinds of which there may be objects of a run, or of a controller's, in its namespaces.
var within = []schema.GroupVersionResource{
	{Version: "v1", Resource: "pods"},
	{Version: "v1", Resource: "configmaps"},
	{Version: "v1", Resource: "services"},
	{Version: "v1", Resource: "serviceaccounts"},
	{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "rolebindings"},
}

// Close removes all that the run has made, and returns what is left. It does so whether the suite's context is done or
// not; if it is, it does not wait until namespaces have gone. It is for when nobody makes anything any more.
func (s *Suite) Close() (left []string) {
	timeout := closeTimeout
	if s.ctx.Err() != nil {
		timeout = hurriedTimeout
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), timeout)
	defer cancel()
	for _, kind := range made {
		if err := s.removeAll(ctx, kind, ""); err != nil {
			left = append(left, err.Error())
		}
	}
	namespaces := s.Client.CoreV1().Namespaces()
	list, err := namespaces.List(ctx, s.ours())
	if err != nil {
		return append(left, fmt.Sprintf("namespaces: %v", err))
	}
	for _, ns := range list.Items {
		for _, kind := range within {
			if err := s.removeAll(ctx, kind, ns.Name); err != nil {
				left = append(left, err.Error())
			}
		}
		if err := ignoreGone(namespaces.Delete(ctx, ns.Name, metav1.DeleteOptions{})); err != nil {
			left = append(left, fmt.Sprintf("namespace %s: %v", ns.Name, err))
		}
	}
	for _, ns := range list.Items {
		if err := s.awaitGone(ctx, ns.Name); err != nil && s.ctx.Err() == nil {
			left = append(left, fmt.Sprintf("namespace %s: %v", ns.Name, err))
		}
	}
	if len(left) > 0 {
		left = append(left, fmt.Sprintf("next: kubectl --kubeconfig=%s delete -l %s=%s namespaces,%s", s.Config.Kubeconfig, Label, s.Suffix, kinds()))
	}
	return left
}

// Remove deletes an object of the run's that is outside of its namespaces before the run's end.
func (s *Suite) Remove(kind schema.GroupVersionResource, name string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), settleTimeout)
	defer cancel()
	return ignoreGone(s.Dynamic.Resource(kind).Delete(ctx, name, metav1.DeleteOptions{}))
}

func kinds() string {
	var names []string
	for _, kind := range made {
		names = append(names, strings.TrimSuffix(kind.Resource+"."+kind.Group, "."))
	}
	return strings.Join(names, ",")
}

func (s *Suite) ours() metav1.ListOptions {
	return metav1.ListOptions{LabelSelector: Label + "=" + s.Suffix}
}

// removeAll deletes the run's objects of a kind or, in a namespace, all of them.
func (s *Suite) removeAll(ctx context.Context, kind schema.GroupVersionResource, namespace string) error {
	options, at := s.ours(), ""
	if namespace != "" {
		options, at = metav1.ListOptions{}, " in "+namespace
	}
	now := int64(0)
	err := s.Dynamic.Resource(kind).Namespace(namespace).DeleteCollection(ctx, metav1.DeleteOptions{GracePeriodSeconds: &now}, options)
	if err := ignoreGone(err); err != nil {
		return fmt.Errorf("%s%s: %w", kind.Resource, at, err)
	}
	return nil
}

// awaitGone waits until a namespace has gone. Where there is no controller that sees to that, which is where nothing
// is said about a namespace that is to go, it is done here, as its content has been deleted.
func (s *Suite) awaitGone(ctx context.Context, name string) error {
	namespaces := s.Client.CoreV1().Namespaces()
	begun := time.Now()
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		ns, err := namespaces.Get(ctx, name, metav1.GetOptions{})
		switch {
		case apierrors.IsNotFound(err):
			return nil
		case err != nil:
			return err
		case len(ns.Status.Conditions) == 0 && time.Since(begun) > orphaned && !s.controlled(ctx):
			ns.Spec.Finalizers = nil
			if _, err := namespaces.Finalize(ctx, ns, metav1.UpdateOptions{}); ignoreGone(err) != nil && !apierrors.IsConflict(err) {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return errors.New("it has not gone yet")
		case <-ticker.C:
		}
	}
}

// controlled is whether there is a controller-manager that says so.
func (s *Suite) controlled(ctx context.Context) bool {
	_, err := s.Client.CoordinationV1().Leases(metav1.NamespaceSystem).Get(ctx, "kube-controller-manager", metav1.GetOptions{})
	return err == nil
}

func ignoreGone(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// ReadyNodes are the nodes that take pods.
func (s *Suite) ReadyNodes() (ready []string, all int, err error) {
	list, err := s.Client.CoreV1().Nodes().List(s.ctx, metav1.ListOptions{})
	if err != nil {
		return nil, 0, err
	}
	for _, node := range list.Items {
		for _, c := range node.Status.Conditions {
			if c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue && !node.Spec.Unschedulable {
				ready = append(ready, node.Name)
			}
		}
	}
	return ready, len(list.Items), nil
}
