package suite

import (
	"fmt"

	"k8s.io/client-go/rest"

	"fork.internal/apiserver/test/e2e/report"
)

const (
	// gate is the fork's.
	gate = "PerHandlerReadWriteTimeout"

	// overdue is a metric of the fork's, which upstream has not. A server has both, or it is another's that has the
	// gate's name.
	overdue = "apiserver_overdue_requests"

	// startTime tells two processes apart.
	startTime = "process_start_time_seconds"

	// looks is how many connections are made to find out whether there are several servers behind an address.
	looks = 6
)

// recognise finds out whether the server has the fork, by what it does rather than by its version, which is whatever
// its builder has made it, unless it is to be taken for one; and whether its metrics tell of all that is done.
func (s *Suite) recognise() error {
	processes := map[float64]bool{} // by when they were started: whether they have the fork
	for range looks {
		c, err := s.NewClient(HTTP1, nil)
		if err != nil {
			return err
		}
		m, err := s.metrics(c)
		c.Close()
		if err != nil {
			return fmt.Errorf("the metrics, without which the fork is not to be told from upstream: %w; next: kubectl --kubeconfig=%s get --raw /metrics", err, s.Config.Kubeconfig)
		}
		processes[m.Sum(startTime, nil)] = m.Sum("kubernetes_feature_enabled", L{"name": gate}) == 1 && m.Has(overdue)
	}
	forks := 0
	for _, fork := range processes {
		if fork {
			forks++
		}
	}
	if err := s.Config.refuse(forks > 0); err != nil {
		return err
	}
	if s.Fork = forks > 0 || s.Config.AsFork; forks > 0 && forks < len(processes) {
		return fmt.Errorf("%d of the %d servers behind %s have the fork, switched on, and the others not; next: have all run the same, or a kubeconfig with the address of one", forks, len(processes), s.REST.Host)
	}
	if len(processes) > 1 {
		s.Unmeasured = fmt.Sprintf("there are %d servers or more behind %s, each with metrics of its own", len(processes), s.REST.Host)
	}
	return nil
}

// refuse is why a server is not tested that has the fork, or has not, against what is expected of it: whatever only the
// fork promises would be skipped, and the run pass.
func (c Config) refuse(fork bool) error {
	switch {
	case c.Expect == report.Forked && !fork:
		return fmt.Errorf("the server is expected to have the fork, switched on, and is not recognised: its metrics have no kubernetes_feature_enabled{name=%q} of 1, or no %s; next: kubectl --kubeconfig=%s get --raw /metrics, which says what is missing",
			gate, overdue, c.Kubeconfig)
	case c.Expect == report.Unmodified && fork:
		return fmt.Errorf("the server is expected to be unmodified, and has the fork, switched on; next: look which program it is that runs there")
	}
	return nil
}

// Started is when the server's process did, in seconds; it differs between any two processes.
func (s *Suite) Started() (float64, error) {
	m, err := s.Metrics()
	if err != nil {
		return 0, err
	}
	return m.Sum(startTime, nil), nil
}

// userConfig is the configuration of a client that speaks for User.
func (s *Suite) userConfig(conf *rest.Config) { conf.Impersonate.UserName = s.User }
