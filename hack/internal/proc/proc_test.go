package proc

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

func TestOutput(t *testing.T) {
	out, err := Cmd{Args: []string{"sh", "-c", "cat; echo $X; pwd"}, Dir: "/", Env: []string{"X=y", "PATH=/usr/bin:/bin"}, Stdin: strings.NewReader("in\n")}.Output(context.Background())
	if err != nil || out != "in\ny\n/\n" {
		t.Errorf("got %q, %v", out, err)
	}
}

func TestErrorSaysWhatTheProgramSaid(t *testing.T) {
	out, err := Cmd{Args: []string{"sh", "-c", "echo out; echo wrong >&2; exit 3"}}.Output(context.Background())
	if out != "out\n" || err == nil || !strings.Contains(err.Error(), "exit status 3") || Stderr(err) != "wrong\n" {
		t.Errorf("got %q, %v", out, err)
	}
	var live bytes.Buffer
	if _, err := (Cmd{Args: []string{"sh", "-c", "echo live >&2"}, Stderr: &live}).Output(context.Background()); err != nil || live.String() != "live\n" {
		t.Errorf("got %q, %v", live.String(), err)
	}
	if _, err := (Cmd{Args: []string{"no-such-program-here"}}).Output(context.Background()); !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

func TestCancelEndsTheChildAndItsChildren(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	r, w := io.Pipe()
	go func() {
		// The grandchild has the pipe too: Output returns only when both are gone.
		_, _ = r.Read(make([]byte, 1))
		cancel()
		_, _ = io.Copy(io.Discard, r)
	}()
	_, err := Cmd{Args: []string{"sh", "-c", "sh -c 'echo x >&2; sleep 1000'; true"}, Stderr: w}.Output(ctx)
	w.Close()
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestStdoutGetsTheOutput(t *testing.T) {
	var live bytes.Buffer
	out, err := Cmd{Args: []string{"echo", "live"}, Stdout: &live}.Output(context.Background())
	if err != nil || out != "" || live.String() != "live\n" {
		t.Errorf("got %q, %q, %v", out, live.String(), err)
	}
}
