package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// Server is one kube-apiserver of a Cluster: a port, and the processes that serve it, one after the other. Its
// methods may be called from several goroutines.
//
// A process is started only when the one before is gone, and none once the cluster is being stopped: Cluster.Stop
// ends every process that there is.
type Server struct {
	c        *Cluster
	name     string
	port     int
	url      string
	auditLog string
	args     []string

	mu     sync.Mutex
	p      *process // the latest; nil before the first
	killed bool     // by us: how it ended says nothing
	starts int
	closed bool
}

// newServer is the server with the index.
func newServer(c *Cluster, i, port int, args []string) *Server {
	return &Server{
		c: c, name: numbered("kube-apiserver", i, c.conf.Servers), port: port,
		url: "https://" + loopback(port), auditLog: c.auditLog(i), args: args,
	}
}

func (c *Cluster) auditLog(i int) string {
	return c.path(numbered("audit", i, c.conf.Servers) + ".log")
}

// Start starts a server whose process is gone, on the same port and with the same flags, from that binary, and
// returns when it says that it is ready. When it fails, or ctx ends meanwhile, the process is gone.
func (s *Server) Start(ctx context.Context, binary string) error {
	_, err := s.start(ctx, binary)
	return err
}

// start is Start, and how long it took.
func (s *Server) start(ctx context.Context, binary string) (took time.Duration, err error) {
	if err := checkBinary("kube-apiserver", binary); err != nil {
		return 0, err
	}
	ctx, cancel := s.c.boundStart(ctx)
	defer cancel()
	p, err := s.execute(binary)
	if err != nil {
		return 0, err
	}
	begun := time.Now()
	if err := s.c.waitUntil(ctx, p, s.Ready); err != nil {
		s.Kill()
		return 0, err
	}
	return time.Since(begun), nil
}

func (s *Server) execute(binary string) (*process, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return nil, errors.New("the cluster has been stopped")
	case s.p != nil && !s.p.gone():
		return nil, fmt.Errorf("%s (pid %d) is running: stop it before it is started again", s.name, s.p.pid)
	}
	l, err := listen(s.port)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	l.Close()
	log := s.c.path(s.name + ".log")
	if s.starts > 0 {
		log = s.c.path(fmt.Sprintf("%s.%d.log", s.name, s.starts+1))
	}
	s.c.progressf("starting %s (log: %s)", s.name, log)
	p, err := startProcess(s.name, binary, log, s.args, s.c.conf.Env)
	if err != nil {
		return nil, err
	}
	s.p, s.killed = p, false
	s.starts++
	return p, nil
}

// Stop ends the process (SIGTERM, then SIGKILL after Config.StopTimeout or when ctx ends) and returns when it
// is gone. The error says that it had to be killed, or that it has not ended well, then or before: of a crash while it
// drains nothing else may tell. How one ended that Kill has killed is no error.
func (s *Server) Stop(ctx context.Context) error {
	s.mu.Lock()
	p, killed := s.p, s.killed
	s.mu.Unlock()
	err := p.stop(ctx, s.c.conf.StopTimeout)
	if err == nil && p != nil && !killed && p.exitCode() != 0 {
		err = p.exitError()
	}
	return err
}

// Pid is the process ID of the latest process.
func (s *Server) Pid() int { return s.current().pid }

// Pause stops the process, which then neither answers nor ends, until resume is called or Stop is. resume may be called more
// than once.
func (s *Server) Pause() (resume func(), err error) { return s.current().pause() }

// Kill ends the process with SIGKILL and returns when it is gone.
func (s *Server) Kill() {
	killed, kill := context.WithCancel(context.Background())
	kill()
	s.mu.Lock()
	p := s.p
	s.killed = p != nil && !p.gone()
	s.mu.Unlock()
	p.stop(killed, 0)
}

// close is Stop, for good.
func (s *Server) close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	return s.Stop(ctx)
}

func (s *Server) current() *process {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.p
}

// Name tells the server from the others of its cluster; its logs have it too.
func (s *Server) Name() string { return s.name }

// URL is the server's own, without a trailing slash.
func (s *Server) URL() string { return s.url }

// Exited is closed when the latest process has ended, however.
func (s *Server) Exited() <-chan struct{} { return s.current().exited }

// ExitError says how the latest process ended, with its fatal error or the end of its log. It is nil while it
// runs.
func (s *Server) ExitError() error { return s.current().exitError() }

// Crash is what the latest process's log says about the Go runtime having ended it.
func (s *Server) Crash() Crash { return findCrash(s.Log()) }

// Log is the path of the latest process's log: each has one of its own.
func (s *Server) Log() string { return s.current().log }

// AuditLog is the path of the audit log, which all processes of the server append to.
func (s *Server) AuditLog() string { return s.auditLog }

// Ready is nil when the server says that it is ready. The error is what it says instead.
func (s *Server) Ready(ctx context.Context) error {
	_, err := s.c.do(ctx, s.url, http.MethodGet, "/readyz", nil)
	return err
}

// Version is the gitVersion that the server reports.
func (s *Server) Version(ctx context.Context) (string, error) { return s.c.version(ctx, s.url) }

// Get is what the server answers to a GET of the administrator's; other than 2xx is an error.
func (s *Server) Get(ctx context.Context, path string) ([]byte, error) {
	return s.c.do(ctx, s.url, http.MethodGet, path, nil)
}
