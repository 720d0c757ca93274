// Package cluster starts etcd and kube-apiserver on loopback, one of each or several, with certificates,
// tokens, an audit policy and an admin kubeconfig made for the occasion, and stops them. There is no
// controller-manager, no scheduler and no node: it is an API server to talk to. It needs a Unix.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"k8s.io/client-go/rest"

	"fork.internal/apiserver/test/cluster/balancer"
)

const (
	defaultStartTimeout = 90 * time.Second
	defaultPollInterval = 100 * time.Millisecond
	defaultStopTimeout  = 10 * time.Second

	// etcdStopTimeout is short: nothing that etcd holds outlives the run.
	etcdStopTimeout = 5 * time.Second
)

// Config says what to start. Start copies what it keeps.
type Config struct {
	// KubeAPIServer and Etcd are the paths of the two binaries.
	KubeAPIServer, Etcd string

	// Dir holds everything that a run writes: certificates, tokens, etcd's data, logs, kubeconfig. It is
	// created when missing. A run starts with an empty etcd, unless KeepData is set; what an earlier one left in
	// Dir is overwritten. One Dir serves one run at a time.
	Dir string

	// KeepData has the run start with the etcd data that an earlier one has left in Dir, and etcd write its own so
	// that it outlives a crash. Certificates, keys and logs are made anew all the same. For one member of etcd.
	KeepData bool

	// Port is the one that clients use, the API server's or the balancer's; 0 picks a free one.
	Port int

	// Servers and EtcdMembers are how many kube-apiservers to start, all on one etcd, and of how many members
	// that is; default 1 each. Clients reach several servers through a TCP balancer, which gives new
	// connections to those that say that they are ready.
	Servers, EtcdMembers int

	// Tokens maps a bearer token to the user name that it authenticates. A user has the rights that RBAC
	// gives to that name and to system:authenticated.
	Tokens map[string]string

	// AuditPolicy replaces the built-in policy (Metadata for every request but health checks and the
	// server's own upkeep).
	AuditPolicy string

	// ExtraArgs are appended to kube-apiserver's; a flag given twice takes the last value.
	ExtraArgs []string

	// EtcdArgs are appended to those of each member of etcd.
	EtcdArgs []string

	// EtcdVia, if it is not nil, is asked once for each member which address kube-apiservers are to reach it by, in place of
	// its own on loopback: that of something in between. The certificate is for 127.0.0.1.
	EtcdVia func(addr string) (via string, err error)

	// Env is added to the environment of the kube-apiservers, as name=value.
	Env []string

	// Progress receives a line per step; nil discards them.
	Progress io.Writer

	// StartTimeout is how long etcd, and each kube-apiserver after it, may take to start; default 90 s.
	StartTimeout time.Duration

	// PollInterval is the pause between two looks at a process that is starting; default 100 ms.
	PollInterval time.Duration

	// StopTimeout is how long kube-apiserver has between SIGTERM and SIGKILL; default 10 s.
	StopTimeout time.Duration
}

// Cluster is a running etcd with its kube-apiservers. Its methods may be called from several goroutines.
// Those that are about one server, and do not say which, are about the first.
//
// No kube-apiserver runs without all members of etcd having been started before it, and each is stopped before them; so
// are extension API servers, before the kube-apiservers.
// The lock on Dir is held from before the first file is written until all processes are gone.
type Cluster struct {
	// Immutable after Start.
	conf       Config // Dir is absolute, defaults are filled in
	url        string
	etcdURL    string // the first member's
	admin      *rest.Config
	client     *http.Client // admin's
	etcdClient *http.Client // with kube-apiserver's certificate
	servers    []*Server
	balancer   *balancer.Balancer // nil when there is one server
	ports      ports
	etcdAddrs  []string // by which kube-apiservers reach the members
	ready      time.Duration
	lock       *dirLock

	mu         sync.Mutex
	etcd       []*process // the members' latest
	extensions []*process // started by StartExtension; none is added once stopped is set
	stopped    bool

	stopOnce sync.Once
	stopErr  error // written inside stopOnce
}

