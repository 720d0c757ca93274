package engine

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fork.internal/apiserver/hack/internal/checkout"
)

func TestErrorsSayWhatToDo(t *testing.T) {
	t.Setenv("DOCKER_HOST", "")
	co := &checkout.Checkout{Root: t.TempDir()}
	for _, tt := range []struct {
		e    Engine
		said string
		want string
	}{
		{Engine{co: co}, "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?", "next: start it (systemctl start docker)"},
		{Engine{co: co, host: "unix://" + socket(co)}, "error during connect: EOF", "no docker engine answers at _output/engine/docker.sock; next: make engine"},
		{Engine{co: co}, "Got permission denied while trying to connect to the Docker daemon socket", "a member of the group docker"},
		{Engine{co: co}, "OCI runtime create failed: unable to apply caps: operation not permitted", "make engine, in another terminal"},
		{Engine{co: co}, "write /var/lib/docker: no space left on device", "docker system df"},
		{Engine{co: co}, "something else", "as it was"},
	} {
		if err := tt.e.Explain(errors.New("as it was"), tt.said); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: got %v, want %q", tt.said, err, tt.want)
		}
	}
}

func TestTheEngineThatDockerHostNames(t *testing.T) {
	t.Setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
	e := &Engine{co: &checkout.Checkout{Root: t.TempDir()}}
	const want = "no docker engine answers at DOCKER_HOST=tcp://127.0.0.1:1; next: start it, or unset DOCKER_HOST"
	if err := e.Explain(errors.New("as it was"), "Cannot connect to the Docker daemon"); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}

func TestWhatAnEngineMustHave(t *testing.T) {
	for _, tt := range []struct {
		info info
		want string
	}{
		{info{OSType: "linux", CgroupDriver: "cgroupfs"}, ""},
		{info{OSType: "windows", CgroupDriver: "cgroupfs"}, "use a linux engine"},
		{info{OSType: "linux", CgroupDriver: "none"}, "no control groups"},
	} {
		err := tt.info.check()
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: got %v, want %q", tt.info, err, tt.want)
		}
	}
}

func TestServeNeedsAShortName(t *testing.T) {
	co := &checkout.Checkout{Root: filepath.Join(t.TempDir(), strings.Repeat("long", 20))}
	if err := canServe(co); err == nil || !strings.Contains(err.Error(), "use a checkout whose own is at most") {
		t.Errorf("got %v", err)
	}
}

func TestASocketThatIsLeftOverDoesNotListen(t *testing.T) {
	name := filepath.Join(t.TempDir(), "docker.sock")
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if listens(name) {
		t.Error("a file listens")
	}
}
