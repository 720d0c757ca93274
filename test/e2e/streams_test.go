package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/httpstream"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/client-go/util/exec"

	"fork.internal/apiserver/test/e2e/suite"
)

// transports are the ways in which a connection is upgraded.
var transports = []string{"websocket", "SPDY"}

// long is longer than any request may take that is not long-running.
func long(t *T) time.Duration { return t.Config.RequestTimeout + 5*time.Second }

// slack is what a stream may take beyond what it is there for.
const slack = 45 * time.Second

// podURL is that of a subresource of a pod.
func podURL(t *T, name, subresource string, options runtime.Object) *url.URL {
	return t.Client.CoreV1().RESTClient().Post().Namespace(t.Namespace).Resource("pods").Name(name).
		SubResource(subresource).VersionedParams(options, scheme.ParameterCodec).URL()
}

// stream runs a program, or attaches to what runs, until that ends or ctx does.
func stream(ctx context.Context, conf *rest.Config, transport string, u *url.URL, o remotecommand.StreamOptions) error {
	conf = rest.CopyConfig(conf)
	var e remotecommand.Executor
	var err error
	if transport == "SPDY" {
		e, err = remotecommand.NewSPDYExecutor(conf, http.MethodPost, u)
	} else {
		e, err = remotecommand.NewWebSocketExecutor(conf, http.MethodGet, u.String())
	}
	if err != nil {
		return err
	}
	return e.StreamWithContext(ctx, o)
}

func execURL(t *T, program string, stdin bool) *url.URL {
	return podURL(t, pod.name, "exec", &corev1.PodExecOptions{
		Container: "c", Command: []string{"sh", "-c", program}, Stdin: stdin, Stdout: true, Stderr: true,
	})
}

// execs run programs in a container: their input, outputs and status come through, for longer than a request may take.
func execs(t *T) {
	usePod(t)
	var all sync.WaitGroup
	for _, transport := range transports {
		check := func(what string, err error) {
			if err != nil {
				t.Errorf("%s over %s: %v", what, transport, err)
			}
		}
		all.Go(func() { check("a program that fails", execFail(t, transport)) })
		all.Go(func() { check("a program with input", execEcho(t, transport, 5, 0)) })
		all.Go(func() {
			check("a long program with input", execEcho(t, transport, int(long(t)/time.Second), time.Second))
		})
		all.Go(func() { check("a long program", countLong(t, transport, execURL(t, suite.Count, false))) })
	}
	all.Wait()
}

func execFail(t *T, transport string) error {
	ctx, cancel := context.WithTimeout(t.ctx, slack)
	defer cancel()
	var out, errOut bytes.Buffer
	err := stream(ctx, t.REST, transport, execURL(t, suite.Fail, false), remotecommand.StreamOptions{Stdout: &out, Stderr: &errOut})
	var status exec.CodeExitError
	if !errors.As(err, &status) || status.Code != 3 {
		return fmt.Errorf("want exit status 3, got %v", err)
	}
	if out.String() != "out\n" || errOut.String() != "err\n" {
		return fmt.Errorf("it said %q and %q", out.String(), errOut.String())
	}
	return nil
}

// execEcho sends lines, one after the other, every interval, and reads each back before the next.
func execEcho(t *T, transport string, lines int, interval time.Duration) error {
	ctx, cancel := context.WithTimeout(t.ctx, time.Duration(lines)*interval+slack)
	defer cancel()
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := stream(ctx, t.REST, transport, execURL(t, suite.Echo, true), remotecommand.StreamOptions{Stdin: inR, Stdout: outW, Stderr: io.Discard})
		inR.CloseWithError(errors.New("the program has ended"))
		outW.Close()
		ended <- err
	}()
	for i := range lines {
		line := fmt.Sprintf("line %d\n", i)
		if _, err := io.WriteString(inW, line); err != nil {
			return errors.Join(fmt.Errorf("%d of %d lines: %w", i, lines, err), <-ended)
		}
		got := make([]byte, len(line))
		if _, err := io.ReadFull(outR, got); err != nil || string(got) != line {
			inW.Close()
			outR.Close()
			return errors.Join(fmt.Errorf("%d of %d lines: got %q, %v", i, lines, got, err), <-ended)
		}
		if interval > 0 {
			select {
			case <-ctx.Done():
			case <-time.After(interval):
			}
		}
	}
	inW.Close()
	rest, err := io.ReadAll(outR)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%q at the end", rest)
	}
	return errors.Join(err, <-ended)
}

// countLong reads what counts, a line a second, for longer than a request may take.
func countLong(t *T, transport string, u *url.URL) error {
	ctx, cancel := context.WithTimeout(t.ctx, long(t)+slack)
	defer cancel()
	out := newCounting(int(long(t) / time.Second))
	ended := make(chan error, 1)
	go func() {
		ended <- stream(ctx, t.REST, transport, u, remotecommand.StreamOptions{Stdout: out, Stderr: io.Discard})
	}()
	return countTo(out, ended, cancel)
}

// countTo waits until there was enough to read, or until that has ended too early.
func countTo(out *counting, ended <-chan error, cancel func()) error {
	select {
	case <-out.reached:
		cancel()
		<-ended
		_, err := out.result()
		return err
	case err := <-ended:
		lines, wrong := out.result()
		return errors.Join(fmt.Errorf("it ended after %d of %d lines: %w", lines, out.enough, err), wrong)
	}
}

