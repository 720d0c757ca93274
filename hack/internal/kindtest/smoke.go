package kindtest

import (
	"cmp"
	"context"
	"fmt"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	watchtools "k8s.io/client-go/tools/watch"

	"fork.internal/apiserver/hack/internal/build"
	"fork.internal/apiserver/hack/internal/image"
)

const (
	// probeImage is the image of test/kind/probe, which only nodes have.
	probeImage = "fork.internal/probe:latest"
	probe      = "probe" // the pod, its container, the program and the service
	probePort  = 8080
	namespace  = "fork-smoke"

	// readyTime is how long nodes and pods may take, on a machine that does something else too.
	readyTime = 5 * time.Minute
	// tryTime is how long a try may take.
	tryTime = time.Minute
)

// smoke is what the tries share.
type smoke struct {
	config *rest.Config
	client kubernetes.Interface
	fork   bool // that the server is to be it
}

func newSmoke(k *kind, fork bool) (*smoke, error) {
	config, err := clientcmd.BuildConfigFromFlags("", k.kubeconfig())
	if err != nil {
		return nil, err
	}
	client, err := kubernetes.NewForConfig(config)
	return &smoke{config, client, fork}, err
}

// smoke tries what a cluster is for.
func (c *Cluster) smoke(ctx context.Context) error {
	if err := c.Part("probe image", func() error { return c.loadProbe(ctx) }); err != nil {
		return err
	}
	if err := c.Part("cluster DNS and probe ready", func() error { return c.tries.setup(ctx) }); err != nil {
		return err
	}
	for _, t := range smokes {
		if err := c.Part(t.name, func() error {
			ctx, cancel := context.WithTimeoutCause(ctx, tryTime, fmt.Errorf("not done after %s", tryTime))
			defer cancel()
			return t.do(ctx, c.tries)
		}); err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
	}
	return nil
}

// loadProbe gives the nodes the image of the probe.
func (c *Cluster) loadProbe(ctx context.Context) error {
	path, err := build.OwnFor(ctx, c.run.co, "test/kind/probe", c.Arch())
	if err != nil {
		return err
	}
	img, err := image.Program{Name: probe, Path: path, Arch: c.Arch(), Fast: true}.Image()
	if err != nil {
		return err
	}
	return c.Load(ctx, map[string]v1.Image{probeImage: img})
}

// version is the server's; it fails if that is not img's.
func (s *smoke) version(img *image.Image) (string, error) {
	v, err := s.client.Discovery().ServerVersion()
	if err != nil {
		return "", err
	}
	if img != nil && v.GitVersion != img.Version {
		return "", fmt.Errorf("the cluster's kube-apiserver is %s, and not %s; next: KEEP=1, and see which image its static pod has", v.GitVersion, img.Version)
	}
	return v.GitVersion, nil
}

// ready waits until n nodes are.
func (s *smoke) ready(ctx context.Context, n int) error {
	isReady := map[string]bool{}
	return s.until(ctx, "nodes", "", s.client.CoreV1().RESTClient(), &corev1.Node{}, func(e watch.Event) (bool, error) {
		node, ok := e.Object.(*corev1.Node)
		if !ok {
			return false, nil
		}
		for _, c := range node.Status.Conditions {
			if c.Type == corev1.NodeReady {
				isReady[node.Name] = c.Status == corev1.ConditionTrue
			}
		}
		ready := 0
		for _, r := range isReady {
			if r {
				ready++
			}
		}
		return ready == n, nil
	})
}

// until waits for an event that done takes for the last.
func (s *smoke) until(ctx context.Context, resource, ns string, c rest.Interface, kind runtime.Object, done watchtools.ConditionFunc) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyTime, fmt.Errorf("%s were not ready after %s", resource, readyTime))
	defer cancel()
	_, err := watchtools.UntilWithSync(ctx, cache.NewListWatchFromClient(c, resource, ns, fields.Everything()), kind, nil, done)
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// setup makes a pod that serves and a service before it, and waits for it and for the cluster's DNS.
func (s *smoke) setup(ctx context.Context) error {
	if _, err := s.client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, metav1.CreateOptions{}); err != nil {
		return err
	}
	labels := map[string]string{"app": probe}
	if _, err := s.client.CoreV1().Services(namespace).Create(ctx, &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: probe},
		Spec:       corev1.ServiceSpec{Selector: labels, Ports: []corev1.ServicePort{{Port: 80, TargetPort: intstr.FromInt32(probePort)}}},
	}, metav1.CreateOptions{}); err != nil {
		return err
	}
	if err := s.serviceAccount(ctx); err != nil {
		return err
	}
	if _, err := s.client.CoreV1().Pods(namespace).Create(ctx, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: probe, Labels: labels},
		Spec: corev1.PodSpec{
			Containers: []corev1.Container{{
				Name: probe, Image: probeImage, ImagePullPolicy: corev1.PullNever, Args: []string{"serve"},
				ReadinessProbe: &corev1.Probe{PeriodSeconds: 1, ProbeHandler: corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(probePort)}}},
			}},
			Tolerations: []corev1.Toleration{{Operator: corev1.TolerationOpExists}},
		},
	}, metav1.CreateOptions{}); err != nil {
		return err
	}
	for ns, n := range map[string]int{namespace: 1, "kube-system": 2} {
		if err := s.podsReady(ctx, ns, n); err != nil {
			return err
		}
	}
	return nil
}

// serviceAccount waits for the account that a pod has by default, which a controller makes.
func (s *smoke) serviceAccount(ctx context.Context) error {
	return s.until(ctx, "serviceaccounts", namespace, s.client.CoreV1().RESTClient(), &corev1.ServiceAccount{}, func(e watch.Event) (bool, error) {
		return e.Type != watch.Deleted, nil
	})
}

// podsReady waits until n pods of a namespace are ready: the probe, or those of the DNS.
func (s *smoke) podsReady(ctx context.Context, ns string, n int) error {
	isReady := map[string]bool{}
	last := "there is none"
	err := s.until(ctx, "pods", ns, s.client.CoreV1().RESTClient(), &corev1.Pod{}, func(e watch.Event) (bool, error) {
		pod, ok := e.Object.(*corev1.Pod)
		if !ok || ns == "kube-system" && pod.Labels["k8s-app"] != "kube-dns" {
			return false, nil
		}
		for _, c := range pod.Status.Conditions {
			if c.Type == corev1.PodReady {
				isReady[pod.Name] = c.Status == corev1.ConditionTrue
			}
		}
		ready := 0
		for name, r := range isReady {
			if r {
				ready++
			} else {
				last = name + why(pod)
			}
		}
		return ready >= n, nil
	})
	if err != nil {
		return fmt.Errorf("pods of %s: %w: %s", ns, err, last)
	}
	return nil
}

// why is what a pod's containers wait for, or have ended with.
func why(pod *corev1.Pod) string {
	said := " is " + string(pod.Status.Phase)
	for _, c := range pod.Status.ContainerStatuses {
		if w := c.State.Waiting; w != nil {
			said += ": " + w.Reason + " " + w.Message
		} else if e := cmp.Or(c.State.Terminated, c.LastTerminationState.Terminated); e != nil {
			said += fmt.Sprintf(": %s has ended with %d %s", c.Name, e.ExitCode, e.Reason)
		}
	}
	return said
}

// errWrong is an answer that is not what was to come.
func errWrong(got, want string) error {
	if len(got) > 200 {
		got = got[:200] + " ..."
	}
	return fmt.Errorf("got %q, want %q", got, want)
}
