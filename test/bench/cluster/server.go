package cluster

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"k8s.io/client-go/rest"

	"fork.internal/apiserver/test/cluster"
)

const (
	user = "bench"

	// pollInterval bounds the error of the start-up time, which is some seconds.
	pollInterval = 10 * time.Millisecond

	// The server has settled when its memory has changed by less than settledBytes over settledFor;
	// settleTimeout is when that is given up.
	settledBytes  = 1 << 20
	settledFor    = 2 * time.Second
	settleTimeout = 20 * time.Second

	// warmUp is how many requests of each verb the server has served before anything is measured, and
	// between the two measurements of memory: a fixed number, so that a faster server does not hold more
	// for having done more.
	warmUp = 2000

	// setUpTimeout bounds everything between the start and the first measurement.
	setUpTimeout = 5 * time.Minute
)

// server is a kube-apiserver that is ready to be measured.
type server struct {
	variant string
	cluster *cluster.Cluster
	load    *load

	ready time.Duration // from exec to ready

	// Resident bytes, when idle after the start and after the load of the warm-up; 0 where that cannot
	// be told.
	idle, loaded int64
}

// start starts etcd and kube-apiserver and warms them up. Each step is a line on progress.
func start(ctx context.Context, conf config, progress io.Writer) (_ *server, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, setUpTimeout, fmt.Errorf("the server was not ready to be measured within %v", setUpTimeout))
	defer cancel()
	if err := readThrough(conf.kubeAPIServer); err != nil {
		return nil, fmt.Errorf("kube-apiserver binary: %w; %s names it", err, conf.env())
	}
	token := rand.Text()
	cl, err := cluster.Start(ctx, cluster.Config{
		KubeAPIServer: conf.kubeAPIServer,
		Etcd:          conf.etcd,
		Dir:           conf.dir,
		Tokens:        map[string]string{token: user},
		PollInterval:  pollInterval,
		Progress:      progress,
		// Priority and fairness takes part, as it does for all but administrators, but never makes
		// one of our requests wait: a user without a flow schema of its own shares 20 of 245 parts
		// of these, of which others may borrow half. That is 73 seats; our LISTs take up to 2 each.
		ExtraArgs: []string{"--max-requests-inflight=1200", "--max-mutating-requests-inflight=600"},
	})
	if err != nil {
		return nil, err
	}
	s := &server{variant: conf.variant, cluster: cl, ready: cl.ReadyAfter()}
	defer func() {
		if err != nil {
			s.stop()
		}
	}()
	if err := s.checkVariant(ctx); err != nil {
		return nil, err
	}
	if s.idle, err = s.settle(ctx); err != nil {
		return nil, err
	}
	if s.load, err = newLoad(cl.URL(), cl.CA(), token); err != nil {
		return nil, err
	}
	if err := s.setUp(ctx); err != nil {
		return nil, err
	}
	for _, v := range verbs() {
		fmt.Fprintf(progress, "warming up: %d x %s\n", warmUp, v.name)
		for _, next := range []func(int) request{v.before, v.request, v.after} {
			if _, err := s.send(ctx, warmUp, next); err != nil {
				return nil, err
			}
		}
	}
	if s.loaded, err = s.resident(); err != nil {
		return nil, err
	}
	return s, nil
}

// stop ends both processes; the error says which had to be killed.
func (s *server) stop() error {
	if s.load != nil {
		s.load.close()
	}
	return s.cluster.Stop(context.Background())
}

// readThrough gets a file into the page cache: the first start of a binary would measure the disk.
func readThrough(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(io.Discard, f)
	return err
}

// checkVariant finds out a wrong label: only the fork knows its feature gate, and it must be on.
func (s *server) checkVariant(ctx context.Context) error {
	client, err := rest.HTTPClientFor(s.cluster.RESTConfig())
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.cluster.URL()+"/metrics", nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	metrics, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("GET /metrics: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("GET /metrics: status %d, want 200", resp.StatusCode)
	}
	is, err := variantOf(string(metrics))
	if err != nil {
		return err
	}
	if is != s.variant {
		return fmt.Errorf("%s names a server that is %s: give the other of the two", config{variant: s.variant}.env(), is)
	}
	return nil
}

