package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/remotecommand"

	"fork.internal/apiserver/test/e2e/rhythm"
	"fork.internal/apiserver/test/e2e/suite"
)

// url is that of an exec of a program in a container, or of an attach to it.
func (l *lasting) url(subresource, container, program string) *url.URL {
	if subresource == "attach" {
		return podURL(l.T, l.pod, subresource, &corev1.PodAttachOptions{Container: container, Stdin: container != suite.Talker, Stdout: true, Stderr: true})
	}
	return podURL(l.T, l.pod, subresource, &corev1.PodExecOptions{
		Container: container, Command: []string{"sh", "-c", program}, Stdin: program == suite.Echo, Stdout: true, Stderr: true,
	})
}

// exec runs a program that talks and is silent, to its end, in a container that does not end, and the program with it.
func (l *lasting) exec(auditID, transport string) (string, error) {
	return l.listen(auditID, transport, l.url("exec", suite.Servers, l.rhythm.Program()), false)
}

// attach attaches to a container that talks and is silent, until that ends.
func (l *lasting) attach(auditID, transport string) (string, error) {
	return l.listen(auditID, transport, l.url("attach", suite.Talker, ""), true)
}

func (l *lasting) listen(auditID, transport string, u *url.URL, late bool) (string, error) {
	got := &rhythm.Lines{Line: rhythm.Line, Last: rhythm.Last, Late: late}
	if err := stream(l.ctx, l.named(auditID), transport, u, remotecommand.StreamOptions{Stdout: got, Stderr: io.Discard}); err != nil {
		said, wrong := got.Result(-1)
		return "", errors.Join(fmt.Errorf("it ended with %w, after %s", err, said), wrong)
	}
	return l.was(auditID, http.StatusSwitchingProtocols, got, -1)
}

// echo sends lines to what echoes them, and has them back.
func (l *lasting) echo(auditID, transport string, u *url.URL) (string, error) {
	in, out := io.Pipe()
	got := &rhythm.Lines{Line: rhythm.EchoLine}
	ended := make(chan error, 1)
	go func() {
		err := stream(l.ctx, l.named(auditID), transport, u, remotecommand.StreamOptions{Stdin: in, Stdout: got, Stderr: io.Discard})
		in.CloseWithError(errEarly)
		ended <- err
	}()
	n, err := l.rhythm.Send(l.ctx, out, l.until)
	out.Close()
	if err := errors.Join(err, <-ended); err != nil {
		_, wrong := got.Result(n)
		return "", errors.Join(err, wrong)
	}
	return l.was(auditID, http.StatusSwitchingProtocols, got, n)
}

// forward does so through a port here.
func (l *lasting) forward(auditID, transport string, port int32) (string, error) {
	ctx, cancel := context.WithCancel(l.ctx)
	defer cancel()
	address, ended, err := startForward(ctx, l.named(auditID), transport, podURL(l.T, l.pod, "portforward", &corev1.PodPortForwardOptions{}), port)
	if err != nil {
		return "", err
	}
	defer func() { <-ended }()
	defer cancel()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	got := &rhythm.Lines{Line: rhythm.EchoLine}
	read := make(chan error, 1)
	go func() { read <- copied(got, conn) }()
	n, err := l.rhythm.Send(ctx, conn, l.until)
	if err == nil {
		err = conn.(*net.TCPConn).CloseWrite()
	}
	// Not each server that echoes ends with its input.
	waitErr := l.Eventually(slack/2, func() error {
		if have := got.Count(); have < n {
			return fmt.Errorf("%d of %d lines have come back", have, n)
		}
		return nil
	})
	select { // For what comes that should not.
	case err := <-read:
		read <- err
	case <-time.After(time.Second):
	}
	conn.Close()
	<-read
	if err := errors.Join(err, waitErr); err != nil {
		_, wrong := got.Result(n)
		return "", errors.Join(err, wrong)
	}
	return l.was(auditID, http.StatusSwitchingProtocols, got, n)
}

// follow begins to follow the log of a container.
func (l *lasting) follow(auditID string, c *suite.Client, container string) (io.ReadCloser, error) {
	resp, a, err := c.Send(l.ctx, suite.Request{
		Path: fmt.Sprintf("/api/v1/namespaces/%s/pods/%s/log?container=%s&follow=true", l.Namespace, l.pod, container), AuditID: auditID,
	})
	if err != nil {
		return nil, err
	}
	if a.Code != http.StatusOK {
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		return nil, fmt.Errorf("%d %s", a.Code, body)
	}
	return resp.Body, nil
}

// log follows the log of a container that talks and is silent, until that ends.
func (l *lasting) log(auditID string, p suite.Protocol) (string, error) {
	c, err := l.NewClient(p, nil)
	if err != nil {
		return "", err
	}
	defer c.Close()
	body, err := l.follow(auditID, c, suite.Talker)
	if err != nil {
		return "", err
	}
	defer body.Close()
	got := &rhythm.Lines{Line: rhythm.Line, Last: rhythm.Last}
	if err := copied(got, body); err != nil {
		return "", err
	}
	return l.was(auditID, http.StatusOK, got, -1)
}

// copied reads a log to its end.
func copied(to io.Writer, from io.Reader) error {
	_, err := io.Copy(to, from)
	return err
}