// Start starts all processes and returns when every API server says that it is ready and pods can be created
// in the namespace default. ctx bounds the start only; afterwards it is Stop that ends them. When Start
// fails, or ctx ends meanwhile, nothing is left running; when a process ended by itself, the error carries
// the end of its log.
func Start(ctx context.Context, conf Config) (_ *Cluster, err error) {
	if conf, err = conf.complete(); err != nil {
		return nil, err
	}
	c := &Cluster{conf: conf}
	if err := makeDir(conf.Dir); err != nil {
		return nil, err
	}
	if c.lock, err = lockDir(conf.Dir); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			killed, kill := context.WithCancel(context.Background())
			kill()
			c.Stop(killed)
		}
	}()
	if err := c.start(ctx); err != nil {
		return nil, fmt.Errorf("starting a kube-apiserver in %s: %w", conf.Dir, err)
	}
	return c, nil
}

func (conf Config) complete() (Config, error) {
	for _, b := range []struct{ name, path string }{
		{"etcd", conf.Etcd}, {"kube-apiserver", conf.KubeAPIServer},
	} {
		if err := checkBinary(b.name, b.path); err != nil {
			return conf, err
		}
	}
	if conf.Dir == "" {
		return conf, errors.New("cluster.Config.Dir is empty: name a directory for certificates, data and logs")
	}
	dir, err := filepath.Abs(conf.Dir)
	if err != nil {
		return conf, fmt.Errorf("state directory %s: %w", conf.Dir, err)
	}
	conf.Dir = dir
	if conf.Progress == nil {
		conf.Progress = io.Discard
	}
	conf.Servers, conf.EtcdMembers = max(conf.Servers, 1), max(conf.EtcdMembers, 1)
	if conf.KeepData && conf.EtcdMembers > 1 {
		return conf, fmt.Errorf("the data of %d members of etcd cannot be kept, which know each other by ports that change: keep that of one", conf.EtcdMembers)
	}
	if conf.StartTimeout <= 0 {
		conf.StartTimeout = defaultStartTimeout
	}
	if conf.PollInterval <= 0 {
		conf.PollInterval = defaultPollInterval
	}
	if conf.StopTimeout <= 0 {
		conf.StopTimeout = defaultStopTimeout
	}
	return conf, nil
}

func (c *Cluster) start(ctx context.Context) error {
	begun := time.Now()
	ports, err := takePorts(c.conf.Port, c.conf.Servers, c.conf.EtcdMembers)
	if err != nil {
		return err
	}
	c.ports = ports
	c.url = "https://" + loopback(ports.client)
	c.etcdURL = "https://" + loopback(ports.etcd[0].client)

	pki, err := c.writeFiles()
	if err != nil {
		return err
	}
	c.admin = &rest.Config{
		Host: c.url,
		QPS:  -1,
		TLSClientConfig: rest.TLSClientConfig{
			CAData: pki.ca, CertData: pki.admin.cert, KeyData: pki.admin.key,
		},
	}
	if c.client, err = rest.HTTPClientFor(c.admin); err != nil {
		return fmt.Errorf("admin client: %w", err)
	}
	if c.etcdClient, err = newEtcdClient(pki); err != nil {
		return fmt.Errorf("etcd client: %w", err)
	}
	if err := c.writeKubeconfig(); err != nil {
		return err
	}
	if err := c.startEtcd(ctx); err != nil {
		return err
	}
	if err := c.reachEtcd(); err != nil {
		return err
	}
	for i, port := range ports.api {
		c.servers = append(c.servers, newServer(c, i, port, c.apiArgs(i)))
	}
	for _, s := range c.servers {
		took, err := s.start(ctx, c.conf.KubeAPIServer)
		if err != nil {
			return err
		}
		c.ready = max(c.ready, took)
	}
	if err := c.startBalancer(ctx, ports.client); err != nil {
		return err
	}
	ctx, cancel := c.boundStart(ctx)
	defer cancel()
	if err := c.waitUntil(ctx, c.servers[0].current(), c.createDefaultServiceAccount); err != nil {
		return err
	}
	c.progressf("ready after %.1f s at %s", time.Since(begun).Seconds(), c.url)
	return nil
}

// boundStart bounds what one process is awaited for.
func (c *Cluster) boundStart(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, c.conf.StartTimeout, fmt.Errorf("not ready within %v", c.conf.StartTimeout))
}

