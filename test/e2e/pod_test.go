package e2e

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"fork.internal/apiserver/test/e2e/suite"
)

// podStart bounds what a pod takes to run, with its image to be pulled.
const podStart = 3 * time.Minute

// pod is the one that all tests of streams talk to, made once.
var pod struct {
	once    sync.Once
	name    string
	node    string
	kubelet *suite.FakeKubelet // nil on a cluster with nodes
	skip    string             // why there is none
	err     error
}

// usePod makes the pod, or skips the test.
func usePod(t *T) {
	t.Helper()
	pod.once.Do(func() { pod.err = makePod(t) })
	t.Check(pod.err)
	if pod.skip != "" {
		t.Skipf("%s", pod.skip)
	}
}

// closePod ends what makePod has started here.
func closePod() {
	if pod.kubelet != nil {
		pod.kubelet.Close()
	}
}

func makePod(t *T) error {
	ready, nodes, err := t.ReadyNodes()
	if err != nil {
		return err
	}
	pod.name = t.Name("pod")
	switch {
	case len(ready) > 0:
		return runPod(t)
	case nodes > 0:
		pod.skip = fmt.Sprintf("none of %d nodes is ready", nodes)
	case run.silent == nil || run.silent.Host == "":
		pod.skip = "there is no node, and the control plane would not reach a kubelet of the suite's own"
	default:
		return pretendPod(t)
	}
	return nil
}

// thePod is the pod.
func thePod(t *T) *corev1.Pod {
	now := int64(0)
	return &corev1.Pod{
		ObjectMeta: t.Meta(pod.name, "app", pod.name),
		Spec: corev1.PodSpec{
			TerminationGracePeriodSeconds: &now,
			AutomountServiceAccountToken:  new(bool),
			Volumes:                       []corev1.Volume{{Name: "www", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}},
			Containers: []corev1.Container{{
				Name: "c", Image: t.Config.Image, Command: []string{"sh", "-c", suite.Main},
				ImagePullPolicy: corev1.PullIfNotPresent,
				VolumeMounts:    []corev1.VolumeMount{{Name: "www", MountPath: "/www"}},
				Ports:           []corev1.ContainerPort{{ContainerPort: suite.PodPort}},
			}},
		},
	}
}

// runPod runs it on one of the cluster's nodes, and makes a service for it.
func runPod(t *T) error {
	pods := t.Client.CoreV1().Pods(t.Namespace)
	if _, err := pods.Create(t.ctx, thePod(t), metav1.CreateOptions{}); err != nil {
		return err
	}
	if _, err := t.Client.CoreV1().Services(t.Namespace).Create(t.ctx, &corev1.Service{
		ObjectMeta: t.Meta(pod.name),
		Spec: corev1.ServiceSpec{
			Selector: map[string]string{"app": pod.name},
			Ports:    []corev1.ServicePort{{Name: "http", Port: suite.PodPort}},
		},
	}, metav1.CreateOptions{}); err != nil {
		return err
	}
	var err error
	pod.node, err = podReady(t, pod.name)
	return err
}

// podReady waits until a pod is, and returns the name of its node.
func podReady(t *T, name string) (node string, err error) {
	err = t.Eventually(podStart, func() error {
		p, err := t.Client.CoreV1().Pods(t.Namespace).Get(t.ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		node = p.Spec.NodeName
		for _, c := range p.Status.Conditions {
			if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
				return nil
			}
		}
		var why []string
		for _, c := range p.Status.ContainerStatuses {
			if w := c.State.Waiting; w != nil {
				why = append(why, w.Reason+" "+w.Message)
			}
			if e := c.LastTerminationState.Terminated; e != nil {
				why = append(why, fmt.Sprintf("it ended with %d", e.ExitCode))
			}
		}
		return fmt.Errorf("the pod %s is %s %s", name, p.Status.Phase, strings.Join(why, ", "))
	})
	if err != nil {
		err = fmt.Errorf("%w; its image is %s; next: E2E_IMAGE= names one that its node has, with sh, and httpd or /agnhost", err, t.Config.Image)
	}
	return node, err
}

// pretendPod says that it runs on a node whose kubelet is the suite's.
func pretendPod(t *T) (err error) {
	if pod.kubelet, err = suite.StartFakeKubelet(run.silent.Host, t.Config.Rhythm(), loudLines(t.Config)); err != nil {
		return err
	}
	host, port := pod.kubelet.Address()
	pod.node = t.Name("node")
	if _, err := t.Client.CoreV1().Nodes().Create(t.ctx, &corev1.Node{
		ObjectMeta: t.Meta(pod.node),
		Spec:       corev1.NodeSpec{Unschedulable: true},
		Status: corev1.NodeStatus{
			Addresses:       []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: host}},
			DaemonEndpoints: corev1.NodeDaemonEndpoints{KubeletEndpoint: corev1.DaemonEndpoint{Port: port}},
		},
	}, metav1.CreateOptions{}); err != nil {
		return err
	}
	p := thePod(t)
	p.Spec.NodeName = pod.node
	// The service account is there, but admission may not know yet.
	return t.Settled(func() error {
		_, err := t.Client.CoreV1().Pods(t.Namespace).Create(t.ctx, p, metav1.CreateOptions{})
		return err
	})
}

// counting takes what suite.Count writes, line by line, and notes what is not one more than the line before.
type counting struct {
	mu      sync.Mutex
	rest    string
	first   int
	next    int
	lines   int
	wrong   error
	enough  int // lines
	reached chan struct{}
}

func newCounting(enough int) *counting {
	return &counting{enough: enough, reached: make(chan struct{})}
}

func (c *counting) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rest += string(p)
	for {
		line, rest, ok := strings.Cut(c.rest, "\n")
		if !ok {
			return len(p), nil
		}
		c.rest = rest
		var n int
		if _, err := fmt.Sscanf(line, "%d", &n); err != nil {
			c.wrong = errors.Join(c.wrong, fmt.Errorf("a line %q", line))
			continue
		}
		if c.lines == 0 {
			c.first = n
		} else if n != c.next {
			c.wrong = errors.Join(c.wrong, fmt.Errorf("%d follows %d", n, c.next-1))
		}
		c.next = n + 1
		if c.lines++; c.lines == c.enough {
			close(c.reached)
		}
	}
}

// result is what was wrong.
func (c *counting) result() (lines int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lines, c.wrong
}
