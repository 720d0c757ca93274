package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"fork.internal/apiserver/test/e2e/rhythm"
	"fork.internal/apiserver/test/e2e/suite"
)

// loudLines is how many lines a container prints of which somebody reads slowly for all of the time, and somebody else nothing
// at all: more than sockets hold, and than are read by then.
func loudLines(c suite.Config) int {
	slow := int(c.Streams/slowInterval) * slowChunk
	return max(32<<20, slow+slow/4) / len(rhythm.LoudLine(10_000))
}

// echoer is the container to which is attached over a transport.
func echoer(transport string) string {
	if transport == "SPDY" {
		return suite.Echoer + "spdy"
	}
	return suite.Echoer + transport
}

// makePod makes the pod whose containers all streams are of.
func (l *lasting) makePod() error {
	container := func(name, program string) corev1.Container {
		return corev1.Container{
			Name: name, Image: l.Config.Image, Command: []string{"sh", "-c", program}, ImagePullPolicy: corev1.PullIfNotPresent,
			VolumeMounts: []corev1.VolumeMount{{Name: "www", MountPath: "/www"}},
		}
	}
	p := thePod(l.T)
	p.ObjectMeta = l.Meta(l.pod)
	p.Spec.RestartPolicy = corev1.RestartPolicyNever
	p.Spec.Containers = []corev1.Container{
		container(suite.Talker, l.rhythm.Program()),
		container(suite.Louder, rhythm.Loud(loudLines(l.Config))),
	}
	for _, transport := range transports {
		c := container(echoer(transport), suite.Echo)
		c.Stdin, c.StdinOnce = true, true
		p.Spec.Containers = append(p.Spec.Containers, c)
	}
	var serve, listens string
	for _, port := range suite.EchoPorts {
		serve += fmt.Sprintf("nc -l -p %d -e cat & ", port)
		listens += fmt.Sprintf("cat /proc/net/tcp /proc/net/tcp6 | grep -qi :%04x && ", port)
	}
	servers := container(suite.Servers, serve+"wait; while true; do sleep 1; done")
	servers.ReadinessProbe = &corev1.Probe{PeriodSeconds: 1, ProbeHandler: corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"sh", "-c", listens + "true"}}}}
	p.Spec.Containers = append(p.Spec.Containers, servers)
	if pod.kubelet != nil {
		p.Spec.NodeName = pod.node
	}
	if _, err := l.Client.CoreV1().Pods(l.Namespace).Create(l.T.ctx, p, metav1.CreateOptions{}); err != nil || pod.kubelet != nil {
		return err
	}
	_, err := podReady(l.T, l.pod)
	return err
}

// mayShout is whether a node keeps the log of a container that prints a lot in one file. A follower that is behind does not
// get over the end of one.
func (l *lasting) mayShout() bool {
	if pod.kubelet != nil {
		return true
	}
	a, err := l.As(suite.HTTP2).Do(l.ctx, suite.Request{Path: "/api/v1/nodes/" + pod.node + "/proxy/configz"})
	var conf struct {
		Kubeletconfig struct{ ContainerLogMaxSize string }
	}
	if err == nil && a.Code == http.StatusOK {
		err = json.Unmarshal(a.Body, &conf)
	}
	if err != nil || a.Code != http.StatusOK {
		l.Partly("logs that are read slowly, or not at all: the configuration of the kubelet: %v %v", a, err)
		return false
	}
	most, err := resource.ParseQuantity(conf.Kubeletconfig.ContainerLogMaxSize)
	need := int64(loudLines(l.Config)) * int64(len(rhythm.LoudLine(10_000))+50)
	if err != nil || most.Value() < need {
		l.Partly("logs that are read slowly, or not at all: the kubelet's containerLogMaxSize is %s, %v, and not %d or more", conf.Kubeletconfig.ContainerLogMaxSize, err, need)
		return false
	}
	return true
}
