package suite

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"k8s.io/cri-streaming/pkg/streaming/portforward"
	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
	"k8s.io/utils/exec"

	"fork.internal/apiserver/test/e2e/rhythm"
)

// What a pod of the suite's runs, for a shell. A fake kubelet knows what each of them does, and runs nothing.
const (
	// Main is what the container itself does: it counts, a line a second, and serves HTTP on PodPort.
	Main = `if [ -x /agnhost ]; then /agnhost netexec --http-port=8080 >/dev/null 2>&1 & else echo hello > /www/index.html; httpd -p 8080 -h /www; fi; ` + Count

	// Count counts from 0, a line a second, for ever.
	Count = `i=0; while true; do echo $i; i=$((i+1)); sleep 1; done`

	// Echo copies its input, and ends with it.
	Echo = `cat`

	// Fail says one thing on either output, and ends with status 3.
	Fail = `echo out; echo err >&2; exit 3`

	// Stop ends what rhythm's programs print, in any container of the pod.
	Stop = `touch ` + rhythm.Stop
)

// The containers of a pod for streams that last, by what they run: a program of rhythm's, its Loud, Echo, once for each
// stream that is attached to it, and servers that echo, at the ports below.
const (
	Talker  = "talk"
	Louder  = "loud"
	Echoer  = "echo-" // and a name
	Servers = "servers"
)

// EchoPorts are where Servers listen, for a connection each.
var EchoPorts = []int32{9001, 9002}

// PodPort is where a pod of the suite's serves HTTP.
const PodPort = 8080

const (
	// kubeletIdle is how long a kubelet keeps a stream on which nothing happens.
	kubeletIdle = 4 * time.Hour

	second = time.Second
)

// FakeKubelet speaks the part of a kubelet that the API server connects clients to: exec, attach, logs and port-forward.
// It says that there is any container that it is asked for, and does what the programs above do. It executes nothing: whoever
// reaches it may ask it.
type FakeKubelet struct {
	srv *httptest.Server
	programs
}

// StartFakeKubelet starts one at an address of this machine. r and loud are what the programs of rhythm's were made with.
func StartFakeKubelet(host string, r rhythm.Rhythm, loud int) (*FakeKubelet, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return nil, err
	}
	k := &FakeKubelet{programs: programs{rhythm: r, loud: loud, stop: make(chan struct{}), once: new(sync.Once)}}
	mux := http.NewServeMux()
	mux.HandleFunc("/exec/{namespace}/{pod}/{container}", k.exec)
	mux.HandleFunc("/attach/{namespace}/{pod}/{container}", k.attach)
	mux.HandleFunc("/portForward/{namespace}/{pod}", k.portForward)
	mux.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", k.logs)
	k.srv = httptest.NewUnstartedServer(mux)
	k.srv.Listener.Close()
	k.srv.Listener = l
	k.srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	k.srv.StartTLS()
	return k, nil
}

// Address is the host and the port at which it listens.
func (k *FakeKubelet) Address() (host string, port int32) {
	a := k.srv.Listener.Addr().(*net.TCPAddr)
	return a.IP.String(), int32(a.Port)
}

// Close ends it, and what it runs.
func (k *FakeKubelet) Close() {
	k.srv.CloseClientConnections()
	k.srv.Close()
}