// Stop ends the extension API servers that there are, then the kube-apiservers (SIGTERM, then SIGKILL after
// Config.StopTimeout or when ctx ends), then etcd, and returns when all are gone. The error says which had to be killed, and
// which kube-apiservers have not ended well, then or before. Calls after the first wait for it and return the same.
func (c *Cluster) Stop(ctx context.Context) error {
	c.stopOnce.Do(func() {
		if c.balancer != nil {
			c.balancer.Stop()
		}
		c.stopErr = errors.Join(
			c.stopExtensions(ctx),
			together(c.servers, func(s *Server) error { return s.close(ctx) }),
			c.stopEtcd(ctx),
		)
		for _, client := range []*http.Client{c.client, c.etcdClient} {
			if client != nil {
				client.CloseIdleConnections()
			}
		}
		c.lock.release()
	})
	return c.stopErr
}

// together calls f for all at once, and returns when all have.
func together[T any](all []T, f func(T) error) error {
	errs := make([]error, len(all))
	var wg sync.WaitGroup
	for i, each := range all {
		wg.Go(func() { errs[i] = f(each) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// Servers are all kube-apiservers, in a fixed order.
func (c *Cluster) Servers() []*Server { return append([]*Server(nil), c.servers...) }

// Balancer is what Config.Servers has between clients and servers; nil with one server. It belongs to the
// cluster, whose Stop stops it.
func (c *Cluster) Balancer() *balancer.Balancer { return c.balancer }

// Exited is closed when kube-apiserver has ended, by Stop or by itself.
func (c *Cluster) Exited() <-chan struct{} { return c.servers[0].Exited() }

// EtcdExited is closed when the first member of etcd has ended, by Stop or by itself.
func (c *Cluster) EtcdExited() <-chan struct{} { return c.members()[0].exited }

// ExitError says how kube-apiserver ended, with its fatal error or the end of its log. It is nil while the
// process runs.
func (c *Cluster) ExitError() error { return c.servers[0].ExitError() }

// Crash is what kube-apiserver's log says about the Go runtime having ended it; the zero Crash when it says
// nothing of the kind.
func (c *Cluster) Crash() Crash { return c.servers[0].Crash() }

// URL is what clients use, the API server's or the balancer's, without a trailing slash.
func (c *Cluster) URL() string { return c.url }

// CA is the PEM certificate that verifies URL.
func (c *Cluster) CA() []byte { return append([]byte(nil), c.admin.CAData...) }

// Kubeconfig is the path of the administrator's kubeconfig. It embeds its certificates.
func (c *Cluster) Kubeconfig() string { return c.path(kubeconfigFile) }

// AuditLog is the path of the audit log, a JSON event per line.
func (c *Cluster) AuditLog() string { return c.servers[0].AuditLog() }

// Log is the path of kube-apiserver's log.
func (c *Cluster) Log() string { return c.servers[0].Log() }

// RESTConfig is a new client configuration with the administrator's certificate (system:masters) and
// without client-side rate limit.
func (c *Cluster) RESTConfig() *rest.Config { return rest.CopyConfig(c.admin) }

// TokenRESTConfig is a new client configuration that authenticates with one of Config.Tokens, without
// client-side rate limit.
func (c *Cluster) TokenRESTConfig(token string) *rest.Config {
	conf := rest.AnonymousClientConfig(c.admin)
	conf.BearerToken = token
	return conf
}

// ReadyAfter is the time from the start of kube-apiserver's process, at the cluster's start, until it said that
// it was ready, the longest of several; too long by up to Config.PollInterval and what asking takes.
func (c *Cluster) ReadyAfter() time.Duration { return c.ready }

// Pids are the process IDs of etcd's first member and of kube-apiserver.
func (c *Cluster) Pids() (etcd, kubeAPIServer int) {
	return c.members()[0].pid, c.servers[0].current().pid
}

func (c *Cluster) path(elem ...string) string {
	return filepath.Join(append([]string{c.conf.Dir}, elem...)...)
}

func (c *Cluster) progressf(format string, args ...any) {
	fmt.Fprintf(c.conf.Progress, strings.TrimSuffix(format, "\n")+"\n", args...)
}

func loopback(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }
