// Package engine talks to a docker engine through its client, and can run one on a machine that has none.
package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/proc"
)

// Engine is a docker engine that has answered. It may be used by any goroutine.
type Engine struct {
	co   *checkout.Checkout
	host string // for DOCKER_HOST; empty means what the client's own configuration says
	info info
}

// info is the part of `docker info` that matters here.
type info struct {
	CgroupDriver, CgroupVersion string
	DefaultRuntime              string
	OSType, Architecture        string
	ServerErrors                []string
}

// Connect finds the engine that DOCKER_HOST names, or the one that `make engine` runs in this checkout, or the
// machine's. The error says what is missing, and what to do about it.
func Connect(ctx context.Context, co *checkout.Checkout) (*Engine, error) {
	if _, err := exec.LookPath("docker"); err != nil {
		return nil, errors.New("docker is not in PATH; next: install it (Debian: apt-get install docker.io), and start the engine")
	}
	e := &Engine{co: co}
	if os.Getenv("DOCKER_HOST") == "" && listens(socket(co)) {
		e.host = "unix://" + socket(co)
	}
	out, err := e.Docker(ctx, nil, "info", "--format", `{{.CgroupDriver}}|{{.CgroupVersion}}|{{.DefaultRuntime}}|{{.OSType}}|{{.Architecture}}|{{join .ServerErrors "; "}}`)
	if err != nil {
		return nil, err
	}
	fields := strings.SplitN(strings.TrimSpace(out), "|", 6)
	if len(fields) < 6 {
		return nil, fmt.Errorf("docker info says %q", out)
	}
	if fields[5] != "" {
		return nil, e.Explain(errors.New(fields[5]), fields[5])
	}
	e.info = info{CgroupDriver: fields[0], CgroupVersion: fields[1], DefaultRuntime: fields[2], OSType: fields[3], Architecture: fields[4]}
	return e, e.info.check()
}

func (i info) check() error {
	switch {
	case i.OSType != "linux":
		return fmt.Errorf("the docker engine runs %s containers, and a node is a linux one; next: use a linux engine", i.OSType)
	case i.CgroupDriver == "none":
		return errors.New("the docker engine has no control groups, which a node needs; next: " +
			"mount -t cgroup2 none /sys/fs/cgroup, or use an engine that is not rootless")
	}
	return nil
}

// CgroupV1 says that the machine's control groups are of the first version.
func (e *Engine) CgroupV1() bool { return e.info.CgroupVersion == "1" }

// Narrow says that the machine lacks CAP_SYS_RESOURCE, and that this engine makes do without.
func (e *Engine) Narrow() bool { return e.info.DefaultRuntime == narrowRuntime }

// Arch is the architecture of the engine's machine, as GOARCH.
func (e *Engine) Arch() string {
	switch e.info.Architecture {
	case "x86_64":
		return "amd64"
	case "aarch64":
		return "arm64"
	}
	return e.info.Architecture
}

// Environ is the environment for a program that is to use this engine.
func (e *Engine) Environ() []string {
	env := e.co.Environ()
	if e.host != "" {
		env = append(env, "DOCKER_HOST="+e.host)
	}
	return env
}

// Shell is what a command for people has to begin with to use this engine.
func (e *Engine) Shell() string {
	if e.host == "" {
		return ""
	}
	return "DOCKER_HOST=unix://" + e.co.Rel(socket(e.co)) + " "
}

// Docker runs the client with args, which reads stdin, and returns what it prints.
func (e *Engine) Docker(ctx context.Context, stdin io.Reader, args ...string) (string, error) {
	out, err := proc.Cmd{Args: append([]string{"docker"}, args...), Env: e.Environ(), Stdin: stdin}.Output(ctx)
	if err != nil {
		err = e.Explain(err, proc.Stderr(err))
	}
	return out, err
}

// NoAnswer is the error of an engine that is not there, or no more.
type NoAnswer struct{ where, next string }

func (e *NoAnswer) Error() string {
	return fmt.Sprintf("no docker engine answers%s; next: %s", e.where, e.next)
}

// Explain says what to do about an error of docker, or of a program that uses it and has said that, if it is known.
func (e *Engine) Explain(err error, said string) error {
	said = strings.ToLower(said)
	switch {
	case strings.Contains(said, "permission denied") && strings.Contains(said, "connect to the docker"):
		return fmt.Errorf("you may not use the docker engine%s; next: become root, or a member of the group docker", e.at())
	case strings.Contains(said, "cannot connect to the docker daemon"), strings.Contains(said, "error during connect"),
		strings.Contains(said, "failed to connect to the docker api"), strings.Contains(said, "docker.sock: connect:"):
		next := "start it (systemctl start docker), or run one in another terminal: make engine"
		switch {
		case e.host != "":
			next = "make engine, in another terminal"
		case os.Getenv("DOCKER_HOST") != "":
			next = "start it, or unset DOCKER_HOST, which has this machine's used, or make engine's"
		}
		return &NoAnswer{e.at(), next}
	case strings.Contains(said, "unable to apply caps"), strings.Contains(said, "operation not permitted") && strings.Contains(said, "oci runtime"):
		return fmt.Errorf("the docker engine may not give a container all privileges, which a node needs; next: "+
			"make engine, in another terminal, as root on a machine that has them (it makes do without CAP_SYS_RESOURCE)\n%w", err)
	case strings.Contains(said, "no space left on device"):
		return fmt.Errorf("the docker engine's disk is full; next: docker system df, and free 4 GiB\n%w", err)
	}
	return err
}

func (e *Engine) at() string {
	switch host := os.Getenv("DOCKER_HOST"); {
	case e.host != "":
		return " at " + e.co.Rel(socket(e.co))
	case host != "":
		return " at DOCKER_HOST=" + host
	}
	return ""
}

// listens says that somebody does; a socket file may be left over.
func listens(socket string) bool {
	c, err := net.Dial("unix", socket)
	if err != nil {
		return false
	}
	return c.Close() == nil
}

// dir is where `make engine` has everything; socket is where that engine listens.
func dir(co *checkout.Checkout) string    { return filepath.Join(co.Output(), "engine") }
func socket(co *checkout.Checkout) string { return filepath.Join(dir(co), "docker.sock") }
