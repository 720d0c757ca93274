package kindtest

import (
	"context"
	"errors"
	"fmt"
	"net"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/watch"

	"fork.internal/apiserver/hack/internal/build"
	"fork.internal/apiserver/hack/internal/image"
)

const (
	// sampleImage is the image of k8s.io/sample-apiserver, which only nodes have.
	sampleImage = "fork.internal/sample-apiserver:latest"
	sample      = "sample-apiserver" // the pod, its container and the program
	samplePort  = 8443
)

// startSample runs k8s.io/sample-apiserver, built as the cluster's kube-apiserver is, in a pod with an etcd of its own,
// and returns the host and port at which kube-apiserver reaches it. Nothing registers it.
func (c *Cluster) startSample(ctx context.Context) (address string, err error) {
	variant := build.Fork
	if c.run.o.Unmodified {
		variant = build.Upstream
	}
	path, err := build.SampleAPIServer(ctx, c.run.co, c.run.tag, variant, c.Arch())
	if err != nil {
		return "", err
	}
	img, err := image.Program{Name: sample, Path: path, Arch: c.Arch(), Fast: true}.Image()
	if err != nil {
		return "", err
	}
	if err := c.Load(ctx, map[string]v1.Image{sampleImage: img}); err != nil {
		return "", err
	}
	s := c.tries
	etcd, err := s.etcdImage(ctx)
	if err != nil {
		return "", err
	}
	// Its rights are those to ask who a client is and what that may do, and to read what admission goes by. The cluster
	// is not for long, and nobody else's.
	if _, err := s.client.RbacV1().ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: namespace + ":" + sample},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: "default"}},
	}, metav1.CreateOptions{}); err != nil {
		return "", err
	}
	if _, err := s.client.CoreV1().Pods(namespace).Create(ctx, samplePod(etcd), metav1.CreateOptions{}); err != nil {
		return "", err
	}
	last := " is not there"
	err = s.until(ctx, "pods", namespace, s.client.CoreV1().RESTClient(), &corev1.Pod{}, func(e watch.Event) (bool, error) {
		pod, ok := e.Object.(*corev1.Pod)
		if !ok || pod.Name != sample {
			return false, nil
		}
		for _, cond := range pod.Status.Conditions {
			if cond.Type == corev1.PodReady && cond.Status == corev1.ConditionTrue {
				address = net.JoinHostPort(pod.Status.PodIP, fmt.Sprint(samplePort))
			}
		}
		last = why(pod)
		return address != "", nil
	})
	if err != nil {
		return "", fmt.Errorf("the pod: %w: it%s", err, last)
	}
	return address, nil
}

// samplePod is it, and the etcd that it has for itself.
func samplePod(etcd string) *corev1.Pod {
	const at = "http://127.0.0.1:2379"
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: sample},
		Spec: corev1.PodSpec{
			Containers: []corev1.Container{{
				Name: sample, Image: sampleImage, ImagePullPolicy: corev1.PullNever,
				Args:           []string{fmt.Sprintf("--secure-port=%d", samplePort), "--cert-dir=/tmp", "--etcd-servers=" + at},
				ReadinessProbe: &corev1.Probe{PeriodSeconds: 1, ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Scheme: corev1.URISchemeHTTPS, Port: intstr.FromInt32(samplePort), Path: "/readyz"}}},
			}, {
				Name: "etcd", Image: etcd, ImagePullPolicy: corev1.PullNever,
				Command: []string{"etcd", "--data-dir=/tmp/etcd", "--listen-client-urls=" + at, "--advertise-client-urls=" + at},
			}},
			Tolerations: []corev1.Toleration{{Operator: corev1.TolerationOpExists}},
		},
	}
}

// etcdImage is the one that the control plane's etcd is of, which the nodes have.
func (s *smoke) etcdImage(ctx context.Context) (string, error) {
	pods, err := s.client.CoreV1().Pods(metav1.NamespaceSystem).List(ctx, metav1.ListOptions{LabelSelector: "component=etcd"})
	if err != nil {
		return "", err
	}
	for _, pod := range pods.Items {
		for _, c := range pod.Spec.Containers {
			return c.Image, nil
		}
	}
	return "", errors.New("the cluster has no etcd of kubeadm's; next: a node image of kind's, or none, which has one made")
}
