package foreign

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"fork.internal/apiserver/hack/internal/proc"
)

// etcdStarts bounds how long an etcd may take until it is ready.
const etcdStarts = time.Minute

// startEtcd starts an etcd on loopback, with what it keeps in dir and what it says in dir's log, until stop is called.
// env is how Kubernetes's integration tests find it, and its program in PATH.
func startEtcd(ctx context.Context, program, dir string, progress io.Writer) (env []string, stop func(), err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, nil, err
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, nil, err
	}
	client, peer, err := twoPorts()
	if err != nil {
		return nil, nil, err
	}
	run, cancel := context.WithCancel(ctx)
	var ended error // written before exited is closed, read only after
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		defer log.Close()
		_, ended = proc.Cmd{Args: []string{program, "--data-dir=" + filepath.Join(dir, "data"), "--unsafe-no-fsync", "--log-level=warn",
			"--listen-client-urls=" + client, "--advertise-client-urls=" + client,
			"--listen-peer-urls=" + peer, "--initial-advertise-peer-urls=" + peer, "--initial-cluster=default=" + peer,
		}, Stdout: log, Stderr: log}.Output(run)
	}()
	stop = func() {
		cancel()
		<-exited
	}
	if err := healthy(run, client, exited); err != nil {
		stop()
		err = cmp.Or(ended, err)
		said, _ := os.ReadFile(log.Name())
		return nil, nil, fmt.Errorf("etcd: %w\n%s", err, said)
	}
	fmt.Fprintf(progress, "etcd listens on %s\n", client)
	return []string{"KUBE_INTEGRATION_ETCD_URL=" + client, "PATH=" + filepath.Dir(program) + string(os.PathListSeparator) + os.Getenv("PATH")}, stop, nil
}

// healthy waits until the etcd at url says that it is.
func healthy(ctx context.Context, url string, exited <-chan struct{}) error {
	ctx, cancel := context.WithTimeoutCause(ctx, etcdStarts, fmt.Errorf("not ready within %v", etcdStarts))
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/health", nil)
		if err != nil {
			return err
		}
		if res, err := http.DefaultClient.Do(req); err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-exited:
			return errors.New("it has ended")
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// twoPorts are URLs of ports that nobody listens on.
func twoPorts() (client, peer string, err error) {
	for _, url := range []*string{&client, &peer} {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			return "", "", err
		}
		defer l.Close()
		*url = "http://" + l.Addr().String()
	}
	return client, peer, nil
}