// variantOf tells by a server's metrics what it is.
func variantOf(metrics string) (string, error) {
	const gates, ours = "\nkubernetes_feature_enabled{", `kubernetes_feature_enabled{name="PerHandlerReadWriteTimeout"`
	if !strings.Contains(metrics, gates) {
		return "", errors.New("GET /metrics: no kubernetes_feature_enabled, which tells the fork from upstream: is this a kube-apiserver?")
	}
	for line := range strings.Lines(metrics) {
		if strings.HasPrefix(line, ours) {
			if strings.HasSuffix(line, " 1\n") {
				return "fork", nil
			}
			return "", errors.New("the fork's feature gate PerHandlerReadWriteTimeout is off: what would be measured is upstream's way; build a kube-apiserver that has it on")
		}
	}
	return "upstream", nil
}

// settle waits until the server's memory has stopped changing and returns it. When it does not stop within
// settleTimeout, what it is then has to do.
func (s *server) settle(ctx context.Context) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	ticker := time.NewTicker(settledFor)
	defer ticker.Stop()
	last := int64(0)
	for {
		now, err := s.resident()
		if err != nil || now == 0 || max(now-last, last-now) < settledBytes {
			return now, err
		}
		last = now
		select {
		case <-ctx.Done():
			return now, nil
		case <-ticker.C:
		}
	}
}

// resident is the server's resident memory in bytes; 0 where that cannot be told.
func (s *server) resident() (int64, error) {
	n, err := residentBytes(s.pid())
	if errors.Is(err, errors.ErrUnsupported) {
		return 0, nil
	}
	return n, s.explain(err)
}

func (s *server) pid() int {
	_, pid := s.cluster.Pids()
	return pid
}

// setUp makes two namespaces, in which the user may do everything, and the objects that are read.
func (s *server) setUp(ctx context.Context) error {
	type object = map[string]any
	for _, namespace := range []string{kept, churned} {
		if err := s.cluster.Create(ctx, "/api/v1/namespaces", object{
			"apiVersion": "v1", "kind": "Namespace", "metadata": object{"name": namespace},
		}); err != nil {
			return s.explain(err)
		}
		const group = "rbac.authorization.k8s.io"
		if err := s.cluster.Create(ctx, "/apis/"+group+"/v1/namespaces/"+namespace+"/rolebindings", object{
			"apiVersion": group + "/v1", "kind": "RoleBinding", "metadata": object{"name": user},
			"roleRef":  object{"apiGroup": group, "kind": "ClusterRole", "name": "cluster-admin"},
			"subjects": []object{{"apiGroup": group, "kind": "User", "name": user}},
		}); err != nil {
			return s.explain(err)
		}
		if err := s.awaitRights(ctx, namespace); err != nil {
			return s.explain(err)
		}
	}
	_, err := s.send(ctx, objects, fill)
	return err
}

// awaitRights waits until the authorizer has heard of the binding, and opens the connections.
func (s *server) awaitRights(ctx context.Context, namespace string) error {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		err := s.load.connect(ctx, request{method: http.MethodGet, path: collection(namespace), want: http.StatusOK})
		var status *statusError
		if !errors.As(err, &status) || status.code != http.StatusForbidden {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w; it last said: %w", context.Cause(ctx), err)
		case <-ticker.C:
		}
	}
}

// send sends n requests; none when next is nil.
func (s *server) send(ctx context.Context, n int, next func(int) request) (result, error) {
	if next == nil {
		return result{}, nil
	}
	r, err := s.load.run(ctx, n, next)
	return r, s.explain(err)
}

// explain adds to an error how the server ended, when it did.
func (s *server) explain(err error) error {
	if err == nil {
		return nil
	}
	if exit := s.cluster.ExitError(); exit != nil {
		return fmt.Errorf("%w; %w", err, exit)
	}
	return fmt.Errorf("%w (kube-apiserver's log: %s)", err, s.cluster.Log())
}