// attach reads what the container itself writes.
func attach(t *T) {
	usePod(t)
	var all sync.WaitGroup
	for _, transport := range transports {
		all.Go(func() {
			u := podURL(t, pod.name, "attach", &corev1.PodAttachOptions{Container: "c", Stdout: true, Stderr: true})
			if err := countLong(t, transport, u); err != nil {
				t.Errorf("over %s: %v", transport, err)
			}
		})
	}
	all.Wait()
}

// logs follows what the container has written, from its first line on.
func logs(t *T) {
	usePod(t)
	everyProtocol(t, func(p suite.Protocol) {
		ctx, cancel := context.WithTimeout(t.ctx, long(t)+slack)
		defer cancel()
		resp, a, err := t.As(p).Send(ctx, suite.Request{
			Path: fmt.Sprintf("/api/v1/namespaces/%s/pods/%s/log?container=c&follow=true", t.Namespace, pod.name),
		})
		t.Check(err)
		defer resp.Body.Close()
		if a.Code != http.StatusOK {
			body, _ := io.ReadAll(resp.Body)
			t.Fatalf("the log over %s: %d %s", p, a.Code, body)
		}
		out := newCounting(int(long(t) / time.Second))
		ended := make(chan error, 1)
		go func() {
			_, err := io.Copy(out, resp.Body)
			ended <- err
		}()
		if err := countTo(out, ended, cancel); err != nil {
			t.Errorf("the log over %s: %v", p, err)
		}
		if out.first != 0 {
			t.Errorf("the log over %s begins with %d", p, out.first)
		}
	})
}

// portForward talks to the pod through a port here, at first and after longer than a request may take.
func portForward(t *T) {
	usePod(t)
	var all sync.WaitGroup
	for _, transport := range transports {
		all.Go(func() {
			if err := forward(t, transport); err != nil {
				t.Errorf("over %s: %v", transport, err)
			}
		})
	}
	all.Wait()
}

// startForward forwards a port of a pod's to address here, until ctx ends or ended says that the forwarding has.
func startForward(ctx context.Context, conf *rest.Config, transport string, u *url.URL, port int32) (address string, ended <-chan error, err error) {
	conf = rest.CopyConfig(conf)
	var dialer httpstream.Dialer
	if transport == "SPDY" {
		roundTripper, upgrader, err := spdy.RoundTripperFor(conf)
		if err != nil {
			return "", nil, err
		}
		dialer = spdy.NewDialer(upgrader, &http.Client{Transport: roundTripper}, http.MethodPost, u)
	} else if dialer, err = portforward.NewSPDYOverWebsocketDialer(u, conf); err != nil {
		return "", nil, err
	}
	ready, end := make(chan struct{}), make(chan error, 1)
	f, err := portforward.NewOnAddressesWithContext(ctx, dialer, []string{"127.0.0.1"}, []string{fmt.Sprintf("0:%d", port)}, ready, io.Discard, io.Discard)
	if err != nil {
		return "", nil, err
	}
	go func() { end <- f.ForwardPorts() }()
	select {
	case <-ready:
	case err := <-end:
		return "", nil, fmt.Errorf("it has not begun: %w", err)
	}
	ports, err := f.GetPorts()
	if err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("127.0.0.1:%d", ports[0].Local), end, nil
}

func forward(t *T, transport string) error {
	ctx, cancel := context.WithCancel(t.ctx)
	defer cancel()
	address, ended, err := startForward(ctx, t.REST, transport, podURL(t, pod.name, "portforward", &corev1.PodPortForwardOptions{}), suite.PodPort)
	if err != nil {
		return err
	}
	client := &http.Client{Timeout: slack, Transport: &http.Transport{DisableKeepAlives: true}}
	get := func() error {
		resp, err := client.Get("http://" + address + "/")
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err == nil && (resp.StatusCode != http.StatusOK || len(body) == 0) {
			err = fmt.Errorf("status %d, %q", resp.StatusCode, body)
		}
		return err
	}
	for range 5 {
		if err := get(); err != nil {
			return err
		}
	}
	select {
	case <-time.After(long(t)):
	case err := <-ended:
		return fmt.Errorf("it has ended: %w", err)
	}
	if err := get(); err != nil {
		return fmt.Errorf("after %v: %w", long(t), err)
	}
	cancel()
	<-ended
	return nil
}

// proxies asks a kubelet, a pod and a service through the API server.
func proxies(t *T) {
	usePod(t)
	if pod.kubelet != nil {
		t.Skipf("there is no node, and the server refuses to be a proxy for loopback addresses")
	}
	ns := "/api/v1/namespaces/" + t.Namespace
	paths := []string{
		"/api/v1/nodes/" + pod.node + "/proxy/healthz",
		fmt.Sprintf("%s/pods/%s:%d/proxy/", ns, pod.name, suite.PodPort),
		fmt.Sprintf("%s/services/%s:%d/proxy/", ns, pod.name, suite.PodPort),
	}
	everyProtocol(t, func(p suite.Protocol) {
		c := t.As(p)
		for _, path := range paths {
			// A service has its endpoints some time after its pod is ready.
			if err := t.Settled(func() error {
				a, err := c.Do(t.ctx, suite.Request{Path: path, Unrecorded: true})
				if err == nil && (a.Code != http.StatusOK || len(a.Body) == 0) {
					err = fmt.Errorf("%s", a)
				}
				return err
			}); err != nil {
				t.Errorf("%s over %s: %v", path, p, err)
			}
		}
	})
}