func (k *FakeKubelet) exec(w http.ResponseWriter, r *http.Request) {
	options, err := remotecommand.NewOptions(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	remotecommand.ServeExec(w, r, k.programs, r.PathValue("pod"), "", r.PathValue("container"), r.URL.Query()["command"], options,
		kubeletIdle, remotecommand.DefaultStreamCreationTimeout, remotecommand.SupportedStreamingProtocols)
}

func (k *FakeKubelet) attach(w http.ResponseWriter, r *http.Request) {
	options, err := remotecommand.NewOptions(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	remotecommand.ServeAttach(w, r, k.programs, r.PathValue("pod"), "", r.PathValue("container"), options,
		kubeletIdle, remotecommand.DefaultStreamCreationTimeout, remotecommand.SupportedStreamingProtocols)
}

func (k *FakeKubelet) portForward(w http.ResponseWriter, r *http.Request) {
	options, err := portforward.NewV4Options(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	portforward.ServePortForward(w, r, k.programs, r.PathValue("pod"), "", options,
		kubeletIdle, remotecommand.DefaultStreamCreationTimeout, portforward.SupportedProtocols)
}

func (k *FakeKubelet) logs(w http.ResponseWriter, r *http.Request) {
	flusher := http.NewResponseController(w)
	if err := k.main(r.Context(), r.PathValue("container"), writerFunc(func(p []byte) (int, error) {
		n, err := w.Write(p)
		return n, errors.Join(err, flusher.Flush())
	})); err != nil {
		return // Whoever read them has gone.
	}
}

// programs does what a container would.
type programs struct {
	rhythm rhythm.Rhythm
	loud   int // lines
	stop   chan struct{}
	once   *sync.Once // closes stop
}

// ExecInContainer runs one of the programs above, and ends with what it reads and writes.
func (p programs) ExecInContainer(ctx context.Context, _, _, _ string, cmd []string, in io.Reader, out, errOut io.WriteCloser, _ bool, _ <-chan remotecommand.TerminalSize, _ time.Duration) error {
	if len(cmd) != 3 || cmd[0] != "sh" || cmd[1] != "-c" {
		return fmt.Errorf("no such program: %q", cmd)
	}
	switch cmd[2] {
	case Echo:
		_, err := io.Copy(out, in)
		return err
	case Fail:
		fmt.Fprintln(out, "out")
		fmt.Fprintln(errOut, "err")
		return exec.CodeExitError{Err: errors.New("exit status 3"), Code: 3}
	case Count:
		return count(ctx, out)
	case Stop:
		p.once.Do(func() { close(p.stop) })
		return nil
	case p.rhythm.Program():
		return p.talk(ctx, out)
	}
	return fmt.Errorf("no such program: %q", cmd)
}

// AttachContainer gives what the container itself writes.
func (p programs) AttachContainer(ctx context.Context, _, _, container string, in io.Reader, out, _ io.WriteCloser, _ bool, _ <-chan remotecommand.TerminalSize) error {
	if strings.HasPrefix(container, Echoer) {
		_, err := io.Copy(out, in)
		return err
	}
	return p.main(ctx, container, out)
}

// main is what a container itself does, from its beginning.
func (p programs) main(ctx context.Context, container string, out io.Writer) error {
	switch container {
	case Talker:
		return p.talk(ctx, out)
	case Louder:
		return p.shout(ctx, out)
	}
	return count(ctx, out)
}

// talk is what rhythm's Program does.
func (p programs) talk(ctx context.Context, out io.Writer) error {
	ticker := time.NewTicker(second)
	defer ticker.Stop()
	for i, after := 0, time.Duration(0); ; after += second {
		if p.rhythm.Talks(after) {
			for range rhythm.PerSecond {
				if _, err := out.Write(rhythm.Line(i)); err != nil {
					return err
				}
				i++
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-p.stop:
			_, err := io.WriteString(out, rhythm.Last)
			return err
		case <-ticker.C:
		}
	}
}

// shout is what Loud does.
func (p programs) shout(ctx context.Context, out io.Writer) error {
	buffered := bufio.NewWriterSize(out, 1<<16)
	for i := range p.loud {
		if _, err := buffered.Write(rhythm.LoudLine(i)); err != nil {
			return err
		}
	}
	if err := buffered.Flush(); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-p.stop:
		_, err := io.WriteString(out, rhythm.Last)
		return err
	}
}

// PortForward serves HTTP on the stream, or echoes.
func (programs) PortForward(_ context.Context, _, _ string, port int32, stream io.ReadWriteCloser) error {
	defer stream.Close()
	if slices.Contains(EchoPorts, port) {
		_, err := io.Copy(stream, stream)
		return err
	}
	if port != PodPort {
		return fmt.Errorf("nobody listens on port %d", port)
	}
	req, err := http.ReadRequest(bufio.NewReader(stream))
	if err != nil {
		return err
	}
	body := "hello\n"
	resp := &http.Response{
		StatusCode: http.StatusOK, ProtoMajor: 1, ProtoMinor: 1, Request: req, Close: true,
		ContentLength: int64(len(body)), Body: io.NopCloser(strings.NewReader(body)),
	}
	return resp.Write(stream)
}

// count is what Count does.
func count(ctx context.Context, out io.Writer) error {
	ticker := time.NewTicker(second)
	defer ticker.Stop()
	for i := 0; ; i++ {
		if _, err := io.WriteString(out, strconv.Itoa(i)+"\n"); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
