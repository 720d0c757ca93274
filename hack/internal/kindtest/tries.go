package kindtest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/transport/spdy"
)

// smokes are the tries, in the order in which they are done.
var smokes = []struct {
	name string
	do   func(ctx context.Context, s *smoke) error
}{
	{"exec", tryExec},
	{"exec -i", tryExecInput},
	{"logs -f", tryLogs},
	{"port-forward", tryPortForward},
	{"pod proxy", tryPodProxy},
	{"service by its DNS name", tryService},
	{"a 504 by ?timeout=", tryTimeout},
}

func (s *smoke) pods() string { return "/api/v1/namespaces/" + namespace + "/pods/" }

// execute runs a command in the probe's container, over a WebSocket as kubectl does, and returns what it prints.
func (s *smoke) execute(ctx context.Context, stdin io.Reader, command ...string) (string, error) {
	request := s.client.CoreV1().RESTClient().Post().AbsPath(s.pods()+probe, "exec").VersionedParams(&corev1.PodExecOptions{
		Container: probe, Command: command, Stdin: stdin != nil, Stdout: true, Stderr: true,
	}, scheme.ParameterCodec)
	executor, err := remotecommand.NewWebSocketExecutor(s.config, http.MethodGet, request.URL().String())
	if err != nil {
		return "", err
	}
	var stdout, stderr bytes.Buffer
	if err := executor.StreamWithContext(ctx, remotecommand.StreamOptions{Stdin: stdin, Stdout: &stdout, Stderr: &stderr}); err != nil {
		return "", fmt.Errorf("%s: %w: %s", strings.Join(command, " "), err, stderr.String())
	}
	return stdout.String(), nil
}

func tryExec(ctx context.Context, s *smoke) error {
	got, err := s.execute(ctx, nil, probe, "echo", "from", "inside")
	if err == nil && got != "from inside\n" {
		err = errWrong(got, "from inside\n")
	}
	return err
}

func tryExecInput(ctx context.Context, s *smoke) error {
	sent := strings.Repeat("a line that goes there and back\n", 1<<15)
	got, err := s.execute(ctx, strings.NewReader(sent), probe, "cat")
	if err == nil && got != sent {
		err = fmt.Errorf("sent %d bytes, and got %d others back", len(sent), len(got))
	}
	return err
}

// tryLogs follows the log while the probe is asked for something, and waits for the line about that.
func tryLogs(ctx context.Context, s *smoke) error {
	logs, err := s.client.CoreV1().Pods(namespace).GetLogs(probe, &corev1.PodLogOptions{Follow: true}).Stream(ctx)
	if err != nil {
		return err
	}
	defer logs.Close()
	lines := bufio.NewScanner(logs)
	if !lines.Scan() || lines.Text() != "serving" {
		return fmt.Errorf("the log begins with %q, %v", lines.Text(), lines.Err())
	}
	if _, err := s.execute(ctx, nil, probe, "get", fmt.Sprintf("http://127.0.0.1:%d/followed", probePort)); err != nil {
		return err
	}
	for lines.Scan() {
		if lines.Text() == "asked for /followed" {
			return nil
		}
	}
	return fmt.Errorf("the log ended before the line that it was followed for: %w", lines.Err())
}

func tryPortForward(ctx context.Context, s *smoke) error {
	transport, upgrader, err := spdy.RoundTripperFor(s.config)
	if err != nil {
		return err
	}
	server, err := url.Parse(s.config.Host)
	if err != nil {
		return err
	}
	dialer := spdy.NewDialer(upgrader, &http.Client{Transport: transport}, http.MethodPost, server.JoinPath(s.pods(), probe, "portforward"))
	stop, ready, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	var said bytes.Buffer
	forward, err := portforward.NewOnAddresses(dialer, []string{"127.0.0.1"}, []string{fmt.Sprintf("0:%d", probePort)}, stop, ready, io.Discard, &said)
	if err != nil {
		return err
	}
	go func() { ended <- forward.ForwardPorts() }()
	select {
	case <-ready:
	case err := <-ended:
		return fmt.Errorf("it ended: %w: %s", err, said.String())
	case <-ctx.Done():
		close(stop)
		<-ended
		return context.Cause(ctx)
	}
	defer func() { close(stop); <-ended }()
	ports, err := forward.GetPorts()
	if err != nil {
		return err
	}
	got, err := get(ctx, fmt.Sprintf("http://127.0.0.1:%d/forwarded", ports[0].Local))
	if err == nil && got != "answered /forwarded\n" {
		err = errWrong(got, "answered /forwarded\n")
	}
	return err
}

// get is one request on a connection of its own.
func get(ctx context.Context, from string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return "", err
	}
	answer, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	return string(data), err
}

func tryPodProxy(ctx context.Context, s *smoke) error {
	got, err := s.client.CoreV1().RESTClient().Get().AbsPath(fmt.Sprintf("%s%s:%d/proxy/proxied", s.pods(), probe, probePort)).DoRaw(ctx)
	if err == nil && string(got) != "answered /proxied\n" {
		err = errWrong(string(got), "answered /proxied\n")
	}
	return err
}

// tryService asks from the pod, until the node's rules for a service that has just got its backend are there.
func tryService(ctx context.Context, s *smoke) error {
	name := fmt.Sprintf("http://%s.%s.svc.cluster.local/by-name", probe, namespace)
	for {
		got, err := s.execute(ctx, nil, probe, "get", name)
		if err == nil && got == "answered /by-name\n" {
			return nil
		}
		if err == nil {
			return errWrong(got, "answered /by-name\n")
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w, after %w", context.Cause(ctx), err)
		case <-time.After(time.Second):
		}
	}
}

// tryTimeout sends a request whose body never ends, and is to be told soon that its time is over; by the fork, in full.
func tryTimeout(ctx context.Context, s *smoke) error {
	client, err := rest.HTTPClientFor(s.config)
	if err != nil {
		return err
	}
	body, never := io.Pipe()
	defer never.Close()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.config.Host+"/api/v1/namespaces/"+namespace+"/configmaps?timeout=1s", body)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusGatewayTimeout {
		return errWrong(answer.Status, "504 Gateway Timeout")
	}
	status := metav1.Status{}
	if err := json.Unmarshal(data, &status); s.fork && (err != nil || status.Reason != metav1.StatusReasonTimeout) {
		return errWrong(string(data), "a Status whose reason is Timeout")
	}
	return nil
}
